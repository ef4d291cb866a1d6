"""A crew of CrewAI, on a model of its interface."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

os.environ.setdefault(
    "CREWAI_DISABLE_TELEMETRY", "true"
)  # before CrewAI's import, which would handle signals
pytest.importorskip("crewai")

from crewai import Agent as Theirs
from crewai import BaseLLM, Crew
from crewai import Task as TheirTask
from crewai.events.types.llm_events import LLMCallType
from crewai.llms.base_llm import llm_call_context
from crewai.tools import tool as their_tool

from coterie import run, start
from coterie.errors import BadInput
from coterie.interop import from_crewai
from coterie.testing.sockets import block_sockets
from tests.interop.promises import GuestPromises, answering, echo

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
MARK = "The task: "


class Fake(BaseLLM):
    """Says what `says` makes of the messages, in two pieces, as the classes of real providers tell it."""

    says: object = None

    async def acall(self, messages, *args, from_task=None, from_agent=None, **more):
        with llm_call_context():
            self._emit_call_started_event(messages, from_task=from_task, from_agent=from_agent)
            said = await self.says(messages)
            half = len(said) // 2
            for piece in (said[:half], said[half:]) if self.stream and "Action:" not in said else ():
                self._emit_stream_chunk_event(piece, from_task, from_agent)
            self._emit_call_completed_event(
                said, LLMCallType.LLM_CALL, from_task, from_agent, messages, USAGE
            )
            return said if "Action:" in said else f"Thought: I know.\nFinal Answer: {said}"

    def call(self, messages, *args, **more):
        return asyncio.run(self.acall(messages, *args, **more))


def told(messages) -> str:
    """The task that a crew was given, out of its prompt."""
    text = next(one["content"] for one in reversed(messages) if MARK in one["content"])
    return text.partition(MARK)[2].partition("\n\nThis is the expected")[0].strip()


def crew(says, *tools, **more) -> Crew:
    async def on_task(messages):
        return await says(told(messages))

    llm = Fake(model="fake", says=more.pop("raw", on_task))
    own = {"goal": "Work.", "backstory": "", "max_retry_limit": 0}
    agent = Theirs(role="worker", llm=llm, tools=[*tools], **own)
    task = TheirTask(description=MARK + "{task}", expected_output="an answer", agent=agent)
    return Crew(agents=[agent], tasks=[task], stream=True, **more)


class TestCrewAI(GuestPromises):
    def guest(self, name, says, **options):
        return from_crewai(crew(says), name, **options)

    def acting(self, name, tool):
        async def says(messages):
            if any("seen moon" in one["content"] for one in messages):
                return "I have seen moon"
            return 'Thought: I look.\nAction: look\nAction Input: {"thing": "moon"}'

        return from_crewai(crew(None, their_tool("look")(tool), raw=says), name)

    def test_a_turn_ends_in_time(self):
        """At once for the run. CrewAI asks its models in threads, so what was asked is left to end by itself."""
        under_way = Stuck()

        async def performed():
            result = await run(self.guest("visitor", under_way, timeout=2), "Hello")
            under_way.free.set()
            return result

        result = asyncio.run(performed())
        assert (result.failure.kind, "2 s" in result.failure.message) == ("TimedOut", True)

    def test_cancel_reaches_it(self):
        """At once for the run, and nothing more is begun; what its model was asked is left to end by itself."""
        under_way = Stuck()

        async def performed():
            async with start(self.guest("visitor", under_way), "Hello") as begun:
                assert await asyncio.to_thread(under_way.begun.wait, 30)
                result = await begun.cancel()
            under_way.free.set()
            return result

        assert (asyncio.run(performed()).status, under_way.times) == ("cancelled", 1)


class Stuck:
    """What a fake model says once it is let go."""

    def __init__(self) -> None:
        self.begun, self.free, self.times = threading.Event(), threading.Event(), 0

    async def __call__(self, prompt):
        self.times += 1
        self.begun.set()
        self.free.wait(60)
        return "too late"


def test_nothing_is_told_to_anybody_else():
    """No line leaves this machine: telemetry, traces and the look for a newer version are off."""
    guest = from_crewai(crew(answering("quietly")), "visitor")
    with block_sockets() as refused:
        result = asyncio.run(run(guest, "Hello"))
    assert (result.text, refused) == ("quietly", []), result.failure


def test_a_crew_that_cannot_be_told_is_refused():
    """What there is to do needs a place in a task, or `inputs` that say where."""
    agent = Theirs(role="worker", goal="Work.", backstory="", llm=Fake(model="fake", says=echo))
    deaf = Crew(agents=[agent], tasks=[TheirTask(description="Work.", expected_output="x", agent=agent)])
    with pytest.raises(BadInput, match=r"\{task\}"):
        from_crewai(deaf)
