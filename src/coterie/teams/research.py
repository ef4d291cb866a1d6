"""Research: answer a question from the user's own documents, with every claim cited and checked.

Index the folder, plan sub-questions, take notes from the best passages in parallel, write, have critics
review, edit. A note is one fact from one passage, and the lines that bear it out are found by the program;
a sentence of the answer names its notes, so a citation cannot be made up. What is claimed beside the
lines it cites is found by a check of the final text against the files, which is the team's done-when.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from coterie.actor import Actor, Play, do, gather
from coterie.agent import Agent
from coterie.memory.folder import read_folder
from coterie.patterns.refine import Review, refine
from coterie.team import Team
from coterie.teams.option import Option
from coterie.teams.library import Found, cite, index, problems, search
from coterie.words.failure import collect_all, failures, successes
from coterie.words.message import Message
from coterie.words.task import Task

PASSAGES = 3
"""Passages that are read for each question."""
NOTHING_FOUND = "The documents say nothing about this."


class Questions(Struct, frozen=True):
    """What the planner answers with."""

    questions: Annotated[tuple[str, ...], Meta(min_length=1, max_length=3)]


class Reading(Struct, frozen=True):
    """What a note-taker makes of one passage."""

    answers: bool
    fact: Annotated[str, Meta(max_length=300)]


class Note(Struct, frozen=True):
    """A fact and the citation of the lines that it comes from."""

    fact: str
    citation: str


class Sentence(Struct, frozen=True):
    """One sentence of the answer, and the number of the note that it comes from."""

    note: Annotated[int, Meta(ge=1, le=99)]
    text: Annotated[str, Meta(max_length=300)]


class Draft(Struct, frozen=True):
    """What the writer answers with."""

    sentences: Annotated[tuple[Sentence, ...], Meta(min_length=1, max_length=6)]


class Choice(Struct, frozen=True):
    """What the editor answers with: the sentences to keep, by number, in the best order."""

    keep: Annotated[tuple[Annotated[int, Meta(ge=1, le=99)], ...], Meta(min_length=1, max_length=6)]


PLANNER = Agent(
    "planner",
    "You plan research. Split the question into one to three short search questions that together cover it.",
    output=Questions,
    settings={"max_tokens": 160},
)
READER = Agent(
    "note-taker",
    "You take notes. Read the passage. If it helps to answer the question, set answers to true and write as fact "
    "one full sentence that says what the passage says about it, in the passage's own words. "
    "If not, set answers to false and leave fact empty.",
    output=Reading,
    settings={"max_tokens": 160},
)
WRITER = Agent(
    "writer",
    "You write the answer to a question from numbered notes. Use only the notes. Write two to five full sentences. "
    "Each sentence restates one note in nearly the same words and gives its number.",
    output=Draft,
    settings={"max_tokens": 400},
)
CRITIC = Agent(
    "critic",
    "You review an answer. Give a score from 0 to 1 for how well it answers the question, and a short comment on "
    "what to mend. If it is good, leave the comment empty.",
    output=Review,
    settings={"max_tokens": 120},
)
EDITOR = Agent(
    "editor",
    "You edit an answer. From its numbered sentences choose those that answer the question best, without repeats, "
    "in the best order. Give their numbers.",
    output=Choice,
    settings={"max_tokens": 60},
)


OPTIONS = (
    Option(name="docs", help="The folder of text, Markdown and HTML files to answer from.", kind="folder", required=True),
    Option(name="beside", help="The index is kept next to this file.", default=".coterie/runs.db"),
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

    notes = Team("notes", [READER], _taking(place, store))
    answer = refine(Team("draft", [WRITER], _writing), CRITIC, accept=grounded, rounds=rounds, name="answer")
    edited = Team("edit", [EDITOR], _editing(place))
    members: list[Actor] = [PLANNER, notes, answer, edited]
    return Team("research", members, play, settings={"rounds": rounds}, done_when=grounded)


def _taking(docs: str, store: str) -> Play:
    """The play of the notes: search every question, read every passage once, keep what is borne out."""

    async def play(task: Task) -> Message:
        found = await gather(*(do(search, docs, store, asked, PASSAGES) for asked in task.data))
        passages = {(one.file, one.first): (asked, one) for asked, hits in zip(task.data, found) for one in hits}
        taken = await gather(*(_note(docs, asked, one) for asked, one in passages.values()), on_failure=collect_all)
        kept = {note.fact: note for note in successes(taken) if note is not None}
        notes = tuple(kept.values())
        text = "\n".join(f"{note.fact} {note.citation}" for note in notes)
        return Message(sender="notes", text=text, output=notes, missing=failures(taken))

    return play


async def _note(docs: str, question: str, found: Found) -> Note | None:
    """The fact that a passage has for a question; None if it has none that its lines bear out."""
    under = " / ".join((found.file, *found.headings))
    said = await READER(f"Passage from {under}:\n{found.text}\n\nQuestion: {question}")
    reading: Reading = said.output
    fact = " ".join(reading.fact.split())
    if not reading.answers or not fact:
        return None
    citation = await do(cite, docs, fact, found)
    return Note(fact, citation) if citation else None


async def _writing(task: Task) -> Message:
    """The play of a draft: the writer's sentences, each with the citation of the note it names."""
    notes: Sequence[Note] = task.data
    numbered = "\n".join(f"{n}. {note.fact}" for n, note in enumerate(notes, 1))
    asked = Task(f"Notes:\n{numbered}\n\nQuestion: {task.text}", task.context)
    said = await WRITER(asked)
    written: Draft = said.output
    lines = tuple(
        f"{' '.join(one.text.split())} {notes[one.note - 1].citation}"
        for one in written.sentences
        if one.note <= len(notes) and one.text.strip()
    )
    return Message(sender="draft", text="\n".join(lines), output=lines)


def _editing(docs: str) -> Play:
    """The play of the edit: what does not hold is dropped, and the editor chooses among the rest."""

    async def play(task: Task) -> Message:
        wrong = await gather(*(do(problems, docs, line) for line in task.data))
        lines = [line for line, found in zip(task.data, wrong) if not found]
        if not lines:
            return Message(sender="edit", text=NOTHING_FOUND)
        numbered = "\n".join(f"{n}. {line}" for n, line in enumerate(lines, 1))
        said = await EDITOR(f"Question: {task.text}\n\nSentences:\n{numbered}")
        chosen: Choice = said.output
        order = dict.fromkeys(n for n in chosen.keep if n <= len(lines)) or range(1, len(lines) + 1)
        return Message(sender="edit", text="\n".join(lines[n - 1] for n in order))

    return play
