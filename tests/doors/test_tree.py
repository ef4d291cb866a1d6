"""The tree, the timeline and the lines of a run are pure: records in, text out."""

from __future__ import annotations

import pytest

from coterie.doors.cli.terminal import grown
from coterie.doors.events import event_data, event_line
from coterie.doors.letters import Look, cropped, cut, harmless
from coterie.doors.tree import timeline, tree_lines
from coterie.kernel.story import Branch
from coterie.words.brief import Brief
from coterie.words.effect import Think
from coterie.words.event import Asked, Closed, Event, Noted, Opened, Record, Settled, Signalled
from coterie.words.failure import Failure
from coterie.words.message import Message
from coterie.words.thread import Thread
from coterie.words.usage import Usage

THINK = Think("hope", "scripted", Brief("Hope."), Thread((Message(sender="user", text="Well?"),)))
EVENTS: list[Event] = [
    Opened(run="r", actor="debate", task="Well?"),
    Noted("debate", "entered", "Well?"),
    Noted("debate/hope", "entered", "Well?"),
    Asked("debate/hope/think.1", THINK),
    Noted("debate/doubt", "entered", "Well?"),
    Settled("debate/hope/think.1", Message(sender="hope", text="Yes."), usage=Usage(1000, 234, 1)),
    Noted("debate/hope", "left"),
    Noted("debate/doubt", "failed", "ModelFailed: no answer"),
]
RECORDS = [Record(seq, 100.0 + seq, event) for seq, event in enumerate(EVENTS)]
ROOT = grown(RECORDS).root


def test_a_line_a_frame_below_its_caller() -> None:
    """Each frame has its state, its name, its seconds and its tokens."""
    assert tree_lines(ROOT, 110.0, Look(width=60)) == [
        "● debate  Well?                       9.0 s    1,234 tokens",
        "├─ ✓ hope                             4.0 s    1,234 tokens",
        "└─ ✗ doubt  ModelFailed: no …         3.0 s",
    ]


def test_the_end_of_what_is_being_written_is_shown() -> None:
    """A frame whose model is writing shows the end of its line, without what could move a cursor."""
    saying = {"debate": "It is a truth\x1b[2J universally acknowledged"}
    (line, *_) = tree_lines(ROOT, 110.0, Look(width=60), saying)
    assert line == "● debate  …sally acknowledged         9.0 s    1,234 tokens"


def test_letters_that_every_terminal_has() -> None:
    """Without Unicode the same tree is drawn in ASCII."""
    lines = tree_lines(ROOT, 110.0, Look(width=60, unicode=False))
    assert [line.isascii() for line in lines] == [True] * 3
    assert lines[1].startswith("|- + hope")


def test_colour_is_around_the_mark_alone() -> None:
    """With colours each mark is in the colour of its state."""
    lines = tree_lines(ROOT, 110.0, Look(width=60, colour=True))
    assert lines[1].startswith("├─ \x1b[32m✓\x1b[0m hope ")


def test_what_has_ended_gives_way() -> None:
    """Where rows are few, frames that run or failed stay, and the rest is counted."""
    lines = tree_lines(ROOT, 110.0, Look(width=60, height=2))
    assert [lines[0][:8], lines[-1]] == ["● debate", "… and 2 more"]


@pytest.mark.parametrize("width", [20, 40, 79, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Whatever the names and tasks are, a line leaves the last column free."""
    root = Branch(path="x" * 90, name="x" * 90, task="y" * 300, began=1.0)
    assert max(map(len, tree_lines(root, 2.0, Look(width=width)))) < width


def test_a_bar_a_frame() -> None:
    """A bar begins and ends where its frame did, on the scale of the whole run."""
    records = [*RECORDS, Record(8, 108.0, Noted("debate", "left"))]
    assert timeline(grown(records).root, 110.0, Look(width=40)) == [
        "debate   ████████████████████    7.0 s",
        "├─ hope     ███████████          4.0 s",
        "└─ doubt          ████████       3.0 s",
    ]


def test_what_a_resume_takes_back_is_not_shown() -> None:
    """A failure that a resumed run has taken back is no longer in its tree."""
    failed = Settled("debate/hope/think.1", failure=Failure(kind="ModelFailed", message="no"))
    closed = Closed(status="failed", failure=failed.failure)
    events = [*EVENTS[:4], failed, closed, Signalled("resume", value=[3, 4, 5])]
    root = grown([Record(seq, 100.0 + seq, event) for seq, event in enumerate(events)]).root
    assert [root.state, root.children[0].state, root.children[0].steps] == ["running", "running", 0]


def test_every_event_has_a_line() -> None:
    """Number, seconds since the run began, where, and what."""
    assert event_line(RECORDS[5], 100.0) == "    5     5.00 s  debate/hope/think.1  gives Yes. (1,234 tokens)"
    assert event_line(RECORDS[7], 100.0) == "    7     7.00 s  debate/doubt  failed ModelFailed: no answer"


def test_every_event_is_plain_data() -> None:
    """What a program reads has the number, the time, the type, and what its kind has."""
    data = event_data(RECORDS[3])
    assert [data["seq"], data["type"], data["kind"]] == [3, "asked", "think"]
    assert data["request"][:2] == ["hope", "scripted"]
    assert [event_data(record)["seq"] for record in RECORDS] == list(range(8))


def test_what_a_model_says_moves_no_cursor() -> None:
    """Control characters are left out of what is printed; tabs and line ends stay."""
    assert harmless("a\x1b[2Jb\r\tc\n\x9b1m") == "a[2Jb\tc\n1m"
    assert cropped("a\x1b\n b", 9) == "a b"


@pytest.mark.parametrize(("width", "expected"), [(5, "abcde"), (4, "abc…"), (1, "…"), (0, "…")])
def test_a_cut_line_says_so(width: int, expected: str) -> None:
    """The last letter of a line that was cut is an ellipsis."""
    assert cut("abcde", width) == expected
