"""P27: a typed answer is a value, or after at most n repairs a typed failure with the raw text."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec
import pydantic
import pytest

from coterie import Agent, Result, tool
from coterie.models import scripted
from coterie.words.effect import Think
from coterie.words.message import ToolCall


class Struct(msgspec.Struct):
    """A msgspec type."""

    city: str
    degrees: int


@dataclass
class Data:
    """A dataclass."""

    city: str
    degrees: int


class Dict(TypedDict):
    """A TypedDict."""

    city: str
    degrees: int


class Model(pydantic.BaseModel):
    """A pydantic type."""

    city: str
    degrees: int


GOOD = '{"city": "Oslo", "degrees": 3}'
KINDS = [Struct, Data, Dict, Model]
USABLE = {
    "bare": GOOD,
    "fenced": f"```json\n{GOOD}\n```",
    "fenced in prose": f"Here you are:\n```\n{GOOD}\n```\nAnything else?",
    "in prose": f"The answer is {GOOD}, I think.",
}
UNUSABLE = {
    "truncated": GOOD[:-5],
    "wrong type": '{"city": "Oslo", "degrees": "cold"}',
    "missing field": '{"city": "Oslo"}',
    "prose": "It is cold in Oslo.",
    "empty": "",
}


def _run(kind: Any, *said: str, repairs: int = 2, tools: bool = False) -> tuple[Result, list[Think]]:
    asked: list[Think] = []
    lines: list[Any] = [ToolCall("1", "look", {"city": "Oslo"})] if tools else []
    lines += said

    def line(think: Think) -> Any:
        asked.append(think)
        return lines[min(len(asked), len(lines)) - 1]

    @tool(idempotent=True)
    async def look(city: str) -> str:
        """Look out of the window."""
        return f"snow in {city}"

    agent = Agent("weather", output=kind, repairs=repairs, tools=[look] if tools else [])
    return asyncio.run(agent.run("How is it?", model=scripted(line))), asked


@pytest.mark.parametrize("tools", [False, True])
@pytest.mark.parametrize("text", USABLE.values(), ids=USABLE)
@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_in_any_wrapping_becomes_the_value(kind: Any, text: str, tools: bool) -> None:
    """Bare, fenced or within prose, with tools or without: one call, one typed value."""
    result, asked = _run(kind, text, tools=tools)
    output = result.output
    found = output if isinstance(output, dict) else {"city": output.city, "degrees": output.degrees}
    assert found == {"city": "Oslo", "degrees": 3}
    assert isinstance(output, dict if kind is Dict else kind)
    assert len(asked) == 1 + tools


@pytest.mark.parametrize("tools", [False, True])
@pytest.mark.parametrize("text", UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_never_fits_ends_typed_after_the_repairs(kind: Any, text: str, tools: bool) -> None:
    """Two repairs, three calls, then a failure that has the validator's message and the raw text."""
    result, asked = _run(kind, text, tools=tools)
    assert result.failure is not None
    assert (result.status, result.failure.kind, result.failure.raw) == ("failed", "BadOutput", text)
    assert len(asked) == 3 + tools


@pytest.mark.parametrize("kind", KINDS)
def test_a_repair_is_told_what_is_wrong(kind: Any) -> None:
    """The second call shows the first answer and the validator's message, and its value is the result."""
    result, asked = _run(kind, UNUSABLE["wrong type"], GOOD)
    assert result.status == "succeeded"
    assert asked[1].thread[-2].text == UNUSABLE["wrong type"]
    assert "degrees" in asked[1].thread[-1].text


def test_no_repairs_means_none() -> None:
    """With `repairs=0` the first bad answer is the end."""
    result, asked = _run(Struct, "prose", GOOD, repairs=0)
    assert (result.status, len(asked)) == ("failed", 1)
