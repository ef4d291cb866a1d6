"""P7: code is deployed under runs in flight: misfits are known before, parked, and migrated where code says so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coterie import Agent, Ask, Task, Team, cancel, replay, resume, run
from coterie.doors.cli.commands import coterie
from coterie.errors import BadInput
from coterie.kernel.audit import report
from coterie.kernel.replay import pinned
from coterie.shell.inflight import InFlight, in_flight
from coterie.stores import SqliteStore
from coterie.team import accepting, manifest
from coterie.words.effect import Think


class Calls:
    """A model that remembers who asked it, and with which instructions."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str]] = []

    async def __call__(self, think: Think) -> str:
        self.made.append((think.actor, think.brief.instructions))
        return f"{think.actor}: {think.thread[-1].text}"


def _team(style: str, *, twice: bool = False) -> Team:
    """A writer, a question to a person, and an editor; with `twice` the writer is asked once more before."""
    writer, editor = Agent("writer", style), Agent("editor", style)

    async def play(task: Task) -> str:
        draft = await writer(task.text)
        if twice:
            draft = await writer(draft.text)
        said = await Ask("Good?")
        return (await editor(f"{draft.text}, {said}")).text

    return Team("desk", (writer, editor), play)


def _old(team: Team) -> dict[str, str]:
    return manifest(team)


async def _parked(path: Path) -> tuple[SqliteStore, Calls]:
    """A store with a run of the old team that waits for a person."""
    store, calls = SqliteStore(path), Calls()
    await run(_team("Old."), "go", store=store, id="r", model=calls)
    calls.made.clear()
    return store, calls


def _accepting(team: Team) -> Team:
    """A team whose agents accept the versions that they had in the old one."""
    old = _old(_team("Old."))
    for member in team.members:
        accepting(member, old[f"desk/{member.name}"])
    return team


def test_a_changed_team_parks_the_run_and_it_can_still_be_read_and_cancelled(tmp_path: Path) -> None:
    """Nothing is performed, what changed is named with its version, and nobody needs the code to stop it."""

    async def scene() -> tuple[str, str, list[tuple[str, str]], str, list[InFlight]]:
        store, calls = await _parked(tmp_path / "r.db")
        team = _team("New.")
        flying = await in_flight(store, lambda began: team)
        stuck = await resume(team, "r", store=store, model=calls, answers={"desk/ask.1": "yes"})
        assert report("r", await store.read("r")).models == {"default": 1}
        stopped = await cancel("r", store=store)
        after = await in_flight(store, lambda began: team)
        assert after == []
        await store.close()
        assert stuck.failure is not None
        return stuck.status, stuck.failure.message, calls.made, stopped.status, flying

    status, why, made, stopped, flying = asyncio.run(scene())
    assert (status, made, stopped) == ("needs_migration", [], "cancelled")
    assert "changed ['desk/editor', 'desk/writer']" in why
    assert _old(_team("Old."))["desk/writer"] in why
    assert [(one.id, one.fits, one.migrates) for one in flying] == [("r", False, False)]


def test_a_migration_keeps_what_was_done_and_goes_on_with_the_new_code(tmp_path: Path) -> None:
    """What the old writer said stays; the new editor is asked with its new prompt; later the run is as any other."""

    async def scene() -> None:
        store, calls = await _parked(tmp_path / "r.db")
        team = _accepting(_team("New."))
        [flying] = await in_flight(store, lambda began: team)
        assert (flying.fits, flying.migrates) == (True, True)
        result = await resume(team, "r", store=store, model=calls, answers={"desk/ask.1": "yes"})
        assert (result.status, result.text) == ("succeeded", "editor: writer: go, yes")
        assert calls.made == [("editor", "New.")]
        plain = _team("New.")  # the run is pinned to it now, and nothing has to be accepted any more
        assert pinned(await store.read("r")) == manifest(plain)
        assert (await replay(plain, "r", store=store)).text == result.text
        assert (await resume(plain, "r", store=store, model=calls)).text == result.text
        await store.close()

    asyncio.run(scene())


def test_a_model_that_was_being_asked_is_asked_anew_with_the_new_prompt(tmp_path: Path) -> None:
    """The journal says what the model was really asked, so the run is replayed to the letter."""

    async def never(think: Think) -> str:
        await asyncio.Event().wait()
        return ""

    async def scene() -> None:
        store, calls = SqliteStore(tmp_path / "r.db"), Calls()
        under_way = asyncio.create_task(run(_team("Old."), "go", store=store, id="r", model=never))
        while len(await store.read("r")) < 4:
            await asyncio.sleep(0)
        under_way.cancel()
        await asyncio.wait([under_way])
        team = _accepting(_team("New."))
        await resume(team, "r", store=store, model=calls)
        assert calls.made == [("writer", "New.")]
        done = await resume(_team("New."), "r", store=store, model=calls, answers={"desk/ask.1": "no"})
        assert done.text == "editor: writer: go, no"
        assert (await replay(_team("New."), "r", store=store)).status == "succeeded"
        await store.close()

    asyncio.run(scene())


def test_a_play_that_goes_another_way_cannot_be_migrated_whatever_it_accepts(tmp_path: Path) -> None:
    """Where the journal and the play part is named, and the run is left as it was."""

    async def scene() -> tuple[str, str, int, InFlight]:
        store, calls = await _parked(tmp_path / "r.db")
        events = len(await store.read("r"))
        team = _accepting(_team("New.", twice=True))
        result = await resume(team, "r", store=store, model=calls)
        assert result.failure is not None
        [flying] = await in_flight(store, lambda began: team)
        more = len(await store.read("r")) - events
        await store.close()
        return result.status, result.failure.message, more, flying

    status, why, more, flying = asyncio.run(scene())
    assert (status, more, flying.fits) == ("needs_migration", 0, False)
    assert "the journal has ask here, and the play asks nothing" in why


def test_a_version_is_a_digest() -> None:
    """Anything else is refused when the team is built."""
    with pytest.raises(BadInput, match="is no version"):
        accepting(Agent("a"), "1.0")


TEAM = """
from coterie import Agent, Ask, Team
from coterie.models import scripted

writer = Agent("writer", "STYLE", model=scripted(lambda think: "a draft"))

async def play(task):
    draft = await writer(task.text)
    return f"{draft.text}, {await Ask('Good?')}"

desk = Team("desk", (writer,), play)
"""


def say(*args: str) -> Result:
    return CliRunner().invoke(coterie, args)


def test_the_command_lists_every_run_that_no_longer_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 0 before the change and 1 after it, with the run and why; a team that is gone is a reason, too."""
    monkeypatch.chdir(tmp_path)
    Path("team.py").write_text(TEAM)
    assert say("run", "team.py:desk", "go", "--id", "r").exit_code == 3
    good = say("check", "--in-flight")
    assert [good.exit_code, good.stdout] == [0, "1 in flight, 0 of them cannot go on\n"]
    Path("team.py").write_text(TEAM.replace("STYLE", "Boldly."))
    bad = say("check", "--in-flight")
    assert [bad.exit_code, bad.stdout.splitlines()[-1]] == [1, "1 in flight, 1 of them cannot go on"]
    assert (
        "r (desk): run 'r' was opened with another version of this team: changed ['desk/writer']"
        in bad.stdout
    )
    Path("team.py").unlink()
    assert "check the path" in say("check", "--in-flight").stdout
    assert say("check").exit_code == 2
