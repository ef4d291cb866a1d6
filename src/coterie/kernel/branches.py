"""Branches: strands for what a join runs that is no actor."""

from __future__ import annotations

import inspect
from typing import Any

from coterie.kernel.frames import Frame, Strand
from coterie.kernel.joins import Join


def branch(part: Any, above: Frame, join: Join, slot: int) -> Strand:
    """A strand for a coroutine, or for anything else that can be awaited, in a frame below `above`."""
    coro = part if inspect.iscoroutine(part) else _wait(part)
    return Strand(coro, Frame(_name(part), above), join, slot)


async def _wait(part: Any) -> Any:
    return await part


def _name(part: Any) -> str:
    """What it is called: its function, or its effect."""
    return getattr(part, "__name__", None) or getattr(part, "kind", None) or type(part).__name__.lower()
