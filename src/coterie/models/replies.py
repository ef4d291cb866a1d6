"""Answers of pydantic-ai's model layer as ours: messages, what they cost, and their pieces as they come."""

from __future__ import annotations

import json
from typing import Any, cast

import msgspec
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import (
    ModelResponse,
    ModelResponsePart,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
)
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from coterie.errors import ModelRefused
from coterie.models.dialect import ANSWER, Asking
from coterie.words.delta import Delta, Tell
from coterie.words.effect import Think
from coterie.words.message import Message, Thought, ToolCall
from coterie.words.usage import Usage


async def request(model: Model[Any], ask: Asking) -> ModelResponse:
    """Their answer to a request."""
    return await model_request(
        model, ask.messages, model_settings=ask.settings, model_request_parameters=ask.parameters
    )


async def stream(model: Model[Any], ask: Asking, tell: Tell, silence: float) -> ModelResponse:
    """Their answer to a request, told as it comes; it may be silent for `silence` seconds."""
    settings = cast("ModelSettings", {"timeout": silence, **ask.settings})
    async with model_request_stream(
        model, ask.messages, model_settings=settings, model_request_parameters=ask.parameters
    ) as streamed:
        telling = Telling(tell, ask)
        async for event in streamed:
            telling.take(event)
        return streamed.get()


def message_of(think: Think, ask: Asking, response: ModelResponse, *, free: bool = False) -> Message:
    """Their answer as ours; a `free` one costs no money, because one's own machine gave it.

    Raises:
        ModelRefused: if `max_tokens` was used up before anything was said.
    """
    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    final = next((call for call in calls if ask.output_tool and call.tool_name == ask.output_tool), None)
    text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    if final is not None:
        text, calls = as_json(final.args), []
    usage = usage_of(response, free=free)
    if response.finish_reason == "length" and not text and not calls:
        refusal = ModelRefused(
            f"{response.model_name}: max_tokens was used up before it said anything: raise it"
        )
        refusal.usage = usage
        raise refusal
    return Message(
        sender=think.actor,
        text=_unwrapped(text) if ask.wrapped else text,
        calls=tuple(ToolCall(call.tool_call_id, call.tool_name, call.args_as_dict()) for call in calls),
        usage=usage,
        thoughts=tuple(_thought(part, response) for part in response.parts if isinstance(part, ThinkingPart)),
    )


def _thought(part: ThinkingPart, response: ModelResponse) -> Thought:
    provider = part.provider_name or response.provider_name or ""
    return Thought(text=part.content, proof=part.signature or "", provider=provider, id=part.id or "")


def as_json(args: Any) -> str:
    """Arguments as JSON; a text, whole or not, is that already."""
    return args if isinstance(args, str) else json.dumps(args or {}, ensure_ascii=False)


def _unwrapped(text: str) -> str:
    """The answer out of its field; what is not in one stays as it is, for the validator to say so."""
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    if isinstance(found, dict) and ANSWER in found:
        return json.dumps(found[ANSWER], ensure_ascii=False)
    return text


def usage_of(response: ModelResponse, *, free: bool) -> Usage:
    """What an answer cost; its price is zero where nobody knows it."""
    spent = response.usage
    return Usage(
        input_tokens=spent.input_tokens,
        output_tokens=spent.output_tokens,
        requests=1,
        usd=0.0 if free else _price(response),
        cache_read_tokens=spent.cache_read_tokens,
        cache_write_tokens=spent.cache_write_tokens,
    )


def _price(response: ModelResponse) -> float:
    if response.usage.cost is not None:
        return float(response.usage.cost)
    try:
        return float(response.cost().total_price)
    except (LookupError, ValueError, AssertionError):
        return 0.0


class Telling:
    """Tells the events of a stream as pieces; those of the final answer's call are its text."""

    def __init__(self, tell: Tell, ask: Asking) -> None:
        self._tell = tell
        self._final = ask.output_tool
        self._tools: dict[int, str] = {}

    def take(self, event: ModelResponseStreamEvent) -> None:
        """Tell the next piece of one part, if the event has one that is shown."""
        if isinstance(event, PartStartEvent):
            self._begin(event.index, event.part)
        elif isinstance(event, PartDeltaEvent):
            self._go_on(event.index, event.delta)

    def _begin(self, at: int, part: ModelResponsePart) -> None:
        if isinstance(part, ToolCallPart):
            self._tools[at] = part.tool_name
            self._called(at, as_json(part.args) if part.args else "")
        elif isinstance(part, (TextPart, ThinkingPart)) and part.content:
            self._tell(Delta(part.content, "text" if isinstance(part, TextPart) else "thinking", at))

    def _go_on(self, at: int, change: object) -> None:
        if isinstance(change, TextPartDelta):
            self._tell(Delta(change.content_delta, "text", at))
        elif isinstance(change, ThinkingPartDelta) and change.content_delta:
            self._tell(Delta(change.content_delta, "thinking", at))
        elif isinstance(change, ToolCallPartDelta) and change.args_delta:
            self._called(at, as_json(change.args_delta))

    def _called(self, at: int, text: str) -> None:
        tool = self._tools.get(at, "")
        if tool and tool == self._final:
            self._tell(Delta(text, "text", at))
        else:
            self._tell(Delta(text, "call", at, tool))
