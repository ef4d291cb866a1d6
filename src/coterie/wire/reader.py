"""Reading journals: what happened, from the pages of one run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.msgpack import Ext

from coterie.errors import Corrupt
from coterie.wire.row import FORMAT, MESSAGE, costing, decoded, usage_of
from coterie.words.digest import chain
from coterie.words.effect import Stored
from coterie.words.event import Asked, Closed, Event, Noted, Opened, Record, Settled, Signalled
from coterie.words.failure import Failure
from coterie.words.limits import DEFAULT, Limits
from coterie.words.message import File, Message, Thought, ToolCall
from coterie.words.usage import NOTHING

_NO_MORE: list[Any] = [None, None, (), (), "", ()]
_CONTENTS = msgspec.msgpack.Decoder(dict[bytes, bytes]).decode


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
            format_, when, rows = decoded(body)
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
        kind, many = row[0], len(row)
        if kind == 2:
            if many == 4 and row[3] and row[2].__class__ is not Ext:  # what most steps of a long run are
                return Settled(row[1], row[2], None, usage_of(*row[3]))
            return self._settled(*row[1:])
        if kind == 1:
            if many == 4 and row[3].__class__ is bytes:
                return Asked(row[1], Stored(row[2], row[3]))
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
            usage=usage_of(*usage),
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
        spent = NOTHING if usage is None else usage_of(*usage)
        if type(value) is Ext:
            value = self.value(value)
            if type(value) is Message:
                value = costing(value, spent)
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
        if value.code == MESSAGE:
            return self.message(decoded(value.data))
        return decoded(self.content(bytes(value.data)))

    def message(self, row: list[Any]) -> Message:
        """The message of a mention and what came with it."""
        sender, text, output, calls, answers, *seen = decoded(self.content(row[0].data))
        files, thoughts = seen or ((), ())
        _, usage, parts, missing, unverified, taint = [*row, *_NO_MORE[len(row) :]]
        return Message(
            sender=sender,
            text=self.value(text),
            output=output,
            calls=tuple(ToolCall(**call) for call in calls),
            answers=answers,
            usage=NOTHING if not usage else usage_of(*usage),
            parts=tuple(map(self.message, parts or ())),
            missing=tuple(Failure(**failure) for failure in missing or ()),
            unverified=unverified or "",
            files=tuple(File(media=m, data=self.value(d), url=u, name=n) for m, d, u, n in files),
            thoughts=tuple(Thought(**thought) for thought in thoughts),
            taint=tuple(taint),
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


def _failure(row: Any) -> Failure | None:
    return None if row is None else Failure(**row)
