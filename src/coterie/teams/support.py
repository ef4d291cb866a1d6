"""Support: tickets are sorted, answered from a folder of knowledge with file and line, or brought to a person.

Triage says what a ticket is about; that decides between technical, billing and a person. The specialists search the
knowledge, choose what answers the ticket, and quote it with its lines; one who finds nothing near enough declines,
and the ticket goes to a person, who is asked at the terminal or whenever the run is resumed. Last, each ticket
has to have one reply, and each citation to hold against the files: that is the team's done-when.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, convert, defstruct

from coterie.actor import Play, do
from coterie.agent import Agent
from coterie.errors import BadInput, Declined
from coterie.memory.folder import read_folder
from coterie.patterns.choose import one_of
from coterie.patterns.mapreduce import mapreduce
from coterie.patterns.router import router
from coterie.patterns.routes import Route
from coterie.team import Team
from coterie.teams.library import Excerpt, cited_by, index, problems, search
from coterie.teams.option import Option
from coterie.teams.output import parts_of, text_of, writable, write_files
from coterie.tool import tool
from coterie.words.effect import Ask
from coterie.words.failure import collect_all
from coterie.words.message import Message
from coterie.words.task import Task

SHOWN = 800
"""Characters of a ticket that models are shown."""
FOUND = 5
"""Excerpts that a specialist chooses from."""
NEAR = 0.35
"""The likeness to its ticket below which an excerpt answers nothing."""
AT_ONCE = 2
"""Tickets that are worked on at the same time; one that waits for a person counts."""
DESKS = {
    "login": "technical", "password": "technical", "error": "technical", "printing": "technical",
    "installation": "technical", "invoice": "billing", "payment": "billing", "price": "billing",
    "refund": "billing", "complaint": "person", "lawyer": "person", "cancellation": "person",
}  # fmt: skip
"""What tickets are about, in single words, and which desk that goes to."""


class Ticket(Struct, frozen=True, forbid_unknown_fields=False):
    """What somebody wrote."""

    id: Annotated[str, Meta(min_length=1)]
    text: Annotated[str, Meta(min_length=1)]
    subject: str = ""

    @property
    def whole(self) -> str:
        """Subject and text, as far as models read them."""
        return f"{self.subject}\n{self.text}".strip()[:SHOWN]


class Sorted(Struct, frozen=True):
    """A ticket, and what it is about."""

    ticket: Ticket
    about: str


class Reply(Struct, frozen=True):
    """What a ticket is answered with, and by whom: `technical`, `billing` or `person`."""

    ticket: str
    about: str
    by: str
    text: str


class Choice(Struct, frozen=True):
    """What a specialist answers with: the number of the excerpt that answers the ticket, 0 if none does."""

    excerpt: Annotated[int, Meta(ge=0, le=FOUND)]


TRIAGE = Agent(
    "triage",
    "You say what a customer's message is about.",
    output=defstruct("About", [("about", one_of(DESKS))], frozen=True),
    settings={"max_tokens": 16},
)
CHOOSE = (
    "You answer {what}. Which of the numbered excerpts of the handbook answers the customer? 0 if none does."
)
TECHNICAL = Agent(
    "technician", CHOOSE.format(what="technical questions"), output=Choice, settings={"max_tokens": 16}
)
BILLING = Agent(
    "accountant", CHOOSE.format(what="questions about money"), output=Choice, settings={"max_tokens": 16}
)
OPTIONS = (
    Option(
        name="tickets",
        help="A file with a line of JSON a ticket: id, text, subject.",
        kind="file",
        required=True,
    ),
    Option(
        name="knowledge", help="The folder of text, Markdown and HTML files.", kind="folder", required=True
    ),
    Option(name="out", help="The folder for replies.jsonl and replies.md.", kind="output", required=True),
    Option(name="beside", help="The index is kept next to this file.", kind="store"),
)


def tickets_in(path: str | Path) -> list[Ticket]:
    """The tickets of a file of JSON lines.

    Raises:
        BadInput: naming the line, if one is no ticket, or two have one id.
    """
    found: dict[str, Ticket] = {}
    for n, line in enumerate(text_of(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            given = msgspec.json.decode(line, type=dict[str, Any])
            ticket = convert({**given, "id": str(given.get("id", ""))}, Ticket)
        except msgspec.DecodeError as error:
            raise BadInput(
                f'line {n} of {str(path)!r} is no ticket like {{"id": "7", "text": "..."}}: {error}'
            ) from error
        if ticket.id in found:
            raise BadInput(f"line {n} of {str(path)!r}: there is a ticket {ticket.id!r} before it already")
        found[ticket.id] = ticket
    return list(found.values())


@tool(idempotent=True)
def tickets(path: str) -> list[Ticket]:
    """The tickets of a file of JSON lines."""
    return tickets_in(path)


def build(
    tickets: str | Path, knowledge: str | Path, out: str | Path, beside: str | Path = ".coterie/runs.db"
) -> Team:
    """A team that answers every ticket of a file; the task says who answers, as in `You write for Askoy Ferries`.

    Raises:
        BadInput: if the tickets or the knowledge cannot be read, or `out` cannot be written to.
    """
    tickets_in(tickets)
    read_folder(knowledge)
    source, folder, target = str(Path(tickets).resolve()), str(Path(knowledge).resolve()), writable(out)
    store = str(Path(beside).resolve())

    async def play(task: Task) -> Message:
        await do(index, folder, store)
        known = await do(_TICKETS, source)
        made = await every(Task(task.text, data=[Task(one.whole, data=one) for one in known]))
        replies = [part.output for part in made.parts]
        files = {"replies.jsonl": _lines(replies), "replies.md": page(task.text, replies)}
        await do(write_files, target, files)
        text = page("", replies).strip()
        return Message(sender="support", text=text, output=replies, parts=made.parts, missing=made.missing)

    desks = router(
        [
            Route(
                Team("technical", [TECHNICAL], _answering(TECHNICAL, folder, store)),
                "errors, logins, devices",
            ),
            Route(
                Team("billing", [BILLING], _answering(BILLING, folder, store)), "invoices, prices, refunds"
            ),
            Route(Team("person", (), _escalated), "complaints, and all that nobody else can answer"),
        ],
        choose=_desk,
        name="desks",
    )
    one = Team("ticket", [TRIAGE, desks], _through(desks))
    every = mapreduce(one, split=parts_of, at_once=AT_ONCE, name="tickets", on_failure=collect_all)
    return Team("support", [every], play, done_when=partial(_borne_out, source, folder))


_TICKETS = tickets


def _through(desks: Team) -> Play:
    """The play of one ticket: triage, then the desk that this says."""

    async def play(task: Task) -> Message:
        about: str = (await TRIAGE(task.text)).output.about
        return await desks(Task(task.text, data=Sorted(task.data, about)))

    return play


def _desk(task: Task, routes: Sequence[Route]) -> str:
    """The desk for what a ticket is about; a person, where that one has declined."""
    desk = DESKS[task.data.about]
    return desk if desk in [one.name for one in routes] else "person"


def _answering(specialist: Agent, folder: str, store: str) -> Play:
    """The play of a specialist: search, choose, quote; or decline."""

    async def play(task: Task) -> Message:
        given: Sorted = task.data
        near = [one for one in await do(search, folder, store, task.text, FOUND) if one.likeness >= NEAR]
        if not near:
            raise Declined("the knowledge has nothing like it")
        listed = "\n".join(f"{n}. ({one.under}) {one.text}" for n, one in enumerate(near, 1))
        chosen: Choice = (await specialist(f"Excerpts:\n{listed}\n\nThe customer: {task.text}")).output
        if not 0 < chosen.excerpt <= len(near):
            raise Declined("none of what was found answers it")
        desk = DESKS[given.about]
        text = _quoted(near[chosen.excerpt - 1], near)
        return Message(sender=desk, text=text, output=Reply(given.ticket.id, given.about, desk, text))

    return play


def _quoted(chosen: Excerpt, near: Sequence[Excerpt]) -> str:
    """The excerpt that was chosen, and what stands with it below the same heading."""
    with_it = [one for one in near if one.under == chosen.under and one is not chosen][:1]
    return "\n".join(cited_by(one.text, one.citation) for one in (chosen, *with_it))


async def _escalated(task: Task) -> Message:
    """The play of a person: asked for the reply, with the ticket before their eyes."""
    given: Sorted = task.data
    ticket = given.ticket
    said = await Ask(
        f"Ticket {ticket.id} ({given.about}) needs you. {ticket.subject}: {ticket.text}\nYour reply?"
    )
    text = str(said).strip()
    return Message(sender="person", text=text, output=Reply(ticket.id, given.about, "person", text))


async def _borne_out(source: str, folder: str, message: Message) -> str:
    """What is wrong with the replies: a ticket without one, an empty one, a citation that does not hold."""
    replies = convert(message.output, list[Reply])
    asked = [one.id for one in await do(_TICKETS, source)]
    there = [one.ticket for one in replies]
    wrong = [f"ticket {one!r} has {there.count(one)} replies" for one in asked if there.count(one) != 1]
    wrong += [f"the reply to ticket {one.ticket!r} is empty" for one in replies if not one.text]
    for one in replies:
        if one.by != "person":
            wrong += [f"ticket {one.ticket!r}: {problem}" for problem in await do(problems, folder, one.text)]
    return "; ".join(wrong)


def page(heading: str, replies: Sequence[Reply]) -> str:
    """The replies as Markdown."""
    parts = [f"## Ticket {one.ticket}: {one.about}, by {one.by}\n\n{one.text}" for one in replies]
    return "\n\n".join([*([f"# {heading}"] if heading else []), *parts]) + "\n"


def _lines(replies: Sequence[Reply]) -> str:
    return "".join(msgspec.json.encode(one).decode() + "\n" for one in replies)
