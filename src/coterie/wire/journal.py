"""Journals as bytes.

What one append writes is a *page*: its events, and the contents that they are the first of their
run to mention. A content is a message, a brief, or any value above `INLINE` bytes; it is named
by its digest, written once, and mentioned by that name ever after. A thread is a chain of links,
so a prompt of n messages mentions those that its longest known prefix does not have.

Pages are chained: the hash of a page covers its bytes, its place and the hash before it
(BLAKE2b, see `words.digest`). Reading builds nothing but Coterie's own values; no name in the
bytes is ever imported or called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import Raw
from msgspec.msgpack import Ext
from msgspec.structs import replace

from coterie.errors import Corrupt, Unstorable
from coterie.words.brief import Brief
from coterie.words.digest import INLINE, REF, SIZE, chain, digest, encode, plain
from coterie.words.effect import Stored, Think
from coterie.words.event import Asked, Closed, Event, Noted, Opened, Record, Settled, Signalled
from coterie.words.failure import Failure
from coterie.words.limits import DEFAULT, Limits
from coterie.words.message import File, Message, Thought, ToolCall, content
from coterie.words.thread import Thread
from coterie.words.usage import NOTHING, Usage

FORMAT = 1
"""The version of the page format, the first element of every page."""
_MESSAGE = 2
_encode = msgspec.msgpack.Encoder(enc_hook=plain).encode
_decode = msgspec.msgpack.Decoder().decode


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
            rows = [_WRITE[type(record.event)](self, record.event) for record in records]
            page = _encode((FORMAT, _when(records), rows))
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
            return Ext(_MESSAGE, _encode(self.message(value)))
        if kind is str:
            return value if len(value) <= INLINE else self.refer(_encode(value))
        if value is None or kind in _SMALL:
            return value
        body = _encode(value)
        return Raw(body) if len(body) <= INLINE else self.refer(body)

    def message(self, message: Message) -> list[Any]:
        """A message as a mention of what it says, and what came with it."""
        if len(message.text) > INLINE:
            self.refer(_encode(message.text))
        for file in message.files:
            if len(file.data) > INLINE:
                self.refer(_encode(file.data))
        said = self.refer(content(message))
        parts = [self.message(part) for part in message.parts]
        usage = None if message.usage is NOTHING else _spent(message.usage)
        row = [said, usage, parts, message.missing, message.unverified]
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
        if isinstance(effect, Stored):
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
            value = _costing(value, event.usage)
        usage = None if event.usage is NOTHING else _spent(event.usage)
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
        return [5, event.status, message, event.failure, _spent(event.usage), parts]


_WRITE: dict[type, Callable[[Writer, Any], list[Any]]] = {
    Opened: Writer.opened,
    Asked: Writer.asked,
    Settled: Writer.settled,
    Noted: Writer.noted,
    Signalled: Writer.signalled,
    Closed: Writer.closed,
}


class Reader:
    """Reads the pages of one run in order. `fetch` gives contents that are kept elsewhere."""

    def __init__(self, fetch: Callable[[bytes], bytes | None]) -> None:
        self.contents: dict[bytes, bytes] = {}
        self._fetch = fetch
        self._threads: list[tuple[bytes, list[Any]]] = []

    @property
    def links(self) -> set[bytes]:
        """The links of every thread that was read: only who goes on writing needs them."""
        found: set[bytes] = set()
        for base, added in self._threads:
            link = base
            for row in added:
                link = chain(link, row[0].data)
                found.add(link)
        return found

    def page(self, seq: int, body: bytes, contents: bytes) -> list[Record]:
        """The records of a page whose first has number `seq`.

        Raises:
            Corrupt: if the bytes are no page, or mention a content that is nowhere.
        """
        try:
            if contents:
                self.contents.update(_CONTENTS(contents))
            format_, when, rows = _decode(body)
            if format_ != FORMAT:
                raise Corrupt(f"page {seq} has format {format_}, this version of Coterie reads {FORMAT}")
            if when.__class__ is list:
                times = when
                return [Record(seq + n, times[n], self.event(row)) for n, row in enumerate(rows)]
            return [Record(n, when, self.event(row)) for n, row in enumerate(rows, seq)]
        except (ValueError, TypeError, LookupError, msgspec.MsgspecError) as error:
            raise Corrupt(f"the page of event {seq} cannot be read: {error}") from error

    def event(self, row: list[Any]) -> Event:
        """The event of a row."""
        kind = row[0]
        if kind == 2:
            return self._settled(*row[1:])
        if kind == 1:
            return self._asked(*row[1:])
        if kind == 3:
            return Noted(row[1], row[2], row[3], self.value(row[4]))
        return self._rare(kind, row)

    def _rare(self, kind: int, row: list[Any]) -> Event:
        if kind == 0:
            return self._opened(*row[1:])
        if kind == 4:
            return Signalled(row[1], row[2], self.value(row[3]))
        _, status, message, failure, usage, parts = row
        return Closed(
            status=status,
            message=None if message is None else self.message(message),
            failure=_failure(failure),
            usage=_usage(*usage),
            parts=tuple(map(self.message, parts)),
        )

    def _opened(
        self,
        run: str,
        actor: str,
        task: Any,
        data: Any,
        manifest: Any,
        origin: Any,
        context: Any,
        limits: Any = None,
    ) -> Opened:
        return Opened(
            run=run,
            actor=actor,
            task=self.value(task),
            data=self.value(data),
            context=None if context is None else tuple(map(self.message, context)),
            manifest=manifest,
            origin=origin,
            limits=DEFAULT if limits is None else msgspec.convert(limits, Limits),
        )

    def _settled(
        self, path: str, value: Any, usage: Any = None, failure: Any = None, reused: str = ""
    ) -> Settled:
        spent = NOTHING if usage is None else _usage(*usage)
        if type(value) is Ext:
            value = self.value(value)
            if type(value) is Message:
                value = _costing(value, spent)
        return Settled(path, value, None if failure is None else _failure(failure), spent, reused)

    def _asked(
        self, path: str, kind: str, body: Any, base: bytes | None = None, added: list[Any] | None = None
    ) -> Asked:
        if type(body) is Ext:
            body = self.content(bytes(body.data))
        if base is None or added is None:
            return Asked(path, Stored(kind, body))
        self._threads.append((base, added))
        return Asked(path, Stored(kind, body, tuple(map(self.message, added))))

    def value(self, value: Any) -> Any:
        """The value that stands in an event, or that is mentioned there."""
        if type(value) is not Ext:
            return value
        if value.code == _MESSAGE:
            return self.message(_decode(value.data))
        return _decode(self.content(bytes(value.data)))

    def message(self, row: list[Any]) -> Message:
        """The message of a mention and what came with it."""
        sender, text, output, calls, answers, *seen = _decode(self.content(row[0].data))
        files, thoughts = seen or ((), ())
        _, usage, parts, missing, unverified = [*row, *_NO_MORE[len(row) :]]
        return Message(
            sender=sender,
            text=self.value(text),
            output=output,
            calls=tuple(ToolCall(**call) for call in calls),
            answers=answers,
            usage=NOTHING if not usage else _usage(*usage),
            parts=tuple(map(self.message, parts or ())),
            missing=tuple(Failure(**failure) for failure in missing or ()),
            unverified=unverified or "",
            files=tuple(File(media=m, data=self.value(d), url=u, name=n) for m, d, u, n in files),
            thoughts=tuple(Thought(**thought) for thought in thoughts),
        )

    def content(self, name: bytes) -> bytes:
        """The bytes of a content.

        Raises:
            Corrupt: if they are nowhere.
        """
        body = self.contents.get(name) or self._fetch(name)
        if body is None:
            raise Corrupt(f"content {name.hex()[:16]} is mentioned and nowhere to be found")
        return body


_SMALL = {int, float, bool}
_NO_MORE: list[Any] = [None, None, (), (), ""]
_CONTENTS = msgspec.msgpack.Decoder(dict[bytes, bytes]).decode


def _when(records: Sequence[Record]) -> Any:
    """When a page happened: one time for all of its events, or a list."""
    when = records[0].time
    for record in records:
        if record.time != when:
            return [record.time for record in records]
    return when


def _costing(message: Message, spent: Usage) -> Message:
    """A message that cost what its event did, as one that says nothing of it; and the other way round.

    Twice, it gives the message back: nothing and all of it stand for each other, and whatever else
    it cost stays.
    """
    if message.usage == spent:
        return message if spent is NOTHING else replace(message, usage=NOTHING)
    return replace(message, usage=spent) if message.usage == NOTHING else message


@lru_cache(maxsize=64)
def _usage(*spent: Any) -> Usage:
    """What a row of `_spent` says; most steps cost the same."""
    return Usage(*spent)


@lru_cache(maxsize=64)
def _spent(usage: Usage) -> list[float]:
    """What a usage is in a row, which nobody may change."""
    row = [usage.input_tokens, usage.output_tokens, usage.requests, usage.tool_calls, usage.usd]
    cached = [usage.cache_read_tokens, usage.cache_write_tokens, usage.cache_hits]
    if any(cached):
        return [*row, *cached]
    while row and not row[-1]:
        row.pop()
    return row


def _failure(row: Any) -> Failure | None:
    return None if row is None else Failure(**row)


def _where(records: Sequence[Record]) -> str:
    """The path of the first event that cannot be written alone."""
    for record in records:
        try:
            _encode(_WRITE[type(record.event)](Writer(), record.event))
        except (TypeError, ValueError, NotImplementedError, OverflowError):
            return str(getattr(record.event, "path", record.event))
    return ""


def packed(contents: dict[bytes, bytes]) -> bytes:
    """The contents of a page as bytes; none where there are none."""
    return _encode(contents) if contents else b""


def sealed(head: bytes, run: str, seq: int, count: int, body: bytes, contents: bytes) -> bytes:
    """The hash of a page: over the hash before it, its place, its events and its contents."""
    hashed = blake2b(b"%s%s\0%d\0%d\0%d\0" % (head, run.encode(), seq, count, len(body)), digest_size=SIZE)
    hashed.update(body)
    if contents:
        hashed.update(contents)
    return hashed.digest()
