"""Voting rules, by their textbook names: pure functions from ballots to a tally.

| rule | wins | abstentions | ties |
|---|---|---|---|
| `plurality` | most first choices | not counted | undecided |
| `majority` | more than half of the votes | not counted | undecided |
| `weighted(weights)` | more than half of the weight that voted | not counted | undecided |
| `approval` | most approvals | not counted | undecided |
| `borda` | most points: n-1 for the first of n, 0 for the last | not counted | undecided |
| `instant_runoff` | a majority after the last are eliminated, one a round | exhausted ballots leave | see there |
| `unanimous` | all votes agree | not counted | - |
| `at_least(k, rule)` | as `rule`, if k voted | do not count towards k | as `rule` |

The rules are those of Brams and Fishburn, "Voting Procedures", in Handbook of Social Choice and Welfare
1 (2002). Missing votes are no votes; a tie is broken in declared order by `first_declared(rule)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from coterie.check import label
from coterie.errors import BadInput, NoQuorum
from coterie.words.vote import Ballot, Tally

Rule: TypeAlias = Callable[[Sequence[Ballot], Sequence[str]], Tally]
"""Makes a tally of the ballots and the choices there are."""


def plurality(ballots: Sequence[Ballot], choices: Sequence[str]) -> Tally:
    """The choice that most voters put first."""
    return _highest("plurality", _counts(ballots, choices), ballots)


def majority(ballots: Sequence[Ballot], choices: Sequence[str]) -> Tally:
    """The choice that more than half of the voters put first."""
    return _above_half("majority", _counts(ballots, choices), ballots)


def weighted(weights: Mapping[str, float], default: float = 1.0) -> Rule:
    """The choice that has more than half of the weight that voted; `weights` are by voter.

    Raises:
        BadInput: if a weight is negative.
    """
    if default < 0 or any(weight < 0 for weight in weights.values()):
        raise BadInput("a voter's weight is 0 or more")

    def rule(ballots: Sequence[Ballot], choices: Sequence[str]) -> Tally:
        return _above_half("weighted", _counts(ballots, choices, {**weights}, default), ballots)

    return _called(f"weighted({dict(weights)}, {default:g})", rule)


def approval(ballots: Sequence[Ballot], choices: Sequence[str]) -> Tally:
    """The choice that most voters approve of; a ballot without approvals approves of its choice."""
    scores = dict.fromkeys(choices, 0.0)
    for ballot in _cast(ballots):
        for choice in dict.fromkeys(ballot.vote.approved or (first(ballot),)):
            if choice in scores:
                scores[choice] += 1
    return _highest("approval", scores, ballots)


def borda(ballots: Sequence[Ballot], choices: Sequence[str]) -> Tally:
    """The choice with most points; those that a ballot does not rank share what is left."""
    scores = dict.fromkeys(choices, 0.0)
    for ballot in _cast(ballots):
        ranked = _ranking(ballot, choices)
        points = range(len(choices) - 1, -1, -1)
        for choice, worth in zip(ranked, points, strict=False):
            scores[choice] += worth
        rest = [choice for choice in choices if choice not in ranked]
        for choice in rest:
            scores[choice] += sum(points[len(ranked) :]) / len(rest)
    return _highest("borda", scores, ballots)


def instant_runoff(ballots: Sequence[Ballot], choices: Sequence[str]) -> Tally:
    """The choice that has a majority once the last are eliminated, one a round.

    Of several that are last, the one with fewest votes in the rounds before goes, and of those the one
    declared last. Two that are left with equal votes are a tie.
    """
    left, rounds = list(choices), list[dict[str, float]]()
    while True:
        counts = dict.fromkeys(left, 0.0)
        for ballot in _cast(ballots):
            favourite = next((one for one in _ranking(ballot, choices) if one in counts), "")
            if favourite:
                counts[favourite] += 1
        rounds.append(counts)
        top = max(counts.values(), default=0.0)
        even = len(set(counts.values())) == 1
        if top * 2 > sum(counts.values()) or even or len(left) <= 1:
            return replace(_highest("instant_runoff", counts, ballots), rounds=tuple(rounds))
        last = min(left, key=lambda one: ([count[one] for count in reversed(rounds)], -left.index(one)))
        left.remove(last)


def unanimous(ballots: Sequence[Ballot], choices: Sequence[str]) -> Tally:
    """The choice of every voter."""
    scores = _counts(ballots, choices)
    found = [choice for choice, score in scores.items() if score]
    if len(found) == 1:
        return _tally("unanimous", found[0], scores, ballots)
    why = "nobody voted" if not found else f"the votes are for {', '.join(found)}"
    return _tally("unanimous", "", scores, ballots, why=why)


def at_least(needed: int, rule: Rule = plurality) -> Rule:
    """`rule`, if at least `needed` voted without abstaining.

    Raises:
        BadInput: if `needed` is below 1.
        NoQuorum: when counted, if fewer voted.
    """
    if needed < 1:
        raise BadInput(f"a quorum is 1 or more, not {needed}")

    def counted(ballots: Sequence[Ballot], choices: Sequence[str]) -> Tally:
        if len(_cast(ballots)) < needed:
            raise NoQuorum(f"{len(_cast(ballots))} voted, {needed} are needed")
        return rule(ballots, choices)

    return _called(f"at_least({needed}, {label(rule)})", counted)


def first_declared(rule: Rule) -> Rule:
    """`rule`, with ties broken for the choice that was declared first."""

    def broken(ballots: Sequence[Ballot], choices: Sequence[str]) -> Tally:
        tally = rule(ballots, choices)
        if not tally.tied:
            return tally
        winner = next(choice for choice in choices if choice in tally.tied)
        made = _tally(tally.rule, winner, tally.scores, ballots, why="a tie, broken in declared order")
        return replace(made, tied=tally.tied, rounds=tally.rounds)

    return _called(f"first_declared({label(rule)})", broken)


def _called(name: str, rule: Rule) -> Rule:
    """`rule` under a name that says all that it was made with, so that a team's version changes with it."""
    rule.__name__ = name
    return rule


