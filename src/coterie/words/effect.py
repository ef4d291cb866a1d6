"""What a strand may await of the world, and of the kernel.

An effect is a value and an awaitable at once: a play awaits it, the kernel records it, the
shell performs it, and the outcome comes back as the value of the `await`. `request()` is the
effect as plain data, which is what the journal keeps and what replay compares; whoever
performs it (`by`) is never part of it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, ClassVar, Generic, TypeVar

from msgspec import Struct

from coterie.words.brief import Brief
from coterie.words.digest import encode
from coterie.words.grant import Grantable
from coterie.words.limits import Limits
from coterie.words.memory import Query, Remembered
from coterie.words.message import Message
from coterie.words.thread import Thread

T = TypeVar("T")
Tools = TypeVar("Tools", bound=Grantable)
LIMIT = 10_000
"""Messages that a topic holds, unless its inbox says otherwise."""
REPEATS = 3
"""Times that a loop may stand at the same place before it makes no progress."""
OVERFLOWS = ("wait", "refuse", "drop_oldest", "drop_new")
"""What may happen to a message for which a topic has no room."""
DEAD = "dead"
"""The topic of messages that nobody will hear: dropped, expired, or failed too often."""


class Effect(Struct, Generic[T], frozen=True):
    """Base of everything a play can wait for."""

    kind: ClassVar[str] = "effect"
    """What the step is called in a path, such as `think` in `debate/hope/think.1`; a use has the name of its tool."""

    def __await__(self) -> Generator[Effect[T], T, T]:
        return (yield self)

    def request(self) -> tuple[Any, ...]:
        """What is asked, as plain data."""
        raise NotImplementedError


class Think(Effect[Message], frozen=True):
    """Ask a model to continue a thread; gives its message."""

    kind: ClassVar[str] = "think"
    actor: str
    model: str
    brief: Brief
    thread: Thread
    by: Any = None

    @property
    def acts(self) -> bool:
        """Whether answering may have consequences in the world, as it has where whole agents are asked."""
        return getattr(self.by, "acts", False)

    def request(self) -> tuple[Any, ...]:
        return (self.actor, self.model, self.brief.digest, self.thread.digest)


class Use(Effect[Any], frozen=True):
    """Call a tool; gives its result as JSON-shaped data.

    `typed` are the arguments as the tool's function takes them, where whoever asks has checked them; as `by`, they are
    no part of what is asked.
    """

    kind: ClassVar[str] = "use"
    tool: str
    arguments: dict[str, Any]
    by: Any = None
    typed: dict[str, Any] | None = None

    def request(self) -> tuple[Any, ...]:
        return (self.tool, self.arguments)


class Ask(Effect[Any], frozen=True):
    """Ask a person; gives the answer. The run waits for it without a deadline of its own.

    `about` is `question`, `choice`, `approval` or `in_doubt`; `choices` are the answers that are
    accepted, empty for any; `to` is who is asked, empty for anybody.
    """

    kind: ClassVar[str] = "ask"
    question: str
    about: str = "question"
    choices: tuple[str, ...] = ()
    to: str = ""

    def request(self) -> tuple[Any, ...]:
        asked = (self.question, self.about, self.choices)
        return (*asked, self.to) if self.to else asked


class Answer(Struct, frozen=True):
    """What a person answered, and who it was."""

    value: Any
    by: str = ""


class Remember(Effect[str], frozen=True):
    """Keep something beyond the run; gives its key. Done twice, it is kept once."""

    kind: ClassVar[str] = "remember"
    entry: Remembered

    def request(self) -> tuple[Any, ...]:
        return (self.entry,)


class Forget(Effect[int], frozen=True):
    """Delete what was remembered and the query's filters fit, if it is one's own; gives how many entries that were."""

    kind: ClassVar[str] = "forget"
    query: Query

    def request(self) -> tuple[Any, ...]:
        return (self.query,)


class Recall(Effect[Any], frozen=True):
    """Find what was remembered, by whoever the run is for; gives a list in JSON shape, the best first."""

    kind: ClassVar[str] = "recall"
    query: Query

    def request(self) -> tuple[Any, ...]:
        return (self.query,)


class Sleep(Effect[None], frozen=True):
    """Let `seconds` pass."""

    kind: ClassVar[str] = "sleep"
    seconds: float

    def request(self) -> tuple[Any, ...]:
        return (self.seconds,)


class Now(Effect[float], frozen=True):
    """The time, in seconds since the Unix epoch."""

    kind: ClassVar[str] = "now"

    def request(self) -> tuple[Any, ...]:
        return ()


class Draw(Effect[float], frozen=True):
    """A random number in [0, 1)."""

    kind: ClassVar[str] = "draw"

    def request(self) -> tuple[Any, ...]:
        return ()


class Send(Effect[None], frozen=True):
    """Put a message on a topic. Settled by the kernel; a later `Hear` gets it.

    `priority` runs from 0 (low) over 1 (normal) and 2 (high) to 3 (urgent).
    """

    topic: str
    message: Any
    priority: int = 1


class Hear(Effect[Any], frozen=True):
    """Wait for the most urgent, then oldest, message on a topic; each is heard once.

    With `outside` the message may come from outside the run, so waiting is not being stuck. With a `group` it is one
    that runs tell that group, of which this run is a member now: `Take` says what is promised.
    """

    topic: str
    outside: bool = False
    group: str = ""

    def __await__(self) -> Generator[Effect[Any], Any, Any]:
        return (yield Take(self.topic, self.group) if self.group else self)


class Take(Effect[Any], frozen=True):
    """Wait for the next message that runs tell a `group` on a topic; what a `Hear` with a group asks of the world.

    Of all runs that wait for it, on whatever hosts, one is given each message. It is in the journal of that run before
    anybody hears it. If the run dies before that, or nobody in it waits any more, another is given the message.
    """

    kind: ClassVar[str] = "take"
    topic: str
    group: str

    def request(self) -> tuple[Any, ...]:
        return (self.topic, self.group)


class Inbox(Effect[None], frozen=True):
    """Say how many messages a topic holds, and what happens to one more.

    `overflow` is `wait` (its sender waits for room, the default of every topic), `refuse` (its sender
    gets `InboxFull`), `drop_oldest` or `drop_new`; what is dropped goes to the topic `DEAD`.
    """

    topic: str
    limit: int = LIMIT
    overflow: str = "wait"


class Subscribe(Effect[None], frozen=True):
    """Let what is published on topics that fit `pattern` reach the topic `inbox`.

    Topics are words with dots between; `*` fits one word, `>` at the end one or more.
    """

    pattern: str
    inbox: str


class Unsubscribe(Effect[None], frozen=True):
    """End every subscription of an inbox."""

    inbox: str


class Subscribers(Effect[tuple[str, ...]], frozen=True):
    """The inboxes that a topic reaches, in the order in which they subscribed."""

    topic: str


class Put(Effect[int], frozen=True):
    """Write a board entry and get its new version; settled by the kernel.

    With `version` the write happens only if the entry still has that version (0: absent).
    """

    key: str
    value: Any
    version: int | None = None


class Get(Effect["Entry"], frozen=True):
    """Read a board entry; version 0 says that there is none."""

    key: str


class Watch(Effect["Entry"], frozen=True):
    """Wait until a board entry has a version above `after`."""

    key: str
    after: int = 0


class Claim(Effect[None], frozen=True):
    """Wait until the frame may write `resource`, or with `write` off read it.

    With `slots` above 1 that many may write it at once. It is given back by `Release`, and when the frame
    ends. Of those who wait, the one with the highest `priority` is next.
    """

    resource: str
    write: bool = True
    priority: int = 1
    slots: int = 1


class Release(Effect[None], frozen=True):
    """Give back what the frame has claimed."""

    resource: str


class Mark(Effect[None], frozen=True):
    """Say where a loop stands. The same `state` at the `limit`-th mark of a frame is `NoProgress`."""

    state: str
    limit: int = REPEATS


class Here(Effect[str], frozen=True):
    """The path of the frame that asks: a name for topics and board keys that no other frame of the run has."""


class Acted(Effect[bool], frozen=True):
    """Whether a tool that is not idempotent has been begun in the frame that asks, or below it."""


class Left(Effect[Limits], frozen=True):
    """What may still be used up in the frame that asks, by every limit that it counts against."""


class Tainted(Effect[tuple[str, ...]], frozen=True):
    """Where the words come from that the frame has read, as far as somebody wrote them who is no member."""


class Distrust(Effect[None], frozen=True):
    """Say where words come from that the frame is about to read, because somebody wrote them who is no member."""

    sources: tuple[str, ...]


class Vouch(Effect[None], frozen=True):
    """Say that a person was shown what taints the frame, and allows one use: the one that `name_of` names so."""

    use: bytes


class Granted(Effect[tuple[Tools, ...]], Generic[Tools], frozen=True):
    """Those of `tools` that the frame may use. What it may not is noted as lost."""

    tools: tuple[Tools, ...]


class Entry(Struct, frozen=True):
    """One board entry: its value, its version from 1 up, and the path of who wrote it."""

    key: str
    value: Any = None
    version: int = 0
    author: str = ""
    taint: tuple[str, ...] = ()


class Stored(Effect[Any], frozen=True, gc=False):
    """An effect as a journal remembers it: what kind it was, and its request in canonical bytes.

    Of a `Think`, `prompt` is what its thread said beyond the prompts before it.
    """

    was: str
    body: bytes
    prompt: tuple[Message, ...] = ()


def body_of(effect: Effect[Any]) -> bytes:
    """An effect's request in canonical bytes: the same for a live effect and for its memory."""
    return effect.body if isinstance(effect, Stored) else encode(effect.request())


def kind_of(effect: Effect[Any]) -> str:
    """What an effect asks for, in a word: `think`, `use`, `sleep` ..."""
    return effect.was if isinstance(effect, Stored) else effect.kind


def answer_of(given: Any) -> Answer:
    """An answer as it was given: with who gave it, or as a bare value."""
    return given if isinstance(given, Answer) else Answer(given)
