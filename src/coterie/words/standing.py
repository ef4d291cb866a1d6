"""Standing agents: what is written of one, what is said to it, and what becomes of that."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import Struct

from coterie.words.envelope import Priority
from coterie.words.failure import Failure
from coterie.words.result import Status

OnBusy: TypeAlias = Literal["queue", "reject", "interrupt"]
"""What becomes of a message to an agent that is at work on another: it waits, is refused, or stops the other."""


class Standing(Struct, frozen=True, kw_only=True):
    """An agent that stays: who it is, what it may use, and how it takes messages.

    `born` numbers the agents that had this name; `budget` is the tokens of its conversation that each turn is given,
    `topics` are patterns of the topics whose messages it hears. Times are seconds since the epoch.
    """

    name: str
    born: int
    description: str = ""
    instructions: str = ""
    model: str | None = None
    tools: tuple[str, ...] = ()
    memory: bool = True
    limits: dict[str, Any] = {}
    turns: int = 16
    output: dict[str, Any] | None = None
    busy: OnBusy = "queue"
    budget: int = 8_000
    topics: tuple[str, ...] = ()
    by: str = ""
    created: float = 0.0

    @property
    def session(self) -> str:
        """The session whose turns are its runs; no client can name a run so."""
        return f"@{self.name}.{self.born}"

    @property
    def mail(self) -> str:
        """The ledger of its mailbox."""
        return f"mail/{self.name}.{self.born}"

    @property
    def owner(self) -> str:
        """Whose its memories are."""
        return f"agent {self.name}"


class Said(Struct, frozen=True, kw_only=True, tag="said", omit_defaults=True):
    """Something was said to it: by whom (a name and a role), how urgent, and from which topic if from one.

    `key` names it: the same key again is the same message. `at` is its number on the topic.
    """

    text: str
    data: Any = None
    priority: Priority = Priority.NORMAL
    by: str = ""
    role: str = "operator"
    key: str = ""
    topic: str = ""
    at: int = -1


class Took(Struct, frozen=True, tag="took"):
    """It began to work on a message, in the run of its next turn."""

    number: int


class Lost(Struct, frozen=True, tag="lost"):
    """The turn of a message could not begin, and why; the next message has it."""

    number: int
    why: str


class Follows(Struct, frozen=True, tag="follows"):
    """It hears what is published after these numbers, by topic; on a topic that is not named, everything."""

    heads: dict[str, int]


Mail: TypeAlias = Said | Took | Lost | Follows
"""The entries of a mailbox."""


class Letter(Struct, frozen=True, kw_only=True):
    """A message to a standing agent and what has become of it: `run` is the turn that worked on it.

    `queued`: nobody has begun it. `refused`: its turn could not begin. All others are the status of the run.
    """

    number: int
    text: str
    data: Any
    priority: Priority
    by: str
    topic: str
    time: float
    state: Status | Literal["queued", "refused"]
    run: str
    reply: str
    output: Any
    failure: Failure | None


OVER = ("succeeded", "unverified", "failed", "stuck", "cancelled", "refused")
"""States that do not change any more by themselves."""


class Doing(Struct, frozen=True, kw_only=True):
    """What a standing agent does now: the run it works on, if any, how many messages wait, and its turns so far."""

    state: Literal["idle", "working", "waiting"]
    run: str
    queued: int
    turns: int
