"""Decision: four perspectives weigh the facts, a committee votes, a judge decides, and facts have to bear it out.

Options and facts come from the task or from a brief, a Markdown file with those lists. A clerk says of each fact which
perspective it concerns, and whether it is good or bad news for the option that it names; so no reason is made up.
Each perspective approves of the options that its facts leave ahead, and the committee counts that; the judge picks
the fact that decides between the best two. A judge who is not of the committee's mind is the team's done-when not
holding: people should look.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, defstruct

from coterie.actor import Play
from coterie.agent import Agent
from coterie.errors import BadInput, NoQuorum
from coterie.memory.claims import content_words
from coterie.patterns.choose import decision, fields_in, fitted, one_of
from coterie.patterns.committee import committee
from coterie.patterns.mapreduce import mapreduce
from coterie.patterns.votes import approval, first_declared
from coterie.roles import role
from coterie.team import Team
from coterie.teams.option import Option
from coterie.teams.output import parts_of, text_of
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.vote import Tally, Vote

PERSPECTIVES = {"cost": "money", "danger": "risk", "comfort": "use", "effort": "work"}
"""What facts are about, in the single words that small models sort by best, and whose perspective that is."""
WEIGHTS = {"positive": 1.0, "neutral": 0.5, "negative": -1.0}
"""What a fact counts for the option that it names."""
_SECTION = re.compile(r"^\s*(?:#+\s*)?(options|facts)\s*:?\s*(.*)$", re.IGNORECASE)
_INLINE = re.compile(r"\b(options|facts)\s*:", re.IGNORECASE)


class Brief(Struct, frozen=True):
    """What there is to decide between, and what is known of each option."""

    question: str
    options: tuple[str, ...]
    facts: tuple[str, ...]


class Mark(Struct, frozen=True):
    """A fact, the option that it is about, whose perspective it concerns, and what it counts."""

    fact: str
    about: str
    perspective: str
    weight: float

    def __str__(self) -> str:
        sign = "against" if self.weight < 0 else "for"
        return f"{sign} {self.about}, because: {self.fact}"


class Verdict(Struct, frozen=True):
    """What was decided, by which fact, how the committee voted, and what every fact counted."""

    option: str
    by: Mark
    tally: Tally
    marks: tuple[Mark, ...]


MOST = 12
"""Options, and facts, that there may be."""
CLERK = Agent(
    "clerk",
    "You are a classifier of sentences: `about` is the subject, `sentiment` the sentiment.",
    output=defstruct("Label", [("about", one_of(PERSPECTIVES)), ("sentiment", one_of(WEIGHTS))], frozen=True),
    settings={"max_tokens": 30},
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
        labelled = await clerks(Task(known.question, data=[Task(fact, data=known) for fact in known.facts]))
        marks = tuple(part.output for part in labelled.parts if part.output.about)
        voters = [Team(name, (), _voting(name, marks, known.options)) for name in PERSPECTIVES.values()]
        tally, voted = await _vote(voters, known)
        judged = await judge(Task(known.question, data=[marks, _best(known, tally)]))
        mark: Mark = judged.output
        other = [one for one in _best(known, tally) if one != mark.about]
        verdict = Verdict(mark.about if mark.weight > 0 else other[0], mark, tally, marks)
        parts, missing = (labelled, *voted, judged), labelled.missing
        return Message(sender="decision", text=page(verdict), output=verdict, parts=parts, missing=missing)

    one = Team("fact", [CLERK], _labelled)
    clerks = mapreduce(one, split=parts_of, at_once=4, name="facts")
    judge = Team("judge", [JUDGE], _judged)
    settings = {"brief": given or ""}
    return Team("decision", [clerks, judge], play, settings=settings, done_when=agreed)


async def _vote(voters: Sequence[Team], known: Brief) -> tuple[Tally, tuple[Message, ...]]:
    """What the committee makes of it; where every perspective abstains, that nobody voted."""
    try:
        said = await committee(*voters, choices=known.options, rule=first_declared(approval))(known.question)
    except NoQuorum as error:
        return Tally(rule="approval", why=error.message), ()
    tally: Tally = said.output
    return tally, (said,)


async def _labelled(task: Task) -> Message:
    """The play of the clerk: what a fact counts, for which option, and for whom."""
    known: Brief = task.data
    said = (await CLERK(task.text)).output
    mark = Mark(task.text, about(task.text, known.options), PERSPECTIVES[said.about], WEIGHTS[said.sentiment])
    return Message(sender="fact", text=str(mark), output=mark)


def _voting(perspective: str, marks: Sequence[Mark], options: Sequence[str]) -> Play:
    """The play of a perspective: it approves of the options that its own facts leave ahead; without any it abstains."""

    async def play(_: Task) -> Message:
        own = [one for one in marks if one.perspective == perspective]
        scores = {option: sum(one.weight for one in own if one.about == option) for option in options}
        ahead = tuple(option for option in options if scores[option] == max(scores.values()))
        vote = Vote(approved=ahead, abstain=len(ahead) == len(options), reason="; ".join(map(str, own)))
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


def about(fact: str, options: Sequence[str]) -> str:
    """The option that a fact names: the one most of whose own words are in it; empty if none or several are."""
    words = content_words(fact).keys()
    shares = {one: len(words & own) / len(own) for one in options if (own := content_words(one).keys())}
    top = max(shares.values(), default=0.0)
    named = [one for one, share in shares.items() if share == top and share > 0]
    return named[0] if len(named) == 1 else ""


def brief_of(question: str, text: str) -> Brief:
    """The brief in a text: its lists, under headings or behind `Options:` and `Facts:`, and the question.

    Raises:
        BadInput: if there are fewer than two options, more than `MOST`, or an option that no fact is about.
    """
    found: dict[str, list[str]] = {"question": [], "options": [], "facts": [], "other": []}
    section = "question"
    for line in _INLINE.sub(r"\n\1:", text).splitlines():
        head = _SECTION.match(line)
        section, rest = (head[1].lower(), head[2]) if head else (section, line)
        if line.startswith("#") and not head:
            section = "question" if not found["question"] else "other"
        found[section] += _listed(rest) if section != "question" else [rest.strip("# ").strip()]
    options, facts = tuple(dict.fromkeys(found["options"])), tuple(dict.fromkeys(found["facts"]))[:MOST]
    if not 2 <= len(options) <= MOST:
        raise BadInput(
            f"a decision is between 2 and {MOST} options, and {len(options)} are named: write `Options: this; that. "
            "Facts: ...` into the task, or give a --brief with the lists Options and Facts"
        )
    if bare := [one for one in options if one not in {about(fact, options) for fact in facts}]:
        raise BadInput(
            f"no fact is about {bare[0]!r} alone: each option needs one that names it, to be weighed at all"
        )
    own = question if text != question and question else " ".join(filter(None, found["question"]))
    return Brief(own, options, facts)


def _listed(line: str) -> list[str]:
    """What a line lists: one thing behind a bullet, or several with semicolons between."""
    bare = re.sub(r"^\s*(?:[-*+]|\d+[.)])\s+", "", line)
    return [one.strip().rstrip(".") for one in bare.split(";") if one.strip(" .")]


def page(verdict: Verdict) -> str:
    """A verdict as people read it: the decision, the fact that decided it, the votes, and every perspective."""
    votes = ", ".join(f"{option} {score:g}" for option, score in verdict.tally.scores.items())
    head = [
        f"Decision: {verdict.option}",
        "",
        f"The judge: {verdict.by}",
        f"Approvals: {votes}",
        "",
        "Perspectives:",
    ]
    return "\n".join([*head, *(f"- {one.perspective}: {one}" for one in verdict.marks)])
