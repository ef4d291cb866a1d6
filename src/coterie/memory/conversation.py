"""Conversations that go on from run to run: what a run adds to one, and how it is kept within a budget.

Theory of operation:

1. A session is a row of runs, `ID.1`, `ID.2` and so on, one a message. Each was opened with the conversation
   so far, so the next one follows from the journal of the last alone; there is nothing else to keep, and
   nothing that a crash could leave half-written.
2. What a run adds: the message, what its agent called and got, and the answer, or why there is none.
3. A context says what of it is told. Beyond its budget the oldest messages go, whole turns at a time, down to
   half of it, so that the beginning of the prompt stays the same for many turns. What is left out is named,
   and may be summarised.
4. Whatever was cut, every call keeps its result (`kernel.pairs`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from coterie.context import Context, Select, Whole, clipped
from coterie.errors import BadInput
from coterie.kernel.pairs import healed
from coterie.kernel.replay import counted
from coterie.kernel.story import closed, opened
from coterie.ports import Store
from coterie.window import UNBOUNDED
from coterie.words.effect import Stored, Think, kind_of
from coterie.words.event import Asked, Closed, Opened, Record, Settled
from coterie.words.fence import fenced
from coterie.words.message import Message
from coterie.words.thread import Thread
from coterie.words.tokens import Count, size_of
from coterie.words.usage import NOTHING

OnBusy: TypeAlias = Literal["queue", "reject", "interrupt"]
"""What becomes of a message to a session that is still at work on the last one."""
BUDGET = 8_000
"""Tokens of a conversation that the next run is given, unless its session says otherwise."""
SMALLEST = 400
"""Tokens below which a budget is refused."""
NAMELESS = Message(sender="user")
"""Stands where a context expects the beginning of a conversation, which it always keeps."""
CLIPPED = 40
"""Tokens for saying that a text was clipped, and whose it is."""
FENCE = 60
"""Tokens of the fence around a summary: it is made of what anybody said, so it is data."""
SUMMARY = 4
"""The part of the budget that a summary may have: a quarter."""


class Session(Struct, frozen=True, kw_only=True):
    """A conversation across runs, and how it is carried on.

    `context` says how much of it the next run is given: `Whole`, `Last`, `Own` or `Summary`, within its budget.
    What is left out is named; of a `Summary` it is summarised, too. A message that comes while the session is
    `busy` with another waits (`queue`), is refused with `Busy` (`reject`), or cancels the other (`interrupt`).
    """

    id: str
    context: Context = Whole(budget=BUDGET)
    busy: OnBusy = "queue"

    def __post_init__(self) -> None:
        if not self.id or (self.context.budget or SMALLEST) < SMALLEST:
            raise BadInput(
                f"session {self.id!r}: it needs an id, and a budget of {SMALLEST} tokens or more, "
                f"not {self.context.budget}"
            )
        if isinstance(self.context, Select):
            raise BadInput(
                f"session {self.id!r}: nothing can be selected across runs; give `Select` to an agent"
            )

    @property
    def budget(self) -> int:
        """Tokens that the conversation may have."""
        return UNBOUNDED if self.context.budget is None else self.context.budget

    def size(self, messages: Sequence[Message]) -> int:
        """The tokens of some messages."""
        return sum(size_of(message, self.context.count) for message in messages)

    def run(self, turn: int) -> str:
        """The id of the run of a turn, from 1."""
        return f"{self.id}.{turn}"

    async def turns(self, store: Store) -> int:
        """How many turns there are in `store`, whether they have ended or not."""
        low, high = 0, 1
        while await store.read(self.run(high)):
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if await store.read(self.run(middle)) else (low, middle)
        return low

    async def history(self, store: Store) -> Thread:
        """All that was said in the session, whatever has been left out of prompts since."""
        said: list[Message] = []
        for turn in range(1, await self.turns(store) + 1):
            said += added(await store.read(self.run(turn)))
        return healed(Thread(said))


class Carried(Struct, frozen=True):
    """A conversation as the next run is given it, and how many messages of it are left out so far."""

    messages: tuple[Message, ...] = ()
    left_out: int = 0

    @property
    def thread(self) -> Thread | None:
        """The conversation, well-formed; None at the beginning."""
        return healed(Thread(self.messages)) if self.messages else None


class Cut(Struct, frozen=True):
    """A conversation over its budget: what has to go, and what stays."""

    gone: tuple[Message, ...]
    kept: tuple[Message, ...]
    left_out: int


def carried(records: Sequence[Record]) -> Carried:
    """The conversation after a run: what it was opened with, and what it has added."""
    began = opened(records)
    before = began.context or ()
    known = began.origin.get("session", {})
    return Carried((*before, *added(records)), int(known.get("left_out", 0)))


def added(records: Sequence[Record]) -> list[Message]:
    """What a run adds to a conversation: the message, calls with their results, and how it ended."""
    began = opened(records)
    said = [Message(sender="user", text=began.task)] if began.task else []
    worked = _numbered(_worked(records, began.actor), f"turn{began.origin.get('session', {}).get('turn', 0)}")
    return [*said, *worked, _ended(began, closed(records))]


def over(session: Session, conversation: Carried, actor: str) -> Cut | None:
    """What `actor` is not told any more of a conversation; None if it is told all.

    What the context does not choose goes. Of what is over the budget then, whole turns go, the oldest first,
    until half of it is left; of the last turn calls go with their results, then texts are clipped.
    """
    note = conversation.messages[: bool(conversation.left_out)]
    rest = conversation.messages[len(note) :]
    chosen = session.context.chosen(Thread((NAMELESS, *rest)), len(rest) + 1, actor)
    places = range(len(rest)) if chosen is None else [at - 1 for at in chosen]
    told = [rest[at] for at in places]
    gone = [rest[at] for at in range(len(rest)) if at not in set(places)]
    if session.size([*note, *told]) > session.budget:
        first = _first_kept(told, session)
        told, gone = told[first:], [*gone, *told[:first]]
        told, shed = _shrunk(told, session)
        gone += shed
    elif not gone:
        return None
    return Cut((*note, *gone), tuple(told), conversation.left_out + len(gone))


def joined(session: Session, turn: int, cut: Cut, summary: str = "") -> Carried:
    """The conversation after a cut, with what is left out named or summarised before turn `turn`."""
    where = f"they are in the runs {session.run(1)} to {session.run(turn - 1)}"
    text = f"[{cut.left_out} earlier messages of this conversation are left out; {where}]"
    if summary:
        short = clipped(summary, session.budget // SUMMARY - FENCE, session.context.count)
        text = f"{text}\nIn short, they were:\n{fenced(short, 'a summary of this conversation')}"
    return Carried((Message(sender="user", text=text), *cut.kept), cut.left_out)


def _worked(records: Sequence[Record], actor: str) -> list[Message]:
    """What the agent of a run called, and what it got, as far as it was shown that."""
    found: list[Message] = []
    calling: Message | None = None
    for event in [record.event for record in counted(records)]:
        if isinstance(event, Settled) and event.path.rpartition("/")[0] == actor:
            said = event.value
            if isinstance(said, Message) and said.calls:
                calling = said
                found.append(replace(said, usage=NOTHING, output=None, parts=()))
        elif calling and isinstance(event, Asked) and _is_think(event, actor):
            shown = {message.answers: message for message in _prompt(event.effect)}
            found += [shown[call.id] for call in calling.calls if call.id in shown]
            calling = None
    return found


def _numbered(messages: Sequence[Message], prefix: str) -> Iterator[Message]:
    """Calls and results under ids of the session: a model may number its own from one in each run."""
    ids: dict[str, str] = {}
    for message in healed(Thread(messages)):
        ids |= {call.id: f"{prefix}-{len(ids) + n}" for n, call in enumerate(message.calls, 1)}
        calls = tuple(replace(call, id=ids[call.id]) for call in message.calls)
        yield replace(message, calls=calls, answers=ids.get(message.answers, ""))


def _is_think(event: Asked, actor: str) -> bool:
    return kind_of(event.effect) == Think.kind and event.path.rpartition("/")[0] == actor


def _prompt(effect: Any) -> Sequence[Message]:
    """The messages of a prompt, as far as the journal has them beyond the prompts before."""
    if isinstance(effect, Stored):
        return effect.prompt
    return list(effect.thread) if isinstance(effect, Think) else ()


def _ended(began: Opened, end: Closed | None) -> Message:
    """The answer of a run, or what is said in its place."""
    if end is not None and end.message is not None:
        return Message(sender=began.actor, text=end.message.text or "[no text]")
    why = "interrupted" if end is None else end.status
    about = f": {end.failure.message[:200]}" if end is not None and end.failure is not None else ""
    return Message(sender=began.actor, text=f"[This turn ended without an answer; it was {why}{about}]")


def _begins(message: Message) -> bool:
    """Whether a turn begins here: somebody outside speaks."""
    return message.sender == "user" and not message.answers


def _first_kept(messages: Sequence[Message], session: Session) -> int:
    """Where the oldest turn begins that may stay; the last one does."""
    begins = [at for at, message in enumerate(messages) if _begins(message)] or [0]
    fits = [at for at in begins if session.size(messages[at:]) <= session.budget // 2]
    return min([*fits, begins[-1]])


def _shrunk(turn: list[Message], session: Session) -> tuple[list[Message], list[Message]]:
    """What stays of turns that are over the budget alone: calls go with their results, then texts are clipped."""
    shed: list[Message] = []
    while session.size(turn) > session.budget // 2:
        at = next((n for n, message in enumerate(turn) if message.calls), None)
        if at is None:
            break
        end = at + 1
        while end < len(turn) and turn[end].answers:
            end += 1
        shed += turn[at:end]
        del turn[at:end]
    if session.size(turn) <= session.budget // 2:
        return turn, shed
    room = max(1, session.budget // (2 * max(1, len(turn))) - CLIPPED)
    return [_clipped(message, room, session.context.count) for message in turn], shed


def _clipped(message: Message, room: int, count: Count) -> Message:
    part = clipped(message.text, room, count)
    if part == message.text:
        return message
    return replace(message, text=f"{part}\n[{len(part)} of {len(message.text)} characters are shown]")
