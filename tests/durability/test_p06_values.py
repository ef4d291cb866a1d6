"""P6: what cannot be stored fails its own step, and damaged bytes are never read as something else."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from coterie import Agent, Failure, Put, Result, Send, Task, Team, collect_all, do, gather, resume, run, tool
from coterie.errors import Corrupt
from coterie.kernel.values import LARGEST
from coterie.models import scripted
from coterie.stores import SqliteStore
from coterie.stores.schema import VERSION


@tool
async def give(what: str) -> Any:
    """Something that a journal can or cannot hold."""
    return {
        "good": {"a": [1, 2.5, None, True, "ü"]},
        "object": {"a": [1, {"b": object()}]},
        "huge": "x" * (LARGEST + 1),
        "infinite": {"deep": [float("inf")]},
    }[what]


def _giver(*what: str) -> Team:
    async def play(task: Task) -> str:
        found = await gather(*(do(give, one) for one in what), on_failure=collect_all)
        return "\n".join(str(one) for one in found)

    return Team("giver", (), play)


def test_a_bad_value_fails_its_own_step_and_no_other(tmp_path: Path) -> None:
    """The failure names the path of the step, the JSON path in the value, and the type."""
    store = SqliteStore(tmp_path / "r.db")
    result = asyncio.run(run(_giver("good", "object"), "go", store=store))
    good, bad = result.text.splitlines()
    assert good == str({"a": [1, 2.5, None, True, "ü"]})
    assert bad.startswith("Unstorable at 'giver/do.2/give.1': cannot be stored: $.a[1].b is a object")


def test_a_value_that_is_too_large_says_how_large(tmp_path: Path) -> None:
    """Sixteen megabytes and one letter are refused, with both sizes named: five bytes are its header."""
    result = asyncio.run(run(_giver("huge"), "go", store=SqliteStore(tmp_path / "r.db")))
    assert f"{LARGEST + 6:,} bytes, {LARGEST:,} are allowed" in result.text


@pytest.mark.parametrize("talk", [Put("key", object()), Send("topic", {"k": {1, object()}})])
def test_what_is_said_or_put_must_be_storable_too(talk: Any) -> None:
    """A board entry or a message without a JSON shape fails where it is put or sent."""

    async def play(task: Task) -> str:
        await talk
        return "done"

    result = asyncio.run(run(play, "go"))
    assert result.failure is not None
    assert (result.failure.kind, result.failure.path) == ("Unstorable", "play")


@pytest.mark.parametrize("column", ["places", "body"])
def test_a_flipped_byte_is_found_and_never_read_as_something_else(tmp_path: Path, column: str) -> None:
    """Any byte of any page: `verify` names the events, and reading fails or verify is what tells."""
    path = tmp_path / "r.db"
    team = Team("one", (Agent("a"),), Agent("a").play)

    async def write() -> None:
        store = SqliteStore(path)
        await run(team, "go", store=store, id="r", model=scripted("hello"))
        await store.close()

    asyncio.run(write())
    db = sqlite3.connect(path)
    for key, size in db.execute(f"select id, length({column}) from packs").fetchall():  # noqa: S608
        for at in range(size):
            _flip(db, column, key, at)
            assert asyncio.run(_problems(path)), f"{column} {key} byte {at}"
            _flip(db, column, key, at)
    assert asyncio.run(_problems(path)) == []
    db.close()


def _flip(db: sqlite3.Connection, column: str, key: int, at: int) -> None:
    [(body,)] = db.execute(f"select {column} from packs where id = ?", (key,))  # noqa: S608
    changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
    db.execute(f"update packs set {column} = ? where id = ?", (changed, key))  # noqa: S608
    db.commit()


async def _problems(path: Path) -> list[str]:
    store = SqliteStore(path)
    try:
        return await store.verify("r")
    finally:
        await store.close()


def test_dropped_and_reordered_events_are_found(tmp_path: Path) -> None:
    """A page that is missing or has changed places is named; reading fails closed."""
    path = tmp_path / "r.db"
    store = SqliteStore(path)

    async def play(task: Task) -> str:
        for _ in range(5):
            await do(give, "good")
        return "done"

    asyncio.run(run(play, "go", store=store, id="r"))
    asyncio.run(store.close())
    db = sqlite3.connect(path, isolation_level=None)
    first, second, last = (
        db.execute("select id from packs order by id").fetchall()[n][0] for n in (1, 2, -1)
    )
    db.execute("update packs set id = -1 where id = ?", (first,))
    db.execute("update packs set id = ? where id = ?", (first, second))
    db.execute("update packs set id = ? where id = -1", (second,))
    assert any("are missing" in problem for problem in asyncio.run(_problems(path)))
    with pytest.raises(Corrupt, match="are missing"):
        asyncio.run(SqliteStore(path).read("r"))
    db.execute("delete from packs where id = ?", (first,))
    assert any("are missing" in problem for problem in asyncio.run(_problems(path)))
    db.execute("delete from packs where id = ?", (last,))
    assert any("missing at the end" in problem for problem in asyncio.run(_problems(path)))
    db.close()


def test_a_page_that_takes_another_s_place_is_found(tmp_path: Path) -> None:
    """A page of the run that is not the one that was written there does not fit the chain."""
    path = tmp_path / "r.db"
    store = SqliteStore(path)

    async def play(task: Task) -> str:
        for _ in range(5):
            await do(give, "good")
        return "done"

    asyncio.run(run(play, "go", store=store, id="r"))
    asyncio.run(store.close())
    db = sqlite3.connect(path, isolation_level=None)
    [(body,)] = db.execute("select body from packs where id = 3")
    db.execute("update packs set body = ? where id = 2 and length(body) = ?", (body, len(body)))
    assert any("are not what was written" in problem for problem in asyncio.run(_problems(path)))
    db.close()


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    """What is said names the version of the file, and the one that is read here."""
    path = tmp_path / "r.db"
    asyncio.run(SqliteStore(path).close())
    db = sqlite3.connect(path)
    db.execute("pragma user_version = 1")
    db.close()
    with pytest.raises(Corrupt, match=f"is a store of version 1; this Coterie reads version {VERSION}"):
        SqliteStore(path)


def test_another_program_s_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    """A database of something else is not touched."""
    path = tmp_path / "other.db"
    db = sqlite3.connect(path)
    db.execute("create table mine (a)")
    db.commit()
    db.close()
    before = path.read_bytes()
    with pytest.raises(Corrupt, match="another program's database"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_what_a_failed_step_leaves_can_be_resumed(tmp_path: Path) -> None:
    """After a value was refused the run can be resumed, and fails the same step again, once."""
    store = SqliteStore(tmp_path / "r.db")

    async def play(task: Task) -> str:
        return str(await do(give, "object"))

    async def both() -> tuple[Result, Result]:
        return await run(play, "go", store=store, id="r"), await resume(play, "r", store=store)

    first, again = asyncio.run(both())
    assert isinstance(first.failure, Failure)
    assert first.failure == again.failure
