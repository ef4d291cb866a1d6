"""Decision: four perspectives look at the facts, a committee votes, a judge decides, and facts have to bear it out.

Options and facts come from the task or from a brief, a Markdown file with those lists. Each perspective chooses the
fact that is most about its own side, and whether that is good or bad news for the option that the fact names. So a
reason cannot be made up. The committee counts what each approves of; the judge decides between the best two by one
more fact. A judge who decides against the committee is the team's done-when not holding: people should look.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from coterie.actor import Play
from coterie.agent import Agent
from coterie.errors import BadInput, BadOutput
from coterie.memory.claims import content_words
from coterie.patterns.choose import decision, fields_in, fitted, one_of
from coterie.patterns.committee import committee
from coterie.patterns.parallel import parallel
from coterie.patterns.votes import approval, first_declared
from coterie.team import Team
from coterie.teams.option import Option
from coterie.teams.output import text_of
from coterie.words.failure import collect_all
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.vote import Tally, Vote

PERSPECTIVES = {
    "cost": "money: prices, costs and what is free",
    "risk": "danger: damage, loss and what can go wrong",
    "use": "people: what they can see, do or use",
    "effort": "work: the time and the changes that it takes",
}
"""Who looks, and at what."""
_SECTION = re.compile(r"^\s*(?:#+\s*)?(options|facts)\s*:?\s*(.*)$", re.IGNORECASE)
_INLINE = re.compile(r"\b(options|facts)\s*:", re.IGNORECASE)


class Brief(Struct, frozen=True):
    """What there is to decide between, and what is known of each option."""

    question: str
    options: tuple[str, ...]
    facts: tuple[str, ...]


class Opinion(Struct, frozen=True):
    """The fact that somebody names, the option that it is about, and whether it speaks against that."""

    fact: str
    about: str
    against: bool

    def approves(self, options: Sequence[str]) -> tuple[str, ...]:
        """The options that the fact leaves standing."""
        return tuple(one for one in options if (one == self.about) != self.against)


class Verdict(Struct, frozen=True):
    """What was decided, how the committee voted, and what the judge and each perspective named."""

    option: str
    tally: Tally
    judge: Opinion
    opinions: dict[str, Opinion]


MOST = 12
"""Options, and facts, that there may be."""
LOOK = (
    "You read facts and choose the one that is most about {about}. `sentiment`: negative if that fact is bad news for "
    "the thing it names, positive otherwise."
)
MEMBERS = tuple(
    Agent(name, LOOK.format(about=about), settings={"max_tokens": 120})
    for name, about in PERSPECTIVES.items()
)
JUDGE = Agent("judge", LOOK.format(about="what the question asks"), settings={"max_tokens": 120})
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
        opinions = await views(Task(known.question, data=known))
        by = {part.sender: part.output for part in opinions.parts}
        ballots = [Team(name, (), _voting(one, known.options)) for name, one in by.items()]
        voted = await committee(*ballots, choices=known.options, rule=first_declared(approval))(
            known.question
        )
        judged = await judge(Task(known.question, data=[known, voted.output]))
        best: Opinion = judged.output
        option = next(one for one in _best(known, voted.output) if one in best.approves(known.options))
        verdict = Verdict(option, voted.output, best, by)
        parts, missing = (opinions, voted, judged), (*opinions.missing, *voted.missing)
        return Message(sender="decision", text=page(verdict), output=verdict, parts=parts, missing=missing)

    looking = (Team(one.name, [one], _looking(one)) for one in MEMBERS)
    views = parallel(*looking, name="perspectives", on_failure=collect_all)
    judge = Team("judge", [JUDGE], _judged)
    settings = {"brief": given or ""}
    return Team("decision", [views, judge], play, settings=settings, done_when=agreed)


def _looking(member: Agent) -> Play:
    """The play of one perspective: the fact that is most about its side."""

    async def play(task: Task) -> Message:
        known: Brief = task.data
        opinion = await _opinion(member, known, known.options)
        return Message(sender=member.name, text=opinion.fact, output=opinion)

    return play


def _voting(opinion: Opinion, options: Sequence[str]) -> Play:
    """The play of a voter: it approves of what the fact that it named leaves standing."""

    async def play(_: Task) -> Message:
        return Message(sender="voter", output=Vote(approved=opinion.approves(options), reason=opinion.fact))

    return play


async def _judged(task: Task) -> Message:
    """The play of the judge: one more fact, about one of the best two."""
    known, tally = task.data
    opinion = await _opinion(JUDGE, known, _best(known, tally))
    return Message(sender="judge", text=opinion.fact, output=opinion)


def _best(known: Brief, tally: Tally) -> list[str]:
    """The two options with most approvals, of equals the first declared."""
    return sorted(known.options, key=lambda one: -tally.scores.get(one, 0))[:2]


async def _opinion(member: Agent, known: Brief, options: Sequence[str]) -> Opinion:
    """The fact that a member names, of those about `options`.

    Raises:
        BadOutput: if it names none of them twice.
    """
    about = {fact: named for fact in known.facts if (named := _about(fact, known.options)) in options}
    kind: Any = msgspec.defstruct(
        "Look", [("fact", one_of(about)), ("sentiment", Literal["positive", "negative"])], frozen=True
    )
    asked = "\n".join((f"Question: {known.question}", "Facts:", *(f"- {fact}" for fact in about)))
    made = await decision(
        fitted(member, kind), Task(asked), lambda said: msgspec.convert(fields_in(said), kind)
    )
    if made.value is None:
        raise BadOutput(f"{member.name!r} named no fact in 2 tries: {made.why}", raw=made.said.text)
    return Opinion(made.value.fact, about[made.value.fact], made.value.sentiment == "negative")


def _about(fact: str, options: Sequence[str]) -> str:
    """The option that a fact names: the one most of whose own words are in it; empty if none or several are."""
    words = content_words(fact).keys()
    shares = {one: len(words & own) / len(own) for one in options if (own := content_words(one).keys())}
    top = max(shares.values(), default=0.0)
    named = [one for one, share in shares.items() if share == top and share > 0]
    return named[0] if len(named) == 1 else ""


def agreed(message: Message) -> str:
    """What is wrong with a decision: the judge and the committee are not of one mind."""
    verdict: Verdict = message.output
    if verdict.option == verdict.tally.winner:
        return ""
    return (
        f"the judge is for {verdict.option!r}, the committee for {verdict.tally.winner!r}: people should look"
    )


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
    if bare := [one for one in options if one not in {_about(fact, options) for fact in facts}]:
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
    """A verdict as people read it: the decision, what the judge named, the votes, and every perspective."""
    votes = ", ".join(f"{option} {score:g}" for option, score in verdict.tally.scores.items())
    views = [f"- {name}: {_said(one)}" for name, one in verdict.opinions.items()]
    parts = [f"Decision: {verdict.option}", "", f"The judge: {_said(verdict.judge)}", f"Approvals: {votes}"]
    return "\n".join([*parts, "", "Perspectives:", *views])


def _said(opinion: Opinion) -> str:
    return f"{'against' if opinion.against else 'for'} {opinion.about}, because: {opinion.fact}"
