"""Reading a folder, and splitting what is in it into passages with true line numbers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import BadInput
from coterie.memory.folder import Document, Limits, read_folder
from coterie.memory.markup import Layout, html, markdown, split_lines
from coterie.memory.passages import LONGEST, Passage, passages, size

LIBRARY = Path(__file__).parent / "data" / "library"

LINES = st.sampled_from(
    [
        "", " ", "\t", "# One", "## Two", "### Three ###", "```", "~~~", "====", "----", "Title",
        "- item", "  3) item", "| a | b |", "|---|---|", "some words of a paragraph", "x" * 400,
        "word " * 90, "word " * 500, "<h1>A</h1><p>b", "<p>", "</p>text", "<pre>", "</pre>",
        "<script>", "</script>", "&#10;&amp;", "<!-- gone", "-->", "\x0b", "\x85 z", "\u2028",
    ]
)  # fmt: skip
TEXTS = st.lists(LINES, max_size=40).map("\n".join) | st.text(max_size=200)


def split(layout: Layout) -> list[Passage]:
    return passages(Document("a", layout, b""))


def covered(found: list[Passage]) -> list[int]:
    return [line for passage in found for line in range(passage.first, passage.last + 1)]


@given(TEXTS)
def test_every_line_with_text_is_in_exactly_one_passage(text: str) -> None:
    """No line is lost, none is told twice, and the order is the file's."""
    layout = markdown(text)
    numbers = covered(split(layout))
    written = [number for number, line in enumerate(layout.lines, 1) if line.strip()]
    assert sorted(set(numbers)) == numbers
    assert [number for number in numbers if layout.lines[number - 1].strip()] == written


@given(TEXTS)
def test_line_numbers_are_those_of_the_file(text: str) -> None:
    """A passage's text is the text of its lines, and begins and ends with something written."""
    lines = split_lines(text)
    for passage in split(markdown(text)):
        assert passage.text == "\n".join(lines[passage.first - 1 : passage.last])
        assert lines[passage.first - 1].strip()
        assert lines[passage.last - 1].strip()


@given(TEXTS)
def test_a_passage_fits_the_embedder_unless_one_line_does_not(text: str) -> None:
    """Only a passage of a single line is ever longer than the limit."""
    for passage in split(markdown(text)):
        assert passage.first == passage.last or size(passage.text) <= LONGEST


@given(TEXTS)
def test_html_keeps_line_numbers_whatever_is_in_it(text: str) -> None:
    """A page has as many lines as its file, and its passages cover every line with text once."""
    try:
        layout = html(text)
    except ValueError:
        return
    numbers = covered(split(layout))
    assert len(layout.lines) == len(split_lines(text))
    assert sorted(set(numbers)) == numbers
    assert set(numbers) >= {n for n, line in enumerate(layout.lines, 1) if line.strip()}


def test_lines_are_counted_as_editors_count_them() -> None:
    """LF, CRLF and CR end a line; a form feed or a Unicode separator does not."""
    assert split_lines("a\r\nb\rc\nd\x0ce\u2028f\n") == ["a", "b", "c", "d\x0ce\u2028f"]


def test_a_passage_knows_the_headings_over_it() -> None:
    """The trail holds one heading a level, from the outermost in."""
    text = "# Top\n\n## One\n\n" + "word " * 100 + "\n\n## Two\n\n### Deep\n\n" + "word " * 100
    trails = [(passage.first, passage.headings) for passage in split(markdown(text))]
    assert trails == [(1, ("Top", "One")), (7, ("Top", "Two", "Deep"))]


def test_a_heading_goes_with_what_follows_it() -> None:
    """A passage never ends in the heading of the next one."""
    text = "word " * 40 + "\n\n# Next\n\n" + "word " * 160
    assert [(p.first, p.last) for p in split(markdown(text))] == [(1, 1), (3, 5)]


def test_code_that_fits_stays_together() -> None:
    """A fence is not split, blank lines and would-be headings in it notwithstanding."""
    code = "```\n# no heading\n\n" + "call()\n" * 20 + "```"
    found = split(markdown("word " * 190 + "\n\n" + code))
    assert [passage.text for passage in found] == ["word " * 190, code]
    assert found[1].headings == ()


def test_headings_drawn_with_rules_are_headings() -> None:
    """Underlined titles count, as do those with a rule above and below."""
    blocks = markdown("=====\nBook\n=====\n\nPart\n----\n\ntext").blocks
    assert [(b.first, b.last, b.level, b.title) for b in blocks] == [
        (1, 3, 1, "Book"), (5, 6, 2, "Part"), (8, 8, 0, ""),
    ]  # fmt: skip


