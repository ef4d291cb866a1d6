"""Research: answer a question from the user's own documents, with every claim cited and checked.

Index the folder, plan sub-questions, take notes in parallel, write, have critics review, edit. A note is a
sentence of a document with the lines it stands on; a sentence of the answer names the note it is made from,
so a citation cannot be made up. Where the writer says something else than its note, the note itself takes the
place. Last, all citations of the answer are checked against the files: that is the team's done-when.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeVar

from msgspec import Meta, Struct

from coterie.actor import Actor, Play, do, gather
from coterie.agent import Agent
from coterie.memory.claims import support
from coterie.memory.folder import read_folder
from coterie.patterns.refine import refine
from coterie.team import Team
from coterie.teams.library import Excerpt, cited_by, index, problems, search
from coterie.teams.option import Option
from coterie.words.failure import collect_all, failures, successes
from coterie.words.message import Message
from coterie.words.task import Task

T = TypeVar("T")
_NAME = re.compile(r"`[^`]+`|\b\w*[a-z]\w*[A-Z]\w*\b")
NOTES = 6
"""Excerpts that a note-taker chooses from."""
SURE = 0.6
"""The likeness to its question from which an excerpt is a note, whatever a note-taker thinks."""
KEPT = 0.6
"""The share of a note's content words that the sentence made from it has to keep."""
NOTHING_FOUND = "The documents say nothing about this."
Number = Annotated[int, Meta(ge=1, le=20)]


class Questions(Struct, frozen=True):
    """What the planner answers with."""

    questions: Annotated[tuple[Annotated[str, Meta(max_length=120)], ...], Meta(min_length=1, max_length=3)]


class Opinion(Struct, frozen=True):
    """What the critic answers with: a `Review` that a small model can finish."""

    score: Annotated[float, Meta(ge=0, le=1)]
    comment: Annotated[str, Meta(max_length=100)]


class Choice(Struct, frozen=True):
    """What note-takers and the editor answer with: numbers of what to keep."""

    keep: Annotated[tuple[Number, ...], Meta(max_length=4)]


class Sentence(Struct, frozen=True):
    """One sentence of the answer, and the number of the note that it is made from."""

    note: Number
    text: Annotated[str, Meta(max_length=240)]


class Draft(Struct, frozen=True):
    """What the writer answers with."""

    sentences: Annotated[tuple[Sentence, ...], Meta(min_length=1, max_length=4)]


PLANNER = Agent(
    "planner",
    "You plan research. Split the question into one to three short questions that together cover it.",
    output=Questions,
    settings={"max_tokens": 150},
)
NOTE_TAKER = Agent(
    "note-taker",
    "You take notes. Of the numbered excerpts, choose those that help to answer the question. "
    "Give their numbers; none if none helps.",
    output=Choice,
    settings={"max_tokens": 40},
)
WRITER = Agent(
    "writer",
    "You write the answer to a question from numbered notes, in one to four full sentences. Each sentence says what "
    "one note says, in nearly the same words, and gives the number of that note. Use nothing but the notes.",
    output=Draft,
    settings={"max_tokens": 500},
)
CRITIC = Agent(
    "critic",
    "You review an answer: does it answer the question? Give a score from 0 to 1, and in a few words what to mend.",
    output=Opinion,
    settings={"max_tokens": 120},
)
EDITOR = Agent(
    "editor",
    "You edit. Of the numbered sentences, choose those that answer the question, without repeats. "
    "Give their numbers.",
    output=Choice,
    settings={"max_tokens": 40},
)
OPTIONS = (
    Option(name="docs", help="The folder of text, Markdown and HTML files.", kind="folder", required=True),
    Option(name="beside", help="The index is kept next to this file.", kind="store"),
)


