"""Schedules: each time is begun once, whoever is there, and what was missed is as the schedule says."""

from __future__ import annotations

import asyncio
import json

import pytest
from click.testing import CliRunner

from coterie import Team
from coterie.doors.cli.commands import coterie
from coterie.doors.teams import team_of_run
from coterie.errors import BadInput, Busy, Changed, UnknownRun
from coterie.shell import schedule as kept
from coterie.shell.host import Host
from coterie.shell.schedule import SCHEDULE, Scheduled
from coterie.stores import SqliteStore
from coterie.words.which import Which

BEGAN = 1_800_000_000.0  # 2027-01-15 08:00 UTC
MINUTE = 60.0


async def _tick(task):
    return f"{task.text} done"


TICK = Team("tick", (), _tick)


def found(began):
    return {"schedule": SCHEDULE, "tick": TICK}.get(began.actor) or team_of_run(began)


def hosted(path, clock):
    host = Host(SqliteStore(path), actor_of=found, parks=1.0, clock=lambda: clock[0])
    world = host._world

    def clocked(origin):
        made = world(origin)
        made.clock = host.clock
        return made

    host._world = clocked
    return host


async def rung(*hosts):
    """Every host looks once, and performs what is due."""
    await asyncio.gather(*(host.ring() for host in hosts))
    while any(host._runs for host in hosts):
        await asyncio.sleep(0)


async def ticks(host):
    return sorted(one.id for one in await host.runs(Which(team="tick")))


def what(**options):
    return Scheduled(**{"name": "t", "cron": "*/5 * * * *", "team": "tick", "task": "go", **options})


def test_each_time_is_begun_once_by_whoever_is_there(tmp_path):
    """Three services look at the same moments: one run for each time, called after it."""

    async def scene():
        clock = [BEGAN]
        hosts = [hosted(tmp_path / "runs.db", clock) for _ in range(3)]
        await kept.add(hosts[0], what())
        await rung(*hosts)
        for _ in range(30):
            clock[0] += MINUTE
            await rung(*hosts)
        await rung(*hosts)
        found = await ticks(hosts[0])
        for host in hosts:
            await host.close()
            await host.store.close()
        return found

    assert asyncio.run(scene()) == [f"t-20270115T08{minute:02}Z" for minute in range(5, 31, 5)]


@pytest.mark.parametrize(("missed", "made_up"), [("skip", []), ("once", ["t-20270115T0805Z"])])
def test_what_was_missed_is_skipped_or_made_up_for_by_one(tmp_path, missed, made_up):
    """Nobody was there for an hour; then it goes on from now."""

    async def scene():
        clock = [BEGAN]
        host = hosted(tmp_path / "runs.db", clock)
        await kept.add(host, what(missed=missed))
        await rung(host)
        clock[0] += 62 * MINUTE
        await rung(host)
        late = await ticks(host)
        clock[0] += 3 * MINUTE + 1
        await rung(host)
        found = await ticks(host)
        await host.close()
        await host.store.close()
        return late, found

    assert asyncio.run(scene()) == (made_up, [*made_up, "t-20270115T0905Z"])


def test_a_schedule_is_paused_resumed_and_removed(tmp_path):
    """What is paused begins nothing; what is removed is gone, and its name is free."""

    async def scene():
        clock = [BEGAN]
        host = hosted(tmp_path / "runs.db", clock)
        await kept.add(host, what())
        with pytest.raises(Busy, match="already"):
            await kept.add(host, what())
        await rung(host)
        await kept.pause(host, "t")
        clock[0] += 10 * MINUTE
        await rung(host)
        paused = [one.status for one in await kept.schedules(host)], await ticks(host)
        await kept.resume(host, "t")
        await rung(host)
        clock[0] += 5 * MINUTE
        await rung(host)
        again = await ticks(host)
        await kept.remove(host, "t")
        gone = await kept.schedules(host)
        await kept.add(host, what(cron="@daily"))
        after = [one.schedule.cron for one in await kept.schedules(host)]
        await host.close()
        await host.store.close()
        return paused, again, gone, after

    paused, again, gone, after = asyncio.run(scene())
    assert paused == (["paused"], [])
    assert (again, gone, after) == (["t-20270115T0815Z"], [], ["@daily"])


