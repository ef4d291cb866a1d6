"""Actors as tools: a call is a frame, with all that holds for frames."""

from __future__ import annotations

import asyncio
from typing import Any

from coterie import Agent, Limits, tool
from coterie.models import scripted
from coterie.patterns import debate
from coterie.team import manifest
from coterie.testing import rehearse
from coterie.tools import as_tool
from coterie.words.message import ToolCall


def delegating(to: str, task: str = "go"):
    """A model of a boss that gives one task to `to`, and repeats what comes back."""

    def line(think: Any) -> Any:
        last = think.thread[-1]
        if think.actor != "boss":
            return f"{think.actor} did {last.text}"
        return last.text if last.answers else ToolCall("1", to, {"task": task})

    return line


def test_a_team_is_a_tool() -> None:
    """The model gets the team's message as the result; its frames stand below the caller's."""
    panel = debate(Agent("pro"), Agent("con"), judge=Agent("judge"), rounds=1, name="panel")
    said, asked = rehearse(Agent("boss", tools=[as_tool(panel)]), "start", delegating("panel"))
    assert said.text.startswith("judge did")
    assert [think.actor for think in asked] == ["boss", "pro", "con", "pro", "con", "judge", "boss"]


def test_its_usage_and_its_limits_are_the_caller_s_too() -> None:
    """What is spent below counts above, and a cap above stops what is below."""
    boss = Agent("boss", tools=[as_tool(Agent("worker"))])
    result = asyncio.run(boss.run("start", model=scripted(delegating("worker"))))
    assert (result.text, result.usage.requests) == ("worker did go", 3)
    capped = asyncio.run(boss.run("start", model=scripted(delegating("worker")), limits=Limits(requests=1)))
    assert (capped.status, capped.usage.requests) == ("failed", 1)


def test_a_failure_below_is_an_error_that_the_model_can_read() -> None:
    """The caller may go on without it."""
    worker = Agent("worker", limits=Limits(requests=0))
    said, _ = rehearse(Agent("boss", tools=[as_tool(worker)]), "start", delegating("worker"))
    assert said.text.startswith("error: 'worker' failed: requests of 'boss/worker': 0 of 0 are spent")


def test_circular_delegation_is_stopped_at_the_first() -> None:
    """Ancestry holds: an actor that is given its own task below itself is not begun again."""
    boss = Agent("boss")
    boss.tools["again"] = as_tool(boss, name="again")
    said, asked = rehearse(boss, "start", delegating("again", "start"))
    assert "circular delegation of the same task: boss -> boss" in said.text
    assert len(asked) == 2


def test_its_version_is_part_of_the_caller_s() -> None:
    """A changed worker, or a changed edge, is another version of the boss."""

    def version(instructions: str, *edge: str) -> dict[str, str]:
        return manifest(
            Agent("boss", tools=[as_tool(Agent("worker", instructions), edge=edge, description="x")])
        )

    assert version("a") == version("a")
    assert (
        len({tuple(version("a").values()), tuple(version("b").values()), tuple(version("a", "*").values())})
        == 3
    )


def test_bad_arguments_go_back_once() -> None:
    """The validator's message is the call's result; a second bad call in a row ends the agent, typed."""

    @tool
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    bad, good = ToolCall("1", "add", {"a": 1}), ToolCall("1", "add", {"a": 1, "b": 1})
    agent = Agent("a", tools=[add])
    mended = asyncio.run(agent.run("go", model=scripted([bad, good, bad, good, "done"])))
    assert (mended.status, mended.usage.tool_calls) == ("succeeded", 2)
    ended = asyncio.run(agent.run("go", model=scripted([bad, bad, good, "done"])))
    assert ended.failure is not None
    assert (ended.failure.kind, ended.failure.raw, ended.usage.requests) == ("BadOutput", '{"a":1}', 2)
    assert "missing required field `b`" in ended.failure.message
