"""Signals: what others say to runs, as rows of a SQLite store; each stays until its run's journal tells of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from coterie.stores.held import Held
from coterie.words.digest import encode
from coterie.words.event import Closed, Record, Signalled


class Signals:
    """The signals of one file. Who is handed one has it until it is heard: see `Committer`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def say(self, run: str, signal: Signalled) -> None:
        """Keep a signal for whoever writes a run."""
        self._db.execute("insert into signals (run, body) values (?, ?)", (run, packed(signal)))

    def waiting(self, run: str) -> list[Signalled]:
        """What waits for whoever claims a run."""
        rows = self._db.execute("select body from signals where run = ? order by id", (run,)).fetchall()
        return [unpacked(body) for (body,) in rows]

    def hand_over(self, held: Iterable[Held], only: str = "") -> None:
        """Hand over what was said to some runs; of others than `only`, if it is given, nothing is looked at."""
        by_run = {one.run: one for one in held if one.hear is not None}
        some, values = (" where run = ?", (only,)) if only else ("", ())
        rows = self._db.execute(f"select id, run, body from signals{some} order by id", values).fetchall()
        for number, run, body in rows:
            one = by_run.get(run)
            if one is not None and one.hear is not None and number not in one.handed:
                one.handed.add(number)
                one.hear(unpacked(body), number)


def packed(signal: Signalled) -> bytes:
    """A signal as bytes."""
    return encode([signal.kind, signal.about, signal.value])


def unpacked(body: bytes) -> Signalled:
    """The signal in `body`."""
    return Signalled(*msgspec.msgpack.decode(body))


def gone(held: Held, records: Sequence[Record], heard: Sequence[int]) -> Sequence[int]:
    """The signals that an append lets go of: those that were heard, or all that were handed to a run that it closes."""
    if held.handed and type(records[-1].event) is Closed:
        return [*held.handed]
    return heard
