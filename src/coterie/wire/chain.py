"""The chain of a run's pages: whether they are what was written, all of it, and in that order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from coterie.wire.journal import sealed
from coterie.wire.pack import Page
from coterie.wire.redaction import is_redacted

NOTHING: Mapping[int, bytes] = MappingProxyType({})


def broken(
    run: str,
    pages: Iterable[Page],
    whole: tuple[int, bytes] | None,
    *,
    redacted: bool = False,
    known: Mapping[int, bytes] = NOTHING,
) -> list[str]:
    """What is wrong with the pages of a run, a line each.

    `whole` is how many there should be and the hash of the last, where the run was given back. With `redacted`
    a page may have been taken out: the page after it, or `whole`, tells whether its hash is the one it had. So it
    does for a page of which contents were taken out, as the run itself says (`known`, see `wire.redaction`).
    """
    found: list[str] = []
    expected, seq, count = b"", 0, 0
    for page in pages:
        if page.seq != seq:
            found.append(f"run {run!r}: events {seq} to {page.seq - 1} are missing")
        span = f"run {run!r}: events {page.seq} to {page.seq + page.count - 1}"
        if is_redacted(page, known) or (redacted and not page.body):
            expected = page.hash
        else:
            expected = sealed(expected, run, page.seq, page.count, page.body, page.contents)
            if expected == page.hash and page.seq in known:
                found.append(f"{span} were to be redacted, and are still there: redact them again")
        if expected != page.hash:
            found.append(f"{span} are not what was written")
            expected = page.hash
        seq, count = page.seq + page.count, count + 1
    if whole is not None and (count, expected) != whole:
        found.append(_short(run, whole[0] - count))
    return found


def _short(run: str, missing: int) -> str:
    if missing > 0:
        return f"run {run!r}: {missing} pages are missing at the end"
    return f"run {run!r}: its last page is not the one that it ended with"
