"""AutoGen's own assistant, on a model client of its interface."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("autogen_agentchat")

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import FunctionCall
from autogen_core.models import ChatCompletionClient, CreateResult, RequestUsage

from coterie import run
from coterie.interop import from_autogen
from tests.interop.promises import GuestPromises, answering

USAGE = RequestUsage(prompt_tokens=3, completion_tokens=2)


class Fake(ChatCompletionClient):
    """Says what `says` makes of its messages, in two pieces; a string of JSON in a list is a call of `look`."""

    def __init__(self, says):
        self.says = says

    async def create(self, messages, **more):
        said = await self.says(messages)
        content = [FunctionCall(id="1", name="look", arguments=said[0])] if isinstance(said, list) else said
        why = "function_calls" if isinstance(said, list) else "stop"
        return CreateResult(finish_reason=why, content=content, usage=USAGE, cached=False)

    async def create_stream(self, messages, **more):
        result = await self.create(messages)
        if isinstance(result.content, str):
            half = len(result.content) // 2
            yield result.content[:half]
            yield result.content[half:]
        yield result

    async def close(self): ...

    def actual_usage(self):
        return USAGE

    total_usage = actual_usage

    def count_tokens(self, messages, **more):
        return 0

    remaining_tokens = count_tokens

    @property
    def model_info(self):
        return {
            "vision": False,
            "function_calling": True,
            "json_output": False,
            "family": "unknown",
            "structured_output": False,
        }

    capabilities = model_info


def on_last(says):
    async def answer(messages):
        return await says(messages[-1].content)

    return Fake(answer)


class TestAutoGen(GuestPromises):
    def guest(self, name, says, **options):
        return from_autogen(
            AssistantAgent("theirs", on_last(says), model_client_stream=True), name, **options
        )

    def acting(self, name, tool):
        async def says(messages):
            last = messages[-1].content
            return f"I have {last[0].content}" if isinstance(last, list) else ['{"thing": "moon"}']

        theirs = AssistantAgent("theirs", Fake(says), tools=[tool], reflect_on_tool_use=True)
        return from_autogen(theirs, name)


def test_a_team_of_theirs_is_one_member():
    """Its whole conversation is one turn, and the last message the answer."""
    both = [AssistantAgent(name, on_last(answering(f"{name} said"))) for name in ("one", "two")]
    team = RoundRobinGroupChat(both, termination_condition=MaxMessageTermination(3))
    guest = from_autogen(team, "visitors")

    async def performed():
        return [await run(guest, "Hello") for _ in range(2)]

    for result in asyncio.run(performed()):
        assert (result.text, result.usage.requests) == ("two said", 2), result.failure
