"""The support team: cited answers, people for the rest, and one reply a ticket."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from coterie.errors import BadInput
from coterie.models import scripted
from coterie.shell.run import resume
from coterie.stores import MemoryStore
from coterie.teams.support import Reply, build
from coterie.testing import crash_everywhere

ASKS = [
    f"support/tickets/{at}/desks/person/ask.1"
    for at in ("_work/ticket.2", "_work.2/ticket", "_work.2/ticket.2")
]
SCRIPT = {
    "triage": lambda think: {"about": "password" if "password" in think.thread[-1].text else "complaint"},
    "technician": lambda _: {"excerpt": 1},
}


@pytest.fixture
def desk(tmp_path: Path) -> dict[str, Path]:
    """Two tickets, and a handbook that answers one of them."""
    book = tmp_path / "book"
    book.mkdir()
    (book / "a.md").write_text("# Passwords\n\nPress the blue button to get a new password.\n")
    tickets = tmp_path / "tickets.jsonl"
    tickets.write_text(
        '{"id": "1", "text": "How do I get a new password?"}\n{"id": 2, "subject": "Rude", "text": "He was rude."}\n'
    )
    return {"tickets": tickets, "knowledge": book, "out": tmp_path / "out", "beside": tmp_path / "runs.db"}


def test_an_answer_cites_its_line_and_a_person_gets_the_rest(desk: dict[str, Path]) -> None:
    """The run waits for the person, is resumed with the answer, and has one reply a ticket."""
    store = MemoryStore()
    result = build(**desk).run_sync("Ferries", model=scripted(SCRIPT), store=store, id="s")
    assert (result.status, len(result.waiting)) == ("waiting", 1)
    ((path, ask),) = result.waiting.items()
    assert "Ticket 2 (complaint) needs you. Rude: He was rude." in ask.question
    result = asyncio.run(
        resume(build(**desk), "s", model=scripted(SCRIPT), store=store, answers={path: "We are sorry."})
    )
    lines = (desk["out"] / "replies.jsonl").read_bytes().splitlines()
    assert result.status == "succeeded"
    assert [msgspec.json.decode(line, type=Reply) for line in lines] == [
        Reply("1", "password", "technical", "Press the blue button to get a new password. [a.md:3]"),
        Reply("2", "complaint", "person", "We are sorry."),
    ]


@pytest.mark.parametrize("number", [0, 5])
def test_a_specialist_who_finds_no_answer_declines_to_a_person(desk: dict[str, Path], number: int) -> None:
    """None that answers, or a number that is not there: a person is asked about both tickets."""
    script = {**SCRIPT, "technician": lambda _: {"excerpt": number}}
    result = build(**desk).run_sync("Ferries", model=scripted(script), store=MemoryStore())
    assert len(result.waiting) == 2


def test_p15_a_handbook_that_changes_under_the_run_is_unverified(desk: dict[str, Path]) -> None:
    """Citations are held against the files at the end."""

    def choose(_):
        (desk["knowledge"] / "a.md").write_text("# Nothing\n\nNothing at all is known about this.\n")
        return {"excerpt": 1}

    async def person(path: str, ask: object) -> str:
        return "Sorry."

    model = scripted({**SCRIPT, "technician": choose})
    result = build(**desk).run_sync("Ferries", model=model, ask=person)
    assert result.status == "unverified"
    assert "ticket '1'" in result.message.unverified


def test_it_survives_a_crash_anywhere(desk: dict[str, Path]) -> None:
    """Cut after any event and resumed, it comes to the same and repeats no settled step."""
    assert (
        crash_everywhere(
            build(**desk), "Ferries", script=SCRIPT, answers=dict.fromkeys(ASKS, "Sorry.")
        ).status
        == "succeeded"
    )


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"id": "1"}', "line 1 .* is no ticket"),
        ('{"id": "1", "text": ""}', "line 1 .* is no ticket"),
        ('{"id": "1", "text": "a"}\n{"id": "1", "text": "b"}', "line 2 .* ticket '1' before"),
        ("", "empty"),
    ],
)
def test_tickets_that_cannot_be_read_are_refused_at_the_door(
    desk: dict[str, Path], text: str, what: str
) -> None:
    """The message names the line."""
    desk["tickets"].write_text(text)
    with pytest.raises(BadInput, match=what):
        build(**desk)
