"""Agents: the tool loop, bad calls, and what an agent refuses to be."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import Any

import pytest

from coterie import Agent, Message, Task, Team, tool
from coterie.errors import BadInput
from coterie.models import scripted
from coterie.words.effect import Think
from coterie.words.message import ToolCall
from coterie.words.thread import Thread


@tool(idempotent=True)
async def add(x: int, y: int = 1) -> int:
    """Add two numbers."""
    return x + y


def _calls(*calls: ToolCall, then: str = "done") -> Any:
    return scripted(lambda think: list(calls) if len(think.thread) == 1 else then)


def test_a_tool_s_result_goes_back_to_the_model() -> None:
    """The second prompt has the call and its result, paired by id, and defaults are filled in."""
    seen: list[Think] = []

    def line(think: Think) -> Any:
        seen.append(think)
        return ToolCall("c1", "add", {"x": 2}) if len(seen) == 1 else think.thread[-1].text

    result = asyncio.run(Agent("a", tools=[add]).run("2 + 1?", model=scripted(line)))
    assert result.text == "3"
    assert [(m.answers, m.text) for m in seen[1].thread][-1] == ("c1", "3")
    assert result.usage.requests == 2
    assert result.usage.tool_calls == 1


def test_parallel_calls_run_at_once_and_answer_in_order() -> None:
    """Two calls that wait for one another both end, and stand in the model's order."""
    both: dict[str, asyncio.Event] = {}

    @tool
    async def meet(me: str, other: str) -> str:
        """Wait for the other one."""
        both.setdefault(me, asyncio.Event()).set()
        await both.setdefault(other, asyncio.Event()).wait()
        return me

    calls = [
        ToolCall("1", "meet", {"me": "a", "other": "b"}),
        ToolCall("2", "meet", {"me": "b", "other": "a"}),
    ]
    model = scripted(
        lambda think: calls if len(think.thread) == 1 else "|".join(m.text for m in think.thread)
    )
    result = asyncio.run(Agent("a", tools=[meet]).run("go", model=model))
    assert result.text == "go||a|b"


def test_a_plain_function_runs_in_a_thread() -> None:
    """A blocking tool does not run on the loop's thread."""
    threads: list[int] = []

    def block() -> str:
        """Note the thread."""
        threads.append(threading.get_ident())
        return "ok"

    asyncio.run(Agent("a", tools=[block]).run("go", model=_calls(ToolCall("1", "block", {}))))
    assert threads != [threading.get_ident()]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (ToolCall("1", "add", {"x": "two"}), "error: bad arguments: Expected `int`, got `str` - at `$.x`"),
        (ToolCall("1", "add", {}), "error: bad arguments: Object missing required field `x`"),
        (ToolCall("1", "add", {"x": 1, "z": 2}), "error: bad arguments: Object contains unknown field `z`"),
        (ToolCall("1", "subtract", {}), "error: no tool 'subtract'; there are ['add']"),
    ],
)
def test_a_bad_call_is_told_what_is_wrong(call: ToolCall, said: str) -> None:
    """The model gets the validator's message as the call's result, and no tool has run."""
    model = scripted(lambda think: call if len(think.thread) == 1 else think.thread[-1].text)
    result = asyncio.run(Agent("a", tools=[add]).run("go", model=model))
    assert result.text == said
    assert result.usage.tool_calls == 0


def test_a_tool_that_raises_is_a_result_the_model_can_read() -> None:
    """What a tool raises is journaled as its failure, and told to the model as an error."""

    @tool
    async def fail() -> str:
        """Raise."""
        raise ValueError("the disk is on fire")

    model = scripted(
        lambda think: ToolCall("1", "fail", {}) if len(think.thread) == 1 else think.thread[-1].text
    )
    result = asyncio.run(Agent("a", tools=[fail]).run("go", model=model))
    assert result.text == "error: ValueError: the disk is on fire"


