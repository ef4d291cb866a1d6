from collections import Counter

import pytest

from coterie import Agent, Message, Sleep, Team
from coterie.errors import BadInput, ModelFailed, Stuck
from coterie.patterns import Source, blackboard
from coterie.testing import crash_everywhere, rehearse, simulate
from coterie.words.event import Noted

ada, bob, cy = Agent("ada"), Agent("bob"), Agent("cy")


def named(think):
    return f"{think.actor} of {len(think.thread)}"


def puts(team, script=named, **options):
    """Every entry that was written, in order: its name, its value, and the author's path."""
    run = simulate(team, "go", script=script, journal=True, **options)
    facts = [fact for fact in run.journal if isinstance(fact, Noted) and fact.fact == "put"]
    return run, [(fact.about.rpartition(".")[2], fact.value, fact.path) for fact in facts]


def test_a_member_works_when_its_needs_are_there():
    """It is told the task and shown the entries that it needs, which are also its data."""
    team = blackboard(Source(bob, ("outline",)), Source(ada, adds="outline"))
    said, asked = rehearse(team, "go", {"ada": "1. 2. 3.", "bob": "text"})
    assert [think.actor for think in asked] == ["ada", "bob"]
    assert [message.text for message in asked[1].thread] == ["go", "outline: 1. 2. 3."]
    assert (said.text, said.output) == ("text", {"bob": "text", "outline": "1. 2. 3."})
    assert [part.sender for part in said.parts] == ["ada", "bob"]


def test_all_who_can_work_at_once():
    """In the time of the slowest."""
    assert simulate(blackboard(ada, bob, cy), "go", script="x", latency=5).elapsed == 5


def test_entries_have_versions_and_authors():
    """What a member added is known by its version, and by the path of who added it."""
    seen = {}

    async def reads(task):
        seen.update(task.data)
        return "done"

    team = blackboard(Source(ada, adds="fact"), Source(Team("reads", (), reads), ("fact",)))
    run, entries = puts(team)
    assert [(name, author.partition("/")[0]) for name, _, author in entries] == [
        ("task", "blackboard"),
        ("fact", "blackboard"),
        ("reads", "blackboard"),
    ]
    assert seen == {"fact": "ada of 1"}
    assert run.message.output == {"fact": "ada of 1", "reads": "done"}


def test_what_was_made_from_an_older_version_is_stale_and_made_again():
    """Only by those who need it, and only so often."""
    counted = {"n": 0}

    async def counts(task):
        counted["n"] += 1
        return str(counted["n"])

    turns = blackboard(
        Source(Team("counts", (), counts), ("task", "echo"), "count"),
        Source(ada, ("count",), "echo"),
        Source(bob, ("task",), "count"),
        times=3,
        done=lambda entries: entries.get("count") == "3",
    )
    run, entries = puts(turns)
    assert run.message.output["count"] == "3"
    assert Counter(name for name, _, _ in entries) == {"task": 1, "count": 4, "echo": 3}


def test_two_who_add_to_one_entry_lose_no_update():
    """Who is later reads again and adds to what is there, even with a single turn each."""

    def adding(name):
        async def play(task):
            await Sleep(1)
            return [*task.data.get("list", []), name]

        return Source(Team(name, (), _as_output(play)), ("task",), "list")

    members = [adding(f"m{n}") for n in range(4)]
    reading = [Source(one.actor, ("task", "list"), "list") for one in members]
    team = blackboard(Source(Team("seed", (), _as_output(_empty)), ("task",), "list"), *reading, times=1)
    for seed in range(20):
        run, entries = puts(team, seed=seed)
        assert sorted(run.message.output["list"]) == ["m0", "m1", "m2", "m3"]
        sizes = [len(value) for name, value, _ in entries if name == "list"]
        assert sizes == [0, 1, 2, 3, 4]


async def _empty(task):
    return []


def _as_output(play):
    async def playing(task):
        return Message(sender="", output=await play(task))

    return playing


def test_it_ends_when_it_is_done_and_not_before():
    """`done` looks at the entries; who is at work then is closed."""
    run = simulate(
        blackboard(ada, bob, done=lambda entries: "ada" in entries),
        "go",
        script="x",
        latency=lambda think, _: {"ada": 1, "bob": 100}[think.actor],
    )
    assert (run.message.output, run.elapsed) == ({"ada": "x"}, 1)


def test_stuck_names_who_waits_for_what():
    """Nobody can add anything, and it is not done."""
    team = blackboard(Source(ada, ("b",), "a"), Source(bob, ("a", "c"), "b"), cy)
    with pytest.raises(Stuck) as stuck:
        rehearse(team, "go", "x")
    assert "blackboard 'blackboard': 'ada' waits for 'b'; 'bob' waits for 'a', 'c'" in str(stuck.value)
    assert [part.sender for part in stuck.value.finished] == ["cy"]
    with pytest.raises(Stuck, match="nobody has anything to add, and it is not done"):
        rehearse(blackboard(ada, done=lambda entries: False), "go", "x")


def test_what_fails_is_missing_and_who_waits_for_it_is_named():
    """With the failure; if others can go on without it, they do."""
    down = {"ada": [ModelFailed("ada is down")], "*": "x"}
    said, _ = rehearse(blackboard(ada, bob), "go", down)
    assert (said.output, [one.message for one in said.missing]) == ({"bob": "x"}, ["ada is down"])
    with pytest.raises(Stuck, match=r"'bob' waits for 'ada'; ModelFailed.*ada is down"):
        rehearse(blackboard(ada, Source(bob, ("ada",))), "go", {"ada": [ModelFailed("ada is down")]})


def test_it_survives_a_crash():
    """No entry is written twice."""
    team = blackboard(Source(ada, adds="a"), Source(bob, ("a",), "b"), Source(cy, ("a", "b"), "c"))
    assert crash_everywhere(team, "go", script=named).text == "cy of 3"


def test_bad_input_is_refused():
    """At the door."""
    for members, times in [((), 1), ((ada,), 0)]:
        with pytest.raises(BadInput, match="blackboard 'blackboard' needs members"):
            blackboard(*members, times=times)
