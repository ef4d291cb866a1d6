"""Router: a task goes to the member that fits it best, or to the next best if that one declines."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from coterie.actor import Actor
from coterie.calls import each
from coterie.check import label
from coterie.errors import Declined, NobodyCan, OverLimit, RunError, failure_of
from coterie.patterns.choose import How, choice, eligible_name, fields_in
from coterie.patterns.crew import crew_of
from coterie.patterns.routes import Candidate, Route, Scored, scored
from coterie.patterns.trackrecord import Episodes, Past, Record, past_of
from coterie.team import Team
from coterie.words.effect import Here, Put
from coterie.words.failure import Failure
from coterie.words.message import Message
from coterie.words.task import Task

Choose: TypeAlias = "Callable[[Task, Sequence[Route]], str | Awaitable[str]] | Scored | Actor"
"""Says which route takes a task: a rule that names one of the routes that are left, scores, or an actor."""

WHO = "Who should do this?"
"""What an actor that chooses is asked, with the names that are eligible."""


class Routing(Struct, frozen=True):
    """Who got a task, how that was chosen and why, and how every route that was left scored, the best first."""

    to: str
    how: How
    why: str
    candidates: tuple[Candidate, ...] = ()


def router(
    routes: Sequence[Actor | Route],
    choose: Choose | None = None,
    *,
    past_failures: bool = False,
    record: Record | Episodes | None = None,
    name: str = "router",
) -> Team:
    """A team that gives the task to the one of `routes` that `choose` (default: `scored()`) says.

    An actor that chooses is shown the routes that are left, and asked again once if it names another;
    then, as where a rule names another, the best score decides, and of equals the first declared. A
    single route that is left is not asked about. Who declines (`Declined`, `NobodyCan`, or a `Decline`
    as its output) is out, and the choice is made anew; with `past_failures`, who fails is too. Every
    choice is on the board under `<frame>.route`, a `Routing` with all scores. `parts` is the answer;
    `missing` is who declined or failed before, and why. `record` remembers who did or failed what it was
    given, and scores count that as past success: in the world, or as `Episodes` in the memory of the run,
    where tasks like this one count.

    Raises:
        BadInput: without routes, or if two have one name.
    """
    listed = [one if isinstance(one, Route) else Route(one) for one in routes]
    actors = [*crew_of([one.actor for one in listed], f"router {name!r}", "routes").values()]
    by = scored() if choose is None else choose
    past = past_of(record)

    async def play(task: Task) -> Message:
        key = f"{await Here()}.route"
        left, refused = {one.name: one for one in listed}, list[Failure]()
        while left:
            routing = await _routing(by, task, [*left.values()], past)
            await Put(key, routing)
            if not routing.to:
                refused += [_out(one) for one in routing.candidates]
                break
            try:
                said = await _answered(left.pop(routing.to), task)
                if past is not None:
                    await past.note(task, routing.to, True, said.text)
                return replace(said, sender=name, parts=(said,), missing=(*refused, *said.missing))
            except RunError as error:
                if past is not None and not isinstance(error, (Declined, NobodyCan, OverLimit)):
                    await past.note(task, routing.to, False, error.message)
                if not _passes(error, past_failures):
                    raise
                refused.append(failure_of(error))
        why = "; ".join(f"{one.kind}: {one.message}" for one in refused)
        raise NobodyCan(f"router {name!r}: nobody takes {task.text[:80]!r}: {why}")

    known = [*actors, by] if isinstance(by, Actor) else actors
    about = {one.name: [one.about, one.keywords, one.has] for one in listed}
    chooses = by.describe() if isinstance(by, Scored) else label(by)
    settings = {
        "routes": about,
        "choose": chooses,
        "past_failures": past_failures,
        "record": record is not None,
    }
    return Team(name, known, play, settings=settings, calls=[each(2 * len(actors), by), each(1, *actors)])


def _passes(error: RunError, past_failures: bool) -> bool:
    """Whether the next best gets the task; a limit that is reached is reached for everyone."""
    return isinstance(error, (Declined, NobodyCan)) or (past_failures and not isinstance(error, OverLimit))


def _out(one: Candidate) -> Failure:
    return Failure(kind="Declined", message=f"{one.name!r} {one.out}")


async def _routing(by: Choose, task: Task, routes: Sequence[Route], past: Past | None) -> Routing:
    """Who of `routes` gets the task, and why; nobody, if every one is out."""
    if isinstance(by, Scored):
        return _best(await by.candidates(task, routes, past), "chosen")
    if len(routes) == 1:
        return Routing(routes[0].name, "only", "it is the only one left")
    about = {one.name: one.about for one in routes}
    if isinstance(by, Actor):
        made = await choice(by, WHO, task, about)
        if made.value is not None:
            fields = fields_in(made.said) or {}
            return Routing(made.value, made.how, str(fields.get("why", "")))
        return _best(await scored().candidates(task, routes, past), "rule", made.why)
    named = by(task, routes)
    said = await named if inspect.isawaitable(named) else named
    try:
        return Routing(eligible_name(said, about), "chosen", f"{label(by)} says so")
    except ValueError as error:
        return _best(await scored().candidates(task, routes, past), "rule", f"{label(by)}: {error}")


def _best(candidates: Sequence[Candidate], how: How, problem: str = "") -> Routing:
    """The first that is not out."""
    first = candidates[0]
    if first.out:
        return Routing("", how, "every route is out", tuple(candidates))
    terms = (
        ", ".join(f"{term} {worth:g}" for term, worth in first.terms.items()) or "no term, so first declared"
    )
    why = f"best score {first.score:g} ({terms})"
    return Routing(first.name, how, f"{problem}; {why}" if problem else why, tuple(candidates))


async def _answered(route: Route, task: Task) -> Message:
    """What a route says; a `Decline`, typed or as JSON with its move, is a refusal.

    Raises:
        Declined: if that it will not.
    """
    said = await route.actor(task)
    fields = fields_in(said) or {}
    if fields.get("move") != "decline":
        return said
    raise Declined(f"{route.name!r}: {fields.get('reason') or 'no reason given'}")
