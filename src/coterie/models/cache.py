"""Answers kept for the next time that the same is asked: in memory, or in an SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec.structs import replace

from coterie.errors import BadInput
from coterie.models.wrap import Ask, Wrapper
from coterie.opening import PATIENCE, write_ahead
from coterie.ports import Model
from coterie.words.digest import digest_of, encode
from coterie.words.effect import Think
from coterie.words.message import Message
from coterie.words.usage import Usage

ENTRIES = 10_000
"""Answers that a cache keeps, unless it is said otherwise; the one unused for longest goes first."""
HIT = Usage(cache_hits=1)
"""The usage of an answer from a cache."""


class Answers(Protocol):
    """Where a cache keeps answers, by the digest of what was asked."""

    async def get(self, name: bytes, since: float, /) -> bytes | None:
        """The answer kept under `name`, if it was put there at `since` (seconds) or later."""
        ...

    async def put(self, name: bytes, body: bytes, now: float, /) -> None:
        """Keep an answer."""
        ...


class MemoryAnswers:
    """Answers in memory, for as long as the process lives."""

    def __init__(self, entries: int = ENTRIES) -> None:
        self._entries = entries
        self._kept: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    async def get(self, name: bytes, since: float, /) -> bytes | None:
        with self._lock:
            found = self._kept.get(name)
            if found is None or found[0] < since:
                return None
            self._kept.move_to_end(name)
            return found[1]

    async def put(self, name: bytes, body: bytes, now: float, /) -> None:
        with self._lock:
            self._kept[name] = (now, body)
            self._kept.move_to_end(name)
            while len(self._kept) > self._entries:
                self._kept.popitem(last=False)


class SqliteAnswers:
    """Answers in a file, which several processes may share. What is lost with it is asked again."""

    def __init__(self, path: str | Path, entries: int = ENTRIES) -> None:
        self._path = str(path)
        self._entries = entries

    async def get(self, name: bytes, since: float, /) -> bytes | None:
        return await asyncio.to_thread(self._get, name, since)

    async def put(self, name: bytes, body: bytes, now: float, /) -> None:
        await asyncio.to_thread(self._put, name, body, now)

    def _get(self, name: bytes, since: float) -> bytes | None:
        db = self._open()
        try:
            row = db.execute("select body from answer where name = ? and at >= ?", (name, since)).fetchone()
            return row[0] if row else None
        finally:
            db.close()

    def _put(self, name: bytes, body: bytes, now: float) -> None:
        db = self._open()
        try:
            with db:
                db.execute(
                    "insert or replace into answer (name, at, body) values (?, ?, ?)", (name, now, body)
                )
                db.execute(
                    "delete from answer where rowid <= (select max(rowid) from answer) - ?", (self._entries,)
                )
        finally:
            db.close()

    def _open(self) -> sqlite3.Connection:
        try:
            db = sqlite3.connect(self._path, timeout=PATIENCE)
            write_ahead(db)
            db.execute("create table if not exists answer (name blob unique, at real, body blob)")
        except sqlite3.Error as error:
            raise BadInput(f"{self._path!r} cannot be a cache of answers: {error}") from error
        return db


class Cached(Wrapper):
    """A model whose answers are kept."""

    def __init__(
        self, model: Model, answers: Answers, seconds: float | None, clock: Callable[[], float]
    ) -> None:
        super().__init__(model)
        self._answers, self._seconds, self._clock = answers, seconds, clock

    async def around(self, think: Think, ask: Ask) -> Message:
        name = digest_of((self.name, think.request()))
        now = self._clock()
        kept = await self._answers.get(name, 0.0 if self._seconds is None else now - self._seconds)
        if kept is not None:
            return replace(msgspec.msgpack.decode(kept, type=Message), usage=HIT)
        message = await ask(self.model, think)
        await self._answers.put(name, encode(message), now)
        return message


def cached(
    model: Model,
    answers: Answers | str | Path | None = None,
    *,
    seconds: float | None = None,
    clock: Callable[[], float] = time.time,
) -> Cached:
    """`model`, whose answers are kept in `answers`: in memory, or in the SQLite file of that path.

    The same request (actor, model, brief and thread) gets the same answer, at no cost: its usage is one of
    `cache_hits` and nothing else. Answers older than `seconds` are asked for again. Failures are not kept.
    """
    if answers is None:
        answers = MemoryAnswers()
    elif isinstance(answers, (str, Path)):
        answers = SqliteAnswers(answers)
    return Cached(model, answers, seconds, clock)
