"""Feeds: ledgers that are watched. Topics of a tenant, and its boards; both outlive runs, and are every run's.

Theory of operation
===================

1. Who watches a ledger gets its entries by number, each once: what is there, and then what comes. What this process
   writes is there at once; what others write is looked for again and again.
2. A board is one ledger: every entry is the next version of a key. What stands under the keys is a fold of it.
3. An entry of a board that is to replace a version is written at the end of the board as it was seen; if somebody was
   quicker, it is looked again whether that was the same key.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from coterie.errors import Changed
from coterie.kernel.values import to_plain
from coterie.ports import Entry, Ledgers

TOPICS, BOARDS = "topics/", "boards/"
LOOK = 0.5
"""Seconds between two looks for what other processes have written."""
MOST = 500
"""Entries that are read at once."""


class Posted(Struct, frozen=True, kw_only=True):
    """A version of what stands under a key of a board; one that is `gone` says that nothing stands there any more."""

    key: str
    version: int
    value: Any = None
    by: str = ""
    gone: bool = False


class Published(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was published on a topic, by whom; the same `key` again is the same message."""

    message: Any
    by: str = ""
    key: str = ""


class Feeds:
    """The ledgers of one tenant, as they are written and watched."""

    def __init__(self, ledgers: Ledgers) -> None:
        self._ledgers = ledgers
        self._moved: dict[str, asyncio.Event] = {}

    async def append(self, name: str, body: Any, *, at: int | None = None) -> Entry:
        """Write an entry, as `Ledgers.append`; whoever watches is told."""
        entry = await self._ledgers.append(name, to_plain(body), at=at)
        moved = self._moved.pop(name, None)
        if moved is not None:
            moved.set()
        return entry

    async def batches(self, name: str, after: int = -1) -> AsyncIterator[list[Entry]]:
        """The entries of a ledger numbered above `after`, in order, each once, without an end."""
        while True:
            moved = self._moved.setdefault(name, asyncio.Event())
            entries = await self._ledgers.read(name, after, MOST)
            if entries:
                after = entries[-1].seq
                yield entries
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await moved.wait()


class Topics:
    """The topics of one tenant."""

    def __init__(self, ledgers: Ledgers, feeds: Feeds) -> None:
        self._ledgers = ledgers
        self._feeds = feeds
        self._known: dict[str, tuple[int, dict[str, int]]] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def publish(self, topic: str, said: Published) -> Entry:
        """Write a message at the end of a topic; the same key again gives what it was then."""
        name = ledger_of(topic)
        if not said.key:
            return await self._feeds.append(name, said)
        async with self._turns.setdefault(name, asyncio.Lock()):  # or they would look again and again
            while True:
                length, keys = await self._keys(name)
                if said.key in keys:
                    return (await self._ledgers.read(name, keys[said.key] - 1, 1))[0]
                with contextlib.suppress(Changed):
                    return await self._feeds.append(name, said, at=length)

    async def read(self, topic: str, after: int, limit: int | None = None) -> list[Entry]:
        """The messages of a topic numbered above `after`, the oldest first."""
        return await self._ledgers.read(ledger_of(topic), after, limit)

    async def heads(self, after: str = "", limit: int | None = None) -> list[tuple[str, Entry]]:
        """The newest message of each topic, by name."""
        found = await self._ledgers.heads(TOPICS, TOPICS + after, limit)
        return [(name.removeprefix(TOPICS), entry) for name, entry in found]

    async def _keys(self, name: str) -> tuple[int, dict[str, int]]:
        """How many messages there are, and the numbers of those that have a key."""
        length, keys = self._known.get(name, (0, {}))
        for entry in await self._ledgers.read(name, length - 1):
            said = msgspec.convert(entry.body, Published)
            if said.key:
                keys[said.key] = entry.seq
            length = entry.seq + 1
        self._known[name] = (length, keys)
        return length, keys


def ledger_of(topic: str) -> str:
    """The ledger of a topic."""
    return TOPICS + topic


class Boards:
    """The boards of one tenant: entries by key, each in versions that are compared before they are set."""

    def __init__(self, ledgers: Ledgers, feeds: Feeds) -> None:
        self._ledgers = ledgers
        self._feeds = feeds
        self._folds: dict[str, tuple[int, dict[str, Posted]]] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def put(
        self,
        board: str,
        key: str,
        value: Any,
        *,
        by: str = "",
        version: int | None = None,
        gone: bool = False,
    ) -> Posted:
        """Put something under a key, if that is in `version` (0: nothing stands there; None: whatever it is).

        Raises:
            Changed: if it is in another one. Nothing was written.
        """
        while True:
            length, entries = await self._fold(board)
            now = entries.get(key)
            standing = 0 if now is None or now.gone else now.version
            if version is not None and version != standing:
                raise Changed(
                    f"{key!r} of board {board!r} is in version {standing}, not {version}: read it again"
                )
            new = Posted(
                key=key, version=1 if now is None else now.version + 1, value=value, by=by, gone=gone
            )
            with contextlib.suppress(Changed):
                await self._feeds.append(BOARDS + board, new, at=length)
                return new

    async def entries(self, board: str) -> Mapping[str, Posted]:
        """What stands on a board, by key."""
        _, entries = await self._fold(board)
        return {key: entries[key] for key in sorted(entries) if not entries[key].gone}

    async def history(self, board: str, key: str) -> list[tuple[float, Posted]]:
        """All versions of a key, with their times, the oldest first."""
        entries = await self._ledgers.read(BOARDS + board)
        found = [(entry.time, posted_of(entry)) for entry in entries]
        return [(when, one) for when, one in found if one.key == key]

    async def names(self, after: str = "", limit: int | None = None) -> list[tuple[str, Entry]]:
        """The boards by name, with what was put there last."""
        found = await self._ledgers.heads(BOARDS, BOARDS + after, limit)
        return [(name.removeprefix(BOARDS), entry) for name, entry in found]

    async def _fold(self, board: str) -> tuple[int, dict[str, Posted]]:
        """How many entries a board has, and what stands under each key now."""
        async with self._turns.setdefault(board, asyncio.Lock()):
            length, standing = self._folds.get(board, (0, {}))
            new = await self._ledgers.read(BOARDS + board, length - 1)
            standing = dict(standing) if new else standing  # whoever has looked at it keeps what was seen
            for entry in new:
                one = posted_of(entry)
                standing[one.key] = one
                length = entry.seq + 1
            self._folds[board] = (length, standing)
            return length, standing


def posted_of(entry: Entry) -> Posted:
    """An entry of a board's ledger."""
    return msgspec.convert(entry.body, Posted)
