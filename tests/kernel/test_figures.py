import asyncio

import pytest

from coterie import Agent, Message, collect_all, quorum
from coterie.errors import ModelFailed
from coterie.kernel.figures import (
    Agreement,
    Critical,
    Waste,
    agreement,
    cost,
    critical_path,
    model_calls,
    position,
    seconds,
    waste,
)
from coterie.models import scripted
from coterie.patterns import cascade, committee, debate, parallel, pipeline
from coterie.stores import MemoryStore, SqliteStore
from coterie.words.brief import Brief
from coterie.words.effect import Think
from coterie.words.event import Asked, Closed, Noted, Opened, Record, Settled
from coterie.words.thread import Thread
from coterie.words.usage import Usage

SPENT = Usage(5, 5, 1)
A, B, C = (Agent(name) for name in "abc")


def performed(actor, script, store=None):
    """The journal of one run."""

    async def run():
        kept = store or MemoryStore()
        await actor.run("go", model=scripted(script), store=kept, id="r")
        records = await kept.read("r")
        await kept.close()
        return records

    return asyncio.run(run())


def call(path, asked, settled, began, ended, text="x", usage=SPENT):
    """The two records of a model call."""
    think = Think("a", "m", Brief(), Thread())
    value = Message(sender="a", text=text)
    return [
        Record(asked, began, Asked(path, think)),
        Record(settled, ended, Settled(path, value, usage=usage)),
    ]


def journal(*pairs, end="done"):
    """A journal of these model calls in a run that ended."""
    middle = sorted((record for pair in pairs for record in pair), key=lambda record: record.seq)
    first = Record(0, 0.0, Opened(run="r", actor="t", task="go"))
    last = Record(99, 20.0, Closed(status="succeeded", message=Message(sender="t", text=end)))
    return [first, *middle, last]


def test_calls_one_after_the_other_add_up():
    """In one frame, what begins after the end of another comes on top of it."""
    records = journal(call("t/think.1", 1, 2, 0, 3), call("t/a/think.1", 3, 4, 3, 7))
    assert critical_path(records) == Critical(7.0, ("t/think.1", "t/a/think.1"))


def test_calls_beside_each_other_do_not():
    """Of what overlaps only the heavier counts, with all that follows it in its own branch."""
    records = journal(
        call("t/a/think.1", 1, 3, 0, 4),
        call("t/b/think.1", 2, 4, 0, 1),
        call("t/b/think.2", 5, 6, 1, 6),
        call("t/c/think.1", 7, 8, 6, 8),
    )
    assert critical_path(records) == Critical(8.0, ("t/b/think.1", "t/b/think.2", "t/c/think.1"))


def test_branches_are_no_chain_because_one_was_quicker():
    """A slow call of one branch does not follow the quick one of another branch that is still at work."""
    records = journal(
        call("t/a/think.1", 1, 3, 0, 1),
        call("t/b/think.1", 2, 5, 0, 1),
        call("t/b/think.2", 6, 8, 1, 9),
        call("t/a/think.2", 4, 9, 1, 9),
    )
    assert critical_path(records).seconds == 9.0


def test_an_empty_run_has_no_critical_path():
    """Without model calls there is none, and nothing is wasted."""
    records = journal()
    assert [critical_path(records), waste(records), seconds(records)] == [Critical(), Waste(), 20.0]


def test_a_store_gives_the_same_figures(tmp_path):
    """What is folded from SQLite is what is folded from memory, but for the clock."""
    script = {"a": "first view", "b": "other view", "c": "the verdict"}
    team = debate(A, B, judge=C, rounds=1)
    one, other = performed(team, script), performed(team, script, SqliteStore(tmp_path / "runs.db"))
    assert waste(one) == waste(other)
    assert [len(model_calls(one)), len(critical_path(other).calls)] == [5, 3]
    assert [each.model for each in model_calls(one)] == [each.model for each in model_calls(other)]


def test_nothing_is_wasted_where_all_is_used():
    """Each stage's answer is the next one's prompt, and the last one the run's."""
    found = waste(performed(pipeline(A, B), {"a": "a draft", "b": "a text"}))
    assert [found.share, found.tokens > 0] == [0.0, True]


