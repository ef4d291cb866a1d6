"""What ready-made teams read and write: text files that are checked at the door, and results written whole."""

from __future__ import annotations

import os
from pathlib import Path

from coterie.errors import BadInput
from coterie.tool import tool
from coterie.words.task import Task

MOST = 10_000_000
"""Bytes of an input file that are read, unless a team says otherwise."""


def text_of(path: str | Path, most: int = MOST) -> str:
    """The text of a file.

    Raises:
        BadInput: if there is no such file, it is larger than `most` bytes, or is no UTF-8 text.
    """
    place = Path(path)
    try:
        if place.is_dir():
            raise BadInput(f"{str(path)!r} is a folder: give a file in it")
        if (size := place.stat().st_size) > most:
            raise BadInput(f"{str(path)!r} has {size:,} bytes, and {most:,} are read: give a smaller file")
        text = place.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{str(path)!r} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{str(path)!r} is no UTF-8 text: save it as UTF-8") from error
    if "\0" in text:
        raise BadInput(f"{str(path)!r} is binary: give a text file")
    if not text.strip():
        raise BadInput(f"{str(path)!r} is empty")
    return text


def writable(path: str | Path) -> str:
    """The absolute path of a folder that results can be written into; it is made when they are.

    Raises:
        BadInput: if something else is there, or the nearest folder above cannot be written to.
    """
    place = Path(path).resolve()
    if place.exists() and not place.is_dir():
        raise BadInput(f"{str(path)!r} is a file: name a folder for the results")
    above = next(folder for folder in (place, *place.parents) if folder.exists())
    if not os.access(above, os.W_OK | os.X_OK):
        raise BadInput(f"nothing can be written to {str(above)!r}: name another folder for the results")
    return str(place)


def parts_of(task: Task) -> list[Task]:
    """The parts that a task carries as its data: what `mapreduce` splits it into."""
    parts: list[Task] = task.data
    return parts


@tool(idempotent=True)
def read_text(path: str) -> str:
    """The text of a file."""
    return text_of(path)


@tool(idempotent=True)
def write_files(folder: str, files: dict[str, str]) -> list[str]:
    """Write texts into a folder, each whole or not at all; gives the paths. Names are plain: no folder in them.

    Raises:
        BadInput: if a name is not plain; what stands before it was written.
    """
    top = Path(folder)
    top.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        if Path(name).name != name:
            raise BadInput(f"{name!r} is no plain file name")
        half = top / f".{name}.half"
        half.write_text(text, encoding="utf-8")
        half.replace(top / name)
    return [str(top / name) for name in files]
