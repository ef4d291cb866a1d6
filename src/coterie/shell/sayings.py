"""What the models of a run are saying now, for whoever watches it.

Theory of operation
===================

1. Models write here, watchers read here, and neither waits for the other. There is no queue: a
   watcher remembers how far it has been shown each answer, so one that is slow gets fewer and longer
   pieces, and one that comes later begins with what there is by then.
2. Pieces of a call come after the record that it was asked and before the record that it was settled.
3. An answer that is asked for again, failed or was stopped is taken back from those who saw it.
4. Answers that have ended are kept for watchers that are behind, up to `KEPT` letters and
   `CALLS` calls of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from coterie.words.delta import AGAIN, Delta, Kind, Missed, Piece, Retracted, Shown
from coterie.words.effect import Think, kind_of
from coterie.words.event import Asked, Closed, Record, Settled
from coterie.words.message import Message

KEPT = 1 << 20
"""Letters of ended answers that are kept for slow watchers."""
CALLS = 4_096
"""Ended answers that are kept for them."""


class _Part:
    __slots__ = ("kind", "text", "tool")

    def __init__(self, kind: Kind, tool: str) -> None:
        self.kind: Kind = kind
        self.tool = tool
        self.text = ""


class _Answer:
    """What one call has said so far, in its latest attempt."""

    __slots__ = ("attempt", "gone", "parts")

    def __init__(self) -> None:
        self.attempt = 0
        self.parts: dict[int, _Part] = {}
        self.gone = False

    def take(self, delta: Delta) -> None:
        if delta is AGAIN:
            self.attempt += 1
            self.parts = {}
            return
        part = self.parts.get(delta.part)
        if part is None:
            part = self.parts[delta.part] = _Part(delta.kind, delta.tool)
        part.text += delta.text

    def mirror(self, piece: Piece) -> None:
        """Take a piece as a watcher was shown it."""
        if piece.attempt > self.attempt:
            self.attempt, self.parts = piece.attempt, {}
        part = self.parts.get(piece.part) or _Part(piece.kind, piece.tool)
        if piece.attempt == self.attempt and piece.offset <= len(part.text):
            self.parts[piece.part] = part
            part.text += piece.text[len(part.text) - piece.offset :]

    @property
    def line(self) -> str:
        """The last line of its last part that has one; a call with the tool's name."""
        part = self.parts[max(self.parts)]
        text = part.text.rstrip().rpartition("\n")[2]
        return f"{part.tool} {text}" if part.tool else text

    @property
    def letters(self) -> int:
        return sum(len(part.text) for part in self.parts.values())


class Sayings:
    """The answers under way in one run, by the path of their call; `changed` is called at each piece."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self.answers: dict[str, _Answer] = {}
        self.forgotten: dict[str, int] = {}
        self._changed = changed
        self._open: dict[str, _Answer] = {}
        self._ended: dict[str, int] = {}
        self._letters = 0

    async def heard(self, model: Any, think: Think, path: str) -> Message:
        """The answer of `model`, which has `stream`; its pieces are shown as they come."""
        answer = self.answers[path] = self._open[path] = _Answer()

        def tell(delta: Delta) -> None:
            answer.take(delta)
            self._changed()

        try:
            message: Message = await model.stream(think, tell)
        except BaseException:
            answer.gone, answer.parts = True, {}
            raise
        finally:
            self._end(path, answer)
        return message

    def mirror(self, shown: Shown) -> None:
        """Take what was said in another process; what is known, or follows on what got lost, changes nothing."""
        if isinstance(shown, Missed):
            return
        answer = self.answers.setdefault(shown.path, _Answer())
        if isinstance(shown, Retracted):
            if shown.attempt == answer.attempt:
                answer.take(AGAIN)
        else:
            answer.mirror(shown)
        while len(self.answers) > CALLS:
            del self.answers[next(iter(self.answers))]

    def settled(self, path: str) -> None:
        """Forget a mirrored answer whose record was shown."""
        self.answers.pop(path, None)

    def lines(self) -> dict[str, str]:
        """The line that each frame is writing now, by the frame's path: the last one of its open call."""
        return {path.rpartition("/")[0]: answer.line for path, answer in self._open.items() if answer.parts}

    def _end(self, path: str, answer: _Answer) -> None:
        """Keep an ended answer for those who are behind, and forget the oldest where there are too many."""
        del self._open[path]
        self._ended[path] = answer.letters
        self._letters += answer.letters
        while self._letters > KEPT or len(self._ended) > CALLS:
            oldest = next(iter(self._ended))
            self.forgotten[oldest] = self._ended.pop(oldest)
            self._letters -= self.forgotten[oldest]
            del self.answers[oldest]
        self._changed()


class Watcher:
    """How far one watcher has been shown the answers of a run."""

    def __init__(self, sayings: Sayings) -> None:
        self._sayings = sayings
        self._open: dict[str, tuple[int, dict[int, int]] | None] = {}

    def before(self, record: Record) -> Iterator[Shown]:
        """What has to be shown before a record, which is the next one for this watcher."""
        event = record.event
        if type(event) is Asked and kind_of(event.effect) == "think":
            self._open[event.path] = None
        elif type(event) is Settled and event.path in self._open:
            yield from self._news(event.path)
            yield from self._lost(event.path)
            del self._open[event.path]
        elif type(event) is Closed:
            yield from self.news()  # what was stopped is taken back before the end

    def news(self) -> Iterator[Shown]:
        """What is new in the answers under way."""
        for path in list(self._open):
            yield from self._news(path)

    def _news(self, path: str) -> Iterator[Shown]:
        answer = self._sayings.answers.get(path)
        if answer is None:
            return
        shown = self._open[path]
        if shown is not None and (answer.gone or shown[0] != answer.attempt):
            yield Retracted(path, shown[0])
            shown = self._open[path] = None
        if answer.gone or not answer.parts:
            return
        if shown is None:
            shown = self._open[path] = (answer.attempt, {})
        for number, part in list(answer.parts.items()):
            offset = shown[1].get(number, 0)
            if len(part.text) > offset or number not in shown[1]:
                shown[1][number] = len(part.text)
                text = part.text[offset:]
                yield Piece(path, answer.attempt, offset, text, part.kind, number, part.tool)

    def _lost(self, path: str) -> Iterator[Missed]:
        """What was said after the last piece and is not kept any more."""
        letters = self._sayings.forgotten.get(path, 0)
        shown = self._open[path]
        left = letters - (sum(shown[1].values()) if shown else 0)
        if left > 0:
            yield Missed(path, left)
