"""Published vectors, and ties.

The capital of Tennessee is the example by which Wikipedia's articles "Plurality voting", "Approval voting",
"Borda count" and "Instant-runoff voting" explain each rule, with these figures.
"""

import pytest
from msgspec.structs import replace

from coterie.check import label
from coterie.errors import BadInput, NoQuorum
from coterie.patterns.votes import (
    approval,
    at_least,
    borda,
    first_declared,
    instant_runoff,
    majority,
    plurality,
    unanimous,
    weighted,
)
from coterie.words.vote import Ballot, Vote

CITIES = ("Memphis", "Nashville", "Chattanooga", "Knoxville")
TENNESSEE = {"MNCK": 42, "NCKM": 26, "CKNM": 15, "KCNM": 17}


def tennessee():
    names = {city[0]: city for city in CITIES}
    return [
        Ballot(f"{letters}{n}", Vote(ranking=tuple(names[letter] for letter in letters)))
        for letters, count in TENNESSEE.items()
        for n in range(count)
    ]


def votes(*choices):
    return [Ballot(f"v{n}", Vote(choice=choice, abstain=not choice)) for n, choice in enumerate(choices)]


@pytest.mark.parametrize(
    ("rule", "winner"),
    [(plurality, "Memphis"), (majority, ""), (borda, "Nashville"), (instant_runoff, "Knoxville")],
)
def test_tennessee(rule, winner):
    """Four rules, three winners and none: what the textbooks say of one electorate."""
    assert rule(tennessee(), CITIES).winner == winner


def test_tennessee_by_points_and_rounds():
    """The Borda points and the rounds of the run-off are the textbook's."""
    assert [*borda(tennessee(), CITIES).scores.values()] == [126, 194, 173, 107]
    rounds = instant_runoff(tennessee(), CITIES).rounds
    assert [[*one.values()] for one in rounds] == [[42, 26, 15, 17], [42, 26, 32], [42, 58]]


def test_tennessee_by_approval():
    """If everybody approves of its two favourites, Nashville wins with 68."""
    both = [replace(one, vote=Vote(approved=one.vote.ranking[:2])) for one in tennessee()]
    tally = approval(both, CITIES)
    assert [*tally.scores.values()] == [42, 68, 58, 32]
    assert (tally.winner, len(tally.dissent)) == ("Nashville", 32)


def test_the_council_of_the_six():
    """The weights of Article 148 of the Treaty of Rome (1957): two large states need a third, however small."""
    rule = weighted({"France": 4, "Germany": 4, "Italy": 4, "Belgium": 2, "Netherlands": 2, "Luxembourg": 1})

    def decided(*in_favour):
        states = ["France", "Germany", "Italy", "Belgium", "Netherlands", "Luxembourg"]
        return rule(
            [Ballot(one, Vote(choice="yes" if one in in_favour else "no")) for one in states], ("yes", "no")
        )

    assert decided("France", "Germany").winner == "no"
    assert decided("France", "Germany", "Luxembourg").winner == "yes"
    assert decided("France", "Germany").scores == {"yes": 8, "no": 9}


def test_a_run_off_ends_in_a_tie_where_two_are_left_even():
    """And exhausted ballots leave it."""
    ballots = [
        Ballot(str(n), Vote(ranking=tuple(one))) for n, one in enumerate(["ab", "ab", "ba", "ba", "c"])
    ]
    tally = instant_runoff(ballots, "abc")
    assert (tally.winner, tally.tied) == ("", ("a", "b"))
    assert [[*one.values()] for one in tally.rounds] == [[2, 2, 1], [2, 2]]


def test_a_rule_is_known_by_all_that_it_was_made_with():
    """So a team with other weights is another version of it."""
    rules = [weighted({"a": 1}), weighted({"a": 2}), at_least(2, majority), first_declared(at_least(3))]
    assert [label(rule) for rule in rules] == [
        "weighted({'a': 1}, 1)",
        "weighted({'a': 2}, 1)",
        "at_least(2, majority)",
        "first_declared(at_least(3, plurality))",
    ]


def test_a_majority_is_more_than_half():
    """Half is a tie or too few; abstentions do not count."""
    assert majority(votes("a", "a", "b"), "ab").winner == "a"
    assert majority(votes("a", "a", "b", "c"), "abc").why == "a has 2 of 4: no majority"
    assert majority(votes("a", "b"), "ab").tied == ("a", "b")
    assert majority(votes("a", "a", "", "", ""), "ab").winner == "a"


def test_weights_count():
    """One voter may outweigh two."""
    rule = weighted({"v0": 3.0})
    assert rule(votes("a", "b", "b"), "ab").winner == "a"
    with pytest.raises(BadInput, match="0 or more"):
        weighted({"x": -1})


def test_approval_counts_every_approval_once():
    """A ballot may approve of several."""
    ballots = [
        Ballot("x", Vote(approved=("a", "b", "b"))),
        Ballot("y", Vote(approved=("b",))),
        *votes("a", "b"),
    ]
    assert approval(ballots, "abc").scores == {"a": 2, "b": 3, "c": 0}


def test_what_is_not_ranked_shares_the_points_that_are_left():
    """A ballot for one choice gives the others the mean."""
    assert borda(votes("a"), "abc").scores == {"a": 2, "b": 0.5, "c": 0.5}


def test_unanimous_means_everybody_who_votes():
    """Abstentions do not break it, one vote does."""
    assert unanimous(votes("a", "", "a"), "ab").winner == "a"
    assert unanimous(votes("a", "b"), "ab").why == "the votes are for a, b"


def test_a_quorum_is_of_votes_and_not_of_voters():
    """Too few is a typed error."""
    assert at_least(2)(votes("a", "a", ""), "ab").winner == "a"
    with pytest.raises(NoQuorum, match="1 voted, 2 are needed"):
        at_least(2)(votes("a", "", ""), "ab")


def test_a_tie_is_a_tie_unless_a_rule_breaks_it():
    """In declared order, and the tally says so."""
    assert not plurality(votes("a", "b"), "ab").decided
    broken = first_declared(plurality)(votes("b", "a"), "ab")
    assert (broken.winner, broken.tied, broken.why) == ("a", ("a", "b"), "a tie, broken in declared order")


def test_the_tally_shows_confidence_dissent_and_abstentions():
    """Who voted otherwise, and why, is not lost."""
    ballots = [
        Ballot("x", Vote(choice="a", confidence=0.8)),
        Ballot("y", Vote(choice="a", confidence=0.6)),
        Ballot("z", Vote(choice="b", reason="too dear")),
        Ballot("w", Vote(abstain=True)),
    ]
    tally = majority(ballots, "ab")
    assert (tally.winner, tally.turnout, tally.abstained) == ("a", 3, ("w",))
    assert tally.confidence == pytest.approx(0.7)
    assert [(one.voter, one.vote.reason) for one in tally.dissent] == [("z", "too dear")]


def test_nobody_voted():
    """No votes are no decision."""
    for rule in (plurality, majority, borda, approval, instant_runoff, unanimous):
        assert rule([], "ab").winner == ""
