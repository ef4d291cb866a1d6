"""How a `Think` reads to a local model: a system text, then turns of `user` and `assistant`.

Turns alternate, because many chat templates refuse anything else; so what several others said
in a row becomes one turn. Tools are told in plain words and their calls are plain JSON, because
that works with every template.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby

from coterie.models.constrain import NO_TOOL, shape
from coterie.words.brief import Brief, ToolSpec
from coterie.words.effect import Think
from coterie.words.fence import quoted
from coterie.words.message import Message, ToolCall

Turn = dict[str, str]

_HOW_TO_CALL = (
    'Choose a tool for each request: {"tool": "name", "arguments": {...}} '
    f'or {{"tool": "{NO_TOOL}", "answer": ...}}'
)

_WHAT_NEXT = f'Use another tool if the request needs it; otherwise answer it with tool "{NO_TOOL}".'


def turns(think: Think) -> list[Turn]:
    """The messages of a chat request."""
    system = _system(think.brief)
    start = [{"role": "system", "content": system}] if system else []
    return start + list(_merged(_said(think)))


def call_text(call: ToolCall) -> str:
    """A tool call as the model writes it."""
    return json.dumps({"tool": call.name, "arguments": call.arguments})


def _said(think: Think) -> Iterator[tuple[str, str]]:
    """Who said what, as role and text."""
    names: dict[str, str] = {}
    for message in think.thread:
        names |= {call.id: call.name for call in message.calls}
        if message.answers:
            tool = names.get(message.answers, message.sender)
            yield "user", f"Result of {tool}: {quoted(message)}\n{_WHAT_NEXT}"
        elif message.sender == think.actor:
            yield "assistant", _own(message)
        else:
            yield "user", _others(message)


def _own(message: Message) -> str:
    if message.calls:
        return "\n".join(call_text(call) for call in message.calls)
    return message.text


def _others(message: Message) -> str:
    unseen = [f"(a file {file.name!r} of type {file.media}, which you cannot see)" for file in message.files]
    text = "\n".join(part for part in (message.text, *unseen) if part)
    return text if message.sender == "user" else f"{message.sender}: {text}"


def _merged(said: Iterable[tuple[str, str]]) -> Iterator[Turn]:
    for role, group in groupby(said, key=lambda one: one[0]):
        yield {"role": role, "content": "\n\n".join(text for _, text in group)}


def _system(brief: Brief) -> str:
    paragraphs = [brief.instructions, _about_tools(brief.tools), _about_output(brief)]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _about_tools(tools: tuple[ToolSpec, ...]) -> str:
    if not tools:
        return ""
    known = [f"- {tool.name}{shape(tool.parameters)}: {tool.description}" for tool in tools]
    known.append(f"- {NO_TOOL}{{}}: Nothing to find out or to do; answer yourself.")
    return "\n".join(("You have these tools:", *known, "", _HOW_TO_CALL))


def _about_output(brief: Brief) -> str:
    if brief.output is None:
        return ""
    where = "The answer is" if brief.tools else "Answer with"
    return f"{where} JSON of this shape: {shape(brief.output)}"