def build(docs: str | Path, beside: str | Path = ".coterie/runs.db", rounds: int = 2) -> Team:
    """A team that answers a question from the text, Markdown and HTML files of a folder.

    The index is kept in a file next to `beside`. The answer cites file and line; where a citation
    is not borne out by its lines, or a claim has none, the run ends as `unverified`.

    Raises:
        BadInput: if the folder cannot be read, or has no text in it.
    """
    read_folder(docs)
    place, store = str(Path(docs).resolve()), str(Path(beside).resolve())

    async def grounded(message: Message) -> str:
        return "\n".join(await do(problems, place, message.text))

    async def play(task: Task) -> Message:
        await do(index, place, store)
        planned = await PLANNER(f"Question: {task.text}")
        taken = await notes(Task(task.text, data=(task.text, *planned.output.questions)))
        if not taken.output:
            return Message(sender="research", text=NOTHING_FOUND, parts=(planned, taken))
        draft = await answer(Task(task.text, data=taken.output))
        final = await edited(Task(task.text, data=draft.output))
        return Message(sender="research", text=final.text, parts=(planned, taken, draft, final))

    notes = Team("notes", [NOTE_TAKER], _taking(place, store))
    written = Team("draft", [WRITER], _writing(place))
    answer = refine(
        written, CRITIC, grounded, accept=0.5, rounds=rounds, name="answer", on_failure=collect_all
    )
    edited = Team("edit", [EDITOR], _edit)
    members: list[Actor] = [PLANNER, notes, answer, edited]
    return Team("research", members, play, settings={"rounds": rounds}, done_when=grounded)


def _taking(docs: str, store: str) -> Play:
    """The play of the notes: for each question search, and choose of what was found."""

    async def take(question: str) -> list[Excerpt]:
        found = await do(search, docs, store, question, NOTES)
        if not found:
            return []
        said = await NOTE_TAKER(f"Excerpts:\n{_numbered(found)}\n\nQuestion: {question}")
        kept = _kept(said, found)
        return [one for one in found if one.likeness >= SURE or one in kept]

    async def play(task: Task) -> Message:
        taken = await gather(*(take(question) for question in task.data), on_failure=collect_all)
        notes = list({note.text: note for kept in successes(taken) for note in kept}.values())[:NOTES]
        text = "\n".join(f"{note.text} {note.citation}" for note in notes)
        return Message(sender="notes", text=text, output=notes, missing=failures(taken))

    return play


def _writing(docs: str) -> Play:
    """The play of a draft: the writer's sentences with their notes' citations, or the notes themselves."""

    async def sentence(said: Sentence, note: Excerpt) -> str:
        line = cited_by(said.text, note.citation)
        kept = support(note.text, said.text).share >= KEPT and _names_in(said.text, note.text)
        good = kept and not await do(problems, docs, line)
        return line if good else cited_by(note.text, note.citation)

    async def play(task: Task) -> Message:
        notes: Sequence[Excerpt] = task.data
        asked = f"Notes:\n{_numbered(notes)}\n\nQuestion: {task.text}"
        said = await WRITER(Task(asked, task.context))
        drafted: Draft = said.output
        fitting = [one for one in drafted.sentences if one.note <= len(notes) and one.text.strip()]
        fitting.sort(key=lambda one: one.note)
        lines = await gather(*(sentence(one, notes[one.note - 1]) for one in fitting))
        kept = list(dict.fromkeys(lines)) or [cited_by(notes[0].text, notes[0].citation)]
        return Message(sender="draft", text="\n".join(kept), output=kept)

    return play


async def _edit(task: Task) -> Message:
    """The play of the edit: the first sentence, and those that the editor keeps."""
    lines: Sequence[str] = task.data
    if len(lines) == 1:
        return Message(sender="edit", text=lines[0])
    numbered = "\n".join(f"{n}. {line}" for n, line in enumerate(lines, 1))
    said = await EDITOR(f"Sentences:\n{numbered}\n\nQuestion: {task.text}")
    kept = dict.fromkeys((lines[0], *_kept(said, lines)))
    return Message(sender="edit", text="\n".join(kept))


def _kept(said: Message, of: Sequence[T]) -> list[T]:
    """What an actor chose to keep, in the order in which it was shown: nearest to the question first."""
    choice: Choice = said.output
    return [of[n - 1] for n in sorted(set(choice.keep)) if n <= len(of)]


def _names_in(text: str, source: str) -> bool:
    """Whether every name of a text (code, or capitals within a word) stands in its source too."""
    there = source.lower()
    return all(name.strip("`").lower() in there for name in _NAME.findall(text))


def _numbered(notes: Sequence[Excerpt]) -> str:
    return "\n".join(f"{n}. ({note.under}) {note.text}" for n, note in enumerate(notes, 1))
