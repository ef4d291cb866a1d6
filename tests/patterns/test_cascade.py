import pytest

from coterie import Agent, Limits
from coterie.errors import BadInput, BranchesFailed, ModelFailed, OverLimit
from coterie.patterns import cascade
from coterie.testing import crash_everywhere, rehearse, simulate

ada, bob, cy = Agent("ada"), Agent("bob"), Agent("cy")
DOWN = ModelFailed("down")


def test_cheap_members_first_and_up_while_it_is_not_good_enough():
    """Who fails is passed over; the last answer says what is wrong with it."""
    team = cascade(ada, bob, cy, good_enough=lambda said: len(said.text) > 2 or "too short")
    said, _ = rehearse(team, "go", {"ada": "a", "bob": [DOWN], "cy": "long"})
    assert (said.text, len(said.parts), len(said.missing)) == ("long", 2, 1)
    assert len(rehearse(team, "go", {"ada": "long"})[1]) == 1
    assert rehearse(team, "go", "x")[0].unverified == "too short"
    with pytest.raises(BranchesFailed, match="none of 3 answered"):
        rehearse(team, "go", lambda think: DOWN)


def test_who_answers_well_enough_is_the_last_to_be_asked():
    """`parts` is what each asked member said, and nobody dearer is asked."""
    team = cascade(ada, bob, cy, good_enough=lambda said: len(said.text) > 2)
    said, asked = rehearse(team, "go", {"ada": "a", "bob": "good"})
    assert [think.actor for think in asked] == ["ada", "bob"]
    assert [(part.text, bool(part.unverified)) for part in said.parts] == [("a", True), ("good", False)]


def test_an_actor_may_say_what_is_good_enough():
    """It is shown the answer after the task."""
    script = {"ada": "a", "bob": "b", "judge": ["too vague", "ok"]}
    said, asked = rehearse(cascade(ada, bob, good_enough=Agent("judge")), "go", script)
    assert (said.text, said.unverified) == ("b", "")
    assert [message.text for message in asked[1].thread] == ["go", "a"]


def test_a_type_may_say_what_is_good_enough():
    """The answer is typed then."""
    said, _ = rehearse(cascade(ada, bob, good_enough=int), "go", {"ada": "seven", "bob": "7"})
    assert said.output == 7


def test_at_a_limit_it_gives_what_there_is():
    """The answer so far, unverified; without one the limit is the error."""
    team = cascade(ada, bob, good_enough=lambda said: False)
    run = simulate(team, "go", script="x", limits=Limits(requests=1))
    assert (run.message.text, run.message.unverified) == ("x", "<lambda> does not hold")
    assert isinstance(simulate(team, "go", script="x", limits=Limits(requests=0)).error, OverLimit)


def test_it_survives_a_crash():
    """Nobody cheaper is asked again."""
    team = cascade(ada, bob, good_enough=lambda said: said.text == "bob")
    assert crash_everywhere(team, "go", script=lambda think: think.actor).text == "bob"


def test_bad_input_is_refused():
    """At the door."""
    with pytest.raises(BadInput, match="cascade 'cascade' needs an actor"):
        cascade(good_enough=str)
