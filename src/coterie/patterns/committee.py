"""Committee: members vote on a question, and a rule decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from coterie.actor import Actor
from coterie.agent import conversation
from coterie.calls import each
from coterie.check import label
from coterie.errors import BadInput, BadOutput, NoQuorum
from coterie.patterns.answers import answers, missing_of
from coterie.patterns.choose import decision, eligible_name, fields_in, fitted, one_of
from coterie.patterns.crew import crew_of
from coterie.patterns.votes import Rule, first, majority
from coterie.team import Team
from coterie.words.failure import Policy, collect_all, failures, successes
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.vote import Ballot, Vote

VOTE = """Vote on this. The choices are:
{choices}
Answer with JSON: {{"choice": "...", "confidence": 0.0 to 1.0, "reason": "..."}}. Leave out what you do not need; \
"ranking" and "approved" may list several choices, the best first, and "abstain" may be true."""


def committee(
    *members: Actor,
    choices: Sequence[str] = ("yes", "no"),
    rule: Rule = majority,
    name: str = "committee",
    on_failure: Policy = collect_all,
) -> Team:
    """A team whose `members` vote on the task, all at once, for one of `choices`; `rule` decides.

    A ballot that cannot be read goes back once; after that its voter is missing. `output` is the
    `Tally`: the winner, the scores, who abstained, and the dissent with its reasons; the text is the
    winner, or says that nothing is decided, and then the message is unverified. `parts` is what each
    member said; `missing` whose vote is not there, and why.

    Raises:
        BadInput: without members, if two have one name (one voter has one vote), with fewer than two
            choices, or with one twice.
        NoQuorum: when played, if nobody voted, or fewer than the rule asks for.
    """
    crew_of(members, f"committee {name!r}")
    if len(set(choices)) != len(choices) or len(choices) < 2:
        raise BadInput(f"committee {name!r} needs two choices or more, each once")

    async def play(task: Task) -> Message:
        eligible = tuple(choices)
        asked = Task(
            VOTE.format(choices="\n".join(f"- {one}" for one in eligible)), conversation(task), task.data
        )
        outcomes = await answers([vote(member, asked, eligible) for member in members], on_failure)
        votes: list[tuple[Ballot, Message]] = successes(outcomes)
        said = tuple(message for _, message in votes)
        missing = (*failures(outcomes), *missing_of(said))
        tally = rule([ballot for ballot, _ in votes], eligible)
        if not tally.turnout:
            raise NoQuorum(f"nobody voted: {', '.join(map(str, missing)) or 'all abstained'}")
        text = tally.winner or f"no decision: {tally.why}"
        unverified = "" if tally.decided else text
        return Message(
            sender=name, text=text, output=tally, parts=said, missing=missing, unverified=unverified
        )

    settings = {"choices": [*choices], "rule": label(rule), "on_failure": repr(on_failure)}
    return Team(name, members, play, settings=settings, calls=[each(2, *members)])


async def vote(member: Actor, asked: Task, choices: Sequence[str]) -> tuple[Ballot, Message]:
    """The ballot of one member, and what it said.

    Raises:
        BadOutput: if it said nothing that is a vote, twice.
    """
    made = await decision(fitted(member, ballot_type(choices)), asked, lambda said: vote_in(said, choices))
    if made.value is None:
        raise BadOutput(f"{member.name!r} gave no vote in 2 tries: {made.why}", raw=made.said.text)
    return Ballot(member.name, made.value), made.said


def ballot_type(choices: Sequence[str]) -> Any:
    """The type of a vote in which only `choices` can be chosen."""
    several: Any = tuple
    chosen = one_of(choices)
    fields: list[Any] = [
        ("reason", str, ""),
        ("choice", chosen | None, None),
        ("ranking", several[chosen, ...], ()),
        ("approved", several[chosen, ...], ()),
        ("confidence", Annotated[float, Meta(ge=0, le=1)], 1.0),
        ("abstain", bool, False),
        ("proposal", int, 0),
    ]
    return msgspec.defstruct("Vote", fields, frozen=True)


def vote_in(said: Message, choices: Sequence[str]) -> Vote:
    """The vote that a message is: its output, JSON in its text, or the bare name of a choice.

    Raises:
        ValueError: if it is none.
    """
    given = fields_in(said)
    if given is None:
        return Vote(choice=eligible_name(said.text, choices))
    vote_ = msgspec.convert(
        {key: value for key, value in given.items() if value is not None}, Vote, strict=False
    )
    if vote_.abstain:
        return vote_
    named: Mapping[str, Any] = {
        "choice": vote_.choice and eligible_name(vote_.choice, choices),
        "ranking": tuple(eligible_name(one, choices) for one in vote_.ranking),
        "approved": tuple(eligible_name(one, choices) for one in vote_.approved),
    }
    vote_ = replace(vote_, **named)
    if not first(Ballot("", vote_)):
        raise ValueError(f"this votes for none of {list(choices)}, and does not abstain")
    return vote_
