"""Lines: one text of two that came of a third."""

from __future__ import annotations

from difflib import SequenceMatcher


def by_lines(base: str | None, theirs: str, mine: str) -> str:
    """One text of two that came of `base`: every line that either added, and none that either took away.

    What both added at one place stands there once if it is the same, and else theirs first.
    """
    lines = (base or "").splitlines()
    gone, added = _changes(lines, theirs.splitlines())
    gone_too, added_too = _changes(lines, mine.splitlines())
    merged: list[str] = []
    for at in range(len(lines) + 1):
        new, too = added.get(at, []), added_too.get(at, [])
        merged += new if new == too else [*new, *too]
        if at < len(lines) and at not in gone and at not in gone_too:
            merged.append(lines[at])
    return "\n".join(merged)


def _changes(base: list[str], changed: list[str]) -> tuple[set[int], dict[int, list[str]]]:
    """Which lines of `base` are gone, and what was added before which line."""
    gone: set[int] = set()
    added: dict[int, list[str]] = {}
    for kind, begin, end, start, stop in SequenceMatcher(None, base, changed, autojunk=False).get_opcodes():
        if kind != "equal":
            gone.update(range(begin, end))
            added.setdefault(begin, []).extend(changed[start:stop])
    return gone, added
