from itertools import pairwise

import pytest

from coterie import Agent
from coterie.errors import BadInput, NoProgress
from coterie.patterns import chat
from coterie.testing import rehearse

ada, bob, cy = Agent("ada"), Agent("bob"), Agent("cy")


def numbered(think):
    return f"{think.actor} {len(think.thread)}"


def speakers(team, script=numbered):
    return " ".join(part.sender for part in rehearse(team, "go", script)[0].parts)


def test_without_more_they_speak_in_turn():
    """Everybody reads all that was said, and the prompt grows by one message a turn."""
    said, asked = rehearse(chat(ada, bob, turns=4), "go", numbered)
    assert said.text == "bob 4"
    assert [len(think.thread) for think in asked] == [1, 2, 3, 4]


def test_a_rule_may_choose_and_what_it_may_not_is_the_next_in_order():
    """Nobody speaks twice in a row unless chosen."""
    assert speakers(chat(ada, bob, cy, turns=4, next_speaker=lambda said, names: "cy")) == "cy cy cy cy"
    assert speakers(chat(ada, bob, cy, turns=4, next_speaker=lambda said, names: "dan")) == "ada bob cy ada"


def test_an_actor_may_choose_among_those_that_there_are():
    """A wrong choice goes back once, then the next in order speaks."""
    lines = iter([{"choice": "bob"}, "dan", "cy", "dan", "dan"])
    team = chat(ada, bob, cy, turns=3, next_speaker=Agent("chair"))

    def script(think):
        return next(lines) if think.actor == "chair" else numbered(think)

    assert speakers(team, script) == "bob cy ada"


def test_it_stops_when_they_agree_but_not_before_everybody_could_speak():
    """A predicate, or an actor that says yes."""
    assert speakers(chat(ada, bob, cy, stop=lambda said: True)) == "ada bob cy"
    assert (
        speakers(chat(ada, bob, stop=Agent("judge")), {"judge": ["no", "yes"], "*": numbered})
        == "ada bob ada"
    )


def test_somebody_may_sum_up():
    """The answer is the summary; the parts are what was said."""
    said, _ = rehearse(chat(ada, bob, turns=2, summary=cy), "go", numbered)
    assert (said.text, said.sender, len(said.parts)) == ("cy 4", "chat", 2)


def test_a_stuck_chat_ends_with_its_transcript():
    """The third time somebody says the same."""
    with pytest.raises(NoProgress, match="'ada' says the same thing for the third time: 'x'") as stuck:
        rehearse(chat(ada, bob), "go", "x")
    assert len(stuck.value.finished) == 5


def test_1600_turns_make_1600_links():
    """The prompt of each turn is the one before and one message more: no copies, so linear."""
    said, asked = rehearse(chat(ada, bob, turns=1600), "go", numbered)
    assert len(said.parts) == 1600
    assert all(
        later.thread.links[: len(one.thread)] == one.thread.links for one, later in pairwise(asked[:50])
    )


def test_bad_input_is_refused():
    """At the door."""
    for members, options in [((), {}), ((ada, Agent("ada")), {}), ((ada,), {"turns": 0})]:
        with pytest.raises(BadInput, match=r"chat 'chat'(:| needs members, each with a name of its own)"):
            chat(*members, **options)
