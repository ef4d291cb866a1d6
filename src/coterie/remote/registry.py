"""A registry of cards: the agents that a file lists, found by what they can do.

The file is a text with an address a line, `#` before a remark. The cards are fetched when they are asked for; those of
addresses that answer nothing are told of, and keep nobody from the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from a2a.types import a2a_pb2 as pb
from msgspec import Struct

from coterie.errors import BadInput, CoterieError
from coterie.remote.cards import at_address

AT_ONCE = 16


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


def listed(path: Path) -> tuple[str, ...]:
    """The addresses that a file lists.

    Raises:
        BadInput: if it cannot be read.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{str(path)!r} cannot be read: {error}") from error
    bare = (line.partition("#")[0].strip() for line in lines)
    return tuple(line for line in bare if line)


async def discovered(urls: Sequence[str], private: tuple[str, ...] = ()) -> list[Found]:
    """What the agents at `urls` say of themselves, in that order.

    Those who asked wrote the addresses; what the cards name has to be public, or among `private`.
    """
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(url: str) -> Found:
        async with gate:
            try:
                return found_of(await at_address(url, private), url)
            except CoterieError as error:
                return Found(url=url, problem=error.message)

    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(one(url)) for url in urls]
    return [task.result() for task in asked]


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
