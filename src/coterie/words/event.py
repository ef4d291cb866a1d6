"""What happened. The journal of a run is a list of these and nothing else."""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Struct

from coterie.words.effect import Effect
from coterie.words.failure import Failure
from coterie.words.limits import DEFAULT, Limits
from coterie.words.message import Message
from coterie.words.result import Status
from coterie.words.usage import NOTHING, Usage


class Opened(Struct, frozen=True, kw_only=True, tag="opened"):
    """A run began with a task: its text, its data in JSON shape, and the conversation before it.

    `manifest` names the version of every actor that takes part.
    """

    run: str
    actor: str
    task: str
    data: Any = None
    context: tuple[Message, ...] | None = None
    manifest: dict[str, str] = {}
    limits: Limits = DEFAULT
    origin: dict[str, Any] = {}
    """For a fork: the run it came from, the event, and what was changed."""


class Asked(Struct, frozen=True, tag="asked"):
    """A strand reached an effect of the world."""

    path: str
    effect: Effect[Any]


class Settled(Struct, frozen=True, tag="settled"):
    """The world answered: with a value, or with a failure. `reused` names the run it was taken from."""

    path: str
    value: Any = None
    failure: Failure | None = None
    usage: Usage = NOTHING
    reused: str = ""


class Noted(Struct, frozen=True, tag="noted"):
    """The kernel settled something itself. `fact` is `entered`, `left`, `failed`, `refused`, `sent`,
    `dead`, `put`, `lost` (tools that no caller grants), `granted` (tools by a declared edge), `dropped`
    (an effect that nobody waits for any more), `listens` (only people and messages from outside can move
    the run), `sleeps` (it is put away until `value`, in seconds since the epoch), or `asks` (a person, about a
    step that is no question itself).
    """

    path: str
    fact: str
    about: str = ""
    value: Any = None


class Signalled(Struct, frozen=True, tag="signalled"):
    """Something came from outside: `cancel`, `message` (on topic `about`), `raised` (limits of the frame
    `about`), `limit` (one that time has reached), `answer` (of a person to the question at `about`; what it
    settles follows), `refused` (an answer that was none), `moved` (all before it is read by the moves in `value` from
    then on), `migrated` (to the versions in `value`), `pause`
    (of what is begun, with `value` seconds for what is under way), `unpaused`, or `resume`.

    A `resume` with `value` n says that events n and later, up to this one, no longer count.
    """

    kind: str
    about: str = ""
    value: Any = None


class Closed(Struct, frozen=True, kw_only=True, tag="closed"):
    """A run ended."""

    status: Status
    message: Message | None = None
    failure: Failure | None = None
    usage: Usage = NOTHING
    parts: tuple[Message, ...] = ()
    """What the members had said by then, where there is no message to carry it."""


Event: TypeAlias = Opened | Asked | Settled | Noted | Signalled | Closed


class Record(Struct, frozen=True):
    """One line of a journal: its gap-free number from 0, when (seconds since the epoch), and what."""

    seq: int
    time: float
    event: Event
