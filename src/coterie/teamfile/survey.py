"""A team before it runs: who is below whom, how often each is called at most, and what that may cost.

The bound of an agent is its model calls for one task: as many as it has turns where it has tools, and
otherwise one and its repairs. The bound of a team is what its pattern says of its members' calls, times
theirs (`coterie.calls`); where members are called so often together, the dearest of them counts. Limits on
requests cut it off. A play that says nothing of its calls is unknown, and not unbounded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from msgspec import Struct

from coterie.actor import Actor
from coterie.agent import Agent
from coterie.calls import Calls
from coterie.context import Summary
from coterie.team import Team
from coterie.words.limits import ANSWER

PROMPT = 8_000
"""Tokens of a prompt that a bound of the cost counts with, unless it is told otherwise."""


class Node(Struct, frozen=True, kw_only=True):
    """One actor of a team, as it stands below another.

    `path` leads to it by names. `times` is how often who is above calls it at most for one task, `shared`
    whether together with its siblings. `calls` bounds the model calls for one task given to it; with `unknown`
    something is not in it: a play that does not say how often it calls, or summaries of what is said.
    `again` marks one that is drawn above already.
    """

    path: str
    name: str
    kind: str
    about: str = ""
    model: str = ""
    tools: tuple[str, ...] = ()
    times: float = 1
    shared: bool = False
    calls: float = 1
    unknown: bool = False
    again: bool = False
    members: tuple[Node, ...] = ()


class Spend(Struct, frozen=True, kw_only=True):
    """What may be spent at most: model calls, tokens of their answers, and US dollars by known prices."""

    calls: float
    output_tokens: float
    usd: float
    unpriced: tuple[str, ...] = ()


def survey(actor: Actor) -> Node:
    """An actor and everybody below it."""
    return _Surveyor().node(actor, actor.name, 1, shared=False)


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it, from the top."""
    yield node
    for member in node.members:
        yield from walk(member)


class _Surveyor:
    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.above: list[Actor] = []

    def node(self, actor: Actor, path: str, times: float, *, shared: bool) -> Node:
        again = id(actor) in self.seen
        self.seen.add(id(actor))
        circular = any(one is actor for one in self.above)
        self.above.append(actor)
        members = () if circular else tuple(self._members(actor, path))
        self.above.pop()
        calls, unknown = (math.inf, False) if circular else bound(actor)
        agent = actor if isinstance(actor, Agent) else None
        return Node(
            path=path,
            name=actor.name,
            kind=kind_of(actor),
            about=first_line(agent.instructions) if agent else "",
            model=agent.model_name if agent else "",
            tools=tuple(agent.tools) if agent else (),
            times=times,
            shared=shared,
            calls=calls,
            unknown=unknown,
            again=again,
            members=members,
        )

    def _members(self, actor: Actor, path: str) -> Iterator[Node]:
        said = _calls(actor) or []
        for member in dict.fromkeys(actor.members):
            own = [one for one in said if member in one.actors]
            times = sum(one.most for one in own) if own else 1
            shared = bool(own) and all(one.together and len(one.actors) > 1 for one in own)
            yield self.node(member, f"{path}/{member.name}", times, shared=shared)


def bound(actor: Actor) -> tuple[float, bool]:
    """The most model calls that an actor makes for one task, and whether a play below does not say."""
    return _bound(actor, ())


def _bound(actor: Actor, above: tuple[Actor, ...]) -> tuple[float, bool]:
    if any(one is actor for one in above):
        return math.inf, False
    if isinstance(actor, Agent):
        calls, unknown = _of_agent(actor, (*above, actor))
    else:
        calls, unknown = _of_members(actor, (*above, actor))
    most = actor.limits.requests if actor.limits is not None else None
    return (calls if most is None else min(calls, most)), unknown


def _of_agent(agent: Agent, above: tuple[Actor, ...]) -> tuple[float, bool]:
    """An agent's own calls, those of a check that is an actor, and those of actors that are its tools."""
    calls = _turns(agent)
    unknown = isinstance(agent.context, Summary)  # how much there is to summarize depends on what is said
    if isinstance(agent.done_when, Actor):
        judged, doubt = _bound(agent.done_when, above)
        calls, unknown = calls + calls * judged, unknown or doubt
    if agent.members:
        most = agent.limits.tool_calls if agent.limits is not None else None
        bounds = [_bound(member, above) for member in agent.members]
        calls += _times(math.inf if most is None else most, max(each for each, _ in bounds))
        unknown = unknown or any(doubt for _, doubt in bounds)
    return calls, unknown


