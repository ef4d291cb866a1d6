"""Decision: four perspectives weigh the facts, a committee votes, a judge decides, and facts have to bear it out.

Options and facts come from the task or from a brief, a Markdown file with those lists; no reason is made up. The
program finds whose perspective a fact concerns and compares figures; of the other facts a clerk says whether
they are good or bad news. Each perspective approves of the options that its facts leave ahead, and the
committee counts that; the judge picks the fact that decides between the best two. A judge who is not of the
committee's mind is the team's done-when not holding: people should look. What hangs on one reading is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, defstruct

from coterie.actor import Play, do
from coterie.agent import Agent
from coterie.errors import NoQuorum
from coterie.patterns.choose import decision, fields_in, fitted, one_of
from coterie.patterns.committee import committee
from coterie.patterns.mapreduce import mapreduce
from coterie.patterns.votes import approval, first_declared
from coterie.roles import role
from coterie.team import Team
from coterie.teams.brief import Brief, about, brief_of
from coterie.teams.option import Option
from coterie.teams.output import parts_of, text_of
from coterie.teams.weighing import SIGNS, Mark, ahead_of, concerns, hinge, measured, unnamed
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.vote import Tally, Vote

WEIGHTS = {"positive": 1.0, "negative": -1.0}
"""What a fact counts for the option that it is about, by how the clerk reads it."""


class Verdict(Struct, frozen=True):
    """What was decided, by which fact, how the committee voted, what every fact counted, and on which it hangs."""

    option: str
    by: Mark
    tally: Tally
    marks: tuple[Mark, ...]
    hinge: tuple[str, ...]


CLERK = Agent(
    "clerk",
    "You are a sentiment classifier of reviews.",
    output=defstruct("Reading", [("sentiment", one_of(WEIGHTS))], frozen=True),
    settings={"max_tokens": 20},
)
JUDGE = role(
    "judge",
    does=("Choose the one fact that decides the question.",),
    does_not=("Decide by order.",),
    answer="",
).agent(settings={"max_tokens": 90})
OPTIONS = (Option(name="brief", help="A Markdown file with the lists Options and Facts.", kind="file"),)


def build(brief: str | Path | None = None) -> Team:
    """A team that decides between the options that the brief or else the task names.

    Raises:
        BadInput: if `brief` cannot be read, or names fewer than two options; when played, if the task does.
    """
    given = None if brief is None else text_of(brief)
    if given is not None:
        brief_of("", given)

    async def play(task: Task) -> Message:
        known = brief_of(task.text, task.text if given is None else given)
        concerned = dict(zip(known.facts, await do(concerns, list(known.facts)), strict=True))
        figures = measured(known, concerned)
        left = _unread(known, concerned, figures)
        read = await clerks(Task(known.question, data=[Task(one.fact, data=one) for one in left]))
        marks = (*figures, *(part.output for part in read.parts))
        voters = [Team(name, (), _voting(name, marks, known.options)) for name in SIGNS]
        tally, voted = await _vote(voters, known)
        judged = await judge(Task(known.question, data=[marks, _best(known, tally)]))
        mark: Mark = judged.output
        other = [one for one in _best(known, tally) if one != mark.about]
        verdict = Verdict(
            mark.about if mark.weight > 0 else other[0], mark, tally, marks, tuple(hinge(marks, known))
        )
        parts, missing = (read, *voted, judged), read.missing
        return Message(sender="decision", text=page(verdict), output=verdict, parts=parts, missing=missing)

    one = Team("fact", [CLERK], _read)
    clerks = mapreduce(one, split=parts_of, at_once=4, name="facts")
    judge = Team("judge", [JUDGE], _judged)
    settings = {"brief": given or ""}
    return Team("decision", [clerks, judge], play, settings=settings, done_when=agreed)


def _unread(known: Brief, concerned: Mapping[str, str], figures: Sequence[Mark]) -> list[Mark]:
    """The facts about one option whose figures do not say what they count, as marks without a weight."""
    told = {(one.fact, one.perspective) for one in figures}
    return [
        Mark(fact, option, whose, 0.0)
        for fact, whose in concerned.items()
        if (option := about(fact, known.options)) and (fact, whose) not in told
    ]


async def _vote(voters: Sequence[Team], known: Brief) -> tuple[Tally, tuple[Message, ...]]:
    """What the committee makes of it; where every perspective abstains, that nobody voted."""
    try:
        said = await committee(*voters, choices=known.options, rule=first_declared(approval))(known.question)
    except NoQuorum as error:
        return Tally(rule="approval", why=error.message), ()
    tally: Tally = said.output
    return tally, (said,)


async def _read(task: Task) -> Message:
    """The play of the clerk: whether a fact is good or bad news for what it is about."""
    mark: Mark = task.data
    said = (await CLERK(f"Review: {unnamed(mark.fact, mark.about)}.")).output
    made = msgspec.structs.replace(mark, weight=WEIGHTS[said.sentiment])
    return Message(sender="fact", text=str(made), output=made)


def _voting(perspective: str, marks: Sequence[Mark], options: Sequence[str]) -> Play:
    """The play of a perspective: it approves of the options that its own facts leave ahead; without any it abstains."""

    async def play(_: Task) -> Message:
        ahead = ahead_of(perspective, marks, options)
        why = "; ".join(str(one) for one in marks if one.perspective == perspective)
        vote = Vote(approved=ahead, abstain=len(ahead) == len(options), reason=why)
        return Message(sender=perspective, output=vote)

    return play


async def _judged(task: Task) -> Message:
    """The play of the judge: the fact that decides between the best two; the weightiest, if it names none."""
    marks: Sequence[Mark] = task.data[0]
    between = {one.fact: one for one in marks if one.about in task.data[1]}
    kind: Any = defstruct("Deciding", [("fact", one_of(between))], frozen=True)
    listed = "\n".join(f"- {fact}" for fact in between)
    asked = Task(f"Question: {task.text}\nFacts:\n{listed}")
    made = await decision(fitted(JUDGE, kind), asked, lambda said: msgspec.convert(fields_in(said), kind))
    weightiest = max(between.values(), key=lambda one: abs(one.weight))
    mark = weightiest if made.value is None else between[made.value.fact]
    return Message(sender="judge", text=str(mark), output=mark)


def _best(known: Brief, tally: Tally) -> list[str]:
    """The two options with most approvals, of equals the first declared."""
    return sorted(known.options, key=lambda one: -tally.scores.get(one, 0))[:2]


def agreed(message: Message) -> str:
    """What is wrong with a decision: the judge and the committee are not of one mind."""
    verdict: Verdict = message.output
    if verdict.option == verdict.tally.winner:
        return ""
    winner = verdict.tally.winner or "nothing"
    return f"the judge is for {verdict.option!r}, the committee for {winner!r}: people should look"


def page(verdict: Verdict) -> str:
    """A verdict as people read it: the decision, the fact that decided it, the votes, and every perspective."""
    votes = ", ".join(f"{option} {score:g}" for option, score in verdict.tally.scores.items())
    by = {"figures": "by figures", "clerk": "read by the clerk"}
    lines = [f"Decision: {verdict.option}", "", f"The judge: {verdict.by}", f"Approvals: {votes}", ""]
    lines += ["Perspectives:", *(f"- {one.perspective}, {by[one.by]}: {one}" for one in verdict.marks)]
    if verdict.hinge:
        lines += ["", "Read the other way, these alone would change the vote:"]
        lines += [f"- {fact}" for fact in verdict.hinge]
    return "\n".join(lines)
