"""An outbox: a file of messages, a line of JSON each, into which no message goes twice."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from coterie.errors import BadInput
from coterie.teams.output import text_of
from coterie.tool import tool
from coterie.words.digest import digest


class Item(Struct, frozen=True):
    """One thing that happened: a name of its own, and what it says."""

    id: str
    text: str


class Notice(Struct, frozen=True):
    """A message: which item it is about, how urgent it is, and what it says."""

    item: str
    urgency: str
    text: str


@tool(idempotent=True)
def items(source: str) -> list[Item]:
    """What a feed has now: the lines of a file of JSON, or the text files of a folder; changed is new.

    Links that leave the folder are not followed.

    Raises:
        BadInput: if it cannot be read, or a line is no JSON object with a text.
    """
    place = Path(source)
    if place.is_dir():
        within = [path for path in sorted(place.glob("[!.]*.txt")) if _is_in(path, place)]
        texts = [(path.name, text_of(path).strip()) for path in within]
        return [Item(f"{name}#{_short(text)}", text) for name, text in texts]
    lines = enumerate(text_of(place).splitlines(), 1)
    return [_item(line, f"line {n} of {source!r}") for n, line in lines if line.strip()]


def _is_in(path: Path, folder: Path) -> bool:
    """Whether a file of a folder is there, and no link to somewhere else."""
    return path.resolve().is_relative_to(folder.resolve())


async def was_sent(outbox: str, notice: Notice) -> list[bool]:
    """Whether the notice of an item is in the outbox: `[True]`, or nothing."""
    return [True] if any(one.item == notice.item for one in notices.function(outbox)) else []


@tool(probe=was_sent)
def send(outbox: str, notice: Notice) -> bool:
    """Put a notice into the outbox, unless it has one about the same item; whether it was put there now."""
    place = Path(outbox)
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # given back when the file is closed
        file.seek(0)
        text = file.read()
        if any(one.item == notice.item for one in _whole(text)):
            return False
        torn = b"\n" if text and not text.endswith(b"\n") else b""
        file.write(torn + msgspec.json.encode(notice) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return True


@tool(idempotent=True)
def notices(outbox: str) -> list[Notice]:
    """Every notice in the outbox, in order; a line that was cut off by a crash is none."""
    place = Path(outbox)
    return _whole(place.read_bytes()) if place.exists() else []


def _whole(text: bytes) -> list[Notice]:
    found: list[Notice] = []
    for line in text.splitlines():
        try:
            found.append(msgspec.json.decode(line, type=Notice))
        except msgspec.DecodeError:  # half a line: its writer died, and wrote it again
            continue
    return found


def _item(line: str, where: str) -> Item:
    try:
        given = msgspec.json.decode(line, type=dict[str, object])
    except msgspec.DecodeError as error:
        raise BadInput(f"{where} is no JSON object: {error}") from error
    if given.get("text") is None:
        raise BadInput(f'{where} has no \'text\': an item is {{"id": ..., "text": ...}}')
    return Item(str(given.get("id") or _short(line)), str(given["text"]).strip())


def _short(text: str) -> str:
    return digest(text.encode()).hex()[:12]


def missed(notices: Sequence[Notice], decided: Sequence[Notice]) -> list[str]:
    """What is wrong with an outbox: items that were to be told about and are not in it once."""
    there = [one.item for one in notices]
    return [f"{one.item} is in the outbox {n} times" for one in decided if (n := there.count(one.item)) != 1]
