"""Documents: a folder in, an index out, in which every field stands in its document.

For each document: extract, enrich, transform, validate; then all are published as JSON and Markdown. The program
finds what could be a field, with its line; the extractor chooses which it is, and the enricher names who and
what the document is about. What does not stand in the text is dropped and said. The index is read back at the end
and each of its fields looked up in the files: that is the team's done-when.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from coterie.actor import do
from coterie.agent import Agent
from coterie.errors import BadOutput
from coterie.memory.folder import read_folder
from coterie.patterns.choose import decision, fields_in, fitted, one_of
from coterie.patterns.mapreduce import mapreduce
from coterie.patterns.pipeline import pipeline, stage
from coterie.team import Team
from coterie.teams.fields import Quote, amounts, dates, found, iso, money, title
from coterie.teams.option import Option
from coterie.teams.output import parts_of, read_text, writable, write_files
from coterie.tool import tool
from coterie.words.failure import collect_all
from coterie.words.message import Message
from coterie.words.task import Task

SHOWN = 1_800
"""Characters of a document that a model is shown: its beginning."""
AT_ONCE = 2
"""Documents that are worked on at the same time."""
KINDS = ("invoice", "contract", "minutes", "letter", "report", "notice", "other")
NONE = "none"


class Document(Struct, frozen=True):
    """A file, and its lines."""

    file: str
    lines: tuple[str, ...]


class Entry(Struct, frozen=True, kw_only=True):
    """A document in the index. Each quote stands in the file, on its line; `dropped` is what did not."""

    file: str
    kind: str = "other"
    title: Quote
    date: Quote | None = None
    amount: Quote | None = None
    names: tuple[Quote, ...] = ()
    topics: tuple[Quote, ...] = ()
    day: str = ""
    value: str = ""
    currency: str = ""
    dropped: tuple[str, ...] = ()


class Draft(Struct, frozen=True):
    """An entry under way, and the document that it is of."""

    document: Document
    entry: Entry


class About(Struct, frozen=True):
    """What the enricher answers with, in words of the document."""

    names: Annotated[tuple[Annotated[str, Meta(max_length=40)], ...], Meta(max_length=3)]
    topics: Annotated[tuple[Annotated[str, Meta(max_length=30)], ...], Meta(max_length=3)]


EXTRACTOR = Agent(
    "extractor",
    "You read a document and fill in a form. `kind`: what sort of document it is: an invoice asks for payment of work "
    "done; a contract is signed by two sides, as a lease is; minutes tell of a meeting; a letter is written from one "
    "person to another; a report tells results; a notice tells everybody. `date`: the day it was written or "
    "issued, not a day that it speaks of. `amount`: the total that it is about. Choose from what is offered.",
    settings={"max_tokens": 80},
)
ENRICHER = Agent(
    "enricher",
    "You index a document. `names`: up to three people or organisations that it names. `topics`: up to three words "
    "or short phrases that say what it is about. Copy each exactly as it stands in the document.",
    output=About,
    settings={"max_tokens": 120},
    repairs=1,
)
OPTIONS = (
    Option(name="folder", help="The folder of text, Markdown and HTML files.", kind="folder", required=True),
    Option(name="out", help="The folder for index.json and index.md.", kind="output", required=True),
)


@tool(idempotent=True, timeout=600.0)
def documents(folder: str) -> list[Document]:
    """The documents of a folder."""
    return [Document(file, lines) for file, lines in read_folder(folder).lines.items()]


@tool(idempotent=True)
def wrong(folder: str, entries: list[Entry]) -> list[str]:
    """What fields of an index do not stand where it says they do."""
    lines = read_folder(folder).lines
    return [problem for entry in entries for problem in misplaced(entry, lines.get(entry.file, ()))]


def build(folder: str | Path, out: str | Path) -> Team:
    """A team that makes an index of a folder; the task says what the index is for and is its title.

    Raises:
        BadInput: if the folder has no text in it, or `out` cannot be written to or lies within it.
    """
    read_folder(folder)
    source, target = str(Path(folder).resolve()), writable(out)

    async def indexed(task: Task) -> Message:
        parts = [Task(one.file, data=one) for one in await do(documents, source)]
        return await each(Task(task.text, data=parts))

    async def published(task: Task) -> Message:
        message = task.data
        entries: list[Entry] = [draft.entry for draft in message["entries"]]
        page = index_page(message["title"], entries, message["lost"])
        files = {"index.json": _json(entries), "index.md": page}
        await do(write_files, target, files)
        return Message(sender="publish", text=page, output=entries)

    one = pipeline(
        Team("extract", [EXTRACTOR], _extracted),
        Team("enrich", [ENRICHER], _enriched),
        Team("transform", (), _transformed),
        stage(Team("validate", (), _validated), check=_valid, repairs=0),
        name="document",
    )
    each = mapreduce(one, split=parts_of, at_once=AT_ONCE, name="index", on_failure=collect_all)
    publish = Team("publish", (), published)

    async def play(task: Task) -> Message:
        made = await indexed(task)
        entries = [part.output for part in made.parts]
        lost = [str(failure) for failure in made.missing]
        said = await publish(Task(task.text, data={"title": task.text, "entries": entries, "lost": lost}))
        return replace(said, sender="documents", parts=(made, said), missing=made.missing)

    return Team("documents", [each, publish], play, done_when=partial(_borne_out, source, target))


async def _extracted(task: Task) -> Message:
    """The play of extracting: which of the candidates is which field."""
    document: Document = task.data
    days, sums = dates(document.lines), amounts(document.lines)
    fields: list[Any] = [("kind", one_of(KINDS))]
    if days:
        fields.append(("date", one_of([*(day.text for day in days[:12]), NONE])))
    if sums:
        fields.append(("amount", one_of([*(one.text for one in sums[:12]), NONE])))
    kind = msgspec.defstruct("Form", fields, frozen=True)
    made = await decision(
        fitted(EXTRACTOR, kind), Task(_shown(document)), lambda said: msgspec.convert(fields_in(said), kind)
    )
    form = made.value
    by = {quote.text: quote for quote in (*days, *sums)}
    entry = Entry(
        file=document.file,
        kind=getattr(form, "kind", "other"),
        title=title(document.lines),
        date=by.get(getattr(form, "date", NONE)),
        amount=by.get(getattr(form, "amount", NONE)),
    )
    return Message(sender="extract", text=document.file, output=Draft(document, entry))


async def _enriched(task: Task) -> Message:
    """The play of enriching: names and topics, as far as they stand in the document."""
    draft: Draft = task.data
    try:
        about: About = (await ENRICHER(_shown(draft.document))).output
    except BadOutput:  # an index without names and topics is still one
        about = About((), ())
    lines = draft.document.lines
    names = {name: found(name, lines) for name in dict.fromkeys(about.names)}
    topics = {topic: found(topic, lines) for topic in dict.fromkeys(about.topics)}
    entry = replace(
        draft.entry,
        names=tuple(filter(None, names.values())),
        topics=tuple(filter(None, topics.values())),
        dropped=tuple(said for said, quote in (names | topics).items() if quote is None),
    )
    return Message(sender="enrich", text=entry.file, output=replace(draft, entry=entry))


async def _transformed(task: Task) -> Message:
    """The play of transforming: dates and amounts in normal form."""
    draft: Draft = task.data
    entry = draft.entry
    value, currency = money(entry.amount.text) if entry.amount else ("", "")
    entry = replace(entry, day=iso(entry.date.text) if entry.date else "", value=value, currency=currency)
    return Message(sender="transform", text=entry.file, output=replace(draft, entry=entry))


async def _validated(task: Task) -> Message:
    return Message(sender="validate", text=task.text, output=task.data)


def _valid(message: Message) -> str:
    draft: Draft = message.output
    return "; ".join(misplaced(draft.entry, draft.document.lines))


def misplaced(entry: Entry, lines: tuple[str, ...]) -> list[str]:
    """Which fields of an entry are not on their line, or not what their quote says."""
    quotes = [entry.title, *filter(None, (entry.date, entry.amount)), *entry.names, *entry.topics]
    problems = [
        f"{entry.file}:{quote.line} does not say {quote.text!r}"
        for quote in quotes
        if not 0 < quote.line <= len(lines) or quote.text not in lines[quote.line - 1]
    ]
    if entry.date and entry.day != iso(entry.date.text):
        problems.append(f"{entry.file}: {entry.day!r} is not {entry.date.text!r}")
    if entry.amount and (entry.value, entry.currency) != money(entry.amount.text):
        problems.append(f"{entry.file}: {entry.value} {entry.currency} is not {entry.amount.text!r}")
    return problems


async def _borne_out(folder: str, out: str, message: Message) -> str:
    """What is wrong with the index that was published, as it is read back."""
    text = await do(read_text, f"{out}/index.json")
    entries = msgspec.json.decode(text, type=list[Entry])
    problems = await do(wrong, folder, entries)
    missing = [f"not indexed: {failure}" for failure in message.missing]
    return "; ".join([*problems, *missing])


def index_page(heading: str, entries: list[Entry], lost: list[str]) -> str:
    """The index as a Markdown page: a row a document, with the lines behind each field."""
    head = ["| Document | Kind | Date | Amount | Names | Topics |", "|---|---|---|---|---|---|"]
    rows = [f"| {' | '.join(_row(entry))} |" for entry in entries]
    left = [f"- not indexed: {one}" for one in lost]
    dropped = [
        f"- {one.file}: not in the text, so dropped: {', '.join(one.dropped)}"
        for one in entries
        if one.dropped
    ]
    notes = ["", "## Left out", "", *left, *dropped] if left or dropped else []
    return "\n".join([f"# {heading or 'Index'}", "", *head, *rows, *notes, ""])


def _row(entry: Entry) -> list[str]:
    date = f"{entry.day} (:{entry.date.line})" if entry.date else ""
    amount = f"{entry.value} {entry.currency} (:{entry.amount.line})" if entry.amount else ""
    several = [
        ", ".join(f"{one.text} (:{one.line})" for one in quotes) for quotes in (entry.names, entry.topics)
    ]
    cells = (f"{entry.title.text} [{entry.file}:{entry.title.line}]", entry.kind, date, amount, *several)
    return [cell.replace("|", "\\|") for cell in cells]


def _shown(document: Document) -> str:
    return f"Document {document.file}:\n" + "\n".join(document.lines)[:SHOWN]


def _json(entries: list[Entry]) -> str:
    return msgspec.json.format(msgspec.json.encode(entries)).decode() + "\n"
