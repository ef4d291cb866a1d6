import pytest

from coterie import Agent, collect_all
from coterie.errors import BadInput, ModelFailed, NoQuorum
from coterie.patterns import committee
from coterie.patterns.votes import (
    approval,
    at_least,
    borda,
    instant_runoff,
    majority,
    plurality,
    unanimous,
    weighted,
)
from coterie.testing import rehearse
from coterie.words.vote import Vote

ada, bob, cy = Agent("ada"), Agent("bob"), Agent("cy")


def decided(script, **options):
    return rehearse(committee(ada, bob, cy, **options), "Ship it?", script)


def test_members_vote_and_the_rule_decides():
    """The text is the winner, the output the tally, the dissent has its reason."""
    said, asked = decided(
        {
            "ada": "yes",
            "bob": [{"choice": "yes", "confidence": 0.5}],
            "cy": [{"choice": "no", "reason": "tests"}],
        }
    )
    assert (said.text, said.unverified, len(asked)) == ("yes", "", 3)
    assert said.output.scores == {"yes": 2, "no": 1}
    assert said.output.dissent[0].vote.reason == "tests"
    assert [part.sender for part in said.parts] == ["ada", "bob", "cy"]


def test_a_ballot_that_cannot_be_read_goes_back_once():
    """Then its voter is missing, and no error text is a vote."""
    said, asked = decided({"ada": ["maybe", "Yes."], "bob": "yes", "cy": "perhaps"})
    assert said.text == "yes"
    assert "'maybe' is not eligible; eligible are ['yes', 'no']" in asked[3].thread[-1].text
    assert [failure.kind for failure in said.missing] == ["BadOutput"]


def test_no_majority_is_no_decision():
    """The message says so, and is unverified."""
    said, _ = decided({"ada": "yes", "bob": "no", "cy": [Vote(abstain=True)]})
    assert said.unverified == "no decision: a tie between yes, no"
    assert said.output.abstained == ("cy",)


def test_who_fails_is_missing_and_the_others_decide():
    """Under `collect_all`, the default."""
    said, _ = decided({"ada": "yes", "bob": "yes", "cy": [ModelFailed("down")]})
    assert (said.text, [failure.message for failure in said.missing]) == ("yes", ["down"])


def test_nobody_votes():
    """All abstained, or nobody could be read: a typed outcome."""
    with pytest.raises(NoQuorum, match="nobody voted"):
        decided(lambda think: Vote(abstain=True))


def test_agents_are_held_to_the_choices():
    """The model's answer has a schema in which only they occur."""
    _, asked = decided({"*": "red"}, choices=("red", "green"), rule=plurality)
    assert str(asked[0].brief.output).count("'green'") == 3


def test_a_committee_needs_members_and_choices():
    """Each choice once."""
    for wrong in ({"choices": ("yes",)}, {"choices": ("a", "a")}):
        with pytest.raises(BadInput, match="two choices or more"):
            committee(ada, **wrong)
    with pytest.raises(BadInput, match="needs members, each with a name of its own"):
        committee(on_failure=collect_all)


def test_one_voter_has_one_vote():
    """Two members of one name could not be told apart in the tally."""
    with pytest.raises(BadInput, match="each with a name of its own"):
        committee(ada, Agent("ada"))


@pytest.mark.parametrize(
    ("rule", "winner"),
    [
        (plurality, "a"),
        (majority, ""),
        (borda, "b"),
        (approval, "b"),
        (instant_runoff, "b"),
        (weighted({"v4": 9.0}), "c"),
        (unanimous, ""),
        (at_least(7), "a"),
    ],
    ids=lambda value: getattr(value, "__qualname__", value),
)
def test_every_rule_decides_a_committee(rule, winner):
    """The same seven votes, with rankings and approvals, by each rule; what is undecided is unverified."""
    votes = [Vote(ranking=tuple(ranked), approved=tuple(liked)) for ranked, liked in SEVEN]
    members = [Agent(f"v{n}") for n in range(7)]
    team = committee(*members, choices=("a", "b", "c"), rule=rule)
    said, _ = rehearse(team, "Which?", {f"v{n}": [one] for n, one in enumerate(votes)})
    assert said.output.winner == winner
    assert bool(said.unverified) is not bool(winner)


SEVEN = [one.split() for one in ("abc a", "abc ab", "bca b", "bca b", "cba cb", "acb a", "cba c")]
"""How each ranks the choices, and which it approves of."""
