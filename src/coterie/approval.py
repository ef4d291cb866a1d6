"""Approval: a person says whether a tool may be used, and with what."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from coterie.errors import Denied, Late
from coterie.kernel.joins import RACE, Join
from coterie.kernel.taint import name_of, told
from coterie.kernel.values import to_plain
from coterie.tool import Approval, Tool
from coterie.words.digest import digest_of
from coterie.words.effect import Ask, Tainted, Vouch

YES = ("approve", "approved", "yes", "y", "true")
NO = ("deny", "denied", "no", "n", "false")
SHOWN = 4_000
"""Letters of the arguments that a question shows; longer ones are named by their digest as well."""


async def cleared(tool: Tool, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments with which a tool may be used here; a person says so, if it or what led to it needs that.

    Raises:
        Denied: if the person says no.
    """
    sources = await Tainted() if tool.sensitive else ()
    if not sources and not (tool.needs_approval and tool.asks(arguments)):
        return arguments
    arguments = await approved(tool, arguments, sources)
    if sources:
        await Vouch(name_of(tool.name, arguments))
    return arguments


async def approved(tool: Tool, arguments: dict[str, Any], sources: tuple[str, ...] = ()) -> dict[str, Any]:
    """The arguments that a person approves: the given ones, or those that they put in their place.

    The answer is `approve`, `deny`, `deny: why`, or the arguments as an object. What is none of these,
    and arguments that do not fit, are asked about once more with what is wrong with them.

    Raises:
        Denied: if the person says no, or says nothing in time.
    """
    problem = ""
    while True:
        answer = await _answer(tool, _question(tool, arguments, problem, sources))
        try:
            return _read(tool, arguments, answer)
        except ValueError as error:
            problem = str(error)


async def _answer(tool: Tool, question: str) -> Any:
    """What a person says; where the tool's `Approval` expires, what their deputy says.

    Raises:
        Denied: if nobody answers in time.
    """
    asks = tool.needs_approval
    if not isinstance(asks, Approval) or asks.expires is None:
        return await Ask(question, "approval", (), asks.to if isinstance(asks, Approval) else "")
    for whom in (asks.to, asks.deputy) if asks.deputy else (asks.to,):
        try:
            return await Join((Ask(question, "approval", (), whom),), RACE, asks.expires)
        except Late:
            continue
    whose = " and ".join(filter(None, (asks.to or "whoever was asked", asks.deputy)))
    raise Denied(f"the use of {tool.name!r} was not approved in time: {whose} had {asks.expires:g} s")


def _read(tool: Tool, arguments: dict[str, Any], answer: Any) -> dict[str, Any]:
    """The arguments that an answer means.

    Raises:
        ValueError: if it means none; the message says why.
        Denied: if it is a no.
    """
    if isinstance(answer, str) and answer.lstrip().startswith("{"):
        answer = msgspec.json.decode(answer)
    if isinstance(answer, dict):
        given = cast("dict[str, Any]", answer)
        edited: dict[str, Any] = given["arguments"] if set(given) == {"arguments"} else given
        tool.checked(edited)
        return edited
    word, _, why = str(answer).strip().partition(":")
    if word.strip().lower() in YES:
        return arguments
    if word.strip().lower() in NO:
        because = f": {why.strip()}" if why.strip() else ""
        raise Denied(f"a person did not approve {tool.name!r}{because}")
    raise ValueError(f"{answer!r} is neither 'approve' nor 'deny', nor an object with the arguments")


def _question(tool: Tool, arguments: dict[str, Any], problem: str, sources: tuple[str, ...]) -> str:
    """What a person reads: the tool, and all it would be used with."""
    text = msgspec.json.encode(to_plain(arguments)).decode()
    if len(text) > SHOWN:
        name = digest_of(to_plain(arguments)).hex()[:16]
        text = f"{text[:SHOWN]}... ({len(text):,} letters, digest {name})"
    before = f"That cannot be used: {problem}\n" if problem else ""
    harm = ", which may do harm" if tool.sensitive else ""
    if sources:
        before += told(sources) + "\n"
    return f"{before}May {tool.name!r}{harm} be used with {text}? Say approve, deny, or other arguments as an object."
