"""Pydantic AI's own agent, on its function model."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("pydantic_ai")

from pydantic import BaseModel
from pydantic_ai import Agent as Theirs
from pydantic_ai.messages import ModelRequest, ModelResponse
from pydantic_ai.models.function import DeltaToolCall, FunctionModel

from coterie import Message, Task, run
from coterie.interop import from_pydantic_ai
from coterie.words.thread import Thread
from coterie.words.usage import Usage
from tests.interop.promises import GuestPromises


def speaking(says):
    """A model that says what `says` makes of its messages, in two pieces; a dict is a call of the tool `look`."""

    async def stream(messages, info):
        said = await says(messages)
        if isinstance(said, dict):
            yield {
                0: DeltaToolCall(
                    name=info.output_tools[0].name if info.output_tools else "look", json_args=said["args"]
                )
            }
            return
        half = len(said) // 2
        yield said[:half]
        yield said[half:]

    return FunctionModel(stream_function=stream)


class TestPydanticAI(GuestPromises):
    spent = Usage(requests=1, input_tokens=50, output_tokens=2)  # as its function model estimates

    def guest(self, name, says, **options):
        async def last(messages):
            return await says(messages[-1].parts[-1].content)

        return from_pydantic_ai(Theirs(speaking(last)), name, **options)

    def acting(self, name, tool):
        async def says(messages):
            part = messages[-1].parts[-1]
            return (
                f"I have {part.content}" if part.part_kind == "tool-return" else {"args": '{"thing": "moon"}'}
            )

        return from_pydantic_ai(Theirs(speaking(says), tools=[tool]), name)


def test_what_was_said_before_is_its_history():
    """Its own words as its own, those of the others as the user's."""
    seen = []

    async def says(messages):
        seen.extend(messages)
        return "fine"

    before = Thread([Message(sender="user", text="Hi"), Message(sender="visitor", text="Hello")])
    guest = from_pydantic_ai(Theirs(speaking(says)), "visitor")
    asyncio.run(run(guest, Task("How are you?", before)))
    assert [type(one) for one in seen] == [ModelRequest, ModelResponse, ModelRequest]
    assert [one.parts[0].content for one in seen] == ["Hi", "Hello", "How are you?"]


def test_a_typed_output_is_the_output():
    """In its JSON shape, and the text is its JSON."""

    class Place(BaseModel):
        name: str
        height: int

    async def says(messages):
        return {"args": '{"name": "Etna", "height": 3357}'}

    result = asyncio.run(
        run(from_pydantic_ai(Theirs(speaking(says), output_type=Place), "visitor"), "Where?")
    )
    assert result.message.output == {"name": "Etna", "height": 3357}
    assert result.text == '{"name":"Etna","height":3357}'
