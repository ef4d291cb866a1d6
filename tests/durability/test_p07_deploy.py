"""P7: code is deployed under runs in flight: misfits are known before, parked, and migrated where code says so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from coterie import Agent, Ask, Human, Task, Team, cancel, do, replay, resume, run
from coterie.doors.cli.commands import coterie
from coterie.engines.local import LocalEngine
from coterie.errors import BadInput, NotAsked, Unfit
from coterie.kernel.audit import report
from coterie.kernel.replay import pinned
from coterie.kernel.story import result
from coterie.shell.host import Host
from coterie.shell.inflight import InFlight, in_flight
from coterie.shell.worker import Worker
from coterie.stores import SqliteStore
from coterie.team import accepting, manifest, migrating
from coterie.words.effect import Think
from coterie.words.event import Signalled
from coterie.words.moves import Moves, Past


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


def _checked(text: str) -> str:
    return f"{text} (checked)"


def _before() -> Team:
    """The old code: a writer, one who polishes, a question to a person, and an editor."""
    writer, polisher, editor = Agent("writer", "Old."), Agent("polisher"), Agent("editor", "Old.")

    async def play(task: Task) -> str:
        draft = await writer(task.text)
        await polisher(draft.text)
        said = await Ask("Good?")
        return (await editor(f"{draft.text}, {said}")).text

    return Team("desk", (writer, polisher, editor), play, settings={"code": 1})


def _after() -> Team:
    """The new code: the writer is an author, nobody polishes, a check comes before the question, in other words."""
    author, editor = Agent("author", "New."), Agent("editor", "New.")

    async def play(task: Task) -> str:
        draft = await author(task.text)
        checked = await do(_checked, draft.text)
        said = await Ask("Shall it go out?")
        return (await editor(f"{checked}, {said}")).text

    return Team("desk", (author, editor), play, settings={"code": 2})


def _moves(past: Sequence[Past]) -> Moves:
    """How the new code reads what the old one did."""
    [draft] = [step for step in past if step.path == "desk/writer/think.1"]
    assert (draft.kind, draft.done, draft.value.text) == ("think", True, "writer: go")
    return Moves(
        renamed={"desk/writer": "desk/author"},
        dropped=("desk/polisher",),
        values={"desk/author/think.1": "author: go"},
        answered={"desk/_checked.1": "author: go (checked before)"},
    )


async def _parked_before(path: Path) -> tuple[SqliteStore, Calls]:
    """A store with a run of the old code that waits for a person."""
    store, calls = SqliteStore(path), Calls()
    await run(_before(), "go", store=store, id="r", model=calls)
    calls.made.clear()
    return store, calls


def _migrating(moves: Any = _moves) -> Team:
    return migrating(_after(), manifest(_before())["desk"], moves)


def test_a_function_says_how_newer_code_reads_the_past(tmp_path: Path) -> None:
    """Steps by other names, left out, in other words, or never asked: what was done stays done, and its cost counts."""

    async def scene() -> None:
        store, calls = await _parked_before(tmp_path / "r.db")
        assert (await resume(_after(), "r", store=store, model=calls)).status == "needs_migration"
        [flying] = await in_flight(store, lambda began: _migrating())
        assert (flying.fits, flying.migrates, flying.by) == (True, True, ("desk",))
        waiting = await resume(_migrating(), "r", store=store, model=calls)
        assert (waiting.status, list(waiting.waiting), calls.made) == ("waiting", ["desk/ask.1"], [])
        done = await resume(_after(), "r", store=store, model=calls, answers={"desk/ask.1": "yes"})
        assert done.text == "editor: author: go (checked before), yes"
        assert calls.made == [("editor", "New.")]
        assert done.usage.requests == 3  # with that of who polished
        records = await store.read("r")
        [moved] = [one.event for one in records if getattr(one.event, "kind", "") == "moved"]
        assert (moved.about, moved.value["dropped"]) == ("desk", ["desk/polisher"])
        assert pinned(records) == manifest(_after())
        assert (await replay(_after(), "r", store=store)).text == done.text
        await store.close()

    asyncio.run(scene())


def test_a_migration_that_fails_or_does_not_fit_leaves_the_run_parked(tmp_path: Path) -> None:
    """What it raises, gives, or forgets is said, and nothing is written."""

    def raises(past: Sequence[Past]) -> Moves:
        raise KeyError("writer")

    cases: list[tuple[Any, str]] = [
        (raises, "the migration of 'desk' failed: KeyError: 'writer'"),
        (lambda past: None, "the migration of 'desk' gives Moves, not NoneType"),
        (lambda past: Moves(), "and the play asks nothing"),
    ]

    async def scene() -> None:
        store, calls = await _parked_before(tmp_path / "r.db")
        events = len(await store.read("r"))
        for moves, words in cases:
            result = await resume(_migrating(moves), "r", store=store, model=calls)
            assert result.failure is not None
            assert result.status == "needs_migration"
            assert words in result.failure.message
        assert (len(await store.read("r")), calls.made) == (events, [])
        await store.close()

    asyncio.run(scene())


def test_a_worker_goes_on_by_a_migration_as_anybody_does(tmp_path: Path) -> None:
    """One whose code does not fit leaves the run to others; one that has a migration ends it."""

    async def worked(host: Host) -> None:
        engine = LocalEngine()
        worker = Worker(engine, lambda tenant: host)
        working = asyncio.create_task(worker.work())
        await engine.dispatch("r", tenant="default")
        async with asyncio.timeout(20):
            while not worker.performed:
                await asyncio.sleep(0)
        working.cancel()
        await asyncio.wait([working])
        await worker.drain(1)
        await engine.close()

    async def scene() -> None:
        store, calls = await _parked_before(tmp_path / "r.db")
        hosts = [
            Host(store, actor_of=lambda began, team=team: team, model=lambda origin: calls)
            for team in (_after(), _migrating())
        ]
        before = len(await store.read("r"))
        assert not await hosts[0].perform("r")
        assert len(await store.read("r")) == before
        await store.signal("r", Signalled("answer", "desk/ask.1", {"value": "yes", "by": "ada"}))
        await worked(hosts[1])
        done = result("r", await store.read("r"))
        assert (done.status, done.text) == ("succeeded", "editor: author: go (checked before), yes")
        await store.close()

    asyncio.run(scene())


def test_a_question_that_has_moved_is_asked_and_answered_where_it_is_now(tmp_path: Path) -> None:
    """Until the code fits, an answer is refused at once; then the question has its new path, and no other."""

    def human(name: str, moves: Any = None) -> Team:
        person = Human(name)

        async def play(task: Task) -> str:
            return (await person(task.text)).text

        team = Team("desk", (person,), play, settings={"who": name})
        return team if moves is None else migrating(team, manifest(human("ada"))["desk"], moves)

    moved = human("bob", lambda past: Moves(renamed={"desk/ada": "desk/bob"}))

    async def scene() -> None:
        store = SqliteStore(tmp_path / "r.db")
        await run(human("ada"), "Good?", store=store, id="r")
        events = len(await store.read("r"))
        host = Host(store, actor_of=lambda began: human("bob"))
        [asked] = await host.questions()
        with pytest.raises(Unfit, match="another version"):
            await host.answer(asked.id, "yes", by="ada")
        assert len(await store.read("r")) == events
        host = Host(store, actor_of=lambda began: moved)
        with pytest.raises(NotAsked):
            await host.answer(asked.id, "yes", by="ada")
        [now] = await host.questions()
        assert (asked.path, now.path) == ("desk/ada/ask.1", "desk/bob/ask.1")
        await host.answer(now.id, "yes", by="bob")
        assert (await host.wait("r")).text == "yes"
        assert await host.questions() == []
        await host.close()
        await store.close()

    asyncio.run(scene())


def test_a_version_is_a_digest() -> None:
    """Anything else is refused when the team is built."""
    with pytest.raises(BadInput, match="is no version"):
        accepting(Agent("a"), "1.0")
    with pytest.raises(BadInput, match="is no version"):
        migrating(Agent("a"), "1.0", _moves)


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
