"""The agent of Microsoft's Agent Framework, on a chat client of its interface."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("agent_framework")

from agent_framework import Agent as Theirs
from agent_framework import BaseChatClient, ChatResponseUpdate, Content, FunctionInvocationLayer

from coterie import Message, Task, run
from coterie.interop import from_agent_framework
from coterie.words.thread import Thread
from tests.interop.promises import GuestPromises

USAGE = {"input_token_count": 3, "output_token_count": 2}


class Fake(FunctionInvocationLayer, BaseChatClient):
    """Says what `says` makes of its messages, in two pieces; a dict is a call of `look`."""

    def __init__(self, says):
        super().__init__()
        self.says = says

    def _inner_get_response(self, *, messages, stream, options, **more):
        assert stream

        async def pieces():
            said = await self.says(messages)
            if isinstance(said, dict):
                contents = [Content.from_function_call("1", "look", arguments=said)]
            else:
                half = len(said) // 2
                contents = [Content.from_text(said[:half]), Content.from_text(said[half:])]
            for content in (*contents, Content.from_usage(USAGE)):
                yield ChatResponseUpdate(role="assistant", contents=[content])

        return self._build_response_stream(pieces())


class TestAgentFramework(GuestPromises):
    def guest(self, name, says, **options):
        async def last(messages):
            return await says(messages[-1].text)

        return from_agent_framework(Theirs(Fake(last), name="theirs"), name, **options)

    def acting(self, name, tool):
        async def says(messages):
            found = [one for one in messages[-1].contents if one.type == "function_result"]
            return f"I have {found[0].result}" if found else {"thing": "moon"}

        return from_agent_framework(Theirs(Fake(says), name="theirs", tools=[tool]), name)


def test_what_was_said_before_is_told():
    """Its own words as the assistant's, those of the others as the user's."""
    seen = []

    async def says(messages):
        seen.extend((str(message.role), message.text) for message in messages)
        return "fine"

    before = Thread([Message(sender="user", text="Hi"), Message(sender="visitor", text="Hello")])
    guest = from_agent_framework(Theirs(Fake(says), name="theirs"), "visitor")
    assert asyncio.run(run(guest, Task("How are you?", before))).text == "fine"
    assert seen == [("user", "Hi"), ("assistant", "Hello"), ("user", "How are you?")]
