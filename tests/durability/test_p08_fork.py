"""P8: a run can be forked at any event with one thing changed; only what depends on it runs again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from coterie import Agent, Ask, Result, Task, Team, do, fork, gather, run, tool
from coterie.errors import BadInput, UnknownRun
from coterie.kernel.difference import Difference, difference
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


def _desk(model: str = "default") -> tuple[Team, list[str]]:
    """A clerk who looks a price up and asks a person, and an auditor who reads what came of it."""
    looked: list[str] = []

    @tool
    def price(of: str) -> dict[str, int]:
        """Look a price up."""
        looked.append(of)
        return {"usd": 7}

    clerk, auditor = Agent("clerk"), Agent("auditor", model=model)

    async def play(task: Task) -> str:
        plan = await clerk(task.text)
        found = await do(price, "tea")
        said = await Ask(f"{found['usd']} for tea?", "choice", ("yes", "no"))
        return (await auditor(f"{plan.text}, {found['usd']}: {said}")).text

    return Team("desk", (clerk, auditor), play), looked


@pytest.mark.parametrize(
    ("path", "value", "asked", "again", "text"),
    [
        ("desk/clerk/think.1", "PLAN", ["auditor"], 0, "auditor(PLAN, 7: yes)"),
        ("desk/price.1", {"usd": 9}, ["auditor"], 0, "auditor(clerk(go), 9: no)"),
        ("desk/ask.1", "no", ["auditor"], 0, "auditor(clerk(go), 7: no)"),
        ("desk/price.1", None, [], 1, "auditor(clerk(go), 7: yes)"),
    ],
)
def test_a_changed_answer_tool_result_or_person_runs_what_depends_on_it(
    tmp_path: Path, path: str, value: object, asked: list[str], again: int, text: str
) -> None:
    """Only what reads the change runs again: models are counted, and so is the tool. None: the step runs again."""

    async def scene() -> tuple[str, list[str], int]:
        store, calls = SqliteStore(tmp_path / "r.db"), Calls()
        options: dict[str, object] = {
            "store": store, "model": calls, "models": {"small": calls}, "ask": lambda path, ask: _says(ask)
        }  # fmt: skip
        await run(_desk()[0], "go", id="r", **options)  # type: ignore[arg-type]
        calls.made.clear()
        team, looked = _desk()
        change = {} if value is None else {"value": value}
        at = _event(await store.read("r"), path)
        result = await fork(team, "r", at=at, **options, **change)  # type: ignore[arg-type]
        await store.close()
        return result.text, calls.made, len(looked)

    assert asyncio.run(scene()) == (text, asked, again)


async def _says(ask: Ask) -> str:
    return "yes" if "7 for tea" in ask.question else "no"


def test_another_model_answers_only_for_its_agent(tmp_path: Path) -> None:
    """With another model for the auditor, the clerk, the tool and the person are not asked again."""

    async def scene() -> tuple[list[str], int, Difference]:
        store, calls, asks = SqliteStore(tmp_path / "r.db"), Calls(), lambda path, ask: _says(ask)
        await run(_desk()[0], "go", id="r", store=store, model=calls, ask=asks)
        calls.made.clear()
        team, looked = _desk("small")
        await fork(team, "r", new="f", store=store, model=calls, models={"small": calls}, ask=asks)
        found = difference("r", await store.read("r"), "f", await store.read("f"))
        await store.close()
        return calls.made, len(looked), found

    made, looked, found = asyncio.run(scene())
    assert (made, looked) == (["auditor"], 0)
    assert found.first is not None
    assert (found.first.path, found.first.how, found.versions) == (
        "desk/auditor/think.1",
        "asked otherwise",
        ("desk/auditor",),
    )
    assert [found.here.steps, found.there.steps, found.there.reused, len(found.partings)] == [4, 4, 3, 1]
    assert [found.here.usage.requests, found.there.usage.requests] == [2, 1]
    assert found.same_outcome


def test_a_difference_names_the_first_step_that_is_not_the_same(tmp_path: Path) -> None:
    """With another answer of `left` both came out otherwise there first, and `joiner` was asked otherwise after it."""
    change = {"at": "pair/left/think.1", "value": "CHANGED"}
    _, _, _, records = asyncio.run(_forked(tmp_path / "r.db", _team(), **change))
    before = asyncio.run(SqliteStore(tmp_path / "r.db").read("r"))
    found = difference("r", before, "f", records)
    assert [(one.path, one.how) for one in found.partings] == [
        ("pair/left/think.1", "came out otherwise"),
        ("pair/joiner/think.1", "asked otherwise"),
    ]
    assert (found.same_outcome, found.versions) == (False, ())
    assert [row.path for row in found.rows] == ["pair", "pair/left", "pair/right", "pair/joiner"]


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
