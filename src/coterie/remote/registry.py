"""A registry of cards: the agents that a list names, found by what they can do.

A list is a text with an address a line, `#` before a remark; one in a file may name files with cards, too. It lies in
a file or at an address, and each service of ours has one of its own agents. The cards are fetched when they are asked
for; those of addresses that answer nothing are told of, and keep nobody from the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from a2a.types import a2a_pb2 as pb
from msgspec import Struct

from coterie.errors import BadInput, CoterieError
from coterie.reach.screen import Screen
from coterie.remote.cards import at_address, in_file, text_at

AT_ONCE = 16
LIST = "/.well-known/agents.txt"
"""Where a service of ours lists its agents."""


class Skill(Struct, frozen=True):
    """One thing that an agent can do."""

    name: str
    description: str = ""
    tags: tuple[str, ...] = ()


class Found(Struct, frozen=True, kw_only=True):
    """What a card says of an agent; `problem` is why there is no card."""

    url: str
    name: str = ""
    description: str = ""
    version: str = ""
    interfaces: tuple[str, ...] = ()
    skills: tuple[Skill, ...] = ()
    signed: bool = False
    streaming: bool = False
    push: bool = False
    schemes: tuple[str, ...] = ()
    problem: str = ""

    def fits(self, words: str) -> bool:
        """Whether all of `words` are in what it says it can do."""
        said = [self.name, self.description]
        for skill in self.skills:
            said += [skill.name, skill.description, *skill.tags]
        text = " ".join(said).casefold()
        return all(word in text for word in words.casefold().split())


def is_address(place: str) -> bool:
    """Whether a place is an address, and no file."""
    return place.startswith(("http://", "https://"))


def listed(path: Path) -> tuple[str, ...]:
    """The addresses and files that a file lists; files are found beside it.

    Raises:
        BadInput: if it cannot be read.
    """
    try:
        named = _named(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{str(path)!r} cannot be read: {error}") from error
    return tuple(one if is_address(one) else str(path.parent / one) for one in named)


async def registered(place: str, private: tuple[str, ...] = ()) -> list[Found]:
    """What the agents say that the list at `place` names: a file, or an address (of a service: its own list).

    What a list at an address names was written by somebody else: it is reached only if it is public, at the same
    place as the list, or among `private`.

    Raises:
        BadInput: if the list is a file and cannot be read.
        ModelUnavailable: if it cannot be fetched.
        RemoteFailed: if it is no list.
    """
    if not is_address(place):
        return await discovered(listed(Path(place)), private)
    where = place if place.endswith(".txt") else place.rstrip("/") + LIST
    screen = Screen(private).trusting(where)
    named = _named(await text_at(where, screen))
    return await discovered([one for one in named if is_address(one)], private, screen=screen)


async def discovered(
    places: Sequence[str], private: tuple[str, ...] = (), *, screen: Screen | None = None
) -> list[Found]:
    """What the agents at `places`, addresses or files with cards, say of themselves, in that order.

    Those who asked wrote the addresses, unless there is a `screen`; what the cards name has to be public, or among
    `private`.
    """
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(place: str) -> Found:
        async with gate:
            try:
                there = is_address(place)
                card = await at_address(place, private, screen=screen) if there else in_file(Path(place))
                return found_of(card, place)
            except CoterieError as error:
                return Found(url=place, problem=error.message)

    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(one(place)) for place in places]
    return [task.result() for task in asked]


def _named(text: str) -> list[str]:
    bare = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in bare if line]


def found_of(card: pb.AgentCard, url: str) -> Found:
    """What a card says, as a plain value."""
    return Found(
        url=url,
        name=card.name,
        description=card.description,
        version=card.version,
        interfaces=tuple(f"{one.protocol_binding} {one.url}" for one in card.supported_interfaces),
        skills=tuple(Skill(one.name, one.description, tuple(one.tags)) for one in card.skills),
        signed=bool(card.signatures),
        streaming=card.capabilities.streaming,
        push=card.capabilities.push_notifications,
        schemes=tuple(sorted(card.security_schemes)),
    )


def complaints(found: Found) -> list[str]:
    """What a card lacks that clients look for."""
    said: list[str] = []
    if found.problem:
        return [found.problem]
    if not found.description:
        said.append("it does not say what the agent is for (description)")
    if not found.version:
        said.append("it has no version, so nobody sees that it has changed")
    if not found.skills:
        said.append("it has no skills, so nobody finds the agent by what it can do")
    said += [f"skill {one.name!r} has no description" for one in found.skills if not one.description]
    for one in found.interfaces:
        binding, _, url = one.partition(" ")
        if binding == "JSONRPC" and not url.endswith("/"):
            said.append(f"the address of JSON-RPC does not end in '/': {url!r}")
    if not found.schemes:
        said.append("it does not say how one comes in (securitySchemes)")
    return said
