"""Files as tools: read, list, search, write and edit, inside one folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase

from coterie.errors import ToolFailed
from coterie.tool import Tool
from coterie.tools.root import DENIED, Root

LARGEST = 2 << 20
"""Bytes that a file may have to be read or written."""
LISTED = 1_000
"""Files that one listing names."""
FOUND = 200
"""Lines that one search gives."""
LINES = 2_000
"""Lines that one reading gives unless more are asked for."""
LETTERS = 100_000
"""Letters that one reading gives at most."""


def files(
    root: str | os.PathLike[str],
    *,
    writable: bool = True,
    largest: int = LARGEST,
    deny: Sequence[str] = DENIED,
) -> tuple[Tool, ...]:
    """Tools for the files below `root`: `read_file`, `list_files`, `search_files`, `write_file` and `edit_file`.

    The last two are there if it is `writable`. No path leads out: not by `..`, links, absolute paths, or special
    files. `largest` are bytes of one file; names that fit `deny` (whatever their case) are not there.
    """
    shelf = _Files(Root(root, largest=largest, deny=deny))
    reading: list[Callable[..., str]] = [shelf.read_file, shelf.list_files, shelf.search_files]
    tools = [Tool(function, idempotent=True, tags=["files", "read"]) for function in reading]
    if writable:
        tools.append(Tool(shelf.write_file, idempotent=True, tags=["files", "write"]))
        tools.append(Tool(shelf.edit_file, tags=["files", "write"]))
    return tuple(tools)


class _Files:
    """The functions behind the tools; what each says of itself is what a model reads."""

    def __init__(self, root: Root) -> None:
        self._root = root

    def read_file(self, path: str, first_line: int = 1, lines: int = LINES) -> str:
        """Read a text file: its path from the folder down, the first line wanted, and how many lines."""
        text = self._text(path)
        every = text.splitlines(keepends=True)
        begin = max(0, first_line - 1)
        part = "".join(every[begin : begin + max(1, lines)])
        end = min(len(every), begin + max(1, lines))
        if len(part) > LETTERS:
            part = part[:LETTERS]
            return f"{part}\n[cut after {LETTERS:,} letters; ask for fewer lines from line {begin + 1}]"
        return part if end >= len(every) else f"{part}[lines {begin + 1} to {end} of {len(every)}]"

    def list_files(self, path: str = "", pattern: str = "*") -> str:
        """List the files below a folder whose name fits a pattern such as *.py, with their sizes in bytes."""
        rows: list[str] = []
        for name, found in self._matching(path, pattern):
            if len(rows) == LISTED:
                rows.append(f"[more than {LISTED:,} files: list a folder below, or give a pattern]")
                break
            rows.append(f"{name} ({found.st_size:,})")
        return "\n".join(rows) or "no files"

    def search_files(self, text: str, path: str = "", pattern: str = "*") -> str:
        """Search the files below a folder for lines that have a text in them, whatever its case."""
        if not text:
            raise ToolFailed("say what to search for")
        rows: list[str] = []
        for row in self._lines(text.casefold(), path, pattern):
            if len(rows) == FOUND:
                rows.append(f"[more than {FOUND} lines: search for something rarer]")
                break
            rows.append(row)
        return "\n".join(rows) or f"no line has {text!r}"

    def write_file(self, path: str, content: str) -> str:
        """Write a text file, new or in the place of the one that is there."""
        data = content.encode()
        self._root.write(path, data)
        return f"wrote {len(data):,} bytes to {path}"

    def edit_file(self, path: str, old: str, new: str) -> str:
        """Replace a piece of a text file. The old piece must be in it exactly once, as it is written there."""
        text = self._text(path)
        times = text.count(old) if old else 0
        if times != 1:
            raise ToolFailed(f"{path!r}: the old piece is there {times} times, and has to be there once")
        return self.write_file(path, text.replace(old, new))

    def _text(self, path: str) -> str:
        data = self._root.read(path)
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise ToolFailed(f"{path!r} is no text in UTF-8") from error

    def _matching(self, path: str, pattern: str) -> Iterator[tuple[str, os.stat_result]]:
        for name, found in self._root.walk(path):
            if fnmatchcase(name.rpartition("/")[2], pattern) or fnmatchcase(name, pattern):
                yield name, found

    def _lines(self, text: str, path: str, pattern: str) -> Iterator[str]:
        for name, found in self._matching(path, pattern):
            if found.st_size > self._root.largest:
                continue
            data = self._root.read(name)
            if b"\0" in data[:8192]:
                continue
            for n, line in enumerate(data.decode(errors="replace").splitlines(), 1):
                if text in line.casefold():
                    yield f"{name}:{n}: {line.strip()[:300]}"
