"""The research team: cited answers, checked against the files, on scripted models and on the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coterie import Result
from coterie.errors import BadInput
from coterie.memory.citations import check, cited, uncited
from coterie.memory.folder import read_folder
from coterie.models import scripted
from coterie.stores import MemoryStore
from coterie.teams.research import NOTHING_FOUND, build
from coterie.words.effect import Think
from coterie.words.event import Settled

QUESTION = "When does the ferry to Askoy leave?"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """Three small files, of which one has the answer."""
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "ferry.md").write_text(
        "# The ferry\n\nThe ferry to Askoy leaves the old harbour at 7 in the morning.\n"
        "It takes forty cars and two hundred people.\n\n"
        "On Sundays the ferry to Askoy stays in the harbour.\n"
    )
    (folder / "bread.txt").write_text("Rye bread is baked for an hour and rests for a day.\n")
    page = "<html><body><h1>Museum</h1>\n<p>The museum opens at ten and shows old nets.</p></body></html>\n"
    (folder / "museum.html").write_text(page)
    return folder


def _script(sentences: list[dict[str, Any]], **other: Callable[[Think], Any]) -> Any:
    """A model that plans one question, keeps the two best excerpts, and writes what it is told to."""
    script: dict[str, Callable[[Think], Any]] = {
        "planner": lambda _: {"questions": ["ferry times"]},
        "note-taker": lambda _: {"keep": [1, 2]},
        "writer": lambda _: {"sentences": sentences},
        "critic": lambda _: {"score": 1, "comment": ""},
        "editor": lambda _: {"keep": [1, 2]},
    }
    return scripted(script | other)


def _ask(docs: Path, model: Any, store: MemoryStore | None = None, question: str = QUESTION) -> Result:
    team = build(docs, beside=docs.parent / "runs.db")
    return asyncio.run(team.run(question, model=model, store=store or MemoryStore(), id="r"))


def test_an_answer_cites_the_lines_it_comes_from(docs: Path) -> None:
    """A sentence made from a note gets that note's file and line, and the run succeeds."""
    said = [{"note": 1, "text": "The ferry to Askoy leaves the old harbour at 7 in the morning"}]
    result = _ask(docs, _script(said))
    assert result.status == "succeeded"
    assert result.text == "The ferry to Askoy leaves the old harbour at 7 in the morning. [ferry.md:3]"
    assert [part.sender for part in result.parts] == ["planner", "notes", "answer", "edit"]


@pytest.mark.parametrize(
    "made_up",
    [
        "The ferry to Askoy leaves the old harbour at 9 in the morning",
        "The `night` ferry to Askoy leaves the old harbour at 7 in the morning",
        "Tickets are sold by a bear",
        "7.",
    ],
)
def test_what_a_note_does_not_say_is_replaced_by_the_note(docs: Path, made_up: str) -> None:
    """A wrong number, another name, an invention or a fragment never reaches the answer."""
    result = _ask(docs, _script([{"note": 1, "text": made_up}]))
    assert result.status == "succeeded"
    assert result.text == "The ferry to Askoy leaves the old harbour at 7 in the morning. [ferry.md:3]"


def test_p15_an_answer_whose_lines_have_gone_is_unverified(docs: Path) -> None:
    """When the files change under the run, the done-when finds the citation that no longer holds."""
    said = [
        {"note": 1, "text": "The ferry to Askoy leaves the old harbour at 7 in the morning"},
        {"note": 2, "text": "On Sundays the ferry to Askoy stays in the harbour"},
    ]

    def edit(_: Think) -> Any:
        (docs / "ferry.md").write_text("# The ferry\n\nNothing is known.\n")
        return {"keep": [1]}

    result = _ask(docs, _script(said, editor=edit))
    assert result.status == "unverified"
    assert result.message is not None
    assert "[ferry.md:3]" in result.message.unverified or "cited lines" in result.message.unverified


def test_nothing_found_is_said_so(docs: Path) -> None:
    """When no note-taker keeps anything, the answer says that the documents have none."""
    script = _script([], **{"note-taker": lambda _: {"keep": []}})
    assert _ask(docs, script, question="Who painted the ceiling?").text == NOTHING_FOUND


def test_a_folder_without_text_is_refused_before_anything_runs(tmp_path: Path) -> None:
    """No folder, a file, and an empty folder are errors at the door."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.md").write_text("text")
    for place in ("nowhere", "empty", "file.md"):
        with pytest.raises(BadInput):
            build(tmp_path / place)


@pytest.mark.slow
@pytest.mark.weights
def test_the_embedded_model_answers_from_the_documents(docs: Path) -> None:
    """The real model and embeddings, end to end: a cited answer whose every citation holds."""
    store = MemoryStore()
    result = _ask(docs, "embedded", store)
    lines = read_folder(docs).lines
    events = [record.event for record in asyncio.run(store.read("r"))]
    calls = [event for event in events if isinstance(event, Settled) and "/think." in event.path]
    assert result.status == "succeeded", result.failure
    assert "ferry.md" in {citation.file for citation in cited(result.text)}
    assert (check(result.text, lines), uncited(result.text)) == ([], [])
    assert len(calls) == result.usage.requests >= 5
    assert result.usage.input_tokens > 500
