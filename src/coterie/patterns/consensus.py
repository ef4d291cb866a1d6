"""Consensus: a proposal is voted on and amended, until enough approve or the rounds are over."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from coterie.actor import Actor, gather
from coterie.agent import conversation
from coterie.calls import each
from coterie.errors import BadInput, NoQuorum
from coterie.patterns.answers import missing_of
from coterie.patterns.committee import vote
from coterie.patterns.crew import crew_of
from coterie.team import Team
from coterie.words.effect import Here, Put
from coterie.words.failure import Failure, Policy, best_effort, collect_all, failures, successes
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.thread import Thread
from coterie.words.vote import Ballot

CHOICES = ("approve", "reject", "abstain")
VOTE = """Proposal {version}:
{proposal}

Do you approve of it? Answer with JSON: {{"choice": "approve" or "reject" or "abstain", "reason": "..."}}."""
AMEND = "Your proposal {version} was not accepted: {for_} approve, {against} reject.\n{objections}\nAmend it."


class Motion(Struct, frozen=True):
    """One version of a proposal, and how the vote on it went; `accepted` if enough approved."""

    version: int
    text: str
    approve: int
    reject: int
    abstain: int
    accepted: bool
    ballots: tuple[Ballot, ...]


class House(Struct, frozen=True):
    """Who votes, and what it takes for a vote to hold and a proposal to be accepted."""

    voters: tuple[Actor, ...]
    threshold: float
    needed: int
    policy: Policy

    async def vote(self, version: int, proposal: Message, question: Thread) -> Held:
        """One round: the vote of all on a version of the proposal.

        Raises:
            NoQuorum: if too few vote.
        """
        text = VOTE.format(version=version, proposal=proposal.text)
        asked = Task(text, question, proposal.output)
        work = [vote(one, asked, CHOICES) for one in self.voters]
        outcomes = [*await gather(*work, on_failure=self.policy)]
        votes: list[tuple[Ballot, Message]] = successes(outcomes)
        counted = [one for one, _ in votes if one.vote.proposal in (0, version)]
        missing = (*failures(outcomes), *_stale(votes, version))
        if len(counted) < self.needed:
            voted = f"{len(counted)} of {len(self.voters)} voted on proposal {version}, {self.needed} needed"
            raise NoQuorum(f"{voted}: {'; '.join(map(str, missing))}")
        motion = _motion(version, proposal.text, counted, self.threshold)
        return Held(motion, proposal, tuple(message for _, message in votes), missing)


class Held(Struct, frozen=True):
    """A round that was held: the motion, the proposal it came from, what the voters said, and who did not."""

    motion: Motion
    proposal: Message
    votes: tuple[Message, ...]
    missing: tuple[Failure, ...]


def consensus(
    proposer: Actor,
    voters: Sequence[Actor],
    *,
    threshold: float = 2 / 3,
    rounds: int = 3,
    quorum: int | None = None,
    within: float | None = None,
    name: str = "consensus",
) -> Team:
    """A team in which `proposer` proposes, `voters` vote, and `proposer` amends, at most `rounds` times.

    A proposal is accepted if at least `threshold` (above 0, to 1) of those who approve or reject
    approve. At least `quorum` voters (default: more than half) have to vote in a round, abstentions
    counted. A vote counts for the version of the proposal that it was asked about; what comes after
    `within` seconds, or names another version, does not count. `output` is the last `Motion`; where it
    was not accepted the message is unverified, with the objections. Each motion is on the board under
    `<frame>.motion`. `parts` is the last proposal and the votes on it.

    Raises:
        BadInput: without voters or rounds, or with a threshold or a quorum that cannot be.
        NoQuorum: when played, if too few vote in a round.
    """
    needed = len(voters) // 2 + 1 if quorum is None else quorum
    crew_of(voters, f"consensus {name!r}", "voters")
    if rounds < 1 or not 0 < threshold <= 1 or not 0 < needed <= len(voters):
        raise BadInput(
            f"consensus {name!r} needs rounds of 1 or more, a threshold above 0 and up to 1, and a quorum of 1 "
            "to the number of voters"
        )
    house = House(
        tuple(voters), threshold, needed, collect_all if within is None else best_effort(within=within)
    )

    async def play(task: Task) -> Message:
        key, question = f"{await Here()}.motion", conversation(task)
        version, asked = 1, task
        while True:
            proposal = await proposer(asked)
            held = await house.vote(version, proposal, question)
            await Put(key, held.motion)
            if held.motion.accepted or version == rounds:
                return replace(_answer(held), sender=name)
            asked = Task(_amend(held.motion), conversation(asked).add(proposal), task.data)
            version += 1

    settings = {"threshold": threshold, "rounds": rounds, "quorum": needed, "within": within}
    return Team(
        name,
        [proposer, *voters],
        play,
        settings=settings,
        calls=[each(rounds, proposer), each(2 * rounds, *voters)],
    )


def _answer(held: Held) -> Message:
    """The last proposal, with the votes on it; unverified if it was not accepted."""
    motion, parts = held.motion, (held.proposal, *held.votes)
    problem = "" if motion.accepted else f"not accepted in {motion.version} rounds: {_objections(motion)}"
    missing = (*held.missing, *missing_of(parts))
    return replace(held.proposal, output=motion, parts=parts, missing=missing, unverified=problem)


def _amend(motion: Motion) -> str:
    counts = {"for_": motion.approve, "against": motion.reject, "objections": _objections(motion)}
    return AMEND.format(version=motion.version, **counts)


def _motion(version: int, text: str, ballots: Sequence[Ballot], threshold: float) -> Motion:
    said = ["abstain" if one.vote.abstain else one.vote.choice for one in ballots]
    approve, reject, abstain = (said.count(choice) for choice in CHOICES)
    accepted = approve > 0 and approve >= threshold * (approve + reject)
    return Motion(version, text, approve, reject, abstain, accepted, tuple(ballots))


def _stale(votes: Sequence[tuple[Ballot, Message]], version: int) -> list[Failure]:
    """The votes that are about another version."""
    return [
        Failure(
            kind="Late",
            message=f"{one.voter!r} voted on proposal {one.vote.proposal}, not on {version}",
            raw=said.text,
        )
        for one, said in votes
        if one.vote.proposal not in (0, version)
    ]


def _objections(motion: Motion) -> str:
    return "\n".join(
        f"{one.voter}: {one.vote.reason or 'no reason given'}"
        for one in motion.ballots
        if one.vote.choice == "reject"
    )
