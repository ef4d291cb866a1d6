"""The workloads in LangGraph."""

from __future__ import annotations

import asyncio
import itertools
import operator
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import create_react_agent
from langgraph.types import Send

warnings.simplefilter("ignore")
NAMES = ("ada", "bob", "cy", "dee")
STAGES = ("one", "two", "three", "four", "five")


class Model(BaseChatModel):
    """A model that says what `says` makes of its messages, after `delay` seconds."""

    says: Callable[[list[Any]], AIMessage] = lambda messages: AIMessage("It will rain.")
    delay: float = 0.0

    @property
    def _llm_type(self) -> str:
        return "fake"

    def bind_tools(self, tools: Any, **more: Any) -> Any:
        return self

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **more: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self.says(messages))])

    async def _agenerate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **more: Any
    ) -> ChatResult:
        if self.delay:
            await asyncio.sleep(self.delay)
        return self._generate(messages)


def looks_up(messages: list[Any]) -> AIMessage:
    """Use a tool, then answer."""
    if messages[-1].type == "tool":
        return AIMessage("It will rain.")
    return AIMessage("", tool_calls=[{"name": "weather", "args": {"city": "Bern"}, "id": "1"}])


async def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"rain in {city}"


writer = create_react_agent(Model(), [])
clerk = create_react_agent(Model(says=looks_up), [weather])
patient = create_react_agent(Model(delay=0.02), [])
remarks = itertools.count()
speaker = create_react_agent(Model(says=lambda messages: AIMessage(f"remark {next(remarks)}")), [])


def lined() -> Any:
    """Five agents, one after the other."""
    graph = StateGraph(MessagesState)
    graph.add_sequence([(name, create_react_agent(Model(), [])) for name in STAGES])
    graph.add_edge(START, STAGES[0])
    return graph.compile()


def around() -> Any:
    """Four agents who speak in turn."""
    graph = StateGraph(MessagesState)
    for name in NAMES:
        graph.add_node(name, speaker)
    for name, following in itertools.pairwise(NAMES):
        graph.add_edge(name, following)
    graph.add_edge(START, NAMES[0])
    graph.add_conditional_edges(NAMES[-1], lambda state: END if len(state["messages"]) > 400 else NAMES[0])
    return graph.compile()


class Fan(TypedDict):
    """What comes of a fan-out."""

    answers: Annotated[list[str], operator.add]


def fanned() -> Any:
    """An agent for each of a thousand questions."""

    async def answered(task: dict[str, Any]) -> dict[str, Any]:
        said = await patient.ainvoke({"messages": [("user", task["question"])]})
        return {"answers": [said["messages"][-1].content]}

    def split(state: Fan) -> list[Send]:
        return [Send("answered", {"question": f"question {n}"}) for n in range(1000)]

    graph = StateGraph(Fan)
    graph.add_node("answered", answered)
    graph.add_conditional_edges(START, split, ["answered"])
    graph.add_edge("answered", END)
    return graph.compile()


line, table, crowd = lined(), around(), fanned()


async def call() -> None:
    """One agent, one call."""
    said = await writer.ainvoke({"messages": [("user", "Weather?")]})
    assert said["messages"][-1].content == "It will rain."


async def use_tool() -> None:
    """One agent, one use of a tool."""
    assert len((await clerk.ainvoke({"messages": [("user", "Weather?")]}))["messages"]) == 4


async def pipeline() -> None:
    """Five agents, each of which works on what the one before said."""
    assert len((await line.ainvoke({"messages": [("user", "Weather?")]}))["messages"]) == 6


async def fan() -> None:
    """A thousand agents at once, on a model that takes 20 ms."""
    assert len((await crowd.ainvoke({"answers": []}))["answers"]) == 1000


async def chat() -> None:
    """Four agents who speak in turn, a hundred times each; everybody is shown all that was said."""
    said = await table.ainvoke({"messages": [("user", "Talk.")]}, {"recursion_limit": 1000})
    assert len(said["messages"]) == 401


class Counted(TypedDict):
    """How many steps there were."""

    done: int


async def steps() -> None:
    """A hundred steps, each in a checkpoint before the next begins."""

    async def step(state: Counted) -> dict[str, int]:
        await weather("Bern")
        return {"done": state["done"] + 1}

    graph = StateGraph(Counted)
    graph.add_node("step", step)
    graph.add_edge(START, "step")
    graph.add_conditional_edges("step", lambda state: END if state["done"] == 100 else "step")
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncSqliteSaver.from_conn_string(str(Path(folder) / "runs.db")) as saver:
            config = {"configurable": {"thread_id": "1"}, "recursion_limit": 200}
            said = await graph.compile(checkpointer=saver).ainvoke({"done": 0}, config, durability="sync")
    assert said["done"] == 100
