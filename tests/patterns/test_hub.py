import asyncio

import pytest

from coterie import Agent, collect_all, fail_fast
from coterie.errors import BadInput, BranchesFailed, ModelFailed
from coterie.kernel import story
from coterie.models import scripted
from coterie.patterns import Request, Requests, hub
from coterie.stores import MemoryStore
from coterie.testing import crash_everywhere, rehearse

center, ada, bob, cy = Agent("center"), Agent("ada", "You count."), Agent("bob"), Agent("cy")
TEAM = hub(center, ada, bob, cy)


def wants(*pairs):
    return Requests(tuple(Request(to, text) for to, text in pairs))


def script(*center, **others):
    return {"center": [*center], "*": lambda think: f"{think.actor}: {think.thread[-1].text}", **others}


def test_the_center_asks_and_answers():
    """Each spoke what it is asked, all at once; the answer is made from what they said."""
    lines = script(wants(("ada", "how many?"), ("bob", "where?")), Requests(), "four, there")
    said, asked = rehearse(TEAM, "go", lines)
    assert (said.text, [part.text for part in said.parts]) == (
        "four, there",
        ["ada: how many?", "bob: where?"],
    )
    assert [(think.actor, think.thread[-1].text) for think in asked[1:3]] == [
        ("ada", "how many?"),
        ("bob", "where?"),
    ]
    assert {"ada: how many?", "bob: where?"} < {message.text for message in asked[-1].thread}


def test_it_may_ask_again_when_it_has_heard_the_answers():
    """At most `rounds` times; then it has to answer."""
    team = hub(center, ada, bob, rounds=2)
    said, asked = rehearse(team, "go", script(wants(("ada", "1")), wants(("bob", "2")), "done"))
    assert [think.actor for think in asked] == ["center", "ada", "center", "bob", "center"]
    assert said.text == "done"
    assert "ada: 1" in [message.text for message in asked[2].thread]


def test_with_nobody_to_ask_it_answers_at_once():
    """One request, no spoke."""
    said, asked = rehearse(TEAM, "go", script(Requests(answer="I know")))
    assert (said.text, len(asked)) == ("I know", 1)


def journal(team, lines):
    async def scene():
        store = MemoryStore()
        result = await team.run("go", model=scripted(lines), store=store, id="r")
        return result, await store.read("r")

    return asyncio.run(scene())


def test_both_routes_are_visible_in_the_message_graph_of_the_run():
    """From the center to a spoke, and directly from spoke to spoke, with the replies."""
    lines = script(wants(("ada", "how many?")), Requests(), "x", ada=[Request("bob", "you too?"), "five"])
    result, records = journal(TEAM, lines)
    mail = [(one.envelope.sender, one.envelope.recipient, one.envelope.kind) for one in story.mail(records)]
    assert mail == [
        ("center", "ada", "request"),
        ("ada", "bob", "request"),
        ("bob", "ada", "reply"),
        ("ada", "center", "reply"),
    ]
    graph = story.graph(records)
    assert {
        edge: graph[edge] for edge in [("center", "ada"), ("ada", "bob"), ("bob", "ada"), ("ada", "center")]
    } == {
        ("center", "ada"): 1,
        ("ada", "bob"): 1,
        ("bob", "ada"): 1,
        ("ada", "center"): 1,
    }
    assert [part.text for part in result.parts] == ["five"]


def test_a_request_says_what_is_wanted_and_a_reply_what_it_answers():
    """Delegated by the center, asked between spokes; a reply has the id of its request."""
    _, records = journal(TEAM, script(wants(("ada", "1")), Requests(), "x", ada=[Request("bob", "2"), "3"]))
    by_center, direct, reply, _ = [one.envelope for one in story.mail(records)]
    assert (by_center.intent, direct.intent) == ("delegate", "ask")
    assert reply.reply_to == direct.id


def test_spokes_ask_each_other_so_often_and_no_more():
    """Then what a spoke says is its answer, whatever it is."""
    team = hub(center, ada, bob, direct=2)
    asks = lambda think: Request("bob", "and?")
    lines = script(wants(("ada", "1")), Requests(), "x", ada=asks)
    _, asked = rehearse(team, "go", lines)
    assert [think.actor for think in asked].count("bob") == 2


def test_what_cannot_be_read_goes_back_once_and_then_everybody_gets_the_task():
    """In the first round; and `missing` says so."""
    said, asked = rehearse(TEAM, "go", script("hm", wants(("ada", "1")), Requests(), "x"))
    assert "neither" in asked[1].thread[-1].text
    said, _ = rehearse(TEAM, "go", script(wants(("eve", "1")), "hm", Requests(), "x"))
    assert [part.sender for part in said.parts] == ["ada", "bob", "cy"]
    assert "'center' asked wrongly: 'eve' is not eligible" in said.missing[0].message


def test_the_center_is_held_to_the_spokes_that_there_are():
    """By a schema, and it is told what they are for."""
    _, asked = rehearse(TEAM, "go", script(Requests(answer="x")))
    assert "'enum': ['ada', 'bob', 'cy']" in str(asked[0].brief.output)
    assert "- ada: You count." in asked[0].thread[-1].text


def test_a_spoke_that_fails_is_missing():
    """Unless the policy says that it ends everything; nobody at all is an error."""
    plan, down = wants(("ada", "1"), ("bob", "2")), lambda think: ModelFailed("down")
    said, _ = rehearse(TEAM, "go", script(plan, Requests(), "x", ada=down))
    assert ([part.sender for part in said.parts], [one.message for one in said.missing]) == (
        ["bob"],
        ["down"],
    )
    with pytest.raises(ModelFailed):
        rehearse(hub(center, ada, bob, on_failure=fail_fast), "go", script(plan, ada=down))
    with pytest.raises(BranchesFailed):
        rehearse(hub(center, ada, bob, on_failure=collect_all), "go", script(plan, ada=down, bob=down))


def test_it_survives_a_crash():
    """No request is made twice."""

    def line(think):
        if think.actor == "ada":
            return "five" if think.thread[-1].sender == "bob" else Request("bob", "you too?")
        if think.actor == "bob":
            return "two"
        if "Now answer" in think.thread[-1].text:
            return "x"
        return Requests() if "ada" in {m.sender for m in think.thread} else wants(("ada", "1"))

    assert crash_everywhere(TEAM, "go", script=line).text == "x"


def test_bad_input_is_refused():
    """At the door."""
    for spokes, options in [
        ((), {}),
        ((ada, Agent("ada")), {}),
        ((ada,), {"rounds": 0}),
        ((ada,), {"direct": -1}),
    ]:
        with pytest.raises(BadInput, match="hub 'hub'"):
            hub(center, *spokes, **options)
