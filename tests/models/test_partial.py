"""What is shown of the embedded model's steps while they are written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.models.partial import Telling, partial_answer, shown
from coterie.words.delta import Delta

ANSWER = '{"tool": "none", "answer": '


def told(raw: str, *, calling: bool = True) -> list[Delta]:
    """The pieces of a step that comes letter by letter."""
    pieces: list[Delta] = []
    telling = Telling(pieces.append, calling=calling)
    for end in range(1, len(raw) + 1):
        telling.take(raw[:end])
    return pieces


@given(st.text(max_size=30), st.booleans())
def test_a_text_is_told_as_it_will_be_read(text: str, ascii: bool) -> None:
    """Escapes of every kind, whole or cut, never show a letter that is taken back."""
    raw = f"{ANSWER}{json.dumps(text, ensure_ascii=ascii)}}}"
    assert "".join(piece.text for piece in told(raw)) == text


@pytest.mark.parametrize("value", [{"a": {"b": 1}}, [1, [2]], 3, None, True, {}])
def test_a_value_is_told_as_json(value: object) -> None:
    """An answer that is no text is told as the JSON it is."""
    raw = f"{ANSWER}{json.dumps(value)}}}"
    assert "".join(piece.text for piece in told(raw)) == json.dumps(value)


def test_a_call_is_told_as_its_arguments() -> None:
    """The arguments, without the brace around the step, under the tool's name."""
    pieces = told('{"tool": "look", "arguments": {"city": {"name": "Oslo"}}}')
    assert "".join(piece.text for piece in pieces) == '{"city": {"name": "Oslo"}}'
    assert {(piece.kind, piece.tool) for piece in pieces} == {("call", "look")}


def test_what_is_no_step_yet_shows_nothing() -> None:
    """The beginning of a step is its form, not its text."""
    assert shown('{"tool": "no') == ("text", "", "")
    assert told("plain", calling=False)[0] == Delta("p")


def test_a_step_that_was_cut_off_is_as_much_as_there_is() -> None:
    """A cut text ends where it was cut, half an escape left out."""
    assert partial_answer(ANSWER + '"one\\ntw') == "one\ntw"
    assert partial_answer(ANSWER + '"one\\u00') == "one"