def test_a_schedule_is_changed_in_versions(tmp_path):
    """From then on it is as it is now; one that is paused stays so, and one of another version stays as it was."""

    async def scene():
        clock = [BEGAN]
        host = hosted(tmp_path / "runs.db", clock)
        first = await kept.add(host, what())
        second = await kept.change(host, what(cron="@hourly"), first.version)
        with pytest.raises(Changed):
            await kept.change(host, what(cron="@daily"), first.version)
        with pytest.raises(UnknownRun):
            await kept.change(host, what(name="u"), 1)
        await rung(host)
        clock[0] += 60 * MINUTE
        await rung(host)
        begun = await ticks(host)
        await kept.pause(host, "t")
        third = await kept.change(host, what(cron="* * * * *", task="went"), second.version)
        clock[0] += 5 * MINUTE
        await rung(host)
        still = await ticks(host)
        now = await kept.begin(host, "t", id="now")
        said = (await host.wait(now)).text
        await kept.remove(host, "t")
        fourth = await kept.add(host, what())
        await host.close()
        await host.store.close()
        return [one.version for one in (first, second, third, fourth)], begun, third.status, still, said

    versions, begun, status, still, said = asyncio.run(scene())
    assert (versions, status, said) == ([1, 2, 3, 4], "paused", "went done")
    assert begun == still == ["t-20270115T0900Z"]


def test_a_version_whose_end_somebody_died_over_is_ended(tmp_path):
    """Who was killed between the two halves of a change leaves both; the newest counts, and the other is ended."""

    async def scene():
        clock = [BEGAN]
        host = hosted(tmp_path / "runs.db", clock)
        await kept.add(host, what())
        await kept._begun(host, what(cron="@daily"), 2, None)
        seen = [one.version for one in await kept.schedules(host)]
        await kept.pause(host, "t")
        states = {one.id: one.status for one in await host.runs(Which(team="schedule"))}
        await host.close()
        await host.store.close()
        return seen, states

    assert asyncio.run(scene()) == ([2], {"schedule-t.1": "cancelled", "schedule-t.2": "paused"})


def test_a_schedule_begins_a_fresh_journal_once_in_a_while(tmp_path, monkeypatch):
    """Its journal stays short, and no time is lost or doubled where one ends."""
    monkeypatch.setattr(kept, "TIMES", 4)

    async def scene():
        clock = [BEGAN]
        host = hosted(tmp_path / "runs.db", clock)
        await kept.add(host, what(cron="* * * * *"))
        await rung(host)
        for _ in range(7):
            clock[0] += MINUTE
            await rung(host)
            await rung(host)
        [one] = await kept.schedules(host)
        events = [seen.events for seen in await host.runs(Which(team="schedule"))]
        found = await ticks(host)
        await host.close()
        await host.store.close()
        return one.run, events, len(set(found))

    run, events, count = asyncio.run(scene())
    assert (run.endswith("~2"), count) == (True, 7)
    assert max(events) < 50


@pytest.mark.parametrize(
    "wrong",
    [{"name": "a/b"}, {"cron": "* *"}, {"zone": "Nowhere"}, {"limits": {"usd": -1}}, {"limits": {"x": 1}}],
)
def test_what_cannot_be_kept_is_refused(wrong):
    """Before anything is written."""
    with pytest.raises(BadInput):
        what(**wrong).checked()


def test_schedules_at_the_command_line(tmp_path):
    """Added, listed, paused, resumed and removed, with one message for each mistake."""
    (tmp_path / "team.py").write_text(
        "from coterie import Team\n\n\nasync def play(task):\n    return task.text\n\n\nteam = Team('echo', (), play)\n"
    )
    store = str(tmp_path / "runs.db")

    def said(*arguments):
        done = CliRunner().invoke(coterie, ["schedule", *arguments, "--store", store])
        return done.exit_code, done.stdout

    team = f"{tmp_path / 'team.py'}:team"
    made = said(
        "add", "nightly", "0 3 * * *", team, "the news", "--zone", "Europe/Berlin", "--limit", "usd=0.5"
    )
    assert made[0] == 0
    [line] = said("list", "--json")[1].splitlines()
    seen = json.loads(line)
    assert [seen["schedule"][name] for name in ("name", "limits", "missed")] == [
        "nightly",
        {"usd": 0.5},
        "skip",
    ]
    assert "Europe/Berlin" in said("list")[1]
    assert said("pause", "nightly")[0] == 0
    assert "paused" in said("list")[1]
    assert said("resume", "nightly")[0] == 0
    clocks = said("times", "nightly", "--count", "3")[1].splitlines()
    assert [clock[11:16] for clock in clocks] == ["03:00"] * 3
    run = said("run", "nightly")[1].strip()
    shown = CliRunner().invoke(coterie, ["runs", "--store", store])
    assert run.startswith("nightly-")
    assert run in shown.stdout
    assert said("remove", "nightly")[0] == 0
    assert said("list") == (0, "")
    assert said("add", "x", "nonsense", team)[0] == 2
    assert said("pause", "nobody")[0] == 2
