import pytest

from coterie import Agent, Sleep, Team
from coterie.errors import BadInput, NoQuorum
from coterie.patterns import consensus
from coterie.testing import crash_everywhere, rehearse, simulate
from coterie.words.event import Noted
from coterie.words.vote import Vote

pen, ada, bob, cy = Agent("pen"), Agent("ada"), Agent("bob"), Agent("cy")
TEAM = consensus(pen, [ada, bob, cy])


def test_a_proposal_is_amended_from_the_objections_until_enough_approve():
    """Two thirds of those who approve or reject."""
    script = {
        "pen": ["one", "two"],
        "ada": "approve",
        "bob": [Vote("reject", reason="too long"), "approve"],
        "cy": ["reject", "abstain"],
    }
    said, asked = rehearse(TEAM, "go", script)
    assert (said.text, said.unverified, said.output.version) == ("two", "", 2)
    assert (said.output.approve, said.output.abstain) == (2, 1)
    assert "bob: too long" in asked[4].thread[-1].text


def test_after_the_last_round_it_is_not_accepted():
    """The last proposal comes out unverified, with what is objected to."""
    said, _ = rehearse(TEAM, "go", {"pen": "mine", "*": lambda think: Vote("reject", reason="no")})
    assert said.output.accepted is False
    assert said.unverified == "not accepted in 3 rounds: ada: no\nbob: no\ncy: no"


def test_a_vote_on_another_version_does_not_count():
    """It is missing, and says what it was about."""
    script = {"pen": "p", "ada": [Vote("reject", proposal=7)], "bob": "approve", "cy": "approve"}
    said, _ = rehearse(TEAM, "go", script)
    assert (said.output.approve, said.output.reject) == (2, 0)
    assert said.missing[0].message == "'ada' voted on proposal 7, not on 1"


def test_a_late_vote_does_not_count():
    """What comes after the deadline of the round is not waited for."""

    async def slow(task):
        await Sleep(100)
        return "reject"

    team = consensus(pen, [ada, bob, Team("slow", (), slow)], within=10)
    run = simulate(team, "go", script={"pen": "p", "*": "approve"})
    assert (run.message.output.approve, run.message.missing[0].kind) == (2, "Late")
    assert run.elapsed < 20


def test_too_few_votes_are_a_typed_outcome():
    """More than half by default; abstentions count towards it."""
    with pytest.raises(NoQuorum, match="1 of 3 voted on proposal 1, 2 needed"):
        rehearse(TEAM, "go", {"pen": "p", "ada": "approve", "*": "hm"})
    assert rehearse(TEAM, "go", {"pen": "p", "ada": "approve", "*": "abstain"})[0].unverified == ""


def test_one_voter_has_one_vote():
    """Two voters of one name could not be told apart."""
    with pytest.raises(BadInput, match="needs voters, each with a name of its own"):
        consensus(pen, [ada, Agent("ada")])


def test_every_motion_is_on_the_board():
    """With its version, and the ballots that counted for it."""
    script = {"pen": ["one", "two"], "ada": ["reject", "approve"], "*": "approve"}
    run = simulate(consensus(pen, [ada, bob], threshold=1), "go", script=script, journal=True)
    motions = [fact.value for fact in run.journal if isinstance(fact, Noted) and fact.fact == "put"]
    assert [(one["version"], one["text"], one["accepted"]) for one in motions] == [
        (1, "one", False),
        (2, "two", True),
    ]
    assert [ballot["voter"] for ballot in motions[1]["ballots"]] == ["ada", "bob"]


def test_it_survives_a_crash():
    """No vote is cast twice."""

    def line(think):
        if think.actor == "pen":
            return f"version {len(think.thread)}"
        return "approve" if "version 3" in think.thread[-1].text else "reject"

    assert crash_everywhere(TEAM, "go", script=line).message.output.version == 2


@pytest.mark.parametrize("wrong", [{"threshold": 0}, {"threshold": 1.1}, {"rounds": 0}, {"quorum": 4}])
def test_bad_input_is_refused(wrong):
    """At the door."""
    with pytest.raises(BadInput, match="consensus 'consensus' needs"):
        consensus(pen, [ada, bob, cy], **wrong)
