"""The notify team: what concerns the reader is sent, and once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from coterie.errors import BadInput
from coterie.models import scripted
from coterie.stores import MemoryStore
from coterie.teams.notify import build
from coterie.teams.outbox import Notice, items, notices, send
from coterie.testing import rehearse
from coterie.testing.crash import RUN, resumes

SCRIPT = {"decider": lambda think: {"kind": "failure" if "fail" in think.thread[-1].text else "news"}}
WISH = "Tell me when something fails."


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    """A failure and some news."""
    file = tmp_path / "feed.jsonl"
    file.write_text('{"id": "a", "text": "The pump has failed."}\n{"id": "b", "text": "There is cake."}\n')
    return file


def test_only_what_is_wanted_is_sent(feed: Path, tmp_path: Path) -> None:
    """In the item's own words, with the urgency of its kind; a second run sends nothing again."""
    outbox = tmp_path / "outbox.jsonl"
    for said in ("[high] The pump has failed. (a)", "Nothing to tell."):
        result = build(feed, outbox).run_sync(WISH, model=scripted(SCRIPT))
        assert (result.status, result.text) == ("succeeded", said)
    assert notices.function(str(outbox)) == [Notice("a", "high", "The pump has failed.")]


def test_a_kind_that_the_wish_names_is_wanted_without_asking(feed: Path, tmp_path: Path) -> None:
    """`Tell me about failures` needs no model to be understood."""
    asked: list[str] = []
    model = scripted(
        {"decider": lambda think: asked.append(think.thread[-1].text) or SCRIPT["decider"](think)}
    )
    result = build(feed, tmp_path / "o").run_sync("All failures, please", model=model)
    assert (asked, len(result.output)) == (["The pump has failed.", "There is cake."], 1)


def test_later_looks_see_what_is_new(feed: Path, tmp_path: Path) -> None:
    """What was there at the first look is not decided again at the second."""
    asked: list[str] = []

    def decide(think):
        asked.append(think.thread[-1].text)
        if "cake" in asked[-1]:
            with feed.open("a") as file:
                file.write('{"id": "c", "text": "The lift has failed too."}\n')
        return SCRIPT["decider"](think)

    team = build(feed, tmp_path / "o", polls=2, every=0)
    result = team.run_sync(WISH, model=scripted({"decider": decide}), store=MemoryStore())
    assert [one.item for one in result.output] == ["a", "c"]
    assert asked == ["something fails.", "The pump has failed.", "There is cake.", "The lift has failed too."]


def test_p15_an_outbox_that_lost_a_message_is_unverified(feed: Path, tmp_path: Path) -> None:
    """What was decided has to be in the outbox at the end, once."""
    outbox = tmp_path / "outbox.jsonl"
    said, _ = rehearse(build(feed, outbox), WISH, SCRIPT, tools={"send": lambda outbox, notice: True})
    assert said.unverified == "a is in the outbox 0 times"


def test_it_survives_a_crash_anywhere(feed: Path, tmp_path: Path) -> None:
    """Cut after any event, with the message sent by then or not, it comes to the same, and sends one."""
    outbox, store = tmp_path / "outbox.jsonl", MemoryStore()
    team = build(feed, outbox)
    whole = team.run_sync(WISH, model=scripted(SCRIPT), store=store, id=RUN)
    records, sent = asyncio.run(store.read(RUN)), outbox.read_bytes()
    sends = [n for n, one in enumerate(records) if getattr(one.event, "path", "").endswith("/send.1")]
    for cut in range(1, len(records)):
        for there in {cut > sends[1], cut > sends[0]}:
            outbox.write_bytes(sent if there else b"")
            asyncio.run(resumes(team, whole, records[:cut], SCRIPT, {}))
            assert [one.item for one in notices.function(str(outbox))] == ["a"]


def test_half_a_line_is_no_message_and_is_written_again(tmp_path: Path) -> None:
    """What a crash cut off does not count, and does not spoil what comes after it."""
    outbox = tmp_path / "o"
    outbox.write_text('{"item":"a","urg')
    assert send.function(str(outbox), Notice("a", "low", "x")) is True
    assert send.function(str(outbox), Notice("a", "low", "x")) is False
    assert notices.function(str(outbox)) == [Notice("a", "low", "x")]


def test_a_folder_is_a_feed_too(tmp_path: Path) -> None:
    """A text file is an item; a changed one is a new item."""
    (tmp_path / "one.txt").write_text("First.")
    before = items.function(str(tmp_path))
    (tmp_path / "one.txt").write_text("Second.")
    assert [one.text for one in before + items.function(str(tmp_path))] == ["First.", "Second."]
    assert len({one.id for one in before + items.function(str(tmp_path))}) == 2


@pytest.mark.parametrize(
    ("line", "what"), [("{", "line 1 .* no JSON"), ('{"id": 1}', "has no 'text'"), ("", "empty")]
)
def test_a_feed_that_cannot_be_read_is_refused_at_the_door(tmp_path: Path, line: str, what: str) -> None:
    """The message names the line."""
    (tmp_path / "f").write_text(line)
    with pytest.raises(BadInput, match=what):
        build(tmp_path / "f", tmp_path / "o")
