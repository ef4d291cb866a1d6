"""Envelopes: what a message between agents needs to be delivered, understood and answered."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Literal, TypeAlias

from msgspec import Struct

Intent: TypeAlias = Literal["ask", "inform", "delegate", "escalate"]
"""Why somebody writes: to be answered, to tell, to hand work over, to have somebody else decide."""
Kind: TypeAlias = Literal["message", "request", "reply", "event"]
"""How it travels: to one, to one who answers, as that answer, to whoever subscribed."""
Trust: TypeAlias = Literal["trusted", "untrusted"]
"""Whether the body may hold words of somebody who is no member: a file, a page, a person outside."""


class Priority(IntEnum):
    """How urgent a message is; waiting raises it (see `kernel.topics`)."""

    LOW = 0
    NORMAL = 1
    HIGH = 2
    URGENT = 3


class Envelope(Struct, frozen=True, kw_only=True):
    """One message between agents.

    `id` is unique in its run. `correlation` is the id of the message that began the exchange, and
    `reply_to` of the one that this answers. `deadline` is in seconds since the epoch: past it the
    message is not delivered any more.
    """

    id: str
    sender: str
    recipient: str
    body: Any = None
    kind: Kind = "message"
    intent: Intent = "inform"
    priority: Priority = Priority.NORMAL
    correlation: str = ""
    reply_to: str = ""
    conversation: str = ""
    deadline: float | None = None
    trust: Trust = "trusted"


class DeadLetter(Struct, frozen=True):
    """A message that nobody will hear, where it was going, and why."""

    topic: str
    message: Any
    why: str
