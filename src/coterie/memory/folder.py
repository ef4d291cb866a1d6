"""A folder of text files, read carefully, because it is somebody's disk.

Nothing hidden, nothing outside the folder, no binaries, no more than the limits allow; and
whatever is left out or repaired is said.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from coterie.errors import BadInput
from coterie.memory.markup import Layout, html, markdown
from coterie.words.digest import digest

_TEXTS = (".txt", ".md", ".markdown", ".rst")
_PAGES = (".html", ".htm")
_MOSTLY_TEXT = 0.1
"""The share of unreadable characters above which a file is no text."""


class Document(Struct, frozen=True):
    """One file: its path in the folder with `/`, its layout, and the digest of its bytes."""

    file: str
    layout: Layout
    digest: bytes


class Note(Struct, frozen=True):
    """What happened to one file on the way in, for the person who gave the folder."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


class Folder(Struct, frozen=True):
    """What was read, in the order of the paths, what was skipped, and what had to be repaired."""

    documents: tuple[Document, ...]
    skipped: tuple[Note, ...] = ()
    repaired: tuple[Note, ...] = ()

    @property
    def lines(self) -> dict[str, tuple[str, ...]]:
        """The lines of every file, which is what citations are checked against."""
        return {document.file: document.layout.lines for document in self.documents}


class Limits(Struct, frozen=True, kw_only=True):
    """How much is read: bytes of one file, bytes of all, and files looked at."""

    file_bytes: int = 2_000_000
    total_bytes: int = 50_000_000
    files: int = 20_000


LIMITS = Limits()


def read_folder(root: str | Path, limits: Limits = LIMITS) -> Folder:
    """Every text, Markdown, reStructuredText and HTML file below a folder.

    Hidden files, links that leave the folder, linked folders, binaries and what is over the
    limits are skipped, each with a note.

    Raises:
        BadInput: if there is no such folder, or nothing in it can be read.
    """
    top = _top(Path(root))
    reading = _Reading(top, limits)
    documents = tuple(reading.documents())
    if not documents:
        raise BadInput(_nothing_to_read(root, reading.skipped))
    return Folder(documents, tuple(reading.skipped), tuple(reading.repaired))


def _top(root: Path) -> Path:
    if not root.exists():
        raise BadInput(f"there is no folder {str(root)!r}: check the path")
    if not root.is_dir():
        raise BadInput(f"{str(root)!r} is a file: give the folder that it is in")
    try:
        os.scandir(root).close()
    except OSError as error:
        reason = error.strerror
        raise BadInput(f"the folder {str(root)!r} can't be read: {reason}") from error
    return root.resolve()


def _nothing_to_read(root: str | Path, skipped: Sequence[Note]) -> str:
    kinds = ", ".join(_TEXTS + _PAGES)
    seen = "; ".join(map(str, skipped[:3])) or "it is empty"
    return f"the folder {str(root)!r} has no text to read ({kinds}): {seen}"


class _Skip(Exception):
    """Why a file is not read."""


class _Reading:
    """One walk through a folder."""

    def __init__(self, top: Path, limits: Limits) -> None:
        self.skipped: list[Note] = []
        self.repaired: list[Note] = []
        self._top = top
        self._limits = limits
        self._left = limits.total_bytes

    def documents(self) -> Iterator[Document]:
        """What can be read, in the order of the paths; notes fill up as it goes."""
        for path in sorted(self._files()):
            try:
                yield self._document(path)
            except _Skip as why:
                self._skip(path, str(why))
            except OSError as error:
                self._skip(path, f"can't be read: {error.strerror}")

    def _files(self) -> Iterator[Path]:
        seen = 0
        for here, folders, names in os.walk(self._top, onerror=self._closed):
            folders[:] = [name for name in sorted(folders) if self._enters(Path(here, name))]
            for name in sorted(names):
                seen += 1
                if seen > self._limits.files:
                    self._skip(self._top, f"only the first {seen - 1} files are looked at")
                    return
                yield Path(here, name)

    def _closed(self, error: OSError) -> None:
        self._skip(Path(error.filename), f"can't be opened: {error.strerror}")

    def _enters(self, folder: Path) -> bool:
        if folder.name.startswith("."):
            self._skip(folder, "a hidden folder")
        elif folder.is_symlink():
            self._skip(folder, "a link to a folder: links are not followed")
        else:
            return True
        return False

    def _skip(self, path: Path, what: str) -> None:
        self.skipped.append(Note(self._name(path), what))

    def _name(self, path: Path) -> str:
        name = path.relative_to(self._top).as_posix()
        return os.fsencode(name).decode("utf-8", "replace")

    def _document(self, path: Path) -> Document:
        name, data = self._name(path), self._bytes(path)
        read = html if path.suffix.lower() in _PAGES else markdown
        try:
            layout = read(self._text(name, data))
        except ValueError as error:
            raise _Skip(f"its HTML can't be read: {error}") from error
        if not layout.blocks:
            raise _Skip("no text in it")
        self._left -= len(data)
        return Document(name, layout, digest(data))

    def _bytes(self, path: Path) -> bytes:
        self._admit(path)
        limit = self._limits.file_bytes
        with path.open("rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise _Skip(f"larger than {limit:,} bytes: split it, or raise the limit")
        if len(data) > self._left:
            total = self._limits.total_bytes
            raise _Skip(f"over the {total:,} bytes that are read in all: give a smaller folder")
        return data

    def _admit(self, path: Path) -> None:
        """Looks at a path without opening it: a pipe would wait, a device would never end."""
        if path.name.startswith("."):
            raise _Skip("a hidden file")
        if path.suffix.lower() not in _TEXTS + _PAGES:
            raise _Skip("not a kind of file that is read")
        if self._name(path) != path.relative_to(self._top).as_posix():
            raise _Skip("its name is not UTF-8: rename it")
        real = path.resolve(strict=True)
        if not real.is_relative_to(self._top):
            raise _Skip("a link that leaves the folder")
        if any(part.startswith(".") for part in real.relative_to(self._top).parts):
            raise _Skip("a link to a hidden file")
        if not stat.S_ISREG(real.stat().st_mode):
            raise _Skip("not a regular file")

    def _text(self, name: str, data: bytes) -> str:
        if b"\0" in data:
            raise _Skip("binary, or not UTF-8: save it as UTF-8")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("utf-8-sig", "replace")
        broken = text.count("\ufffd")
        if broken > _MOSTLY_TEXT * len(text):
            raise _Skip("binary, or not UTF-8: save it as UTF-8")
        self.repaired.append(Note(name, f"{broken} places were not UTF-8 and read as \ufffd"))
        return text
