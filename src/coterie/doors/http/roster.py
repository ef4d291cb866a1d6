"""The roster of a tenant: the standing agents and the teams that it has written over the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from coterie.actor import Actor
from coterie.doors.http.library import Library
from coterie.doors.teams import origin_of
from coterie.errors import Busy
from coterie.kernel.topics import matches
from coterie.kernel.values import to_plain
from coterie.ports import Entry, Ledgers
from coterie.shell.feeds import Boards, Feeds, Published, Topics
from coterie.shell.host import Host
from coterie.shell.standing import Keeper, Spawn
from coterie.team import manifest
from coterie.teamfile.closed import Offered, Written, missing
from coterie.teamfile.forms import pattern_forms
from coterie.words.standing import Said, Standing

AGENTS, TEAMS = "agents/", "teams/"
"""Where the newest versions of what was written are."""


class Team(Struct, frozen=True, kw_only=True):
    """A team that somebody wrote: its document, as YAML or plain data, by whom, and since when."""

    name: str
    document: Any
    by: str = ""
    created: float = 0.0


T = TypeVar("T", bound=Standing | Team)


class Kept(Struct, Generic[T], frozen=True):
    """What was written under a name, and the number of its version."""

    value: T
    version: int


class Roster:
    """Agents and teams by name. A name is one of them, and none of what the service offers."""

    def __init__(self, library: Library, host: Host, ledgers: Ledgers, spawn: Spawn) -> None:
        self.ledgers = ledgers
        self.feeds = Feeds(ledgers)
        self.topics = Topics(ledgers, self.feeds)
        self.boards = Boards(ledgers, self.feeds)
        self.keeper = Keeper(host, ledgers, self.standing, self.made, spawn)
        self._library = library

    async def agent(self, name: str) -> Kept[Standing] | None:
        """A standing agent; None if there is none."""
        return _kept(await self.ledgers.last(AGENTS + name), Standing)

    async def standing(self, name: str) -> Standing | None:
        """What is written of an agent now; None if there is none."""
        found = await self.agent(name)
        return None if found is None else found.value

    async def team(self, name: str) -> Kept[Team] | None:
        """A team; None if there is none."""
        return _kept(await self.ledgers.last(TEAMS + name), Team)

    async def agents(self, after: str = "", limit: int | None = None) -> list[Kept[Standing]]:
        """The standing agents by name, from after a name on."""
        found = await self.ledgers.heads(AGENTS, AGENTS + after, limit)
        return [Kept(msgspec.convert(entry.body, Standing), entry.seq) for _, entry in found]

    async def teams(self, after: str = "", limit: int | None = None) -> list[Kept[Team]]:
        """The teams by name, from after a name on."""
        found = await self.ledgers.heads(TEAMS, TEAMS + after, limit)
        return [Kept(msgspec.convert(entry.body, Team), entry.seq) for _, entry in found]

    async def place(self, one: T, version: int | None = None) -> Kept[T]:
        """Keep what was written, in the place of a version of it or as something new.

        Raises:
            BadFile: if it cannot be used; the message has every mistake.
            Changed: if there is another version by now.
            Busy: if it is new, and the name is taken.
        """
        where = (AGENTS if isinstance(one, Standing) else TEAMS) + one.name
        if version is None:
            await self._is_free(one.name)
        written = await self.written(document_of(one), one.name)
        manifest(self._library.read(written, one.name).actor)  # what cannot be named cannot be run
        last = await self.ledgers.last(where)
        at = version + 1 if version is not None else 0 if last is None else last.seq + 1
        entry = await self.ledgers.append(where, to_plain(one), at=at)
        return Kept(one, entry.seq)

    async def remove(self, one: Standing | Team, version: int) -> None:
        """Forget what was written; what runs already goes on.

        Raises:
            Changed: if there is another version by now.
        """
        where = (AGENTS if isinstance(one, Standing) else TEAMS) + one.name
        await self.ledgers.append(where, None, at=version + 1)

    async def births(self, name: str) -> int:
        """How many entries there are of agents of that name: what numbers the next one."""
        last = await self.ledgers.last(AGENTS + name)
        return 0 if last is None else last.seq + 1

    async def written(self, document: Any, called: str) -> Written:
        """A document with all that it names, and that was written here.

        Raises:
            BadFile: if it cannot be read.
        """
        written, looked = Written(document=document), {called}
        while new := missing(written, self._library.offered) - looked:
            looked |= new
            found = {name: found for name in sorted(new) if (found := await self.document(name)) is not None}
            written = Written(document=document, members={**written.members, **found})
        return written

    async def document(self, name: str) -> Any:
        """What was written of an agent or a team; None if nobody is called that."""
        kept = await self.agent(name) or await self.team(name)
        return None if kept is None else document_of(kept.value)

    async def made(self, one: Standing) -> tuple[Actor, Mapping[str, Any]]:
        """The actor of a standing agent as it is now, and what its runs remember of where it came from."""
        origin = self.origin(one.name, await self.written(document_of(one), one.name))
        origin["memory"] = one.owner
        return self._library.actor(origin), origin

    def origin(self, name: str, written: Written) -> dict[str, Any]:
        """What a run remembers of an actor that was written over the API: all of it."""
        library = self._library
        bare = Offered(tools=library.tools, models=library.models)
        used = sorted(missing(written, bare) & library.offers.keys())
        origin: dict[str, Any] = {"team": name, "name": name, "written": to_plain(written)}
        if used:
            origin["offers"] = {one: origin_of(library.offers[one].spec, {})["team"] for one in used}
        return origin

    async def publish(self, topic: str, said: Published) -> Entry:
        """Publish on a topic; the standing agents that hear it have it in their mailboxes when this returns."""
        entry = await self.topics.publish(topic, said)
        for kept in await self.agents():
            if hears(kept.value.topics, topic):
                await self._deliver(kept.value, topic)
        return entry

    async def subscribe(self, one: Standing, before: tuple[str, ...] = ()) -> None:
        """Have an agent hear from now on what is published on topics that it did not hear `before`."""
        new = {
            topic: entry.seq
            for topic, entry in await self.topics.heads()
            if hears(one.topics, topic) and not hears(before, topic)
        }
        await self.keeper.follow(one, new)

    async def sweep(self) -> None:
        """Have every agent hear what was published, and look at its mailbox."""
        agents, heads = await self.agents(), await self.topics.heads()
        for kept in agents:
            for topic, entry in heads:
                if hears(kept.value.topics, topic) and entry.seq > await self.keeper.heard(kept.value, topic):
                    await self._deliver(kept.value, topic)
            self.keeper.wake(kept.value)

    async def _deliver(self, one: Standing, topic: str) -> None:
        """Put what was published on a topic into the mailbox of an agent, each message once."""
        for entry in await self.topics.read(topic, await self.keeper.heard(one, topic)):
            published = msgspec.convert(entry.body, Published)
            text = published.message
            said = Said(
                text=text if isinstance(text, str) and text else msgspec.json.encode(text).decode(),
                data=None if isinstance(text, str) else text,
                by=published.by,
                key=f"topic {topic} {entry.seq}",
                topic=topic,
                at=entry.seq,
            )
            await self.keeper.say(one, said, always=True)

    async def _is_free(self, name: str) -> None:
        if name in self._library.offers:
            raise Busy(f"the service offers a team called {name!r}: choose another name")
        if await self.document(name) is not None:
            raise Busy(f"{name!r} is there already: choose another name, or change it")


def document_of(one: Standing | Team) -> Any:
    """What was written, in the grammar of team files."""
    if isinstance(one, Team):
        return one.document
    told = {
        "instructions": one.instructions,
        "model": one.model,
        "tools": list(one.tools) or None,
        "memory": one.memory,
        "limits": one.limits or None,
        "turns": one.turns,
        "output": one.output,
    }
    return {"agents": {one.name: {key: value for key, value in told.items() if value is not None}}}


def by_pattern(
    pattern: str, members: Any, options: Mapping[str, Any], agents: Mapping[str, Any]
) -> dict[str, Any]:
    """A pattern with what stands beside its name, its options, and agents by name, in the grammar of team files."""
    form = pattern_forms().get(pattern)
    if form is not None and form.first is None:
        team: dict[str, Any] = {pattern: dict(options) if members is None else members}
    else:
        team = {pattern: members, **options}
    return {"agents": dict(agents), "team": team} if agents else {"team": team}


def hears(patterns: tuple[str, ...], topic: str) -> bool:
    """Whether one of the patterns fits a topic."""
    words = topic.split(".")
    return any(matches(pattern.split("."), words) for pattern in patterns)


def _kept(entry: Entry | None, kind: type[T]) -> Kept[T] | None:
    if entry is None or entry.body is None:
        return None
    return Kept(msgspec.convert(entry.body, kind), entry.seq)
