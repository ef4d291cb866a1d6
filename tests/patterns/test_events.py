import asyncio

import pytest

from coterie import Agent, Message, Team
from coterie.errors import BadInput, ModelFailed
from coterie.kernel import story
from coterie.models import scripted
from coterie.patterns import Event, events, on
from coterie.stores import MemoryStore
from coterie.testing import crash_everywhere, rehearse, simulate
from coterie.words.envelope import Priority
from coterie.words.event import Noted

ada, bob, cy = Agent("ada"), Agent("bob"), Agent("cy")


def heard(think):
    return f"{think.actor}({think.thread[-1].text})"


def says(name, *published):
    """A member that publishes events."""

    async def play(task):
        return Message(sender="", text=name, output=list(published))

    return Team(name, (), play)


def notes(name, into):
    async def play(task):
        into.append(task.text)
        return name

    return Team(name, (), play)


def buried(team, script=heard):
    """Dead letters, as the journal has them."""
    run = simulate(team, "go", script=script, journal=True)
    letters = [fact.value for fact in run.journal if isinstance(fact, Noted) and fact.about == "dead"]
    return run, [(one["message"]["recipient"], one["why"]) for one in letters]


def test_members_react_to_topics_and_publish_in_turn():
    """Ends when it is quiet; the answer is the last thing said."""
    team = events(on("task", ada, then="a.done"), on("a.*", bob))
    said, asked = rehearse(team, "go", heard)
    assert (said.text, said.sender) == ("bob(ada(go))", "events")
    assert [think.actor for think in asked] == ["ada", "bob"]
    assert [part.sender for part in said.parts] == ["ada", "bob"]


def test_patterns_fit_one_word_or_the_rest():
    """`*` is one word, `>` one or more."""
    seen = {"one": [], "rest": [], "other": []}
    team = events(
        on("task", says("x", Event("a.b", "ab"), Event("a.b.c", "abc"))),
        on("a.*", notes("one", seen["one"])),
        on("a.>", notes("rest", seen["rest"])),
        on("b.>", notes("other", seen["other"])),
    )
    rehearse(team, "go")
    assert seen == {"one": ["ab"], "rest": ["ab", "abc"], "other": []}


def test_all_who_subscribed_react_at_once():
    """In the time of the slowest."""
    assert simulate(events(on("task", ada), on("task", bob)), "go", script="x", latency=5).elapsed == 5


def test_it_ends_when_something_is_published_on_the_closing_topic():
    """That is the answer; who is at work then is closed."""
    run = simulate(
        events(on("task", ada, then="over"), on("task", bob), until="over"),
        "go",
        script=heard,
        latency=lambda think, _: {"ada": 1, "bob": 100}[think.actor],
    )
    assert (run.message.text, run.elapsed) == ("ada(go)", 1)


def test_the_most_urgent_event_is_reacted_to_first():
    """Each member takes one at a time, by priority and then by age."""
    seen = []
    levels = [
        ("low", Priority.LOW),
        ("one", Priority.NORMAL),
        ("urgent", Priority.URGENT),
        ("two", Priority.NORMAL),
    ]
    team = events(
        on("task", says("x", *[Event("job", text, priority=level) for text, level in levels])),
        on("job", notes("worker", seen)),
    )
    rehearse(team, "go")
    assert seen == ["urgent", "one", "two", "low"]


def test_an_event_that_comes_from_too_many_others_is_a_dead_letter():
    """So a ring of reactions ends; it is said, and on the dead-letter topic."""
    team = events(
        on("task", ada, then="ping"), on("ping", bob, then="pong"), on("pong", cy, then="ping"), hops=5
    )
    run, letters = buried(team)
    assert [part.sender for part in run.message.parts] == ["ada", "bob", "cy", "bob", "cy", "bob"]
    assert run.message.unverified == "stopped after 5 hops"
    assert [one.kind for one in run.message.missing] == ["NoProgress"]
    assert letters == [("pong", "comes from more than 5 others")]


def test_hops_are_counted_for_each_event_by_itself():
    """Many short chains are no long one."""
    team = events(
        on("task", says("x", *[Event("a", str(n)) for n in range(50)])),
        on("a", ada, then="b"),
        on("b", bob),
        hops=2,
    )
    run, letters = buried(team)
    assert (len(run.message.parts), run.message.unverified, letters) == (101, "", [])


def test_a_poisoned_event_is_a_dead_letter_after_so_many_tries():
    """It holds up nobody else, and its last failure is in `missing`."""
    tries = []

    def line(think):
        tries.append(think.actor)
        return ModelFailed("cannot be read") if think.actor == "ada" else "fine"

    run, letters = buried(events(on("task", ada), on("task", bob), tries=3), line)
    assert (tries.count("ada"), run.message.text) == (3, "fine")
    assert [one.message for one in run.message.missing] == ["cannot be read"]
    assert [why for _, why in letters] == ["failed 3 times: cannot be read"]


def test_a_failure_that_passes_is_no_dead_letter():
    """The event is reacted to at the next try."""
    run, letters = buried(events(on("task", ada)), [ModelFailed("down"), "ok"])
    assert (run.message.text, run.message.missing, letters) == ("ok", (), [])


def test_an_event_that_nobody_subscribed_to_is_a_dead_letter():
    """And it is quiet."""
    run, letters = buried(events(on("task", ada, then="nowhere")))
    assert (run.message.text, [why for _, why in letters]) == ("ada(go)", ["nobody has subscribed"])


def test_two_such_teams_in_one_run_do_not_hear_each_other():
    """Topics are the team's own."""
    seen = []
    inner = events(on("task", notes("inner", seen), then="shared"), name="inner")
    outer = events(on("task", inner), on("shared", notes("outer", seen)), name="outer")
    rehearse(outer, "go")
    assert seen == ["go"]


def test_every_event_is_in_the_mail_of_the_run():
    """Who published what, to which topic."""

    async def scene():
        store = MemoryStore()
        team = events(on("task", ada, then="next"), on("next", bob))
        await team.run("go", model=scripted(heard), store=store, id="r")
        return await store.read("r")

    mail = [one.envelope for one in story.mail(asyncio.run(scene()))]
    assert [(one.sender, one.recipient.rpartition(".")[2], one.kind) for one in mail] == [
        ("user", "task", "event"),
        ("ada", "next", "event"),
    ]


def test_it_survives_a_crash():
    """No event is reacted to twice."""
    team = events(on("task", ada, then="x"), on("task", bob, then="x"), on("x", cy), tries=2)
    assert len(crash_everywhere(team, "go", script=heard).message.parts) == 4


def test_bad_input_is_refused():
    """At the door."""
    for reactions, options in [
        ((), {}),
        ((on("task", ada),), {"hops": 0}),
        ((on("task", ada),), {"tries": 0}),
    ]:
        with pytest.raises(BadInput, match="events 'events' needs reactions"):
            events(*reactions, **options)
