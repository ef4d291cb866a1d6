"""Pausing: nothing new is begun, what is under way settles or is stopped, and nobody goes on until it is resumed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from coterie import Ask, Result, Sleep, Task, Team, do, gather, resume, start, tool
from coterie.doors.cli.commands import coterie
from coterie.errors import Paused
from coterie.kernel.story import state
from coterie.shell import run as shell
from coterie.shell.host import Host
from coterie.stores import MemoryStore, SqliteStore
from coterie.words.event import Asked, Record, Signalled


class Desk:
    """Two who work side by side, then one more; each step can be held up, and is counted."""

    def __init__(self, *, hangs: bool = False, idempotent: bool = True) -> None:
        self.made: list[str] = []
        self.begun, self.open = asyncio.Event(), asyncio.Event()
        desk = self

        @tool(idempotent=idempotent)
        async def step(name: str) -> str:
            """Do something."""
            desk.made.append(name)
            desk.begun.set()
            await (asyncio.Event() if hangs and name == "left" else desk.open).wait()
            return name

        async def play(task: Task) -> str:
            both = await gather(do(step, "left"), do(step, "right"))
            return " ".join([*both, await do(step, "last")])

        self.team = Team("desk", (), play)


def _asked(records: list[Record]) -> list[str]:
    return [one.event.path.rpartition("/")[2] for one in records if isinstance(one.event, Asked)]


def test_what_is_under_way_settles_and_nothing_is_begun() -> None:
    """Both steps end, the third is neither asked nor made; resumed, it is all that is left to do."""

    async def scene() -> None:
        store, desk = MemoryStore(), Desk()
        run = start(desk.team, "go", store=store, id="r")
        await desk.begun.wait()
        pausing = asyncio.create_task(run.pause("lunch"))
        await asyncio.sleep(0)
        desk.open.set()
        result = await pausing
        records = await store.read("r")
        assert (result.status, state(records), sorted(desk.made)) == ("paused", "paused", ["left", "right"])
        assert _asked(records) == ["step.1", "step.1"]
        signals = [one.event for one in records if isinstance(one.event, Signalled)]
        assert [(one.kind, one.about) for one in signals] == [("pause", "lunch")]
        done = await resume(desk.team, "r", store=store)
        assert (done.text, desk.made[2:]) == ("left right last", ["last"])

    asyncio.run(scene())


@pytest.mark.parametrize(("idempotent", "status"), [(True, "succeeded"), (False, "waiting")])
def test_what_does_not_settle_in_its_grace_is_stopped_as_in_a_crash(*, idempotent: bool, status: str) -> None:
    """The other one's result stays. An idempotent tool is called again; of any other a person decides."""

    async def scene() -> Result:
        store, desk = MemoryStore(), Desk(hangs=True, idempotent=idempotent)
        run = start(desk.team, "go", store=store, id="r")
        await desk.begun.wait()
        desk.open.set()
        paused = await run.pause(grace=0.05)
        assert (paused.status, len(asyncio.all_tasks())) == ("paused", 1)
        again = Desk(idempotent=idempotent)
        again.open.set()
        result = await resume(again.team, "r", store=store)
        assert again.made == (["left", "last"] if idempotent else [])
        return result

    assert asyncio.run(scene()).status == status


async def _sleeps(task: Task) -> str:
    await Sleep(3600)
    return "awake"


async def _asks(task: Task) -> str:
    return f"you said {await Ask('Go on?')}"


async def _hangs(task: Task) -> str:
    @tool
    async def hang() -> str:
        """Never ends."""
        await asyncio.Event().wait()
        return "never"

    return str(await do(hang))


@pytest.mark.parametrize("play", [_sleeps, _asks, _hangs])
def test_one_that_does_a_single_thing_is_paused_too(play: Any) -> None:
    """Whoever sleeps or asks a person is put away at once, and a tool when its grace is over."""

    async def scene() -> tuple[str, str]:
        store = MemoryStore()
        run = start(play, "go", store=store, id="r")
        await asyncio.sleep(0)
        result = await asyncio.wait_for(run.pause(grace=0.02), 5)
        return result.status, state(await store.read("r"))

    assert asyncio.run(scene()) == ("paused", "paused")


def test_nobody_goes_on_with_a_paused_run_until_it_is_resumed(tmp_path: Path) -> None:
    """A new host leaves it alone, an answer is told to wait, and a resume takes it to its end; a cancel works."""

    async def scene() -> None:
        store = SqliteStore(tmp_path / "r.db")
        host = Host(store, actor_of=lambda began: Team("asks", (), _asks))
        for id in ("r", "other"):
            await host.begin(Team("asks", (), _asks), "go", id=id)
        await host.wait("r")
        [asked] = [one for one in await host.questions() if one.run == "r"]
        assert (await host.pause("r")).status == "paused"  # it was parked: the store takes it
        assert (await host.pause("r")).status == "paused"
        assert {one.run: one.paused for one in await host.questions()} == {"r": True, "other": False}
        with pytest.raises(Paused, match="resume it first"):
            await host.answer(asked.id, "yes")
        assert await host.go_on() == []
        await host.perform("r")
        assert state(await host.journal("r")) == "paused"
        await host.resume("r")
        assert (await host.wait("r")).status == "waiting"
        assert not any(one.paused for one in await host.questions())
        await host.answer(asked.id, "yes")
        assert (await host.wait("r")).text == "you said yes"
        await host.pause("other")
        assert (await host.cancel("other")).status == "cancelled"
        assert await host.questions() == []
        await store.close()

    asyncio.run(scene())


def test_another_process_pauses_a_run_through_the_store(tmp_path: Path) -> None:
    """Whoever performs it hears of it, and the command says how to go on."""

    async def scene() -> str:
        store, other, desk = SqliteStore(tmp_path / "r.db"), SqliteStore(tmp_path / "r.db"), Desk()
        run = start(desk.team, "go", store=store, id="r")
        await desk.begun.wait()
        told = await shell.pause("r", store=other)
        async for record in run.events():
            if isinstance(record.event, Signalled):
                break
        desk.open.set()
        result = await asyncio.wait_for(run.result(), 10)
        await store.close()
        await other.close()
        return f"{told.status}, {result.status}"

    assert asyncio.run(scene()) == "running, paused"
    said = CliRunner().invoke(coterie, ["pause", "r", "--store", str(tmp_path / "r.db")])
    assert (said.exit_code, said.stdout.startswith(("run r: paused; go on", "run r: ended already"))) == (
        0,
        True,
    )
