"""The board: entries with versions and authors that the actors of one run share."""

from __future__ import annotations

from coterie.kernel.frames import Strand
from coterie.kernel.taint import Sources
from coterie.words.effect import Entry, Put, Watch


class Board:
    """Entries by key. A write names the version it saw, so no update is lost unnoticed."""

    __slots__ = ("entries", "watching")

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.watching: dict[str, list[tuple[Strand, Watch]]] = {}

    def get(self, key: str) -> Entry:
        """The entry of `key`; version 0 where there is none."""
        return self.entries.get(key) or Entry(key)

    def put(self, put: Put, author: str, taint: Sources = ()) -> Entry | None:
        """Write unless the entry has another version than `put` names; the new entry, or None."""
        now = self.get(put.key)
        if put.version is not None and put.version != now.version:
            return None
        entry = self.entries[put.key] = Entry(put.key, put.value, now.version + 1, author, taint)
        return entry

    def watch(self, strand: Strand, watch: Watch) -> None:
        """Remember who waits for a newer version."""
        self.watching.setdefault(watch.key, []).append((strand, watch))

    def woken(self, entry: Entry) -> list[Strand]:
        """The strands whose wait `entry` ends, the longest waiting first."""
        waits = self.watching.pop(entry.key, None)
        if waits is None:
            return []
        live = [(s, w) for s, w in waits if s.wait is w and not s.closed]
        if rest := [(s, w) for s, w in live if w.after >= entry.version]:
            self.watching[entry.key] = rest
        return [s for s, w in live if w.after < entry.version]
