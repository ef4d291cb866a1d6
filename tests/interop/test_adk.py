"""The agent of Google's ADK, on a model of its interface."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("google.adk")

from google.adk.agents import LlmAgent
from google.adk.models.base_llm import BaseLlm
from google.adk.models.llm_response import LlmResponse
from google.genai import types

from coterie import Message, Task, run
from coterie.interop import from_adk
from coterie.words.thread import Thread
from tests.interop.promises import GuestPromises

USAGE = types.GenerateContentResponseUsageMetadata(prompt_token_count=3, candidates_token_count=2)


class Fake(BaseLlm):
    """Says what `says` makes of its contents, in two pieces and as a whole; a dict is a call of `look`."""

    model: str = "fake"
    says: object

    async def generate_content_async(self, llm_request, stream=False):
        said = await self.says(llm_request.contents)
        if isinstance(said, dict):
            part = types.Part(function_call=types.FunctionCall(id="1", name="look", args=said))
            yield LlmResponse(content=types.Content(role="model", parts=[part]), usage_metadata=USAGE)
            return
        half = len(said) // 2
        for piece in (said[:half], said[half:]) if stream else ():
            yield LlmResponse(content=_said(piece), partial=True)
        yield LlmResponse(content=_said(said), usage_metadata=USAGE)


def _said(text):
    return types.Content(role="model", parts=[types.Part(text=text)])


class TestADK(GuestPromises):
    def guest(self, name, says, **options):
        async def last(contents):
            return await says(contents[-1].parts[-1].text)

        return from_adk(LlmAgent(name="theirs", model=Fake(says=last)), name, **options)

    def acting(self, name, tool):
        async def says(contents):
            answer = contents[-1].parts[-1].function_response
            return f"I have {answer.response['result']}" if answer else {"thing": "moon"}

        return from_adk(LlmAgent(name="theirs", model=Fake(says=says), tools=[tool]), name)


def test_what_was_said_before_is_its_session():
    """Its own words as the model's, those of the others as the user's."""
    seen = []

    async def says(contents):
        seen.extend((content.role, content.parts[0].text) for content in contents)
        return "fine"

    before = Thread([Message(sender="user", text="Hi"), Message(sender="visitor", text="Hello")])
    guest = from_adk(LlmAgent(name="theirs", model=Fake(says=says)), "visitor")
    assert asyncio.run(run(guest, Task("How are you?", before))).text == "fine"
    assert seen == [("user", "Hi"), ("model", "Hello"), ("user", "How are you?")]