def test_a_tool_that_takes_too_long_is_stopped() -> None:
    """A timeout is the tool's failure, with its name and the seconds."""

    @tool(timeout=0.01)
    async def hang() -> str:
        """Never end."""
        await asyncio.Event().wait()
        return ""

    model = scripted(
        lambda think: ToolCall("1", "hang", {}) if len(think.thread) == 1 else think.thread[-1].text
    )
    result = asyncio.run(Agent("a", tools=[hang]).run("go", model=model))
    assert result.text == "error: tool 'hang' took longer than 0.01 s"


def test_p12_the_same_call_with_the_same_result_ends_at_the_third_time() -> None:
    """A model that asks for the same thing for ever is stopped, with the cycle named."""
    model = scripted(lambda think: ToolCall("1", "add", {"x": 1}))
    result = asyncio.run(Agent("a", tools=[add], turns=50).run("go", model=model))
    assert result.failure is not None
    assert (result.status, result.failure.kind) == ("stuck", "NoProgress")
    assert result.usage.tool_calls == 3


def test_p12_twenty_polls_whose_result_changes_are_progress() -> None:
    """Asking twenty times is fine while the answers differ."""
    state = iter(range(100))

    @tool
    async def poll() -> int:
        """How far it is."""
        return next(state)

    model = scripted(lambda think: ToolCall("1", "poll", {}) if len(think.thread) < 41 else "there")
    result = asyncio.run(Agent("a", tools=[poll], turns=50).run("go", model=model))
    assert (result.text, result.usage.tool_calls) == ("there", 20)


def test_turns_are_bounded() -> None:
    """An agent that never answers ends after its turns, whatever changes."""
    count = iter(range(100))
    model = scripted(lambda think: ToolCall("1", "add", {"x": next(count)}))
    result = asyncio.run(Agent("a", tools=[add], turns=5).run("go", model=model))
    assert result.failure is not None
    assert (result.failure.kind, result.usage.requests) == ("NoProgress", 5)


def test_done_when_sends_an_answer_back_and_then_says_unverified() -> None:
    """P15: an answer that the check finds wanting is repaired, and is unverified if it stays so."""

    def polite(message: Message) -> str | None:
        return None if "please" in message.text else "say please"

    agent = Agent("a", done_when=polite, repairs=1)
    mended = asyncio.run(agent.run("Ask.", model=scripted(["give me that", "please give me that"])))
    stubborn = asyncio.run(agent.run("Ask.", model=scripted(["give", "give!"])))
    assert (mended.status, mended.text) == ("succeeded", "please give me that")
    assert (stubborn.status, stubborn.text) == ("unverified", "give!")
    assert stubborn.message is not None
    assert stubborn.message.unverified == "say please"


def test_a_context_comes_before_the_task() -> None:
    """The conversation so far is read first, and is not changed by the agent that reads it."""
    context = Thread([Message(sender="b", text="I am b.")])
    model = scripted(lambda think: "|".join(m.text for m in think.thread))
    result = asyncio.run(Agent("a").run(Task("Who spoke?", context=context), model=model))
    assert (result.text, len(context)) == ("I am b.|Who spoke?", 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Agent(""),
        lambda: Agent("a/b"),
        lambda: Agent("a b"),
        lambda: Agent("a", turns=0),
        lambda: Agent("a", repairs=-1),
        lambda: Agent("a", tools=[add, add]),
        lambda: Agent("a", tools=["add"]),  # type: ignore[list-item]
        lambda: Agent("a", tools=[lambda *args: 1]),
    ],
)
def test_an_agent_that_could_not_work_is_refused_at_the_door(make: Any) -> None:
    """Bad names, bounds and tools are errors when the agent is made, not when it runs."""
    with pytest.raises(BadInput):
        make()


@pytest.mark.parametrize("play", [Agent("a"), partial(print)])
def test_a_team_whose_play_is_none_is_refused_when_it_is_made(play: Any) -> None:
    """An actor is a member, not a play: the message says what to write instead."""
    with pytest.raises(BadInput, match=r"team 'pair': its play is an async function .* not (Agent|partial)"):
        Team("pair", [Agent("b")], play)
