"""LangGraph's own agent, on a chat model of LangChain's."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("langgraph")

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import MessagesState
from langgraph.prebuilt import create_react_agent
from langgraph.types import interrupt

from coterie import run
from coterie.interop import from_langgraph
from tests.interop.promises import GuestPromises, answering

USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}


class Fake(BaseChatModel):
    """Says what it is made to say, in two pieces."""

    says: object

    @property
    def _llm_type(self):
        return "fake"

    def bind_tools(self, tools, **more):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **more):
        raise NotImplementedError

    async def _answer(self, messages):
        said = await self.says(messages)
        return said if isinstance(said, AIMessage) else AIMessage(said)

    async def _agenerate(self, messages, stop=None, run_manager=None, **more):
        said = await self._answer(messages)
        said.usage_metadata = USAGE
        return ChatResult(generations=[ChatGeneration(message=said)])

    async def _astream(self, messages, stop=None, run_manager=None, **more):
        said = await self._answer(messages)
        half = len(said.content) // 2
        yield ChatGenerationChunk(message=AIMessageChunk(said.content[:half]))
        calls = [
            {"name": call["name"], "args": '{"thing": "moon"}', "id": call["id"], "index": 0}
            for call in said.tool_calls
        ]
        last = AIMessageChunk(
            said.content[half:], tool_call_chunks=calls, usage_metadata=USAGE, chunk_position="last"
        )
        yield ChatGenerationChunk(message=last)


def on_last(says):
    async def answer(messages):
        return await says(messages[-1].content)

    return answer


class TestLangGraph(GuestPromises):
    def guest(self, name, says, **options):
        return from_langgraph(create_react_agent(Fake(says=on_last(says)), []), name, **options)

    def acting(self, name, tool):
        async def says(messages):
            if messages[-1].type == "tool":
                return f"I have {messages[-1].content}"
            return AIMessage("", tool_calls=[{"name": "look", "args": {"thing": "moon"}, "id": "1"}])

        return from_langgraph(create_react_agent(Fake(says=says), [tool]), name)


def test_a_checkpointer_keeps_no_second_truth():
    """Each turn is given the whole conversation, so it is a thread of its own."""
    seen = []

    async def says(messages):
        seen.append(len(messages))
        return "fine"

    graph = create_react_agent(Fake(says=says), [], checkpointer=InMemorySaver())
    guest = from_langgraph(graph, "visitor")
    for _ in range(2):
        assert asyncio.run(run(guest, "Hello")).text == "fine"
    assert seen == [1, 1]


def test_an_interrupt_is_an_error_that_says_so():
    """A graph that asks a person by itself cannot be answered here."""

    async def asks(state):
        interrupt("May I?")

    graph = StateGraph(MessagesState).add_node("asks", asks).add_edge(START, "asks").add_edge("asks", END)
    compiled = graph.compile(checkpointer=InMemorySaver())
    result = asyncio.run(run(from_langgraph(compiled, "visitor"), "Hello"))
    assert result.failure.kind == "GuestFailed"
    assert "May I?" in result.failure.message


def test_it_is_called_what_its_graph_is():
    """Without a name of ours."""
    graph = create_react_agent(Fake(says=on_last(answering("x"))), [], name="wise one")
    assert from_langgraph(graph).name == "wise-one"