def test_html_is_what_a_reader_sees_on_the_line_where_it_is_written() -> None:
    """Markup, scripts and styles go; entities are resolved; numbers stay."""
    page = read_folder(LIBRARY).lines["guides/field.html"]
    assert "secret" not in "".join(page)
    assert page[14] == "Switch the gauge to maintenance first: its readings are then marked and"
    assert page[17] == "Cleaning takes about twenty minutes & is due in April and October."


def test_html_preformatted_text_keeps_its_indentation() -> None:
    """Code on a page stays code."""
    assert html("<pre>\nif x:\n    y()\n</pre>").lines == ("", "if x:", "    y()", "")


def test_an_unclosed_comment_is_read_as_text_and_in_time() -> None:
    """A page made of a hundred thousand openings is read in a moment."""
    assert html("<p>kept</p>\n<!-- open").lines == ("kept", "<!-- open")
    assert len(html("<!--" * 100_000).lines) == 1


def test_a_folder_is_read_in_the_order_of_its_paths() -> None:
    """All kinds are read, below subfolders too, and named with slashes."""
    folder = read_folder(LIBRARY)
    assert [document.file for document in folder.documents] == [
        "alarms.md", "guides/access.md", "guides/field.html", "guides/forecast.rst",
        "history.txt", "storage.md",
    ]  # fmt: skip
    assert (folder.skipped, folder.repaired) == ((), ())


def test_what_is_skipped_is_said(tmp_path: Path) -> None:
    """Hidden, foreign, linked, binary, empty, large and special files each get a note."""
    root = tmp_path / "root"
    (root / ".git").mkdir(parents=True)
    (root / "a.md").write_text("kept")
    (root / ".env.txt").write_text("secret")
    (root / "b.png").write_bytes(b"png")
    (root / "bin.txt").write_bytes(b"a\0b")
    (root / "empty.md").write_text(" \n")
    (root / "large.md").write_text("x" * 101)
    (root / "noise.txt").write_bytes(bytes(range(128, 228)))
    (root / "broken.html").write_text("<p>x<![foo[bar]>")
    (tmp_path / "outside.md").write_text("outside")
    (root / "out.md").symlink_to(tmp_path / "outside.md")
    (root / "sly.md").symlink_to(root / ".env.txt")
    (root / "gone.md").symlink_to(root / "nothing")
    (root / "dir").symlink_to(tmp_path)
    os.mkfifo(root / "pipe.txt")
    folder = read_folder(root, Limits(file_bytes=100))
    assert [document.file for document in folder.documents] == ["a.md"]
    assert {note.file: note.what.split(":")[0] for note in folder.skipped} == {
        ".git": "a hidden folder", ".env.txt": "a hidden file",
        "b.png": "not a kind of file that is read", "bin.txt": "binary, or not UTF-8",
        "empty.md": "no text in it", "large.md": "larger than 100 bytes",
        "noise.txt": "binary, or not UTF-8", "broken.html": "its HTML can't be read",
        "out.md": "a link that leaves the folder", "sly.md": "a link to a hidden file",
        "gone.md": "can't be read", "dir": "a link to a folder",
        "pipe.txt": "not a regular file",
    }  # fmt: skip


def test_limits_on_the_whole_folder_hold(tmp_path: Path) -> None:
    """Bytes in all and files looked at are bounded, and what is over them is noted."""
    for name in "abc":
        (tmp_path / f"{name}.md").write_text("12345678")
    little = read_folder(tmp_path, Limits(total_bytes=20))
    few = read_folder(tmp_path, Limits(files=2))
    assert [document.file for document in little.documents] == ["a.md", "b.md"]
    assert [note.file for note in little.skipped] == ["c.md"]
    assert [note.what for note in few.skipped] == ["only the first 2 files are looked at"]


def test_text_that_is_not_utf8_is_repaired_and_said(tmp_path: Path) -> None:
    """Latin-1 is read with replacements, a byte order mark goes unseen."""
    (tmp_path / "a.md").write_bytes("Die Tür ist grün und offen für alle Leute".encode("latin-1"))
    (tmp_path / "b.md").write_bytes(b"\xef\xbb\xbf# Title")
    folder = read_folder(tmp_path)
    assert [str(note) for note in folder.repaired] == ["a.md: 3 places were not UTF-8 and read as \ufffd"]
    assert folder.lines["b.md"] == ("# Title",)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda root: None, "there is no folder"),
        (lambda root: root.write_text("x"), "is a file"),
        (lambda root: root.mkdir(), "has no text to read"),
    ],
)
def test_a_folder_that_cannot_be_used_is_a_clear_error(
    tmp_path: Path, make: Callable[[Path], object], says: str
) -> None:
    """The error names the folder and what to do."""
    make(tmp_path / "docs")
    with pytest.raises(BadInput, match=says):
        read_folder(tmp_path / "docs")
