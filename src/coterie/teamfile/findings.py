"""Findings: what is wrong with a team, or never ends, as far as that can be seen before it runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct

from coterie.actor import Actor
from coterie.agent import Agent
from coterie.kernel.topics import matches
from coterie.team import Team
from coterie.teamfile.imports import stand_in
from coterie.teamfile.survey import bound
from coterie.tool import Tool
from coterie.words.grant import Grant, both, exactly, fits


class Finding(Struct, frozen=True, order=True):
    """One thing to mend: where in the team or in which line of a file, what kind it is, and what to do."""

    where: str
    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def findings(actor: Actor) -> list[Finding]:
    """Everything that can be seen to be wrong with a team that was built, from the top."""
    found = [*_unbounded(actor), *_ungranted(actor, actor.name, None, ())]
    for path, one, above in _everybody(actor, actor.name, ()):
        if any(each is one for each in above):
            names = " -> ".join([each.name for each in above[above.index(one) :]] + [one.name])
            found.append(Finding(path, "cycle", f"it is a member of itself: {names}"))
        elif isinstance(one, Team) and one.pattern in _LOOKS and _of_ours(one):
            found += [Finding(path, kind, message) for kind, message in _LOOKS[one.pattern](one)]
    return list(dict.fromkeys(found))


def _everybody(
    actor: Actor, path: str, above: tuple[Actor, ...]
) -> Iterator[tuple[str, Actor, tuple[Actor, ...]]]:
    """Everybody below an actor by path, each way to it; one that is in itself is given once more."""
    yield path, actor, above
    if not any(one is actor for one in above):
        for member in actor.members:
            yield from _everybody(member, f"{path}/{member.name}", (*above, actor))


def _of_ours(team: Team) -> bool:
    return str(team.describe()[0]).startswith("coterie.patterns.")


def _unbounded(actor: Actor, path: str = "", above: tuple[Actor, ...] = ()) -> Iterator[Finding]:
    """The lowest teams from which an unbounded number of calls comes, where no limit above cuts it off."""
    path = path or actor.name
    if any(one is actor for one in above) or bound(actor)[0] < math.inf:
        return
    below = [
        one
        for member in dict.fromkeys(actor.members)
        for one in _unbounded(member, f"{path}/{member.name}", (*above, actor))
    ]
    said = [one for one in getattr(actor, "calls", None) or () if one.most == math.inf]
    if said or not below:
        names = ", ".join(dict.fromkeys(repr(one.name) for each in said for one in each.actors))
        why = f"may call {names} without end" if names else "may go on without end"
        message = f"{why}: give it, or a team above it, `limits: {{requests: N}}`"
        yield Finding(path, "unbounded", message)
    yield from below


def _ungranted(actor: Actor, path: str, above: Grant | None, seen: tuple[Actor, ...]) -> Iterator[Finding]:
    """Agents with tools that a grant on them or above does not name; what one denies by name is meant so."""
    if any(one is actor for one in seen):
        return
    grant = both(above, actor.grant)
    below: list[tuple[Actor, Grant | None]] = [(one, grant) for one in actor.members]
    if isinstance(actor, Agent):
        tools = actor.tools
        lost = ", ".join(repr(name) for name, one in tools.items() if not _named(grant, one))
        if lost:
            mend = "add them to `grant: {allow: [...]}` here and above, or remove them"
            yield Finding(path, "grants", f"its tools {lost} are not granted: {mend}")
        own = Grant(tuple(map(exactly, tools)))
        below = [
            (one, both(grant, own.along(*getattr(each, "edge", ()))))
            for each in tools.values()
            for one in each.members
        ]
    for member, granted in below:
        yield from _ungranted(member, f"{path}/{member.name}", granted, (*seen, actor))


def _named(grant: Grant | None, tool: Tool) -> bool:
    """Whether all that a grant is made of name a tool; the tags of one that was only looked for are not known."""
    if grant is None:
        return True
    unseen = tool.function.__module__ == stand_in.__module__
    allowed = any(fits(tool, one) or (unseen and one.startswith("#")) for one in grant.allow)
    denied = any(fits(tool, one) for one in grant.deny)
    return (allowed or denied) and all(_named(one, tool) for one in grant.within)


def _handoff(team: Team) -> Iterator[tuple[str, str]]:
    """Members that no edge leads to."""
    ways: dict[str, Any] = team.settings["ways"]
    entry = team.settings["entry"] or team.members[0].name
    reached = _reached(entry, lambda one: ways[one])
    for name in ways:
        if name not in reached:
            yield "unreachable", f"control never comes to {name!r}: no edge leads to it from {entry!r}"


def _reached(start: str, following: Callable[[str], Iterable[str]]) -> set[str]:
    found, left = {start}, [start]
    while left:
        new = [one for one in following(left.pop()) if one not in found]
        found |= set(new)
        left += new
    return found


def _blackboard(team: Team) -> Iterator[tuple[str, str]]:
    """Members whose needs nobody ever adds."""
    sources: list[Any] = team.settings["sources"]
    there, left = {"task"}, list(sources)
    while able := [one for one in left if all(need in there for need in one[1])]:
        there |= {entry for _, _, entry in able}
        left = [one for one in left if one not in able]
    for name, needs, _ in left:
        lacking = [need for need in needs if need not in there]
        added = {entry for _, _, entry in sources}
        why = (
            "nobody adds"
            if any(need not in added for need in lacking)
            else "members wait for each other to add"
        )
        yield "unreachable", f"{name!r} never works: {why} {', '.join(map(repr, lacking))}"


def _events(team: Team) -> Iterator[tuple[str, str]]:
    """Reactions to topics that nobody publishes on; who has a typed output may publish what it likes."""
    if not all(isinstance(one, Agent) and one.output is None for one in team.members):
        return
    reactions: list[Any] = team.settings["reactions"]
    start = team.settings["limits"][0]
    topics = {start, *(then for _, _, then in reactions if then)}
    for pattern, name, _ in reactions:
        if not any(matches(pattern.split("."), topic.split(".")) for topic in topics):
            said = ", ".join(map(repr, sorted(topics)))
            yield "unreachable", f"{name!r} waits for {pattern!r}, and what is published is {said}"


_LOOKS: dict[str, Callable[[Team], Iterator[tuple[str, str]]]] = {
    "handoff": _handoff,
    "blackboard": _blackboard,
    "events": _events,
}
"""By pattern: what its settings show beside how often it calls."""
