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

from hashlib import blake2b

from coterie.wire.reader import Reader
from coterie.wire.row import FORMAT, encoded
from coterie.wire.writer import Writer
from coterie.words.digest import SIZE

__all__ = ["FORMAT", "Reader", "Writer", "packed", "sealed"]


def packed(contents: dict[bytes, bytes]) -> bytes:
    """The contents of a page as bytes; none where there are none."""
    return encoded(contents) if contents else b""


def sealed(head: bytes, run: str, seq: int, count: int, body: bytes, contents: bytes) -> bytes:
    """The hash of a page: over the hash before it, its place, its events and its contents."""
    hashed = blake2b(b"%s%s\0%d\0%d\0%d\0" % (head, run.encode(), seq, count, len(body)), digest_size=SIZE)
    hashed.update(body)
    if contents:
        hashed.update(contents)
    return hashed.digest()
