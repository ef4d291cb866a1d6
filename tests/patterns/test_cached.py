import asyncio

import pytest

from coterie import Agent, Sleep, collect_all, gather
from coterie.errors import BadInput, ModelFailed
from coterie.models import scripted
from coterie.patterns import Cache, cached, parallel, pipeline
from coterie.stores import MemoryStore
from coterie.testing import crash_everywhere, simulate
from coterie.words.event import Asked, Settled

ada, bob = Agent("ada"), Agent("bob")
DOWN = ModelFailed("down")


def runs(team, *tasks, script="x"):
    async def scene():
        model = scripted(script)
        return [await team.run(task, model=model) for task in tasks]

    return asyncio.run(scene())


def test_the_same_task_is_asked_once():
    """From run to run; what is cached costs no request."""
    one, two, other = runs(cached(ada), "a", "a", "b")
    assert [one.usage.requests, two.usage.requests, other.usage.requests] == [1, 0, 1]
    assert two.text == one.text


def test_two_who_ask_at_once_ask_once():
    """The second waits for the first."""
    team = cached(ada)

    async def play(task):
        return str([said.text for said in await gather(team("a"), team("a"), team("b"))])

    run = simulate(play, script=lambda think: think.thread[-1].text)
    assert (run.message.text, len(run.asked)) == ("['a', 'a', 'b']", 2)


def test_a_failed_or_old_answer_is_not_used_again():
    """After `ttl` seconds it is asked anew; of too many the longest unused goes."""
    cache = Cache(1)

    async def play(task):
        for text, pause in [("a", 5), ("a", 20), ("a", 0), ("b", 0), ("a", 0)]:
            await cached(ada, ttl=10, store=cache)(text)
            await Sleep(pause)
        return ""

    assert len(simulate(play, script="x", latency=0).asked) == 4
    team = cached(ada)
    assert [one.status for one in runs(team, "a", "a", script=[DOWN, "ok"])] == ["failed", "succeeded"]


def test_an_answer_with_a_part_missing_is_not_used_again():
    """Whoever was down the first time may answer the next time."""
    team = cached(parallel(ada, bob, on_failure=collect_all))
    first, second, third = runs(team, "a", "a", "a", script={"ada": "x", "bob": [DOWN, "y"]})
    assert [one.usage.requests for one in (first, second, third)] == [1, 2, 0]
    assert third.text == second.text == "x\n\ny"


def test_the_journal_shows_that_an_answer_was_cached():
    """The step `get` gave it, and no model was asked."""
    team, store = cached(ada), MemoryStore()

    async def scene():
        for run in ("first", "second"):
            await team.run("go", model=scripted("x"), store=store, id=run)
        return [record.event for record in await store.read("second")]

    events = asyncio.run(scene())
    assert {event.effect.kind for event in events if isinstance(event, Asked)} == {"now", "use"}
    (given,) = [e.value for e in events if isinstance(e, Settled) and e.path == "cached/get.1"]
    assert (given["sender"], given["text"]) == ("ada", "x")


def test_fresh_or_cached_an_answer_is_the_same():
    """Text, parts and what is missing; only the usage differs."""
    fresh, kept = runs(cached(pipeline(ada, bob)), "a", "a", script="x")
    assert [part.sender for part in kept.parts] == [part.sender for part in fresh.parts] == ["pipeline"]
    assert (kept.text, kept.missing, kept.usage.requests) == (fresh.text, fresh.missing, 0)


def test_two_actors_behind_one_store_do_not_get_each_others_answers():
    """A key names a task, and the version of the actor belongs to it."""
    store = Cache()
    one, other = (cached(each, key=lambda task: "k", store=store) for each in (ada, bob))

    async def play(task):
        return " ".join([said.text for said in await gather(one("a"), other("a"), one("b"))])

    run = simulate(play, script=lambda think: think.actor)
    assert (run.message.text, len(run.asked)) == ("ada bob ada", 2)


def test_its_steps_are_repeated_after_a_crash():
    """So a crash while a cache is asked parks no run."""
    result = crash_everywhere(cached(ada, store=Nothing()), "go", script="x")
    assert result.text == "x"


class Nothing:
    """A cache that has just forgotten."""

    async def get(self, key, now):
        return None

    async def put(self, key, answer, until):
        return None


def test_bad_input_is_refused():
    """At the door."""
    with pytest.raises(BadInput, match="ttl is above 0 seconds, not 0"):
        cached(ada, ttl=0)
