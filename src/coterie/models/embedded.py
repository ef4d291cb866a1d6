"""The embedded model: a small language model in this process, with no key and no account.

It is llama.cpp (https://github.com/ggml-org/llama.cpp) behind its own in-process server. One
server a weights file, loaded when it is first needed and shared by the whole process; a fixed number of
slots answer in parallel, and further calls wait their turn. All of it happens in threads, so the
event loop never waits.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from coterie.models.constrain import Schema, grammar, step_schema
from coterie.models.llama import Said, Server, open_server
from coterie.models.partial import Telling, partial_answer
from coterie.models.prompt import turns
from coterie.models.weights import locate
from coterie.models.wheels import refused
from coterie.words.brief import Brief
from coterie.words.delta import Tell
from coterie.words.effect import Think
from coterie.words.message import Message, ToolCall
from coterie.words.usage import Usage

SLOTS = 4
"""Calls that one weights file answers at the same time."""

CONTEXT = 8192
"""Tokens of prompt and answer together that one call may have."""

MAX_TOKENS = 512
"""Tokens in an answer whose brief does not say."""

_SETTINGS = ("temperature", "max_tokens", "seed", "stop")

_NO_LOOPS = {"dry_multiplier": 0.8, "dry_allowed_length": 4, "dry_penalty_last_n": 64}
"""The DRY sampler, with a view so short that it ends a loop but lets the model quote its prompt."""


class _Step(Struct):
    tool: str
    arguments: dict[str, Any] | None = None
    answer: Any = None


class Embedded:
    """A model that runs here; an async function from a `Think` to a message."""

    def __init__(self, which: str = "", *, slots: int = SLOTS, context: int = CONTEXT) -> None:
        self._which = which
        self._slots = slots
        self._context = context
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="coterie-embedded")

    @property
    def name(self) -> str:
        """What a journal calls this model."""
        return f"embedded:{self._which}" if self._which else "embedded"

    async def __call__(self, think: Think, /) -> Message:
        """The next message of the thread, by `think.actor`; cancelling stops the generation.

        With an output schema the text is JSON that fits it, unless `max_tokens` cut it off.

        Raises:
            ModelFailed: if the prompt is longer than the context, or the weights can't be had.
            MissingExtra: if `coterie[local]` is not installed.
            BadInput: if there are no such weights.
        """
        return await self._ask(think, None)

    async def stream(self, think: Think, tell: Tell, /) -> Message:
        """The same, told piece by piece: text as text, and a call as its tool and arguments."""
        loop = asyncio.get_running_loop()
        telling = Telling(tell, calling=bool(think.brief.tools))
        return await self._ask(think, lambda raw: loop.call_soon_threadsafe(telling.take, raw))

    async def _ask(self, think: Think, hear: Callable[[str], Any] | None) -> Message:
        stop = threading.Event()
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, self._answer, think, stop, hear)
        finally:
            stop.set()

    def count(self, text: str) -> int:
        """The number of tokens in `text`; loads the model if that hasn't happened yet."""
        return self._server().count(text)

    def _server(self) -> Server:
        return open_server(locate(self._which), self._slots, self._context)

    def _answer(self, think: Think, stop: threading.Event, hear: Callable[[str], Any] | None) -> Message:
        said = self._server().chat(_request(think), stop, hear)
        return _message(think, said)


def embedded(which: str = "") -> Embedded:
    """The embedded model `which`: `""`, `"large"`, `"small"`, or the path of a GGUF file.

    The same name gives the same model. Nothing is fetched or loaded before its first call.
    """
    return _made(which)


@cache
def _made(which: str) -> Embedded:
    return Embedded(which)


def _request(think: Think) -> dict[str, Any]:
    brief = think.brief
    settings = {key: brief.settings[key] for key in _SETTINGS if key in brief.settings}
    defaults = {"temperature": 0.0, "max_tokens": MAX_TOKENS, **_NO_LOOPS}
    request = {**defaults, **settings, "messages": turns(think)}
    schema = _schema(brief)
    return request if schema is None else {**request, "grammar": grammar(schema)}


def _schema(brief: Brief) -> Schema | None:
    return step_schema(brief.tools, brief.output) if brief.tools else brief.output


def _message(think: Think, said: Said) -> Message:
    usage = Usage(said.input_tokens, said.output_tokens, requests=1)
    if think.brief.tools:
        text, calls = _step(think, said)
    else:
        text, calls = said.text, ()
    if think.brief.output is not None and said.finished and not calls:
        _expect_json(text)
    return Message(sender=think.actor, text=text, calls=calls, usage=usage)


def _step(think: Think, said: Said) -> tuple[str, tuple[ToolCall, ...]]:
    """What one step of an agent with tools came to: its text, or its call."""
    try:
        step = msgspec.json.decode(said.text, type=_Step)
    except msgspec.DecodeError:
        return partial_answer(said.text), ()
    if any(step.tool == tool.name for tool in think.brief.tools) and step.arguments is not None:
        return "", (ToolCall(f"call-{len(think.thread)}", step.tool, step.arguments),)
    return step.answer if isinstance(step.answer, str) else json.dumps(step.answer), ()


def _expect_json(text: str) -> None:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise refused(f"the schema could not be enforced; simplify it: {error}") from error
