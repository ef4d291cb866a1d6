"""Packs: the pages of many runs as one row.

A pack is a directory and a body. The body is the pages one after the other; the directory says
of each whose it is, where the page before it is (the number of a pack, 0 for the first), the
number of its first event, how many events it has, its hash, and how long it is. So one row
keeps what many runs wrote at once, and a run is read from its end backwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from coterie.errors import Corrupt

Place: TypeAlias = tuple[int, int, int, int, bytes, int, int]
"""A line of a directory: run, pack of the page before, first event, events, hash, bytes of events, of contents."""
_MENTION = re.compile(rb"(?=(?:\xc7\x20\x01|\xc4\x20)(.{32}))", re.DOTALL)
"""A mention of a content, or the name of a brief, as MessagePack writes them (`ext 8` of kind 1, `bin 8`)."""
_encode = msgspec.msgpack.Encoder().encode
_places = msgspec.msgpack.Decoder(list[Place]).decode


class Page(Struct, frozen=True, gc=False):
    """One page as it is stored."""

    before: int
    seq: int
    count: int
    hash: bytes
    body: bytes
    contents: bytes


def directory(places: Iterable[Place]) -> bytes:
    """The bytes of a directory."""
    return _encode(places)


def runs_in(lines: bytes) -> set[int]:
    """The runs that a pack has pages of.

    Raises:
        Corrupt: if the bytes are no directory.
    """
    return {place[0] for place in _read(lines)}


def pages_of(run: int, lines: bytes, body: bytes) -> list[Page]:
    """The pages of `run` in a pack, in order.

    Raises:
        Corrupt: if the directory is none, or another pack's.
    """
    found: list[Page] = []
    at = 0
    for place in _read(lines):
        end = at + place[5] + place[6]
        if place[0] == run:  # of the hundreds in a pack, few are
            _, before, seq, count, hash_, events, _ = place
            middle = at + events
            found.append(Page(before, seq, count, hash_, body[at:middle], body[middle:end]))
        at = end
    if at != len(body):
        raise Corrupt(f"a pack of {len(body):,} bytes should have {at:,}")
    return found


def edited(run: int, lines: bytes, body: bytes, pages: Mapping[int, Page]) -> tuple[bytes, bytes]:
    """A pack in which `run` has no pages but those of `pages`, by their first event, as they are there.

    Raises:
        Corrupt: if the directory is none, or another pack's.
    """
    places: list[Place] = []
    parts: list[bytes] = []
    at = 0
    for whose, before, seq, count, hash_, events, contents in _read(lines):
        middle, end = at + events, at + events + contents
        part = [body[at:middle], body[middle:end]]
        at = end
        if whose == run and seq not in pages:
            continue
        if whose == run:
            part = [pages[seq].body, pages[seq].contents]
        places.append((whose, before, seq, count, hash_, len(part[0]), len(part[1])))
        parts += part
    if at != len(body):
        raise Corrupt(f"a pack of {len(body):,} bytes should have {at:,}")
    return directory(places), b"".join(parts)


def mentioned(body: bytes) -> set[bytes]:
    """Every name that might be mentioned in some bytes of pages: all that are, and by chance one that is none."""
    return {found[1] for found in _MENTION.finditer(body)}


def _read(lines: Any) -> list[Place]:
    try:
        return _places(lines)
    except (msgspec.MsgspecError, TypeError) as error:
        raise Corrupt(f"the directory of a pack cannot be read: {error}") from error
