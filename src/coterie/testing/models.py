"""What every model promises: subclass `ModelPromises` in a test, and give it a `model` fixture."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from msgspec import Struct

from coterie.ports import Model
from coterie.typed import parse, schema_of
from coterie.words.brief import Brief, ToolSpec
from coterie.words.delta import Delta
from coterie.words.effect import Think
from coterie.words.message import Message
from coterie.words.thread import Thread


class City(Struct):
    """The typed answer that the promise about output asks for."""

    name: str
    rainy: bool


WEATHER = ToolSpec(
    "weather",
    "The weather in a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
LIMIT = {"max_tokens": 64, "temperature": 0.0}


def asking(text: str, **brief: Any) -> Think:
    """A request of an actor called `tester`, from a user who says `text`."""
    return Think(
        "tester", "default", Brief(settings=LIMIT, **brief), Thread((Message(sender="user", text=text),))
    )


class ModelPromises:
    """A model continues a thread with one message of the actor who asked."""

    seconds = 120.0
    """How long one answer may take."""

    def answered(self, model: Model, think: Think) -> Message:
        """The answer of `model` to `think`."""

        async def scene() -> Message:
            async with asyncio.timeout(self.seconds):
                return await model(think)

        return asyncio.run(scene())

    def test_it_answers_as_the_actor(self, model: Model) -> None:
        """The message is from the actor in whose name was asked, and says something."""
        message = self.answered(model, asking("Say hello."))
        assert isinstance(message, Message)
        assert message.sender == "tester"
        assert message.text

    def test_it_counts_what_it_cost(self, model: Model) -> None:
        """Requests and tokens are counted, whoever asks."""
        usage = self.answered(model, asking("Say hello.")).usage
        assert (usage.requests, usage.input_tokens > 0, usage.output_tokens > 0) == (1, True, True)

    def test_it_wants_only_tools_that_were_shown(self, model: Model) -> None:
        """A call names a tool of the brief, with its arguments as an object and an id of its own."""
        calls = self.answered(model, asking("Is it raining in Bergen? Use the tool.", tools=(WEATHER,))).calls
        assert {call.name for call in calls} <= {WEATHER.name}
        assert all(isinstance(call.arguments, dict) for call in calls)
        assert len({call.id for call in calls}) == len(calls)

    def test_it_wants_no_tools_where_there_are_none(self, model: Model) -> None:
        """Without tools there are no calls."""
        assert self.answered(model, asking("Is it raining in Bergen?")).calls == ()

    def test_it_keeps_to_the_schema_of_the_answer(self, model: Model) -> None:
        """With an output schema, the text holds JSON that fits it."""
        think = asking("Bergen is a city in Norway where it rains.", output=schema_of(City))
        assert isinstance(parse(self.answered(model, think).text, City), City)

    def test_it_takes_a_conversation_of_several(self, model: Model) -> None:
        """Messages of others, of the actor itself and of the user may follow in any order."""
        said = [("user", "Which?"), ("ada", "Red."), ("tester", "Blue."), ("ada", "Why?"), ("user", "Well?")]
        thread = Thread(Message(sender=sender, text=text) for sender, text in said)
        assert self.answered(model, Think("tester", "default", Brief(settings=LIMIT), thread)).text

    def test_it_tells_the_text_it_says(self, model: Model) -> None:
        """A model that streams tells its text piece by piece, and nothing else."""
        self.tells_what_it_says(model, asking("Say hello."))

    def test_it_tells_the_calls_it_makes(self, model: Model) -> None:
        """A model that streams tells the arguments of its calls, each in a part of its own."""
        self.tells_what_it_says(model, asking("Is it raining in Bergen? Use the tool.", tools=(WEATHER,)))

    def tells_what_it_says(self, model: Model, think: Think) -> None:
        """Check that the pieces of an answer make up its message; a model may also not stream."""
        streaming: Any = getattr(model, "stream", None)
        if streaming is None:
            return
        pieces: list[Delta] = []

        async def scene() -> Message:
            async with asyncio.timeout(self.seconds):
                message: Message = await streaming(think, pieces.append)
                return message

        message = asyncio.run(scene())
        calls: dict[int, str] = {}
        for one in pieces:
            if one.kind == "call":
                calls[one.part] = calls.get(one.part, "") + one.text
        assert "".join(one.text for one in pieces if one.kind == "text") == message.text
        assert [json.loads(text) for text in calls.values()] == [call.arguments for call in message.calls]
        assert pieces

    def test_it_can_be_cancelled_and_asked_again(self, model: Model) -> None:
        """A request that is cancelled ends at once, and the next one is answered."""

        async def scene() -> Message:
            request = asyncio.ensure_future(model(asking("Count to a thousand.")))
            await asyncio.sleep(0)
            request.cancel()
            async with asyncio.timeout(self.seconds):
                await asyncio.wait([request])
                return await model(asking("Say hello."))

        assert asyncio.run(scene()).text
