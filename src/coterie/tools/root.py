"""A root: files below one folder, and no way out of it.

Every step down a path is opened in the folder before it, without following links, so what is checked
is what is opened, whatever somebody renames meanwhile (openat(2) with O_NOFOLLOW).
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from coterie.errors import BadInput, ToolFailed

DENIED = (
    ".git",
    ".hg",
    ".svn",
    ".ssh",
    ".gnupg",
    ".aws",
    ".env",
    ".env.*",
    ".netrc",
    "*.pem",
    "*.key",
    "id_rsa*",
)
"""Names that are kept from models unless somebody says otherwise."""
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
PLAIN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Root:
    """The files below `folder`, each of at most `largest` bytes; names that fit `deny` are not there."""

    def __init__(self, folder: str | os.PathLike[str], *, largest: int, deny: Sequence[str] = DENIED) -> None:
        self.folder = Path(folder).resolve()
        if not self.folder.is_dir():
            raise BadInput(f"files: there is no folder {str(folder)!r}")
        self.largest = largest
        self.deny = tuple(pattern.casefold() for pattern in deny)

    def hides(self, name: str) -> bool:
        """Whether a file or folder of this name is kept from models."""
        return any(fnmatchcase(name.casefold(), pattern) for pattern in self.deny)

    def read(self, path: str) -> bytes:
        """The bytes of a file.

        Raises:
            ToolFailed: if it cannot be read, is no plain file, or is too large.
        """
        with self._parent(path) as (fd, name):
            with _said(path):
                opened = os.open(name, PLAIN, dir_fd=fd)
            try:
                self._check(path, os.fstat(opened))
                return _all(partial(os.read, opened), self.largest)
            finally:
                os.close(opened)

    def write(self, path: str, content: bytes) -> None:
        """Put `content` in a file, new or not, all at once: nobody ever sees half of it.

        Raises:
            ToolFailed: if it cannot be written, or what is there is no plain file.
        """
        if len(content) > self.largest:
            raise ToolFailed(f"{path!r}: {len(content):,} bytes, and a file may have {self.largest:,}")
        with self._parent(path, make=True) as (fd, name), _said(path):
            mode = self._replaceable(path, fd, name)
            beside = f".{secrets.token_hex(8)}.part"
            opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=fd)
            try:
                with closing(os.fdopen(opened, "wb")) as file:
                    file.write(content)
                    file.flush()
                    os.fsync(opened)
                os.replace(beside, name, src_dir_fd=fd, dst_dir_fd=fd)
            except BaseException:
                os.unlink(beside, dir_fd=fd)
                raise

    def walk(self, path: str) -> Iterator[tuple[str, os.stat_result]]:
        """Every file below a folder with what is known of it, by name; links and what is denied are left out.

        Raises:
            ToolFailed: if there is no such folder.
        """
        parts = self._parts(path)
        with self._opened(path, parts, make=False) as fd:
            yield from self._below("/".join(parts), fd)

    def _below(self, path: str, fd: int) -> Iterator[tuple[str, os.stat_result]]:
        for name in sorted(os.listdir(fd)):
            if self.hides(name):
                continue
            found = os.stat(name, dir_fd=fd, follow_symlinks=False)
            below = f"{path}/{name}" if path else name
            if stat.S_ISREG(found.st_mode):
                yield below, found
            elif stat.S_ISDIR(found.st_mode):
                inner = os.open(name, FOLDER, dir_fd=fd)
                try:
                    yield from self._below(below, inner)
                finally:
                    os.close(inner)

    def _parts(self, path: str) -> list[str]:
        """The names of a path.

        Raises:
            ToolFailed: if it leads out of the folder, or to what is denied.
        """
        if path.startswith(("/", "~")) or "\0" in path or "\\" in path:
            raise ToolFailed(f"{path!r}: paths are relative to the folder, with slashes between names")
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise ToolFailed(f"{path!r} leads out of the folder")
        for part in parts:
            if self.hides(part):
                raise ToolFailed(f"{path!r}: {part!r} is kept from tools")
        return parts

    @contextmanager
    def _parent(self, path: str, *, make: bool = False) -> Generator[tuple[int, str]]:
        """The folder that a path's last name is in, opened, and that name."""
        parts = self._parts(path)
        if not parts:
            raise ToolFailed(f"{path!r} is the folder itself, and no file")
        with self._opened(path, parts[:-1], make=make) as fd:
            yield fd, parts[-1]

    @contextmanager
    def _opened(self, path: str, parts: Sequence[str], *, make: bool) -> Generator[int]:
        fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parts:
                with _said(path):
                    below = _step(fd, part, make)
                os.close(fd)
                fd = below
            yield fd
        finally:
            os.close(fd)

    def _check(self, path: str, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise ToolFailed(f"{path!r} is no plain file")
        if found.st_size > self.largest:
            raise ToolFailed(f"{path!r} has {found.st_size:,} bytes, and {self.largest:,} can be read")

    def _replaceable(self, path: str, fd: int, name: str) -> int:
        """The permissions that a file has or gets, if it may be replaced."""
        if name not in (there := os.listdir(fd)):
            alike = [other for other in there if other.casefold() == name.casefold()]
            if alike:
                raise ToolFailed(f"{path!r}: there is {alike[0]!r} already, which differs in case alone")
            return 0o644
        found = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            raise ToolFailed(f"{path!r} is no plain file")
        return stat.S_IMODE(found.st_mode)


def _step(fd: int, part: str, make: bool) -> int:
    """The folder `part` in an opened one; it is made if it may be."""
    try:
        return os.open(part, FOLDER, dir_fd=fd)
    except FileNotFoundError:
        if not make:
            raise
    os.mkdir(part, dir_fd=fd)
    return os.open(part, FOLDER, dir_fd=fd)


def _all(read: Callable[[int], bytes], most: int) -> bytes:
    """At most `most` bytes of a file that may give them in portions."""
    parts: list[bytes] = []
    while most > 0 and (part := read(most)):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


@contextmanager
def _said(path: str) -> Generator[None]:
    """What the system refuses, as an error that says of which path."""
    try:
        yield
    except OSError as error:
        why = (
            "a link, which is not followed"
            if error.errno in (40, 20)
            else (error.strerror or str(error)).lower()
        )
        raise ToolFailed(f"{path!r}: {why}") from error
