"""Comparing two actors: both are given the same tasks under the same limits, and every run is kept.

A judge, where there is one, is shown both answers without names and asked twice, with the answers in either
order; an answer is only better if it is so both times. Whether the checks tell the two apart is said by the
exact sign test on the tasks that one got right and the other wrong (Dixon and Mood, "The Statistical Sign
Test", Journal of the American Statistical Association 41, 1946).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import comb
from typing import Any, Literal

from msgspec import Struct

from coterie.actor import Actor
from coterie.doors.questions import Question
from coterie.errors import BadInput
from coterie.kernel import figures
from coterie.kernel.story import usage
from coterie.patterns.choose import choice
from coterie.ports import Model, Store
from coterie.shell.run import run
from coterie.team import Team
from coterie.words.limits import DEFAULT, Limits
from coterie.words.message import Message
from coterie.words.result import Result
from coterie.words.task import Task

SIDES = ("team", "against")
"""The two that are compared."""
BETTER = "Which of the two answers to the task is better?"
_ORDERS = (("team", "against"), ("against", "team"))
Winner = Literal["team", "against", "tie"]


class Trial(Struct, frozen=True, kw_only=True):
    """One run of one side on one task; `passed` is None where nothing is checked."""

    run: str
    status: str
    passed: bool | None
    why: str = ""
    answer: str = ""
    usd: float = 0.0
    tokens: int = 0
    calls: int = 0
    seconds: float = 0.0
    critical: float = 0.0
    waste: figures.Waste = figures.Waste()
    agreement: figures.Agreement | None = None


class Verdict(Struct, frozen=True):
    """What the judge said of one task, and the runs in which it did."""

    winner: Winner
    runs: tuple[str, ...]


class Pair(Struct, frozen=True):
    """One task, what both sides made of it, and what the judge says."""

    task: str
    team: Trial
    against: Trial
    verdict: Verdict | None = None


class Match:
    """Two actors and what they are compared with; `id` begins the names of all runs."""

    def __init__(
        self,
        sides: Mapping[str, Actor],
        judge: Actor | None,
        *,
        id: str,
        store: Store,
        model: Model | None,
        limits: Limits = DEFAULT,
        prices: Mapping[str, tuple[float, float]] | None = None,
        origins: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.sides, self.judge, self.id, self.store, self.model = sides, judge, id, store, model
        self.limits, self.prices, self.origins = limits, prices or {}, origins or {}

    async def play(self, questions: Sequence[Question], told: Callable[[Pair], None]) -> list[Pair]:
        """Both sides on every question, one run at a time, so that they do not wait for each other.

        A run that is in the store already is not made again.

        Raises:
            BadInput: if there is a question without a check, and no judge.
        """
        unchecked = [one.id for one in questions if not one.checks]
        if unchecked and self.judge is None:
            raise BadInput(
                f"task {unchecked[0]!r} has no check, so a judge has to tell: name one with --judge"
            )
        pairs: list[Pair] = []
        for question in questions:
            pairs.append(await self._pair(question))
            told(pairs[-1])
        return pairs

    async def _pair(self, question: Question) -> Pair:
        team, one = await self._trial("team", question)
        against, other = await self._trial("against", question)
        verdict = None
        if self.judge is not None and one is not None and other is not None:
            verdict = await self._judged(self.judge, question, {"team": one, "against": other})
        return Pair(question.id, team, against, verdict)

    async def _trial(self, side: str, question: Question) -> tuple[Trial, Message | None]:
        name = f"{self.id}.{question.id}.{side}"
        result = await self._run(self.sides[side], question.task, name, self.origins.get(side, {}))
        records = await self.store.read(name)
        answer = result.message
        why = question.complaint(answer) if answer is not None else str(result.failure or result.status)
        spent = usage(records)[""]
        trial = Trial(
            run=name,
            status=result.status,
            passed=None if not question.checks else answer is not None and not why,
            why=why,
            answer=result.text,
            usd=figures.cost(records, self.prices),
            tokens=spent.tokens,
            calls=spent.requests,
            seconds=figures.seconds(records),
            critical=figures.critical_path(records).seconds,
            waste=figures.waste(records),
            agreement=figures.agreement(answer) if answer is not None else None,
        )
        return trial, answer

    async def _run(self, actor: Actor, task: Task, name: str, origin: Mapping[str, Any]) -> Result:
        """What a run comes to; one that needs another team, or waits, has no answer.

        Raises:
            BadInput: if a run of that name was of another team.
        """
        result = await run(
            actor, task, model=self.model, store=self.store, id=name, limits=self.limits, origin=origin
        )
        if result.status == "needs_migration":
            raise BadInput(f"run {name!r} was of another version of this team: compare under another --id")
        return result

    async def _judged(self, judge: Actor, question: Question, said: Mapping[str, Message]) -> Verdict:
        """Who is better in both orders; the judge sees no names."""
        found: list[str] = []
        runs: list[str] = []
        for n, order in enumerate(_ORDERS, 1):
            runs.append(f"{self.id}.{question.id}.judge.{n}")
            first, second = (said[side].text for side in order)
            text = f"Task:\n{question.task.text}\n\nAnswer A:\n{first}\n\nAnswer B:\n{second}"
            result = await self._run(_judging(judge), Task(text), runs[-1], {})
            found.append(dict(zip("AB", order, strict=True)).get(result.text, "tie"))
        winner: Winner = "tie"
        if found[0] == found[1]:
            winner = "team" if found[0] == "team" else "against" if found[0] == "against" else "tie"
        return Verdict(winner, tuple(runs))


def _judging(judge: Actor) -> Team:
    """A play in which `judge` says `A`, `B` or `tie`; what it does not say so that it can be read is a tie."""

    async def play(task: Task) -> str:
        eligible = {"A": "the first answer", "B": "the second answer", "tie": "neither is better"}
        made = await choice(judge, BETTER, task, eligible)
        return made.value or "tie"

    return Team("judging", [judge], play)


def sign_test(wins: int, losses: int) -> float:
    """How likely two equals differ at least as much as `wins` to `losses`: the exact two-sided sign test."""
    n = wins + losses
    tail: float = sum(comb(n, k) for k in range(min(wins, losses) + 1)) / (1 << n)
    return min(1.0, 2 * tail)


class Score(Struct, frozen=True, kw_only=True):
    """One side's figures over all tasks; times in seconds, money in US dollars.

    `agreement` is the mean over the tasks in which several members took a position, `dissent` how many of those
    had a member that did not share the most frequent one.
    """

    tasks: int
    passed: int
    checked: int
    better: int
    failed: int
    usd: float
    tokens: int
    calls: int
    seconds: float
    critical: float
    waste: figures.Waste
    agreement: float | None
    dissent: int


def score(pairs: Sequence[Pair], side: str) -> Score:
    """What one side came to."""
    trials = [pair.team if side == "team" else pair.against for pair in pairs]
    shared = [one.agreement for one in trials if one.agreement is not None]
    wasted = [one.waste for one in trials]
    return Score(
        tasks=len(trials),
        passed=sum(one.passed is True for one in trials),
        checked=sum(one.passed is not None for one in trials),
        better=sum(pair.verdict is not None and pair.verdict.winner == side for pair in pairs),
        failed=sum(one.status not in ("succeeded", "unverified") for one in trials),
        usd=sum(one.usd for one in trials),
        tokens=sum(one.tokens for one in trials),
        calls=sum(one.calls for one in trials),
        seconds=sum(one.seconds for one in trials),
        critical=sum(one.critical for one in trials),
        waste=figures.Waste(
            failed=sum(one.failed for one in wasted),
            closed=sum(one.closed for one in wasted),
            unused=sum(one.unused for one in wasted),
            tokens=sum(one.tokens for one in wasted),
        ),
        agreement=sum(one.share for one in shared) / len(shared) if shared else None,
        dissent=sum(bool(one.dissent) for one in shared),
    )


def discordant(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """The tasks that only the team got right, and those that only the other did."""
    wins = [pair for pair in pairs if pair.team.passed and pair.against.passed is False]
    losses = [pair for pair in pairs if pair.against.passed and pair.team.passed is False]
    return wins, losses
