"""The agent of OpenAI's Agents SDK, on a model of its interface."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("agents")

from agents import Agent as Theirs
from agents import Model, function_tool
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseTextDeltaEvent,
    ResponseUsage,
)
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails

from coterie import Agent, run
from coterie.interop import from_openai_agents
from coterie.models import scripted
from coterie.patterns import pipeline
from tests.interop.promises import GuestPromises, answering, echo

USAGE = ResponseUsage(
    input_tokens=3,
    output_tokens=2,
    total_tokens=5,
    input_tokens_details=InputTokensDetails(cached_tokens=0, cache_write_tokens=0),
    output_tokens_details=OutputTokensDetails(reasoning_tokens=0),
)


class Fake(Model):
    """Says what `says` makes of its input, in two pieces; a tool's arguments as a dict are a call of `look`."""

    def __init__(self, says):
        self.says = says

    async def get_response(self, *args, **more):
        raise NotImplementedError

    async def stream_response(self, instructions, input, *args, **more):
        said = await self.says(input)
        if isinstance(said, dict):
            items = [
                ResponseFunctionToolCall(
                    type="function_call", call_id="1", id="1", name=said["tool"], arguments=said["arguments"]
                )
            ]
        else:
            half = len(said) // 2
            for piece in (said[:half], said[half:]):
                yield ResponseTextDeltaEvent(
                    type="response.output_text.delta",
                    content_index=0,
                    output_index=0,
                    item_id="m",
                    delta=piece,
                    sequence_number=0,
                    logprobs=[],
                )
            text = ResponseOutputText(type="output_text", text=said, annotations=[])
            items = [
                ResponseOutputMessage(
                    id="m", type="message", role="assistant", status="completed", content=[text]
                )
            ]
        response = Response(
            id="r",
            created_at=0,
            model="fake",
            object="response",
            output=items,
            tool_choice="auto",
            tools=[],
            parallel_tool_calls=False,
            usage=USAGE,
        )
        yield ResponseCompletedEvent(type="response.completed", response=response, sequence_number=1)


def on_last(says):
    async def answer(input):
        return await says(input[-1].get("content", ""))

    return Fake(answer)


class TestOpenAIAgents(GuestPromises):
    def guest(self, name, says, **options):
        return from_openai_agents(Theirs(name="theirs", model=on_last(says)), name, **options)

    def acting(self, name, tool):
        async def says(input):
            last = input[-1]
            if last.get("type") == "function_call_output":
                return f"I have {last['output']}"
            return {"tool": "look", "arguments": '{"thing": "moon"}'}

        theirs = Theirs(name="theirs", model=Fake(says), tools=[function_tool(tool)])
        return from_openai_agents(theirs, name)


def test_a_hand_off_within_is_one_turn():
    """Whoever answers at last, the guest has."""

    async def hands_off(input):
        return {"tool": "transfer_to_expert", "arguments": "{}"}

    expert = Theirs(name="expert", model=on_last(answering("expertly")))
    desk = Theirs(name="desk", model=Fake(hands_off), handoffs=[expert])
    result = asyncio.run(run(from_openai_agents(desk), "Help"))
    assert (result.status, result.text, result.usage.requests) == ("succeeded", "expertly", 2), result.failure


def test_turns_of_its_own_are_bounded():
    """By the SDK's own number, whose error is typed and paid for."""

    async def for_ever(input):
        return {"tool": "look", "arguments": '{"thing": "moon"}'}

    def look(thing: str) -> str:
        """Look."""
        return thing

    theirs = Theirs(name="theirs", model=Fake(for_ever), tools=[function_tool(look)])
    result = asyncio.run(run(from_openai_agents(theirs, max_turns=3), "Look"))
    assert (result.failure.kind, result.usage.requests) == ("GuestFailed", 3)
    assert "Max turns (3) exceeded" in result.failure.message


def test_it_hears_who_said_what():
    """Others are named, so it can tell them apart."""
    team = pipeline(Agent("first"), from_openai_agents(Theirs(name="theirs", model=on_last(echo))))
    assert "first said" in asyncio.run(run(team, "Go", model=scripted("first said"))).text
