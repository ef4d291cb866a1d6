"""Exports: the journal of one run as one file, which can be checked anywhere, without a store or a network.

Theory of operation
===================

1. An export is a line of JSON for people (see `Header`), the pages of the run and the contents that are kept outside
   of them as MessagePack, and 32 bytes of digest over all of that. So any changed, dropped or added byte is found.
2. A digest can be made anew by whoever changes a file. The pages still carry the chain that the store wrote (see
   `wire.chain`), and the header says with which hash it ends, so a page that is changed, dropped, moved or swapped is
   found as well, and which one.
3. A chain can be made anew too, from the first change on. What cannot is a signature: 64 bytes of Ed25519 (RFC 8032)
   over the digest, by the key that the header names. Only a signed export stands up against whoever had it in hand.
4. A page can be left out on purpose: its place and its hash stay, so the rest is checked as before, and everybody
   sees which events were taken out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from coterie.errors import BadInput, Corrupt
from coterie.wire.chain import broken
from coterie.wire.journal import Reader, packed
from coterie.wire.pack import Page
from coterie.wire.redaction import is_redacted, redactions_in
from coterie.words.digest import SIZE, digest
from coterie.words.effect import Think, body_of, kind_of
from coterie.words.event import Asked, Record

FORMAT = 1
"""The version of exports."""
SIGNATURE = 64
"""Bytes of a signature."""
CONTEXT = b"coterie export\0"
"""What stands before a digest that is signed, so that no signature of another kind fits."""
Sign: TypeAlias = Callable[[bytes], bytes]
Checks: TypeAlias = Callable[[bytes, bytes, bytes], bool]
"""Whether a public key made a signature over a text."""
_BODY = msgspec.msgpack.Decoder(tuple[list[tuple[int, int, bytes, bytes, bytes]], dict[bytes, bytes]]).decode
_CONTENTS = msgspec.msgpack.Decoder(dict[bytes, bytes]).decode


class Kept(Struct, frozen=True):
    """What a store keeps of one run: its pages, and the contents that are kept outside of them."""

    pages: Sequence[Page]
    contents: dict[bytes, bytes]


class Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line of an export. Hashes and keys are in hex; `made` is seconds since the epoch.

    `redacted` are the events that were taken out, as pairs of the first and the last.
    """

    coterie_export: int = FORMAT
    run: str
    actor: str = ""
    events: int
    pages: int
    head: str
    made: float
    redacted: tuple[tuple[int, int], ...] = ()
    signer: str = ""


class Export(Struct, frozen=True):
    """An export that was read: nothing of it was checked but that it is whole."""

    header: Header
    kept: Kept
    digest: bytes
    signature: bytes

    def records(self) -> list[Record]:
        """What happened in the run.

        Raises:
            Corrupt: if something was taken out, or the pages cannot be read.
        """
        if self.header.redacted:
            raise Corrupt(f"run {self.header.run!r} cannot be read: parts of it were taken out")
        reader = Reader(self.kept.contents.get)
        return [
            record for page in self.kept.pages for record in reader.page(page.seq, page.body, page.contents)
        ]


def kept(pages: Sequence[Page], fetch: Callable[[bytes], bytes | None]) -> Kept:
    """The pages of a run with all that they mention; `fetch` gives contents that are kept outside of them."""
    found: dict[bytes, bytes] = {}

    def fetched(name: bytes) -> bytes | None:
        body = fetch(name)
        if body is not None:
            found[name] = body
        return body

    reader = Reader(fetched)
    for page in pages:
        for record in reader.page(page.seq, page.body, page.contents):
            brief = _brief_of(record)
            if brief and brief not in reader.contents:
                fetched(brief)
    return Kept(pages, found)


def _brief_of(record: Record) -> bytes:
    """The name of the brief that a model was asked with; empty for other records."""
    event = record.event
    if not isinstance(event, Asked) or kind_of(event.effect) != Think.kind:
        return b""
    name: bytes = msgspec.msgpack.decode(body_of(event.effect))[2]
    return name


def redacted(whole: Kept, events: Iterable[int]) -> Kept:
    """The same run without the pages that `events` are on, and what only they brought.

    Raises:
        BadInput: if there is no such event.
    """
    sought = set(events)
    pages: list[Page] = []
    for page in whole.pages:
        inside = sought & set(range(page.seq, page.seq + page.count))
        sought -= inside
        pages.append(replace(page, body=b"", contents=b"") if inside else page)
    if sought:
        raise BadInput(f"the run has no event {min(sought)}, so it cannot be taken out")
    if redactions_in(pages, whole.contents.get) != redactions_in(whole.pages, whole.contents.get):
        raise BadInput(
            "what says that something was redacted cannot be taken out: nothing else vouches for the rest"
        )
    return Kept(pages, {} if any(not page.body for page in pages) else whole.contents)


def export(
    run: str, whole: Kept, *, made: float, actor: str = "", signer: bytes = b"", sign: Sign | None = None
) -> bytes:
    """The bytes of an export; with `sign` they are signed, by the private half of the key `signer`."""
    pages = whole.pages
    header = Header(
        run=run,
        actor=actor,
        events=sum(page.count for page in pages),
        pages=len(pages),
        head=pages[-1].hash.hex() if pages else "",
        made=made,
        redacted=tuple((page.seq, page.seq + page.count - 1) for page in pages if not page.body),
        signer=signer.hex() if sign is not None else "",
    )
    rows = [(page.seq, page.count, page.hash, page.body, page.contents) for page in pages]
    return sealed(header, rows, whole.contents, sign)


