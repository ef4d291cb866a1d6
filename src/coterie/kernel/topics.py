"""Topics: what was sent and not heard yet, who waits to hear it, and who subscribes to what.

1. A message goes to whoever has waited longest, else into the topic's queue of its priority.
2. Taken is the most urgent message, then the oldest. Waiting counts: for every `AGE` messages
   taken before it, a message rises by one priority, so none is passed over for ever.
3. A topic holds so many messages. At the limit its overflow policy decides: the sender waits, the
   sender is refused, or the oldest or the new message goes to the topic `DEAD`.
4. Subscriptions say which inboxes a published topic reaches. Subjects are words with dots
   between; in a pattern `*` stands for one word and a `>` at the end for one or more (the subjects
   of NATS).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from coterie.errors import BadInput, InboxFull
from coterie.kernel.frames import Strand
from coterie.words.effect import DEAD, LIMIT, OVERFLOWS, Hear, Inbox, Send, Subscribe, Unsubscribe
from coterie.words.envelope import DeadLetter

LEVELS = 4
"""Priorities: 0 low, 1 normal, 2 high, 3 urgent."""
AGE = 32
"""Messages taken before it that are worth one priority to a message that waits."""
DEAD_LIMIT = 1_000
"""Dead letters that are kept; of more, the newest."""
NOTHING: Any = object()


class Topic:
    """One queue a priority, the strands that wait to hear, and those that wait to send."""

    __slots__ = ("blocked", "limit", "overflow", "queues", "size", "taken", "waiting")

    def __init__(self, limit: int = LIMIT, overflow: str = "wait") -> None:
        self.limit = limit
        self.overflow = overflow
        self.size = 0
        self.taken = 0
        self.queues: tuple[deque[tuple[int, Any]], ...] = tuple([deque() for _ in range(LEVELS)])
        self.waiting: deque[tuple[Strand, Hear]] = deque()
        self.blocked: deque[tuple[Strand, Send]] = deque()

    def hearer(self) -> Strand | None:
        """Whoever has waited longest to hear, and still does."""
        while self.waiting:
            strand, hear = self.waiting.popleft()
            if strand.wait is hear and not strand.closed:
                return strand
        return None

    def put(self, message: Any, priority: int) -> None:
        """Queue a message."""
        self.queues[priority].append((self.taken, message))
        self.size += 1

    def take(self) -> Any:
        """The most urgent message, with what it has waited counted in; `NOTHING` if there is none."""
        if not self.size:
            return NOTHING
        best = self.queues[1]
        if len(best) != self.size:
            best = self._most_urgent()
        self.size -= 1
        self.taken += 1
        return best.popleft()[1]

    def _most_urgent(self) -> deque[tuple[int, Any]]:
        """The queue whose first message is next."""
        ages = {level: queue[0][0] - level * AGE for level, queue in enumerate(self.queues) if queue}
        return self.queues[min(ages, key=lambda level: (ages[level], -level))]

    def least(self) -> Any:
        """The least urgent, then oldest, message, taken out to make room."""
        self.size -= 1
        return next(queue for queue in self.queues if queue).popleft()[1]

    def sender(self) -> tuple[Strand, Send] | None:
        """Whoever has waited longest to send, and still does."""
        while self.blocked:
            strand, send = self.blocked.popleft()
            if strand.wait is send and not strand.closed:
                return strand, send
        return None


class Topics:
    """All topics of a run. `wake` lets a strand go on with a value; `note` keeps a fact."""

    __slots__ = ("_note", "_reached", "_subscriptions", "_topics", "_wake", "outside")

    def __init__(
        self, wake: Callable[[tuple[Strand, Any, None]], None], note: Callable[[str, str, str, Any], None]
    ) -> None:
        self.outside = 0
        self._topics: dict[str, Topic] = {}
        self._subscriptions: list[tuple[Strand, Subscribe]] = []
        self._reached: dict[str, tuple[str, ...]] = {}
        self._wake = wake
        self._note = note

    def send(self, topic: str, message: Any, priority: int) -> bool | None:
        """Whether somebody heard `message` at once; None if there is no room for it and its sender has to wait.

        Raises:
            BadInput: for a priority that there is not.
            InboxFull: if the topic is full and refuses.
        """
        held = self._topics.get(topic)
        if held is None:
            held = self._topics[topic] = Topic()
        if held.waiting and (strand := held.hearer()) is not None:
            self.outside -= strand.wait.outside
            self._wake((strand, message, None))
            return True
        if not 0 <= priority < LEVELS:
            raise BadInput(f"a priority is 0 to {LEVELS - 1}, not {priority}")
        if held.size >= held.limit and not self._room(topic, held, message):
            return None if held.overflow == "wait" else False
        held.put(message, priority)
        return False

    def hearers(self, topic: str) -> list[Strand]:
        """Whoever waits to hear on a topic now."""
        held = self._topics.get(topic)
        return [strand for strand, hear in held.waiting if strand.wait is hear] if held is not None else []

    def block(self, strand: Strand, send: Send) -> None:
        """Let a sender wait until there is room."""
        self._topics[send.topic].blocked.append((strand, send))

    def hear(self, strand: Strand, hear: Hear) -> Any:
        """The next message of a topic; `NOTHING` if there is none, and `strand` waits for it."""
        held = self._topics.get(hear.topic)
        if held is None:
            held = self._topics[hear.topic] = Topic()
        message = held.take()
        if message is NOTHING:
            self.outside += hear.outside
            held.waiting.append((strand, hear))
        elif held.blocked and (next_ := held.sender()) is not None:
            sender, send = next_
            held.put(send.message, send.priority)
            self._wake((sender, None, None))
        return message

    def unheard(self) -> list[tuple[str, Any]]:
        """What was sent and nobody has heard, taken out: by topic, the most urgent first, without dead letters."""
        found: list[tuple[str, Any]] = []
        for topic, held in self._topics.items():
            while topic != DEAD and held.size:
                found.append((topic, held.take()))
        return found

    def bound(self, inbox: Inbox) -> None:
        """Say how much a topic holds.

        Raises:
            BadInput: for a limit below 1, or an overflow policy that there is not.
        """
        if inbox.limit < 1 or inbox.overflow not in OVERFLOWS:
            raise BadInput(
                f"inbox {inbox.topic!r}: limit is 1 or more, and overflow one of {list(OVERFLOWS)}"
            )
        held = self._topics.get(inbox.topic)
        if held is None:
            self._topics[inbox.topic] = Topic(inbox.limit, inbox.overflow)
        else:
            held.limit, held.overflow = inbox.limit, inbox.overflow

    def subscribe(self, strand: Strand, subscribe: Subscribe) -> None:
        """Let what is published on matching topics reach an inbox, for as long as `strand` lives.

        Raises:
            BadInput: if its pattern is none.
        """
        words = subscribe.pattern.split(".")
        if "" in words or ">" in words[:-1]:
            raise BadInput(
                f"{subscribe.pattern!r} is no pattern: words with dots between, `*`, and `>` at the end"
            )
        self._subscriptions.append((strand, subscribe))
        self._reached.clear()

    def unsubscribe(self, ended: Unsubscribe) -> None:
        """End every subscription of an inbox."""
        self._subscriptions = [(s, one) for s, one in self._subscriptions if one.inbox != ended.inbox]
        self._reached.clear()

    def subscribers(self, topic: str) -> tuple[str, ...]:
        """The inboxes that `topic` reaches, each once, in the order in which they subscribed."""
        if any(strand.closed for strand, _ in self._subscriptions):
            self._subscriptions = [(s, one) for s, one in self._subscriptions if not s.closed]
            self._reached.clear()
        found = self._reached.get(topic)
        if found is None:
            words = topic.split(".")
            inboxes = [one.inbox for _, one in self._subscriptions if matches(one.pattern.split("."), words)]
            found = self._reached[topic] = tuple(dict.fromkeys(inboxes))
        return found

    def _room(self, topic: str, held: Topic, message: Any) -> bool:
        """Whether there is room for one more message now."""
        if held.overflow == "drop_oldest":
            self._bury(topic, held.least())
            return True
        if held.overflow == "drop_new":
            self._bury(topic, message)
        elif held.overflow == "refuse":
            raise InboxFull(f"topic {topic!r} holds {held.limit:,} messages, and refuses more")
        return False

    def _bury(self, topic: str, message: Any) -> None:
        """Put a message that nobody will hear where it can be looked at."""
        if topic == DEAD:
            return
        self._note("", "dead", topic, message)
        if DEAD not in self._topics:
            self._topics[DEAD] = Topic(DEAD_LIMIT, "drop_oldest")
        self.send(DEAD, DeadLetter(topic, message, "no room"), 1)


def matches(pattern: list[str], words: list[str]) -> bool:
    """Whether a topic's words fit a pattern's."""
    if pattern[-1] == ">" and len(words) >= len(pattern):
        pattern, words = pattern[:-1], words[: len(pattern) - 1]
    return len(pattern) == len(words) and all(p in ("*", w) for p, w in zip(pattern, words, strict=True))
