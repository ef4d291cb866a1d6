import asyncio

import pytest

from coterie import Agent, Ask, Draw, Now, Sleep, do, gather, tool
from coterie.errors import ModelFailed
from coterie.testing import rehearse
from coterie.words.message import ToolCall


def test_a_line_answers_each_think_in_order():
    """The outcome comes with everything that was asked."""
    said, asked = rehearse(Agent("a"), "hello", lambda think: think.thread[-1].text.upper())
    assert (said.text, [think.actor for think in asked]) == ("HELLO", ["a"])


def test_any_async_function_can_be_rehearsed():
    """People, clocks, dice and sleep are there, and give the same each time."""

    async def play(task):
        await Sleep(3600)
        return f"{await Ask('sure?')} {await Now()} {await Draw()}"

    first = rehearse(play, answers={"play/ask.1": "yes"})[0].text
    assert first == rehearse(play, answers=lambda path, ask: "yes")[0].text
    assert first.startswith("yes 1000003600.0 0.")


def test_a_question_that_nobody_answers_is_named():
    """The message says what to give."""

    async def play(task):
        return await Ask("sure?")

    with pytest.raises(AssertionError, match=r"answers=\{'play/ask.1': ...\}"):
        rehearse(play)


@tool
def double(x: int) -> int:
    """Twice x."""
    return 2 * x


@tool
async def triple(x: int) -> int:
    """Three times x."""
    return 3 * x


def calls(think):
    if think.thread[-1].answers:
        return think.thread[-1].text
    return ToolCall("1", think.brief.tools[0].name, {"x": 4})


def test_tools_are_called():
    """Async tools too, as long as they wait for nothing."""
    assert rehearse(Agent("a", tools=[double]), "go", calls)[0].text == "8"
    assert rehearse(Agent("a", tools=[triple]), "go", calls)[0].text == "12"


def test_a_function_may_stand_in_for_a_tool():
    """By the tool's name."""
    said, _ = rehearse(Agent("a", tools=[double]), "go", calls, tools={"double": lambda x: -x})
    assert said.text == "-4"


def test_a_tool_that_really_waits_is_refused():
    """The message says what to write instead."""

    async def wait():
        await asyncio.sleep(1)

    async def play(task):
        await do(wait)

    with pytest.raises(AssertionError, match="waits for something real"):
        rehearse(play)


def test_failures_are_what_the_world_would_make_of_them():
    """A model that raises is a failed step, and a play may go on after it."""

    async def play(task):
        try:
            await Agent("a")("x")
        except ModelFailed as error:
            return f"{error.message} at {error.path}"

    assert rehearse(play, "", lambda think: ModelFailed("down"))[0].text == "down at play/a/think.1"
    assert "ValueError: no" in rehearse(play, "", lambda think: ValueError("no"))[0].text


def test_an_effect_that_was_dropped_is_not_performed():
    """What a closed branch had asked for costs nothing."""

    async def fails(task):
        raise KeyError

    async def play(task):
        await gather(Agent("a")("x"), fails(task))

    asked = []
    with pytest.raises(KeyError):
        rehearse(play, "", asked.append)
    assert asked == []