def again(
    data: bytes, *, without: Iterable[int] = (), signer: bytes = b"", sign: Sign | None = None
) -> bytes:
    """An export with `without` taken out of it, too, signed anew if there is a way to.

    Raises:
        Corrupt: if it is none.
        BadInput: if there is no such event.
    """
    found = read(data)
    header = found.header
    whole = redacted(found.kept, without)
    return export(header.run, whole, made=header.made, actor=header.actor, signer=signer, sign=sign)


def sealed(header: Header, rows: Any, contents: dict[bytes, bytes], sign: Sign | None = None) -> bytes:
    """The bytes of an export, with its digest and, where there is a way to sign, its signature."""
    text = msgspec.json.encode(header) + b"\n" + msgspec.msgpack.encode((rows, contents))
    name = digest(text)
    return text + name + (b"" if sign is None else sign(CONTEXT + name))


def read(data: bytes) -> Export:
    """An export, if its bytes are those that were written.

    Raises:
        Corrupt: if they are not, or are no export.
    """
    line, newline, _ = data.partition(b"\n")
    try:
        header = msgspec.json.decode(line, type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Corrupt("this is no export, or its first line was changed") from error
    if header.coterie_export != FORMAT:
        raise Corrupt(f"the export has format {header.coterie_export}; this Coterie reads {FORMAT}")
    end = len(data) - (SIGNATURE if header.signer else 0)
    text, name = data[: end - SIZE], data[end - SIZE : end]
    if not newline or digest(text) != name:
        raise Corrupt(f"the export of run {header.run!r} is not what was written: its digest does not fit")
    try:
        rows, contents = _BODY(text[len(line) + 1 :])
    except msgspec.MsgspecError as error:
        raise Corrupt(f"the export of run {header.run!r} cannot be read: {error}") from error
    return Export(header, Kept([Page(0, *row) for row in rows], contents), name, data[end:])


def problems(data: bytes, *, checks: Checks | None = None, key: bytes = b"") -> list[str]:
    """What is wrong with an export, a line each; empty if it is what was written.

    `checks` is needed for one that is signed. With `key` it has to be signed by that one.
    """
    try:
        found = read(data)
    except Corrupt as error:
        return [error.message]
    return [*_unsigned(found, checks, key), *_chained(found), *_changed(found)] or _unreadable(found)


def _unsigned(found: Export, checks: Checks | None, key: bytes) -> list[str]:
    """What is wrong with who signed it."""
    run, signer = found.header.run, found.header.signer
    if key and signer != key.hex():
        return [f"run {run!r}: it is {f'signed by {signer}' if signer else 'not signed'}, not by {key.hex()}"]
    if not signer:
        return []
    try:
        good = checks is not None and checks(bytes.fromhex(signer), found.signature, CONTEXT + found.digest)
    except ValueError:
        good = False
    return [] if good else [f"run {run!r}: its signature is not one of {signer}"]


def _chained(found: Export) -> list[str]:
    """What is wrong with the chain of its pages, and with what its header says of them."""
    header, pages, known = found.header, found.kept.pages, _known(found)
    try:
        whole = (header.pages, bytes.fromhex(header.head))
    except ValueError:
        return [f"run {header.run!r}: its header names no hash"]
    lines = broken(header.run, pages, whole, redacted=True, known=known)
    out = tuple((page.seq, page.seq + page.count - 1) for page in pages if not page.body)
    if out != header.redacted or sum(page.count for page in pages) != header.events:
        lines.append(f"run {header.run!r}: its header does not say what is in it")
    return lines


def _known(found: Export) -> dict[int, bytes]:
    """What the run itself says was taken out of it."""
    return redactions_in(found.kept.pages, found.kept.contents.get)


def _changed(found: Export) -> list[str]:
    """The contents that are not what their names say, but for those that a redaction has left something of."""
    run, known = found.header.run, _known(found)
    wrong = [name for name, body in found.kept.contents.items() if digest(body) != name]
    for page in found.kept.pages:
        if is_redacted(page, known):
            continue
        try:
            contents = _CONTENTS(page.contents) if page.contents else {}
        except msgspec.MsgspecError:
            return [f"run {run!r}: the contents of event {page.seq} cannot be read"]
        wrong += [name for name, body in contents.items() if digest(body) != name]
        if packed(contents) != page.contents:
            return [f"run {run!r}: the contents of event {page.seq} are not what was written"]
    return [f"run {run!r}: content {name.hex()[:16]} is not what was written" for name in wrong]


def _unreadable(found: Export) -> list[str]:
    """What keeps an export from being read of which nothing was taken out."""
    if found.header.redacted:
        return []
    try:
        records = found.records()
    except Corrupt as error:
        return [f"run {found.header.run!r}: {error.message}"]
    mentioned = kept(found.kept.pages, found.kept.contents.get)
    if len(records) != found.header.events or set(mentioned.contents) != set(found.kept.contents):
        return [f"run {found.header.run!r}: something was added to it"]
    return []
