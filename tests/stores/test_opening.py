"""Files that are not there yet, opened by many processes at the same moment: all of them have the same one."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from coterie.doors.http.keys import KeyRing
from coterie.memory.shelf import Shelf
from coterie.memory.sqlite import SqliteKnowledge
from coterie.models.cache import SqliteAnswers
from coterie.stores.ledgers import SqliteLedgers
from coterie.stores.sqlite import SqliteStore

PROCESSES = 16
ROUNDS = 50
PATIENCE = 120.0
"""Seconds for a busy machine; nobody waits for so long."""
KINDS = {
    "store": SqliteStore,
    "ledgers": SqliteLedgers,
    "keys": KeyRing,
    "knowledge": lambda path: SqliteKnowledge(path, None),
    "index": Shelf,
    "answers": lambda path: SqliteAnswers(str(path))._open(),
}


def _opens(kind, folder, together, said):
    """Open one new file after the other, each at the same moment as all others; what went wrong."""
    wrong = []
    for round in range(ROUNDS):
        together.wait(PATIENCE)
        try:
            KINDS[kind](folder / f"{round}.db")
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {error}")
    said.put(wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_file_is_opened_by_many_at_once(tmp_path, kind):
    """Nobody finds it locked, half made or another program's."""
    context = multiprocessing.get_context("fork")
    together, said = context.Barrier(PROCESSES), context.Queue()
    processes = [
        context.Process(target=_opens, args=(kind, Path(tmp_path), together, said), daemon=True)
        for _ in range(PROCESSES)
    ]
    for one in processes:
        one.start()
    wrong = [error for _ in processes for error in said.get(timeout=PATIENCE)]
    for one in processes:
        one.join(PATIENCE)
    assert wrong == []
