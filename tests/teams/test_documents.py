"""The documents team: an index in which every field stands in its document."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from coterie.errors import BadInput
from coterie.models import scripted
from coterie.teams.documents import Entry, build, misplaced
from coterie.teams.fields import Quote, amounts, dates, found, iso, money
from coterie.testing import crash_everywhere

SCRIPT = {
    "extractor": lambda think: (
        {"kind": "invoice", "date": "12 March 2026", "amount": "EUR 1,840.00"}
        if "bill.txt" in think.thread[-1].text
        else {"kind": "letter"}
    ),
    "enricher": lambda _: {"names": ["Lindgren", "Napoleon"], "topics": ["mast"]},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bill and a letter."""
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "bill.txt").write_text("BILL\nLindgren Boatyard, 12 March 2026\nThe mast: EUR 1,840.00\n")
    (papers / "letter.txt").write_text("Dear Mr Lindgren,\nwhere is the mast?\n")
    return papers


def test_an_index_has_the_line_of_every_field(folder: Path, tmp_path: Path) -> None:
    """What the document says is kept with its line and in normal form; what it does not is dropped and said."""
    result = build(folder, tmp_path / "out").run_sync("Papers", model=scripted(SCRIPT))
    entries = msgspec.json.decode((tmp_path / "out" / "index.json").read_bytes(), type=list[Entry])
    assert result.status == "succeeded"
    assert [one.file for one in entries] == ["bill.txt", "letter.txt"]
    bill = entries[0]
    assert (bill.day, bill.value, bill.currency) == ("2026-03-12", "1840.00", "EUR")
    assert (bill.names, bill.topics, bill.dropped) == (
        (Quote("Lindgren", 2),),
        (Quote("mast", 3),),
        ("Napoleon",),
    )
    assert "not in the text, so dropped: Napoleon" in (tmp_path / "out" / "index.md").read_text()


def test_p15_a_document_that_changes_under_the_run_is_unverified(folder: Path, tmp_path: Path) -> None:
    """The index is held against the files at the end, not against what was read at the beginning."""

    def enrich(_):
        (folder / "bill.txt").write_text("Nothing.\n")
        return {"names": [], "topics": []}

    result = build(folder, tmp_path / "out").run_sync(
        "Papers", model=scripted({**SCRIPT, "enricher": enrich})
    )
    assert result.status == "unverified"
    assert "bill.txt:1 does not say 'BILL'" in result.message.unverified


def test_it_survives_a_crash_anywhere(folder: Path, tmp_path: Path) -> None:
    """Cut after any event and resumed, it comes to the same and repeats no settled step."""
    assert crash_everywhere(build(folder, tmp_path / "out"), "Papers", script=SCRIPT).status == "succeeded"


def test_a_folder_without_text_is_refused(tmp_path: Path) -> None:
    """Before anything runs."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no text"):
        build(tmp_path / "empty", tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-01-09", "2026-01-09"),
        ("12 March 2026", "2026-03-12"),
        ("March 3rd, 2026", "2026-03-03"),
        ("1 Sep 2026", "2026-09-01"),
        ("5.4.2026", "2026-04-05"),
        ("31 February 2026", ""),
    ],
)
def test_dates_have_one_normal_form(text: str, day: str) -> None:
    """ISO 8601; a day that is in no calendar is no date."""
    assert iso(text) == day
    assert [quote.text for quote in dates([f"On {text} it was."])] == ([text] if day else [])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("EUR 1,840.00", ("1840.00", "EUR")),
        ("$99", ("99", "USD")),
        ("12.50 €", ("12.50", "EUR")),
        ("5 euros", ("5", "EUR")),
    ],
)
def test_sums_have_one_normal_form(text: str, value: tuple[str, str]) -> None:
    """A plain decimal and the code of ISO 4217."""
    assert (money(text), [quote.text for quote in amounts([f"It costs {text} now"])]) == (value, [text])


def test_words_are_found_whole_and_as_they_stand() -> None:
    """Case does not matter, half a word is none, and the quote is the document's spelling."""
    assert found("net LOFT", ["x", "the Net loft."]) == Quote("Net loft", 2)
    assert found("loft", ["lofty"]) is None
    assert found("...", ["..."]) is None


def test_a_field_on_the_wrong_line_is_named() -> None:
    """Each problem names file, line and words."""
    entry = Entry(file="a.txt", title=Quote("A", 1), date=Quote("1 May 2026", 2), day="2026-05-02")
    assert misplaced(entry, ("A", "2 May 2026")) == [
        "a.txt:2 does not say '1 May 2026'",
        "a.txt: '2026-05-02' is not '1 May 2026'",
    ]
