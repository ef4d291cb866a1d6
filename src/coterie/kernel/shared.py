"""What the actors of one run share: topics, the board, and claims. All of it is settled here and now."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from coterie.kernel.board import Board
from coterie.kernel.budget import left
from coterie.kernel.claims import Claims
from coterie.kernel.frames import Frame, Strand
from coterie.kernel.stuck import repeated
from coterie.kernel.taint import Sources, line, merged
from coterie.kernel.topics import NOTHING, Topics
from coterie.kernel.values import storable
from coterie.words.effect import (
    Acted,
    Claim,
    Distrust,
    Get,
    Hear,
    Here,
    Inbox,
    Left,
    Mark,
    Put,
    Release,
    Send,
    Subscribe,
    Subscribers,
    Tainted,
    Unsubscribe,
    Vouch,
    Watch,
)
from coterie.words.event import Noted
from coterie.words.message import Message

PARKED: Any = object()
"""What a handler gives when its strand has to wait."""


class Shared:
    """The topics, the board and the claims of a run, each made when it is first used."""

    __slots__ = ("_board", "_claims", "_notes", "_ready", "_tainted", "_topics")

    def __init__(self, ready: deque[tuple[Strand, Any, Exception | None]], notes: list[Noted] | None) -> None:
        self._ready = ready
        self._notes = notes
        self._board: Board | None = None
        self._claims: Claims | None = None
        self._topics: Topics | None = None
        self._tainted: dict[str, Sources] = {}

    @property
    def topics(self) -> Topics:
        """What is sent and heard."""
        if self._topics is None:
            self._topics = Topics(self._ready.append, self._note)
        return self._topics

    @property
    def board(self) -> Board:
        """Entries with versions and authors."""
        if self._board is None:
            self._board = Board()
        return self._board

    @property
    def claims(self) -> Claims:
        """Who may read or write what."""
        if self._claims is None:
            self._claims = Claims(self._ready.append)
        return self._claims

    @property
    def listening(self) -> bool:
        """Whether a message from outside could move the run."""
        return self._topics is not None and self._topics.outside > 0

    def tell(self, topic: str, message: Any, priority: int) -> None:
        """Take a message from outside; one for which there is no room is noted, and dropped."""
        self._taint(topic, (line(f"message from outside on {topic}"),))
        if self.topics.send(topic, message, priority) is None:
            self._note("", "dead", topic, message)

    def _taint(self, topic: str, taint: Sources) -> None:
        """Let whoever hears on a topic, now or later, be tainted by what was sent there."""
        self._tainted[topic] = merged(self._tainted.get(topic, ()), taint)
        for hearer in self.topics.hearers(topic):
            hearer.frame.read(taint)

    def leave(self, frame: Frame) -> None:
        """Give back what a frame that ends has claimed."""
        if self._claims is not None:
            self._claims.leave(frame)

    def close(self, strand: Strand, wait: Any) -> None:
        """Forget what a strand that is closed waits for, and give back what its frames have claimed."""
        if type(wait) is Hear and wait.outside:
            self.topics.outside -= 1
        if self._claims is not None:
            for frame in [strand.frame, *(frame for _, frame in strand.stack)]:
                self._claims.leave(frame)

    def _note(self, path: str, fact: str, about: str, value: Any) -> None:
        if self._notes is not None:
            shape = value if type(value) is Message else storable(value, path)
            self._notes.append(Noted(path, fact, about, shape))

    # Handlers: each gives the value of an effect at once, or PARKED.

    def send(self, strand: Strand, send: Send) -> Any:
        if self._notes is not None:
            self._note(strand.frame.path, "sent", send.topic, send.message)
        elif send.message.__class__ is not str:
            storable(send.message, strand.frame.path)
        if strand.frame.taint:
            self._taint(send.topic, strand.frame.taint)
        heard = (self._topics or self.topics).send(send.topic, send.message, send.priority)
        if heard is False:
            return None
        if heard:
            self._ready.append((strand, None, None))  # the hearer goes first
        else:
            strand.wait = send
            self.topics.block(strand, send)
        return PARKED

    def hear(self, strand: Strand, hear: Hear) -> Any:
        if self._tainted:
            strand.frame.read(self._tainted.get(hear.topic, ()))
        message = (self._topics or self.topics).hear(strand, hear)
        if message is not NOTHING:
            return message
        strand.wait = hear
        return PARKED

    def put(self, strand: Strand, put: Put) -> Any:
        path = strand.frame.path
        shape = storable(put.value, path)
        board = self._board or self.board
        entry = board.put(put, path, strand.frame.taint)
        if entry is None:
            return 0
        if self._notes is not None:
            self._notes.append(Noted(path, "put", put.key, shape))
        for watcher in board.woken(entry):
            watcher.frame.read(entry.taint)
            self._ready.append((watcher, entry, None))
        return entry.version

    def get(self, strand: Strand, get: Get) -> Any:
        entry = (self._board or self.board).get(get.key)
        if entry.taint:
            strand.frame.read(entry.taint)
        return entry

    def watch(self, strand: Strand, watch: Watch) -> Any:
        board = self._board or self.board
        entry = board.get(watch.key)
        if entry.version > watch.after:
            strand.frame.read(entry.taint)
            return entry
        strand.wait = watch
        board.watch(strand, watch)
        return PARKED

    def claim(self, strand: Strand, claim: Claim) -> Any:
        if (self._claims or self.claims).claim(strand, claim):
            return None
        strand.wait = claim
        return PARKED

    def release(self, strand: Strand, release: Release) -> Any:
        (self._claims or self.claims).release(strand, release)

    def mark(self, strand: Strand, mark: Mark) -> Any:
        repeated(strand.frame, mark)

    def here(self, strand: Strand, here: Here) -> Any:
        return strand.frame.path

    def acted(self, strand: Strand, acted: Acted) -> Any:
        return strand.frame.acted

    def left(self, strand: Strand, asked: Left) -> Any:
        return left(strand.frame.account, strand.frame.depth)

    def tainted(self, strand: Strand, asked: Tainted) -> Any:
        return strand.frame.taint

    def distrust(self, strand: Strand, asked: Distrust) -> Any:
        strand.frame.read(tuple(line(source) for source in asked.sources))

    def vouch(self, strand: Strand, vouch: Vouch) -> Any:
        strand.vouched = vouch.use

    def inbox(self, strand: Strand, inbox: Inbox) -> Any:
        self.topics.bound(inbox)

    def subscribe(self, strand: Strand, subscribe: Subscribe) -> Any:
        self.topics.subscribe(strand, subscribe)

    def unsubscribe(self, strand: Strand, ended: Unsubscribe) -> Any:
        self.topics.unsubscribe(ended)

    def subscribers(self, strand: Strand, asked: Subscribers) -> Any:
        return self.topics.subscribers(asked.topic)


SETTLES: dict[type, Callable[[Shared, Strand, Any], Any]] = {
    Send: Shared.send,
    Hear: Shared.hear,
    Put: Shared.put,
    Get: Shared.get,
    Watch: Shared.watch,
    Mark: Shared.mark,
    Claim: Shared.claim,
    Release: Shared.release,
    Here: Shared.here,
    Acted: Shared.acted,
    Left: Shared.left,
    Tainted: Shared.tainted,
    Distrust: Shared.distrust,
    Vouch: Shared.vouch,
    Inbox: Shared.inbox,
    Subscribe: Shared.subscribe,
    Unsubscribe: Shared.unsubscribe,
    Subscribers: Shared.subscribers,
}
"""The effects that are settled without asking anything of the world."""
