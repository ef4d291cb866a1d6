"""What the terminal can do, and the view of a run on it while the run goes on."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Protocol, TextIO

import click
import msgspec

from coterie.doors.events import event_data, event_line
from coterie.doors.letters import Look
from coterie.doors.tree import tree_lines
from coterie.kernel.replay import counted
from coterie.kernel.story import Tree, opened
from coterie.shell.sayings import Sayings
from coterie.words.event import Opened, Record, Signalled


class View(Protocol):
    """Shows a run while it goes on; `sayings` is where it reads what models are saying, if it shows that."""

    sayings: Sayings | None

    def add(self, records: Sequence[Record]) -> None:
        """Take what has happened."""
        ...

    def draw(self) -> None:
        """Show how things stand now."""
        ...

    def hold(self) -> None:
        """Make room for a question, and leave it there until the next `draw`."""
        ...


def look_of(stream: TextIO) -> Look:
    """What `stream` can show."""
    size = shutil.get_terminal_size()
    letters = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "")
    tty = stream.isatty()
    return Look(
        width=size.columns if tty else 100,
        height=max(size.lines - 2, 3) if tty else 0,
        colour=tty and "NO_COLOR" not in os.environ,
        unicode=letters.startswith("utf"),
    )


def view_of(*, as_json: bool, quiet: bool) -> View:
    """The view that fits: JSON lines, nothing, a tree that is redrawn, or a line an event."""
    if as_json:
        return JsonLines()
    if quiet:
        return Nothing()
    drawn = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    return Drawn(sys.stderr) if drawn else Lines()


class Nothing:
    """Shows nothing."""

    sayings: Sayings | None = None

    def add(self, records: Sequence[Record]) -> None:
        return

    def draw(self) -> None:
        return

    def hold(self) -> None:
        return


class JsonLines(Nothing):
    """Every event as a line of JSON on stdout."""

    def add(self, records: Sequence[Record]) -> None:
        for record in records:
            click.echo(msgspec.json.encode(event_data(record)))


class Lines(Nothing):
    """Every event as a line on stderr."""

    def __init__(self) -> None:
        self._began: float | None = None

    def add(self, records: Sequence[Record]) -> None:
        for record in records:
            if self._began is None:
                self._began = record.time
            click.echo(event_line(record, self._began), err=True)


class Drawn:
    """The tree of the run with what models are writing, redrawn in place (ECMA-48 cursor movements)."""

    def __init__(self, stream: TextIO) -> None:
        self.sayings: Sayings | None = Sayings()
        self._stream = stream
        self._records: list[Record] = []
        self._tree = Tree("")
        self._lines = 0

    def add(self, records: Sequence[Record]) -> None:
        self._records.extend(records)
        if any(_rewrites(record) for record in records):
            self._tree = grown(self._records)
        else:
            for record in records:
                self._tree.add(record)

    def draw(self) -> None:
        if not self._records:
            return
        saying = {} if self.sayings is None else self.sayings.lines()
        lines = tree_lines(self._tree.root, time.time(), look_of(self._stream), saying)
        self._write("".join(f"{line}\x1b[K\n" for line in lines))
        self._lines = len(lines)

    def hold(self) -> None:
        self._write("")
        self._lines = 0

    def _write(self, text: str) -> None:
        back = f"\x1b[{self._lines}A\r" if self._lines else "\r"
        self._stream.write(f"{back}{text}\x1b[J")
        self._stream.flush()


def _rewrites(record: Record) -> bool:
    """Whether the tree has to be grown anew: at the opening, and where events no longer count."""
    event = record.event
    return isinstance(event, Opened) or (isinstance(event, Signalled) and event.kind == "resume")


def grown(records: Sequence[Record]) -> Tree:
    """The tree of the records that count."""
    tree = Tree(opened(records).actor)
    for record in counted(records):
        tree.add(record)
    return tree
