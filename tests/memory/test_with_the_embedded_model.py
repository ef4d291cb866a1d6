"""Memory and sessions with the embedded model: what is remembered reaches the answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from coterie import Agent, run
from coterie.memory import Memory
from coterie.recollect import Recollect
from coterie.stores import MemoryStore

pytestmark = pytest.mark.weights
SETTINGS = {"temperature": 0, "max_tokens": 40}
FACTS = ("Deploys happen on Tuesdays.", "The heron nests in June.", "The office is closed on Fridays.")


def test_a_model_answers_from_what_is_remembered(tmp_path: Path) -> None:
    """What no model can know is in the answer, because it was found by meaning and told, fenced."""

    async def scene() -> str:
        memory = Memory(tmp_path / "memory.db")
        for fact in FACTS:
            await memory.remember(fact, source="handbook")
        told = Recollect(tools=False, first=2)
        agent = Agent("helper", "Answer in one short sentence.", memory=told, settings=SETTINGS)
        question = "On which day of the week do we deploy?"
        result = await run(agent, question, memory=memory, model="embedded")
        await memory.close()
        return result.text

    assert "Tuesday" in asyncio.run(scene())


def test_a_model_goes_on_with_a_session() -> None:
    """The second run of a session knows what was said in the first."""

    async def scene() -> str:
        agent, store = Agent("chat", "Be brief.", settings=SETTINGS), MemoryStore()
        for text in ("My name is Ada. Say hello.", "What is my name?"):
            result = await run(agent, text, model="embedded", store=store, session="c")
        return result.text

    assert "Ada" in asyncio.run(scene())
