"""A team file, as a user would write it."""

from __future__ import annotations

import asyncio
import threading

from coterie import Agent, Ask, Message, Task, do
from coterie.models import scripted
from coterie.patterns import debate
from coterie.words.effect import Think

said = scripted(lambda think: f"{think.actor} has read {len(think.thread)}")


async def endless(think: Think) -> Message:
    """A model that never answers."""
    await asyncio.Event().wait()
    return await said(think)


panel = debate(
    Agent("hope", "Be for it.", model=said),
    Agent("doubt", model=said),
    judge=Agent("judge", model=said),
    rounds=0,
)
never = Agent("never", model=endless)


def made() -> Agent:
    """An agent that is built when it is asked for."""
    return Agent("made", model=said)


def unwell() -> Agent:
    """A builder that wants to be told something."""
    raise TypeError("tell me more")


async def asks(task: Task) -> str:
    """Does what a person says."""
    return f"you said {await Ask('Go on?', choices=('yes', 'no'))}"


def boom() -> None:
    """Raises."""
    raise ValueError("no luck")


async def fails(task: Task) -> str:
    """Fails at its first step."""
    await do(boom)
    return "never"


def count() -> dict[str, int]:
    """Counts."""
    return {"n": 2}


async def counts(task: Task) -> str:
    """Says what was counted."""
    return str((await do(count))["n"])


async def blocked(task: Task) -> str:
    """Calls something in a thread that nothing can stop."""
    await do(block)
    return "never"


def block() -> None:
    """Waits for ever."""
    threading.Event().wait()


seven = 7
