"""P8: a run can be forked at any event with one thing changed; only what depends on it runs again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from coterie import Agent, Result, Task, Team, fork, gather, run
from coterie.errors import BadInput, UnknownRun
from coterie.stores import SqliteStore
from coterie.words.effect import Think
from coterie.words.event import Record, Settled
from coterie.words.usage import Usage


def _team(style: str = "Write.") -> Team:
    """Two who work apart from one another, and one who joins what they made."""
    left, right, joiner = Agent("left", style), Agent("right"), Agent("joiner")

    async def play(task: Task) -> str:
        a, b = await gather(left(task.text), right(task.text))
        return (await joiner(f"{a.text} + {b.text}")).text

    return Team("pair", (left, right, joiner), play)


class Calls:
    """A model that remembers who asked it."""

    def __init__(self) -> None:
        self.made: list[str] = []

    async def __call__(self, think: Think) -> str:
        self.made.append(think.actor)
        return f"{think.actor}({think.thread[-1].text}{think.brief.instructions.removeprefix('Write.')})"


async def _forked(path: Path, team: Team, **change: object) -> tuple[Result, Result, list[str], list[Record]]:
    store, calls = SqliteStore(path), Calls()
    before = await run(_team(), "go", store=store, id="r", model=calls)
    at = change.pop("at", None)
    if isinstance(at, str):
        change["at"] = _event(await store.read("r"), at)
    calls.made.clear()
    after = await fork(team, "r", store=store, new="f", model=calls, **change)  # type: ignore[arg-type]
    return before, after, calls.made, await store.read("f")


def _event(records: list[Record], path: str) -> int:
    return next(r.seq for r in records if isinstance(r.event, Settled) and r.event.path == path)


def test_a_fork_that_changes_nothing_costs_nothing(tmp_path: Path) -> None:
    """Without a change every answer comes from the journal of the first run."""
    before, after, calls, records = asyncio.run(_forked(tmp_path / "r.db", _team()))
    assert (after.text, after.usage, calls) == (before.text, Usage(), [])
    assert {r.event.reused for r in records if isinstance(r.event, Settled)} == {"r"}


def test_a_changed_answer_runs_only_what_depends_on_it(tmp_path: Path) -> None:
    """With another answer of `left`, only `joiner` is asked again."""
    change = {"at": "pair/left/think.1", "value": "CHANGED"}
    _, after, calls, _ = asyncio.run(_forked(tmp_path / "r.db", _team(), **change))
    assert calls == ["joiner"]
    assert after.text == "joiner(CHANGED + right(go))"


def test_a_changed_prompt_runs_its_agent_and_what_depends_on_it(tmp_path: Path) -> None:
    """With another prompt of `left`, `right` is not asked again."""
    _, after, calls, _ = asyncio.run(_forked(tmp_path / "r.db", _team("Write. Loudly.")))
    assert calls == ["left", "joiner"]
    assert after.text == "joiner(left(go Loudly.) + right(go))"


def test_a_fork_at_an_event_does_that_one_again(tmp_path: Path) -> None:
    """Without a value the event runs again; what comes out the same is not paid for downstream."""
    _, after, calls, _ = asyncio.run(_forked(tmp_path / "r.db", _team(), at="pair/right/think.1"))
    assert calls == ["right"]
    assert after.text == "joiner(left(go) + right(go))"


def test_what_happened_before_the_fork_stays_whatever_changed(tmp_path: Path) -> None:
    """A new prompt does not undo what its agent had said before the fork."""
    change = {"at": "pair/joiner/think.1"}
    _, after, calls, _ = asyncio.run(_forked(tmp_path / "r.db", _team("Write. Loudly."), **change))
    assert calls == ["joiner"]
    assert after.text == "joiner(left(go) + right(go))"


def test_a_changed_task_runs_everything(tmp_path: Path) -> None:
    """Nothing of the first run answers another question."""
    _, after, calls, _ = asyncio.run(_forked(tmp_path / "r.db", _team(), task="come"))
    assert calls == ["left", "right", "joiner"]
    assert after.text == "joiner(left(come) + right(come))"


def test_bad_forks_are_refused(tmp_path: Path) -> None:
    """An unknown run, an event that is not there and an unknown change are errors that say so."""

    async def play() -> None:
        store = SqliteStore(tmp_path / "r.db")
        with pytest.raises(UnknownRun, match="no run 'nobody'"):
            await fork(_team(), "nobody", store=store)
        await run(_team(), "go", store=store, id="r", model=Calls())
        with pytest.raises(BadInput, match="at is 1 to"):
            await fork(_team(), "r", store=store, at=999)
        with pytest.raises(BadInput, match="the change is task= or value="):
            await fork(_team(), "r", store=store, colour="red")

    asyncio.run(play())