def test_what_fails_is_wasted():
    """All that was spent in a frame that failed, and nothing else."""

    def line(think):
        return ModelFailed("down") if think.actor == "d" else f"{think.actor} says so"

    team = parallel(pipeline(B, Agent("d"), name="line"), A, join=C, on_failure=collect_all)
    records = performed(team, line)
    lost = [each.usage.tokens for each in model_calls(records) if each.path.startswith("parallel/line/")]
    assert waste(records) == Waste(failed=sum(lost), tokens=waste(records).tokens)
    assert len(lost) == 2


def test_what_is_closed_is_wasted():
    """A branch that was begun and that nobody waited for counts with what it had spent."""

    async def first(think):
        return Message(sender=think.actor, text="half", usage=Usage(7, 3, 1))

    async def never(think):
        await asyncio.Event().wait()

    late = pipeline(Agent("late", model=first), Agent("later", model=never), name="line")
    quick = pipeline(A, B, C, name="quick")
    records = performed(parallel(late, quick, on_failure=quorum(1)), lambda think: f"{think.actor} says so")
    assert waste(records).closed == 10
    assert waste(records).failed == 0


def test_what_nobody_reads_is_wasted():
    """An answer that is not good enough is in no prompt and in no answer."""
    team = cascade(A, B, good_enough=lambda said: said.text == "good")
    found = waste(performed(team, {"a": "not enough at all", "b": "good"}))
    assert [found.unused > 0, found.failed, found.closed] == [True, 0, 0]


def test_votes_are_read_by_a_program():
    """A vote is JSON, so it is used, though no prompt ever holds it."""
    script = {"a": {"choice": "yes"}, "b": {"choice": "no"}, "c": {"choice": "yes"}}
    assert waste(performed(committee(A, B, C), {key: [value] for key, value in script.items()})).share == 0.0


def test_bare_votes_are_used():
    """A vote in a word is in the tally, whatever case and full stop it has."""
    voters = [pipeline(one, name=f"v{one.name}") for one in (A, B, C)]
    assert waste(performed(committee(*voters), {"a": "Yes.", "b": "No", "c": "yes"})).share == 0.0


def test_a_failed_run_is_all_waste():
    """Where there is no answer, nothing was of use."""
    records = performed(pipeline(A, B), {"a": ["x"], "b": [ModelFailed("down")]})
    assert waste(records).share == 1.0


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["Yes.", "yes", " YES "], Agreement(1.0)),
        (["yes", "no", "yes"], Agreement(2 / 3, ("m1",))),
        (['{"choice": "A"}', "a", "B"], Agreement(2 / 3, ("m2",))),
        (["one"], None),
    ],
)
def test_agreement(parts, expected):
    """Members agree as far as they share a position, whatever form it has."""
    said = tuple(Message(sender=f"m{n}", text=text) for n, text in enumerate(parts))
    assert agreement(Message(sender="t", parts=said)) == expected


def test_positions():
    """A choice counts before the text around it."""
    assert position(Message(sender="a", text="I vote yes", output={"choice": "Yes"})) == "yes"


def test_cost_by_prices():
    """What a model says that it cost, or tokens by the price of its name."""
    records = journal(
        call("t/think.1", 1, 2, 0, 1, usage=Usage(1000, 100, 1)),
        call("t/think.2", 3, 4, 1, 2, usage=Usage(10, 10, 1, usd=0.5)),
    )
    assert cost(records, {"m": (1.0, 10.0)}) == pytest.approx(0.002 + 0.5)


def test_frames_that_are_noted():
    """A frame that was entered and left is not closed."""
    records = journal(call("t/a/think.1", 2, 3, 0, 1, text="done"))
    entered, left = Record(1, 0.0, Noted("t/a", "entered")), Record(4, 1.0, Noted("t/a", "left"))
    assert waste([records[0], entered, *records[1:3], left, records[3]]).share == 0.0
    assert waste([records[0], entered, *records[1:3], records[3]]).share == 1.0
