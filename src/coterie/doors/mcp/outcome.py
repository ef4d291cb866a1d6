"""What a run has come to, as the result of an MCP tool: text for the model, and the same as data."""

from __future__ import annotations

from typing import Any

import msgspec
from mcp_types import CallToolResult, TextContent

from coterie.kernel.inquiries import Inquiry, questions
from coterie.kernel.replay import counted
from coterie.kernel.values import to_plain
from coterie.shell.host import Host
from coterie.words.result import Result

GOOD = ("succeeded", "unverified", "waiting", "running")
"""Where a run can stand without anything having gone wrong."""


async def outcome_of(host: Host, run: str) -> CallToolResult:
    """What a run has come to by now.

    Raises:
        UnknownRun: if the store has no such run.
    """
    result = await host.result(run)
    open_ = [*questions(run, counted(await host.journal(run))).values()]
    return CallToolResult(
        content=[TextContent(type="text", text=_text(result, open_))],
        structured_content=_data(result, open_),
        is_error=result.status not in GOOD,
    )


def _text(result: Result, open_: list[Inquiry]) -> str:
    if open_:
        return "\n".join([f"Run {result.id} waits for a person.", *map(_question, open_), _how(result.id)])
    if result.message is not None:
        doubt = f"\n\n(Unverified: {result.message.unverified})" if result.message.unverified else ""
        return result.text + doubt
    if result.failure is not None:
        return f"Run {result.id} is {result.status}: {result.failure.message}"
    return f"Run {result.id} is {result.status}."


def _question(asked: Inquiry) -> str:
    choices = f" ({', '.join(asked.ask.choices)})" if asked.ask.choices else ""
    to = f" for {asked.ask.to}" if asked.ask.to else ""
    return f"- {asked.id}{to}: {asked.ask.question}{choices}"


def _how(run: str) -> str:
    return (
        "A person answers with `coterie answer ID ANSWER` or `POST /v1/approvals/ID`; then use the tool "
        f"`coterie_result` with run {run!r}."
    )


def _data(result: Result, open_: list[Inquiry]) -> dict[str, Any]:
    return {
        "run": result.id,
        "status": result.status,
        "text": result.text,
        "output": to_plain(result.output),
        "failure": None if result.failure is None else result.failure.message,
        "usage": msgspec.to_builtins(result.usage),
        "questions": [_asked(one) for one in open_],
    }


def _asked(one: Inquiry) -> dict[str, Any]:
    return {
        "id": one.id,
        "question": one.ask.question,
        "about": one.ask.about,
        "choices": [*one.ask.choices],
        "to": one.ask.to,
    }
