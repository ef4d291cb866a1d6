"""Writing journals: the pages of one run, from what happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Raw
from msgspec.msgpack import Ext

from coterie.errors import Unstorable
from coterie.wire.row import FORMAT, MESSAGE, costing, encoded, spent
from coterie.words.brief import Brief
from coterie.words.digest import INLINE, REF, digest, encode
from coterie.words.effect import Stored, Think
from coterie.words.event import Asked, Closed, Noted, Opened, Record, Settled, Signalled
from coterie.words.limits import DEFAULT
from coterie.words.message import Message, content
from coterie.words.thread import Thread
from coterie.words.usage import NOTHING

_SMALL = {int, float, bool}


class Writer:
    """Makes the pages of one run, and remembers which contents and links are in its journal."""

    __slots__ = ("_fresh", "contents", "head", "links")

    def __init__(self) -> None:
        self.contents: set[bytes] = set()
        self.links: set[bytes] = set()
        self.head = b""
        self._fresh: dict[bytes, bytes] = {}

    def page(self, records: Sequence[Record]) -> tuple[bytes, dict[bytes, bytes]]:
        """The bytes of a page, and the contents that it mentions first.

        Raises:
            Unstorable: if a value has no MessagePack shape.
        """
        try:
            rows = [_WRITE[(event := record.event).__class__](self, event) for record in records]
            page = encoded((FORMAT, _when(records), rows))
        except (TypeError, ValueError, NotImplementedError, OverflowError) as error:
            self._fresh = {}
            raise Unstorable(f"an event cannot be stored: {error}", path=_where(records)) from error
        fresh = self._fresh
        if fresh:
            self.contents.update(fresh)
            self._fresh = {}
        return page, fresh

    def refer(self, body: bytes) -> Ext:
        """The name of a content, which is in the journal from this page on."""
        name = digest(body)
        if name not in self.contents and name not in self._fresh:
            self._fresh[name] = body
        return Ext(REF, name)

    def value(self, value: Any) -> Any:
        """A value as it stands in an event: itself, or a mention of it."""
        kind = value.__class__
        if kind is Message:
            return Ext(MESSAGE, encoded(self.message(value)))
        if kind is str:
            return value if len(value) <= INLINE else self.refer(encoded(value))
        if value is None or kind in _SMALL:
            return value
        body = encoded(value)
        return Raw(body) if len(body) <= INLINE else self.refer(body)

    def message(self, message: Message) -> list[Any]:
        """A message as a mention of what it says, and what came with it."""
        if len(message.text) > INLINE:
            self.refer(encoded(message.text))
        for file in message.files:
            if len(file.data) > INLINE:
                self.refer(encoded(file.data))
        said = self.refer(content(message))
        parts = [self.message(part) for part in message.parts]
        usage = None if message.usage is NOTHING else spent(message.usage)
        row = [said, usage, parts, message.missing, message.unverified, message.taint]
        while row and not row[-1]:
            row.pop()
        return row

    def opened(self, event: Opened) -> list[Any]:
        task = self.value(event.task)
        data = self.value(event.data)
        context = None if event.context is None else [self.message(said) for said in event.context]
        row = [0, event.run, event.actor, task, data, event.manifest, event.origin, context]
        return row if event.limits == DEFAULT else [*row, event.limits]

    def asked(self, event: Asked) -> list[Any]:
        effect = event.effect
        body: Any
        if type(effect) is Stored:
            kind, body = effect.was, effect.body
        else:
            kind, body = effect.kind, encode(effect.request())
        if len(body) > INLINE:
            body = self.refer(body)
        row: list[Any] = [1, event.path, kind, body]
        if type(effect) is Think:
            self._brief(effect.brief)
            row += self._thread(effect.thread)
        return row

    def _brief(self, brief: Brief) -> None:
        if brief.digest not in self.contents:
            self._fresh[brief.digest] = brief.body

    def _thread(self, thread: Thread) -> list[Any]:
        """The longest known prefix of a thread, and mentions of the messages after it."""
        links = thread.links
        known = len(links)
        while known and links[known - 1] not in self.links:
            known -= 1
        added = [self.message(thread[n]) for n in range(known, len(links))]
        self.links.update(links[known:])
        return [links[known - 1] if known else b"", added]

    def settled(self, event: Settled) -> list[Any]:
        value = event.value
        if type(value) is Message:
            value = costing(value, event.usage)
        usage = None if event.usage is NOTHING else spent(event.usage)
        row = [2, event.path, self.value(value)]
        if event.reused:
            return [*row, usage, event.failure, event.reused]
        if event.failure is not None:
            return [*row, usage, event.failure]
        return [*row, usage] if usage else row

    def noted(self, event: Noted) -> list[Any]:
        return [3, event.path, event.fact, event.about, self.value(event.value)]

    def signalled(self, event: Signalled) -> list[Any]:
        return [4, event.kind, event.about, self.value(event.value)]

    def closed(self, event: Closed) -> list[Any]:
        message = None if event.message is None else self.message(event.message)
        parts = [self.message(part) for part in event.parts]
        return [5, event.status, message, event.failure, spent(event.usage), parts]


_WRITE: dict[type, Callable[[Writer, Any], list[Any]]] = {
    Opened: Writer.opened,
    Asked: Writer.asked,
    Settled: Writer.settled,
    Noted: Writer.noted,
    Signalled: Writer.signalled,
    Closed: Writer.closed,
}


def _when(records: Sequence[Record]) -> Any:
    """When a page happened: one time for all of its events, or a list."""
    first = records[0].time
    for record in records:
        if record.time != first:
            return [record.time for record in records]
    return first


def _where(records: Sequence[Record]) -> str:
    """The path of the first event that cannot be written alone."""
    for record in records:
        try:
            encoded(_WRITE[type(record.event)](Writer(), record.event))
        except (TypeError, ValueError, NotImplementedError, OverflowError):
            return str(getattr(record.event, "path", record.event))
    return ""
