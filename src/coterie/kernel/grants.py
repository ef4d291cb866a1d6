"""Grants: what is not granted is neither shown to a model nor run.

1. A frame's grant is its caller's, narrowed by what the call and the actor say. None is the grant of
   those who have been given no other: all that an actor was built with. So no frame has more than the
   one above it, and a step that a play takes itself (`do` with a plain function) is no tool.
2. A use outside the frame's grant is noted as refused, and raised where it was asked. A resume makes
   the same of it: grants are part of what an actor is, so they are part of its version.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from coterie.words.effect import Granted, Use
from coterie.words.grant import Grant, Grantable

T = TypeVar("T", bound=Grantable)


def check(grant: Grant, use: Use) -> str:
    """Why `use` may not be performed under `grant`; empty if it may."""
    if not hasattr(use.by, "tags") or grant.allows(use.by):
        return ""
    return f"tool {use.tool!r} is not granted here. Grant it to the team and to every caller above"


def parted(grant: Grant, tools: tuple[T, ...]) -> tuple[tuple[T, ...], list[str]]:
    """Those of `tools` that `grant` allows, and the names of the others."""
    kept = tuple(tool for tool in tools if grant.allows(tool))
    return kept, [tool.name for tool in tools if tool not in kept]


class Noting(Protocol):
    """A machine, as far as it notes."""

    def note(self, path: str, fact: str, about: str = "", value: Any = None) -> None:
        """Remember that the kernel settled something."""
        ...


def granted(machine: Noting, strand: Any, asked: Granted[Any]) -> tuple[Any, ...]:
    """Those of some tools that a frame may use; what it may not is noted as lost."""
    frame = strand.frame
    if frame.grant is None:
        return asked.tools
    kept, lost = parted(frame.grant, asked.tools)
    if lost:
        machine.note(frame.path, "lost", ", ".join(lost))
    return kept