def first(ballot: Ballot) -> str:
    """What a ballot puts first."""
    vote = ballot.vote
    return vote.choice or next(iter(vote.ranking or vote.approved), "")


def _cast(ballots: Sequence[Ballot]) -> list[Ballot]:
    return [ballot for ballot in ballots if not ballot.vote.abstain and first(ballot)]


def _ranking(ballot: Ballot, choices: Sequence[str]) -> list[str]:
    """The choices that a ballot ranks, the best first, each once."""
    ranked = ballot.vote.ranking or (first(ballot),)
    return [choice for choice in dict.fromkeys(ranked) if choice in choices]


def _counts(
    ballots: Sequence[Ballot],
    choices: Sequence[str],
    weights: Mapping[str, float] | None = None,
    default: float = 1.0,
) -> dict[str, float]:
    scores = dict.fromkeys(choices, 0.0)
    for ballot in _cast(ballots):
        if first(ballot) in scores:
            scores[first(ballot)] += (weights or {}).get(ballot.voter, default)
    return scores


def _highest(rule: str, scores: dict[str, float], ballots: Sequence[Ballot]) -> Tally:
    top = max(scores.values(), default=0.0)
    best = [choice for choice, score in scores.items() if score == top and top > 0]
    if len(best) == 1:
        return _tally(rule, best[0], scores, ballots)
    why = f"a tie between {', '.join(best)}" if best else "nobody voted"
    return replace(_tally(rule, "", scores, ballots, why=why), tied=tuple(best))


def _above_half(rule: str, scores: dict[str, float], ballots: Sequence[Ballot]) -> Tally:
    tally = _highest(rule, scores, ballots)
    if tally.decided and scores[tally.winner] * 2 > sum(scores.values()):
        return tally
    why = tally.why or f"{tally.winner} has {scores[tally.winner]:g} of {sum(scores.values()):g}: no majority"
    return replace(_tally(rule, "", scores, ballots, why=why), tied=tally.tied)


def _tally(
    rule: str, winner: str, scores: dict[str, float], ballots: Sequence[Ballot], why: str = ""
) -> Tally:
    cast = _cast(ballots)
    ours = [ballot.vote.confidence for ballot in cast if _backs(ballot, winner)]
    return Tally(
        rule=rule,
        winner=winner,
        why=why,
        scores=scores,
        turnout=len(cast),
        confidence=sum(ours) / len(ours) if ours else 0.0,
        abstained=tuple(ballot.voter for ballot in ballots if ballot not in cast),
        dissent=tuple(ballot for ballot in cast if not _backs(ballot, winner)),
    )


def _backs(ballot: Ballot, winner: str) -> bool:
    """Whether a ballot is for the winner: it puts it first, or is among those it approves of."""
    return winner in (first(ballot), *ballot.vote.approved)
