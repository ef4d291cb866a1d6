"""Hierarchy: a lead gives each team that is needed a subtask of its own, and makes one answer of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from coterie.actor import Actor
from coterie.agent import conversation
from coterie.calls import each, together
from coterie.errors import BadInput
from coterie.patterns.answers import answers, missing_of
from coterie.patterns.choose import decision, eligible_name, fields_in, fitted, one_of
from coterie.patterns.crew import crew_of, listing, purposes
from coterie.patterns.routes import Route, overlap
from coterie.team import Team
from coterie.words.failure import Failure, Policy, fail_fast, failures, successes
from coterie.words.message import Message
from coterie.words.task import Task

ASSIGN = """Give subtasks to those of these teams that are needed, and to no others:
{teams}
Answer with JSON: {{"assignments": [{{"team": "...", "task": "..."}}]}}"""
SYNTHESIZE = "These are the teams' results. Answer the task from them."
MOST = 16
"""Subtasks that a lead may give out unless its hierarchy says otherwise."""


class Assignment(Struct, frozen=True):
    """A subtask, and the team that gets it."""

    team: str
    task: str


class Assignments(Struct, frozen=True):
    """What a lead gives out."""

    assignments: tuple[Assignment, ...]


def hierarchy(
    lead: Actor,
    teams: Sequence[Actor],
    *,
    most: int = MOST,
    name: str = "hierarchy",
    on_failure: Policy = fail_fast,
) -> Team:
    """A team whose `lead` splits the task among `teams`, which work at once, and answers from their results.

    The lead says `Assignments`, at most `most`, each with a task of its own; an agent is held to the
    teams that there are. Assignments that cannot be honoured go back once. Of the second ones those that
    are right are kept; if there are none, the team whose name and instructions fit the task best, of
    equals the first declared, gets all of it. A team may be any actor, so also a hierarchy. `parts` is
    what came of each assignment, in the lead's order; `missing` is which failed, and what was dropped.

    Raises:
        BadInput: without teams, if two have one name, or with `most` below 1.
    """
    crew = crew_of(teams, f"hierarchy {name!r}", "teams")
    if most < 1:
        raise BadInput(f"hierarchy {name!r}: most is 1 or more, not {most}")

    async def play(task: Task) -> Message:
        goal = conversation(task)
        asked = Task(ASSIGN.format(teams=listing(purposes(crew))), goal, task.data)
        made = await decision(
            fitted(lead, _assigning(crew, most)), asked, lambda said: _read(said, crew, most)
        )
        given = made.value or ()
        dropped: tuple[Failure, ...] = ()
        if made.value is None:
            given = _kept(made.said, crew, most) or (Assignment(_nearest(task.text, teams), task.text),)
            dropped = (Failure(kind="BadOutput", message=_ruled(lead, given, made.why), raw=made.said.text),)
        work = [crew[one.team](_subtask(one, task)) for one in given]
        outcomes = await answers(work, on_failure)
        said: list[Message] = successes(outcomes)
        answer = await lead(Task(SYNTHESIZE, made.thread.add(*said), task.data))
        missing = (*dropped, *failures(outcomes), *missing_of((*said, answer)))
        return replace(answer, sender=name, parts=tuple(said), missing=missing)

    return Team(
        name,
        [lead, *teams],
        play,
        settings={"most": most, "on_failure": repr(on_failure)},
        calls=[each(3, lead), together(most, *teams)],
    )


def _subtask(one: Assignment, goal: Task) -> Task:
    """The subtask in the conversation of the goal; the goal itself, where that is what is assigned."""
    return goal if one.task == goal.text else Task(one.task, conversation(goal), goal.data)


def _assigning(crew: Mapping[str, Actor], most: int) -> Any:
    """The type of what a lead may say: at least one assignment, to teams that there are."""
    one = msgspec.defstruct(
        "Assignment", [("team", one_of(crew)), ("task", Annotated[str, Meta(min_length=1)])]
    )
    several: Any = tuple
    bounded = Annotated[several[one, ...], Meta(min_length=1, max_length=most)]
    return msgspec.defstruct("Assignments", [("assignments", bounded)])


def _read(said: Message, crew: Mapping[str, Actor], most: int) -> tuple[Assignment, ...]:
    """What a lead's message assigns.

    Raises:
        ValueError: if it assigns nothing, too much, or something to a team that there is not.
    """
    given = fields_in(said)
    if given is None:
        raise ValueError('this is not {"assignments": [...]}')
    found = msgspec.convert(given, Assignments).assignments
    if not 0 < len(found) <= most:
        raise ValueError(f"{len(found)} assignments; there have to be 1 to {most}")
    return tuple(_honoured(one, crew) for one in found)


def _honoured(one: Assignment, crew: Mapping[str, Actor]) -> Assignment:
    if not one.task.strip():
        raise ValueError(f"{one.team!r} is given no task")
    return replace(one, team=eligible_name(one.team, crew))


def _kept(said: Message, crew: Mapping[str, Actor], most: int) -> tuple[Assignment, ...]:
    """Those of a lead's assignments that are right, up to `most`."""
    listed = (fields_in(said) or {}).get("assignments")
    kept: list[Assignment] = []
    for one in msgspec.convert(listed, list[Any]) if isinstance(listed, (list, tuple)) else []:
        try:
            kept.append(_honoured(msgspec.convert(one, Assignment), crew))
        except ValueError:
            continue
    return tuple(kept[:most])


def _nearest(text: str, teams: Sequence[Actor]) -> str:
    """The team that has most words in common with `text`."""
    near = overlap(text, [Route(team) for team in teams])
    return teams[near.index(max(near))].name


def _ruled(lead: Actor, given: Sequence[Assignment], why: str) -> str:
    to = ", ".join(repr(one.team) for one in given)
    return f"by rule only {to} got a task, after two wrong answers of {lead.name!r}: {why}"
