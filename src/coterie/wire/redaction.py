"""Redaction: what events say is taken out of a journal for good, and everybody can see that it was.

Theory of operation
===================

1. What an event says is its texts, numbers and files: tasks, messages, arguments, results, answers, and why something
   failed. Each becomes a tombstone, `[redacted 5f3a...]`, with the beginning of the digest of what stood there. Who did
   what, when, at which path and at what cost stays, so a redacted run can be read, listed and reported as before.
2. A text that is named by its digest goes wherever the run mentions it, not in the chosen events alone.
3. A page that was changed keeps its hash, which the page after it vouches for. What it has now is named by a digest in
   the event `redacted` that was appended before anything was taken out, and that event is a part of the chain. So
   whoever changes a redacted page, or redacts one and does not say so, is found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec
from msgspec import Struct
from msgspec.msgpack import Ext
from msgspec.structs import replace

from coterie.errors import BadInput, Corrupt
from coterie.wire.journal import Reader, packed
from coterie.wire.pack import Page
from coterie.wire.row import MESSAGE, decoded, encoded
from coterie.words.digest import digest
from coterie.words.event import Record, Signalled

REDACTED = "redacted"
"""The kind of signal that says what was taken out of a run."""
_CONTENTS = msgspec.msgpack.Decoder(dict[bytes, bytes]).decode
_SAID = ("message", "answer", "refused")
"""Signals whose value is what somebody said; that of others is what is to be done."""
_TOLD = ("entered", "failed", "refused")
"""Facts whose `about` is a text."""
_TOLD_OF_TEAM = ("options", "plan", "set", "written")
"""What of the origin of a run somebody has written."""
_SILENT = ("think", "sleep", "now", "draw")
"""Effects whose request says nothing: a prompt is mentioned beside it."""
_FAILURE = ("kind", "path", "retryable", "retry_after")
_CALL = ("id", "name")
_THOUGHT = ("provider", "id")
_SPEAKER = ("by",)
"""What stays of values that we know: who and which, not what."""
_TOMB = re.compile(r"\[redacted(?: [0-9a-f]{16})?\]")
Fetch = Callable[[bytes], "bytes | None"]


class Taken(Struct, frozen=True):
    """What a redaction makes of a run: the pages that change, and the names of the contents that go."""

    events: tuple[int, ...]
    pages: tuple[Page, ...]
    names: tuple[bytes, ...]

    def said(self, by: str, why: str) -> Signalled:
        """The event that tells of it."""
        pages = {str(page.seq): _seal(page).hex() for page in self.pages}
        names = [name.hex() for name in self.names]
        value = {"events": list(self.events), "pages": pages, "contents": names, "why": why}
        return Signalled(REDACTED, by, value)


def taken(pages: Sequence[Page], events: Iterable[int], fetch: Fetch) -> Taken:
    """A run without what `events` say; `fetch` gives contents that are kept outside of its pages.

    Raises:
        BadInput: if there is no such event, or one says nothing that could be taken out.
        Corrupt: if the pages cannot be read.
    """
    sought, scrub = set(events), _Scrub(pages, fetch)
    made: dict[int, bytes] = {}
    for page in pages:
        inside = sought & set(range(page.seq, page.seq + page.count))
        sought -= inside
        if inside:
            made[page.seq] = scrub.body(page, inside)
    if sought:
        raise BadInput(f"the run has no event {min(sought)}, so nothing of it can be taken out")
    found = [_changed(page, made.get(page.seq), scrub.gone) for page in pages]
    outside = {name: body for name, body in scrub.gone.items() if name not in scrub.inside}
    if outside:
        found = _brought_in(found, outside)
    different = [new for new, old in zip(found, pages, strict=True) if new != old]
    return Taken(tuple(sorted(events)), tuple(different), tuple(sorted(scrub.gone)))


def mentioning(pages: Sequence[Page], text: str, fetch: Fetch) -> set[int]:
    """The events that say `text`, by themselves or in what they mention."""
    scrub, found = _Scrub(pages, fetch), set[int]()
    for page in pages:
        _, _, rows = decoded(page.body)
        found |= {page.seq + n for n, row in enumerate(rows) if any(text in one for one in scrub.texts(row))}
    return found


def redactions(records: Iterable[Record]) -> dict[int, bytes]:
    """By the first event of each page that was changed by a redaction, the digest of what it has now."""
    found: dict[int, bytes] = {}
    for record in records:
        event = record.event
        if isinstance(event, Signalled) and event.kind == REDACTED:
            found |= {int(seq): bytes.fromhex(name) for seq, name in event.value["pages"].items()}
    return found


def redactions_in(pages: Sequence[Page], fetch: Fetch) -> dict[int, bytes]:
    """The same, of pages, as far as they can be read."""
    reader, found = Reader(fetch), dict[int, bytes]()
    for page in pages:
        try:
            found |= redactions(reader.page(page.seq, page.body, page.contents))
        except (Corrupt, KeyError, TypeError, ValueError, AttributeError):
            continue  # it was taken out, or is not what was written
    return found


def is_redacted(page: Page, known: Mapping[int, bytes]) -> bool:
    """Whether a page has what a redaction has left of it."""
    return known.get(page.seq) == _seal(page)


def _seal(page: Page) -> bytes:
    """The digest of what a page has now."""
    return digest(b"%d\0" % len(page.body) + page.body + page.contents)


def _contents(page: Page) -> dict[bytes, bytes]:
    return _CONTENTS(page.contents) if page.contents else {}


def _changed(page: Page, body: bytes | None, gone: Mapping[bytes, bytes]) -> Page:
    """A page with another body, and without the contents that are gone."""
    contents = _contents(page)
    if gone.keys() & contents.keys():
        contents = {name: gone.get(name, one) for name, one in contents.items()}
        page = replace(page, contents=packed(contents))
    return page if body is None else replace(page, body=body)


def _brought_in(pages: Sequence[Page], outside: Mapping[bytes, bytes]) -> list[Page]:
    """Pages with what is left of contents that are kept for all runs, which they now mention by names of their own.

    So nobody mentions the others for their sake; and what is left is where a reader comes by first.
    """
    names = {name: digest(b"redacted\0" + name) for name in outside}

    def renamed(body: bytes) -> bytes:
        for name, own in names.items():
            body = body.replace(name, own)
        return body

    first = packed({**_contents(pages[0]), **{names[name]: body for name, body in outside.items()}})
    whole = [replace(pages[0], contents=first), *pages[1:]]
    return [replace(page, body=renamed(page.body), contents=renamed(page.contents)) for page in whole]


class _Scrub:
    """Makes tombstones of what the events of one run say. `gone` has what is left of the contents that go."""

    def __init__(self, pages: Sequence[Page], fetch: Fetch) -> None:
        self.inside: dict[bytes, bytes] = {}
        self.gone: dict[bytes, bytes] = {}
        self._fetch = fetch
        for page in pages:
            self.inside.update(_contents(page))

    def body(self, page: Page, events: set[int]) -> bytes:
        """The body of a page without what some of its events say."""
        format_, when, rows = decoded(page.body)
        return encoded(
            (format_, when, [self.row(row) if page.seq + n in events else row for n, row in enumerate(rows)])
        )

    def row(self, row: list[Any]) -> list[Any]:
        """The row of an event.

        Raises:
            Corrupt: if it is none.
        """
        match row:
            case [0, run, actor, task, data, manifest, origin, context, *limits]:
                said = None if context is None else [self.message(one) for one in context]
                return [
                    0,
                    run,
                    actor,
                    self.value(task),
                    self.value(data),
                    manifest,
                    _begun(origin),
                    said,
                    *limits,
                ]
            case [1, path, kind, body, *thread]:
                added = [thread[0], [self.message(one) for one in thread[1]]] if thread else []
                return [1, path, kind, self.request(kind, body), *added]
            case [2, path, value, usage, failure, *reused]:
                return [2, path, self.value(value), usage, tomb(failure, _FAILURE), *reused]
            case [2, path, value, *usage]:
                return [2, path, self.value(value), *usage]
            case [3, path, fact, about, value]:
                return [3, path, fact, tomb(about) if fact in _TOLD else about, self.value(value)]
            case [4, kind, about, value]:
                if kind in _SAID and type(value) is Ext:
                    value = self.value(value)
                return [
                    4,
                    kind,
                    about,
                    tomb(value, _SPEAKER) if kind in _SAID and type(value) is not Ext else value,
                ]
            case [5, status, message, failure, usage, parts]:
                said = None if message is None else self.message(message)
                return [5, status, said, tomb(failure, _FAILURE), usage, [self.message(one) for one in parts]]
            case _:
                raise Corrupt(f"an event of kind {row[0]} cannot be redacted")

    def value(self, value: Any) -> Any:
        """A value that stands in an event, or that is mentioned there."""
        if type(value) is not Ext:
            return tomb(value)
        if value.code == MESSAGE:
            return Ext(MESSAGE, encoded(self.message(decoded(value.data))))
        self._go(bytes(value.data), lambda body: encoded(self.value(decoded(body))))
        return value

    def message(self, row: list[Any]) -> list[Any]:
        """A message as it is mentioned: what it says goes, what it cost and where its words came from stays."""
        nothing: list[Any] = [None, None, [], [], "", []]
        said, usage, parts, missing, unverified, taint = [*row, *nothing[len(row) :]]
        self._go(bytes(said.data), self._said)
        left = [self.message(one) for one in parts or ()]
        return [
            said,
            usage,
            left,
            [tomb(one, _FAILURE) for one in missing or ()],
            tomb(unverified),
            _sources(taint),
        ]

    def _said(self, body: bytes) -> bytes:
        sender, text, output, calls, answers, *seen = decoded(body)
        left = [sender, self.value(text), self.value(output), [tomb(one, _CALL) for one in calls], answers]
        if seen:
            files, thoughts = seen
            kept = [[media, self.value(data), tomb(url), tomb(name)] for media, data, url, name in files]
            left += [kept, [tomb(one, _THOUGHT) for one in thoughts]]
        return encoded(left)

    def request(self, kind: str, body: Any) -> Any:
        """What an effect asks for: which tool, or about what and whom, stays."""
        if kind in _SILENT:
            return body
        if type(body) is Ext:
            self._go(bytes(body.data), lambda whole: cast("bytes", self.request(kind, whole)))
            return body
        parts = decoded(body)
        stays = {
            "use": (0,),
            "ask": (1, 3),
            "start": (0, 1, *range(3, 9)),
            "begin": (0, 1, *range(3, 9)),
        }.get(kind, ())
        return encoded([one if n in stays else self.value(one) for n, one in enumerate(parts)])

    def _go(self, name: bytes, left: Callable[[bytes], bytes]) -> None:
        """Take a content out; `left` makes what is left of it."""
        if name not in self.gone:
            self.gone[name] = b""  # what mentions itself is no content, but nobody waits for it either
            self.gone[name] = left(self._content(name))

    def _content(self, name: bytes) -> bytes:
        body = self.inside.get(name) or self._fetch(name)
        if body is None:
            raise Corrupt(f"content {name.hex()[:16]} is mentioned and nowhere to be found")
        return body

    def texts(self, value: Any) -> Iterator[str]:
        """Every text in a value and in what it mentions."""
        if isinstance(value, str):
            yield value
        elif isinstance(value, Ext):
            inner = value.data if value.code == MESSAGE else self._content(bytes(value.data))
            yield from self.texts(_opened(inner))
        elif isinstance(value, bytes):
            yield from self.texts(_opened(value, value))
        elif isinstance(value, Mapping):
            for one in cast("Any", value).values():
                yield from self.texts(one)
        elif isinstance(value, Sequence):
            for one in cast("Any", value):
                yield from self.texts(one)


def _opened(body: Any, otherwise: Any = None) -> Any:
    """The value that bytes are; a request is one, and a file is none."""
    try:
        found = decoded(body)
    except (ValueError, msgspec.MsgspecError):
        found = None
    if isinstance(found, (list, dict, str, Ext)):
        return cast("Any", found)
    return bytes(otherwise).decode(errors="replace") if otherwise is not None else found


def _begun(origin: Any) -> Any:
    """Where a run comes from: by whom and of which team stays; what it was told, and changed, goes."""
    whole = dict(origin)
    if "fork" in whole:
        whole["fork"] = {**whole["fork"], "change": tomb(whole["fork"].get("change"))}
    if "taint" in whole:
        whole["taint"] = _sources(whole["taint"])
    return {key: tomb(one) if key in _TOLD_OF_TEAM else one for key, one in whole.items()}


def _sources(taint: Any) -> list[str]:
    """Where words came from: of which kind and name stays, with what it was asked goes."""
    cut = [one.split(" ", 2) for one in taint or ()]
    return [" ".join([*words[:2], *map(tomb, words[2:])]) for words in cut]


def tomb(value: Any, stays: Sequence[str] = ()) -> Any:
    """What is left of a value: its shape, what `stays` of it by its keys, and digests of its texts.

    Nothing stays nothing. Of a number there is no digest: whoever has that has soon tried all numbers.
    """
    if isinstance(value, Mapping):
        return {key: one if key in stays else tomb(one) for key, one in cast("Any", value).items()}
    if isinstance(value, (list, tuple)):
        return [tomb(one) for one in cast("Any", value)]
    if value is None or value in ("", b""):
        return value
    if isinstance(value, bytes):
        return tomb(encoded(value).hex()).encode()
    if not isinstance(value, str):
        return "[redacted]"
    return value if _TOMB.fullmatch(value) else f"[redacted {digest(value.encode()).hex()[:16]}]"
