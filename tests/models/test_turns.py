"""P28: whatever was cut out of a thread, its turns are well-formed for every provider."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.models.turns import BEGIN, GO_ON, LOST, Answer, Heard, Said, Turn, turns
from coterie.testing.models import WEATHER
from coterie.words.brief import Brief
from coterie.words.effect import Think
from coterie.words.message import File, Message, ToolCall
from coterie.words.thread import Thread

IDS = ("a", "b", "c d", "")
ACTORS = ("me", "ada", "user")


def asking(*messages: Message, tools: bool = True) -> Think:
    return Think("me", "m", Brief(tools=(WEATHER,) if tools else ()), Thread(messages))


def call(id: str) -> ToolCall:
    return ToolCall(id, "weather", {"city": id})


texts = st.sampled_from(["", "  ", "yes", "no\nno"])
calls = st.lists(st.sampled_from(IDS).map(call), max_size=3, unique_by=lambda one: one.id).map(tuple)
said = st.builds(
    lambda sender, text, made: Message(sender=sender, text=text, calls=made),
    st.sampled_from(ACTORS),
    texts,
    calls,
)
answered = st.builds(
    lambda name, text: Message(sender="weather", text=text, answers=name), st.sampled_from(IDS[:3]), texts
)
thinks = st.builds(
    lambda messages, tools: asking(*messages, tools=tools),
    st.lists(said | answered, max_size=12),
    st.booleans(),
)


def well_formed(found: list[Turn], tools: bool) -> None:
    """The rules of all dialects at once."""
    assert [turn.own for turn in found] == [bool(n % 2) for n in range(len(found))]
    assert len(found) % 2 == 1
    ids: list[str] = []
    for turn, after in zip(found, [*found[1:], None], strict=True):
        made = [one.id for part in turn.parts if isinstance(part, Said) for one in part.calls]
        ids += made
        answers = [part.id for part in (after.parts if after else ()) if isinstance(part, Answer)]
        assert answers == made
        if after:
            kinds = [isinstance(part, Answer) for part in after.parts]
            assert kinds == sorted(kinds, reverse=True)
        for part in turn.parts:
            assert isinstance(part, Answer) or part.text.strip() or getattr(part, "calls", ()) or part.files
            assert isinstance(part, Said) == turn.own
    assert len(set(ids)) == len(ids)
    assert tools or not ids


@given(thinks)
@settings(max_examples=400, deadline=None)
def test_any_thread_becomes_well_formed_turns(think: Think) -> None:
    """Random threads of several actors, with calls and answers missing, doubled and out of place."""
    well_formed(turns(think), bool(think.brief.tools))


@given(thinks)
@settings(max_examples=200, deadline=None)
def test_nothing_that_was_said_is_lost(think: Think) -> None:
    """Every text of the thread is in the turns."""
    shown = "\n".join(part.text for turn in turns(think) for part in turn.parts)
    assert all(message.text.strip() in shown for message in think.thread)


WHOLE = (
    Message(sender="user", text="Rain?"),
    Message(sender="me", text="Let me see.", calls=(call("a"), call("b"))),
    Message(sender="weather", text="yes", answers="a"),
    Message(sender="weather", text="no", answers="b"),
    Message(sender="me", text="In one of them."),
    Message(sender="user", text="Which?"),
    Message(sender="me", calls=(call("a"),)),
    Message(sender="weather", text="the first", answers="a"),
)


@pytest.mark.parametrize("end", range(len(WHOLE) + 1))
@pytest.mark.parametrize("begin", range(len(WHOLE) + 1))
def test_a_turn_may_be_cut_anywhere(begin: int, end: int) -> None:
    """Killed after any message, trimmed before any: the next request is well-formed."""
    well_formed(turns(asking(*WHOLE[begin:end])), tools=True)


def test_what_is_whole_stays_as_it_is() -> None:
    """A conversation with nothing wrong is shown as it was."""
    assert turns(asking(*WHOLE[:4])) == [
        Turn(False, (Heard("Rain?"),)),
        Turn(True, (Said("Let me see.", (call("a"), call("b"))),)),
        Turn(False, (Answer("a", "weather", "yes"), Answer("b", "weather", "no"))),
    ]


def test_a_lost_answer_is_said_to_be_lost() -> None:
    """A call without its result is answered by saying so."""
    found = turns(asking(*WHOLE[:3], WHOLE[4]))
    assert found[2].parts == (Answer("a", "weather", "yes"), Answer("b", "weather", LOST))
    assert found[-1] == Turn(False, (Heard(GO_ON),))


def test_a_lost_call_leaves_its_answer_in_words() -> None:
    """A result whose call was trimmed is told as text."""
    assert turns(asking(*WHOLE[2:3])) == [Turn(False, (Heard("Result of weather: yes"),))]


def test_who_speaks_first_answers_somebody() -> None:
    """A thread that begins with the actor's own words gets a beginning."""
    assert turns(asking(WHOLE[4], WHOLE[5]))[0] == Turn(False, (Heard(BEGIN),))
    assert turns(asking()) == [Turn(False, (Heard(BEGIN),))]


def test_without_tools_calls_are_told_in_words() -> None:
    """An actor that has no tools now may read what it called before."""
    found = turns(asking(*WHOLE[:4], tools=False))
    assert found[1].parts == (
        Said('Let me see.\n(calls weather with {"city": "a"})\n(calls weather with {"city": "b"})'),
    )
    assert found[2].parts == (Heard("Result of weather: yes"), Heard("Result of weather: no"))


def test_others_are_named_and_their_files_shown() -> None:
    """What another actor says has its name; files stand with their text."""
    file = File(media="image/png", data=b"x")
    found = turns(asking(Message(sender="ada", text="Look.", files=(file,))))
    assert found == [Turn(False, (Heard("ada: Look.", (file,)),))]


@given(thinks)
@settings(max_examples=60, deadline=None)
def test_every_dialect_takes_them(think: Think) -> None:
    """What the turns become pairs calls with results, in pydantic-ai's own messages too."""
    pytest.importorskip("pydantic_ai")
    from pydantic_ai.messages import ModelRequest, ModelResponse, ToolCallPart, ToolReturnPart

    from coterie.models.dialect import asking as request

    messages: list[Any] = request(think, "tool").messages
    assert isinstance(messages[-1], ModelRequest)
    for one, after in pairwise(messages):
        if isinstance(one, ModelResponse):
            made = [part.tool_call_id for part in one.parts if isinstance(part, ToolCallPart)]
            assert made == [p.tool_call_id for p in after.parts if isinstance(p, ToolReturnPart)]
    assert all(message.parts for message in messages)
