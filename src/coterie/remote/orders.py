"""What a remote agent is asked, and what it reports, as plain values: what a journal keeps of it."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from coterie.words.usage import NOTHING, Usage

State: TypeAlias = Literal["working", "completed", "failed", "canceled", "rejected", "input", "auth"]
"""Where a task stands at the remote; `input` and `auth` are questions."""


class Order(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step with a remote agent: send it a message, or with `follow` wait for what becomes of a task.

    `message` is the id that the message keeps at every try. `task` and `question` say what it answers. `spent` is
    what the remote had reported of the task by then, `limits` what it may use up.
    """

    message: str = ""
    task: str = ""
    context: str = ""
    question: str = ""
    follow: bool = False
    spent: Usage = NOTHING
    limits: dict[str, float] = {}


class Question(Struct, frozen=True, kw_only=True):
    """What a remote agent asks; `id` is empty where it only says it in words."""

    text: str
    id: str = msgspec.field(name="question", default="")
    about: str = "question"
    choices: tuple[str, ...] = ()


class Report(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a remote agent says of a task: where it stands, what it asks, and the typed value of its answer.

    `stale` says that it was over before it was looked at: a run that was cancelled, and goes on now, had it ended.
    `task` is empty where it has answered with a message and keeps no task. `spent` is all that it has reported.
    """

    state: State
    task: str = ""
    context: str = ""
    questions: tuple[Question, ...] = ()
    value: Any = None
    why: str = ""
    unverified: str = ""
    stale: bool = False
    spent: Usage = NOTHING
