"""A plan: steps that depend on one another."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One piece of work: who does what, after which other steps, and when it counts as done."""

    id: str
    worker: str
    task: str
    depends_on: tuple[str, ...] = ()
    complexity: Literal["low", "medium", "high"] = "medium"
    done_when: str = ""


class Plan(Struct, frozen=True):
    """Steps in any order; `depends_on` decides what may run when."""

    steps: tuple[Step, ...]
