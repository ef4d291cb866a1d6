"""A plan: steps that depend on one another."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One piece of work: who does what, after which other steps, and when it counts as done.

    Without a `worker` it goes to whoever fits best what `can` says.
    """

    id: str
    worker: str = ""
    task: str
    depends_on: tuple[str, ...] = ()
    complexity: Literal["low", "medium", "high"] = "medium"
    done_when: str = ""
    can: str = ""


class Plan(Struct, frozen=True):
    """Steps in any order; `depends_on` decides what may run when."""

    steps: tuple[Step, ...]


class Assigned(Struct, frozen=True, omit_defaults=True):
    """Why a step that named no worker goes to whom it goes."""

    step: str
    can: str
    worker: str
    why: str


class Replan(Struct, frozen=True):
    """What a planner finds in its task's data when steps have failed: ids, and why.

    `planned` are all ids that there have been; `data` is what the task's data was before.
    """

    done: tuple[str, ...]
    failed: dict[str, str]
    planned: tuple[str, ...]
    data: Any = None