def _turns(agent: Agent) -> float:
    """The model calls of an agent: without tools it only goes on to mend its answer."""
    rereads = agent.context is not None and agent.context.reread
    if agent.tools or rereads:
        return agent.turns
    checked = agent.output is not None or agent.done_when is not None
    return min(agent.turns, agent.repairs + 1) if checked else 1


def _of_members(actor: Actor, above: tuple[Actor, ...]) -> tuple[float, bool]:
    unknown = _calls(actor) is None
    total = 0.0
    for one in _told(actor):
        bounds = [_bound(member, above) for member in one.actors]
        unknown = unknown or any(doubt for _, doubt in bounds)
        worst = [calls for calls, _ in bounds] or [0]
        total += _times(one.most, max(worst) if one.together else sum(worst))
    if isinstance(actor, Team) and isinstance(actor.done_when, Actor):
        judged, doubt = _bound(actor.done_when, above)
        total, unknown = total + judged, unknown or doubt
    return total, unknown


def _times(most: float, calls: float) -> float:
    """A product in which nothing, however often, is nothing."""
    return most * calls if calls else 0.0


def _calls(actor: Actor) -> list[Calls] | None:
    said = actor.calls if isinstance(actor, Team) else None
    return None if said is None else list(said)


def _told(actor: Actor) -> list[Calls]:
    """How often it calls; where nobody has said, each member once."""
    said = _calls(actor)
    return [Calls(tuple(actor.members), 1)] if said is None else said


def spend(
    actor: Actor, prices: Mapping[str, tuple[float, float]] | None = None, prompt: int = PROMPT
) -> Spend:
    """What `actor` may spend at most on one task, if no prompt has more than `prompt` tokens.

    `prices` are US dollars for a million tokens in and out, by model name, beside those of its limits.
    """
    limits = actor.limits
    known = {**(limits.prices if limits is not None else {}), **(prices or {})}
    calls, _ = bound(actor)
    usage = _usage(actor, 1, ())
    tokens = sum(_times(count, most) for (_, most), count in usage.items())
    usd = sum(
        _times(count, (prompt * known[model][0] + most * known[model][1]) / 1e6)
        for (model, most), count in usage.items()
        if model in known
    )
    if limits is not None:
        usd = min(usd, limits.usd if limits.usd is not None and known else math.inf)
        tokens = min(tokens, math.inf if limits.output_tokens is None else limits.output_tokens)
        tokens = min(tokens, math.inf if limits.tokens is None else limits.tokens)
    unpriced = sorted({model for model, _ in usage} - set(known))
    return Spend(calls=calls, output_tokens=tokens, usd=usd, unpriced=tuple(unpriced))


def _usage(actor: Actor, times: float, above: tuple[Actor, ...]) -> dict[tuple[str, int], float]:
    """How often each model is asked at most, by its name and the tokens that it may answer."""
    if isinstance(actor, Agent):
        most = int(actor.brief.settings.get("max_tokens", ANSWER))
        return {(actor.model_name, most): _times(times, bound(actor)[0])}
    found: dict[tuple[str, int], float] = {}
    if any(one is actor for one in above):
        return found
    for one in _told(actor):
        shares = [_usage(member, _times(times, one.most), (*above, actor)) for member in one.actors]
        for share in _dearest(shares) if one.together else shares:
            for key, count in share.items():
                found[key] = found.get(key, 0.0) + count
    return found


def _dearest(shares: list[dict[tuple[str, int], float]]) -> list[dict[tuple[str, int], float]]:
    """Of members that are called together, for each kind of call as often as whoever makes most of them."""
    worst: dict[tuple[str, int], float] = {}
    for share in shares:
        for key, count in share.items():
            worst[key] = max(worst.get(key, 0.0), count)
    return [worst]


def kind_of(actor: Actor) -> str:
    """What an actor is, in a word: `agent`, the pattern of a team, or the name of its class."""
    if isinstance(actor, Agent):
        return "agent"
    return actor.pattern if isinstance(actor, Team) else type(actor).__name__.lower()


def first_line(text: str) -> str:
    """The first line of instructions."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
