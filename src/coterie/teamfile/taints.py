"""Ways of words: from where somebody may speak who is no member, to the sensitive tools of a team, before it runs."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from coterie.actor import Actor
from coterie.agent import Agent


class Way(Struct, frozen=True, order=True):
    """Words that come in at `source` may lead to the sensitive tool at `sink`.

    Both are paths, and a tool, a memory, or the words of one by whom others speak.

    `at` is the actor in which both meet. Before the tool is used, a person is asked who is shown the source.
    """

    source: str
    sink: str
    at: str

    def __str__(self) -> str:
        where = "the same agent" if self.source.rpartition("/")[0] == self.at else repr(self.at)
        return f"{self.source} -> {self.sink}: a person is asked first (they meet in {where})"


def ways(actor: Actor) -> list[Way]:
    """Every way from an untrusted source to a sensitive tool, as far as the members of a team show it.

    Whoever works in one team may read what any other of it has read, so it names too many rather than too few.
    """
    sources: list[tuple[str, str]] = []
    sinks: list[tuple[str, str]] = []
    for path, agent in _speakers(actor, actor.name, ()):
        if not isinstance(agent, Agent):
            sources.append((path, "words"))
            continue
        own = agent.tools.values()
        sources += [(path, tool.name) for tool in own if not tool.trusted]
        sources += [(path, "memory")] if agent.memory is not None else []
        sinks += [(path, tool.name) for tool in own if tool.sensitive]
    found = {Way(f"{a}/{source}", f"{b}/{sink}", _common(a, b)) for a, source in sources for b, sink in sinks}
    return sorted(found)


def _speakers(actor: Actor, path: str, above: tuple[Actor, ...]) -> Iterator[tuple[str, Actor]]:
    """The agents of a team, and those by whom others speak."""
    if any(one is actor for one in above):
        return
    if isinstance(actor, Agent) or actor.foreign:
        yield path, actor
    for member in actor.members:
        yield from _speakers(member, f"{path}/{member.name}", (*above, actor))


def _common(one: str, other: str) -> str:
    """The lowest path above both."""
    shared: list[str] = []
    for a, b in zip(one.split("/"), other.split("/"), strict=False):
        if a != b:
            break
        shared.append(a)
    return "/".join(shared)
