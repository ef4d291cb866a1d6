"""How a request reads to a local model."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from coterie.models.constrain import LONGEST, SAFE_INTEGER, grammar, shape, step_schema
from coterie.models.prompt import turns
from coterie.words.brief import Brief, ToolSpec
from coterie.words.effect import Think
from coterie.words.message import File, Message, ToolCall
from coterie.words.thread import Thread

ADD = ToolSpec(
    "add",
    "The sum.",
    {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/N"}},
        "required": ["a"],
        "$defs": {"N": {"type": "integer"}},
    },
)


def read(*messages: Message, **brief: Any) -> list[tuple[str, str]]:
    think = Think("bob", "embedded", Brief(**brief), Thread(messages))
    return [(turn["role"], turn["content"]) for turn in turns(think)]


def enforced(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema inside a grammar."""
    found = msgspec.json.decode(grammar(schema).split("%json", 1)[1])
    del found["x-guidance"]
    return found


def test_own_messages_are_the_assistant_and_all_others_the_user() -> None:
    """What others say in a row is one turn, with the names of those who are not the user."""
    said = [("user", "Red or blue?"), ("ann", "Red."), ("bob", "Blue."), ("ann", "Why?")]
    assert read(*(Message(sender=who, text=text) for who, text in said), instructions="Choose.") == [
        ("system", "Choose."),
        ("user", "Red or blue?\n\nann: Red."),
        ("assistant", "Blue."),
        ("user", "ann: Why?"),
    ]


def test_calls_and_their_results_are_told_in_plain_json() -> None:
    """A call reads as the model writes it, and its result names the tool."""
    call = ToolCall("call-1", "add", {"a": 1})
    _, asked, answered = read(
        Message(sender="user", text="Sum?"),
        Message(sender="bob", calls=(call,)),
        Message(sender="tool", text="3", answers="call-1"),
    )
    assert asked == ("assistant", '{"tool": "add", "arguments": {"a": 1}}')
    assert answered[1].startswith("Result of add: 3\n")


def test_tools_and_the_answers_shape_are_told_with_the_instructions() -> None:
    """A model sees what it may call and what its answer must look like."""
    (_, system), _ = read(
        Message(sender="user", text="Go."), instructions="Help.", tools=(ADD,), output={"type": "boolean"}
    )
    assert system.startswith('Help.\n\nYou have these tools:\n- add{"a": integer}: The sum.\n- none')
    assert system.endswith("The answer is JSON of this shape: boolean")


TREE = {
    "$ref": "#/$defs/Node",
    "$defs": {"Node": {"type": "object", "properties": {"kids": {"items": {"$ref": "#/$defs/Node"}}}}},
}


@pytest.mark.parametrize(
    ("schema", "short"),
    [
        ({"enum": ["a", "b"]}, '"a" | "b"'),
        ({"const": 3}, "3"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string | null"),
        ({"type": ["string", "null"]}, "string | null"),
        ({"type": "array", "items": {"type": "number"}}, "Array<number>"),
        ({"type": "array", "prefixItems": [{"type": "string"}, {"const": 1}]}, "[string, 1]"),
        (
            {"type": "object", "properties": {"x": {"type": "string", "description": "why"}}},
            '{"x"?: string /* why */}',
        ),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "{[name]: integer}"),
        (TREE, "Node"),
        ({}, "any"),
    ],
)
def test_a_schema_is_told_in_short(schema: dict[str, Any], short: str) -> None:
    """Schemas are shown as TypeScript would write them."""
    assert shape(schema) == short


def test_an_object_is_closed_and_lists_and_numbers_end() -> None:
    """Where a schema leaves the end open, the grammar sets one."""
    schema = {"type": "object", "properties": {"n": {"type": "array", "items": {"type": "integer"}}}}
    number = {"type": "integer", "minimum": -SAFE_INTEGER, "maximum": SAFE_INTEGER}
    assert enforced(schema) == {
        "type": "object",
        "properties": {"n": {"type": "array", "items": number, "maxItems": LONGEST}},
        "additionalProperties": False,
    }


def test_what_a_schema_says_itself_stays() -> None:
    """Bounds, open maps and the parts of an intersection are left alone."""
    schema = {
        "allOf": [{"type": "object", "properties": {"a": {"type": "string", "pattern": "^a+$"}}}],
        "items": {"type": "array", "maxItems": 99},
        "additionalProperties": {"type": "integer", "minimum": 1, "maximum": 2},
    }
    assert enforced(schema) == schema


def test_a_pattern_that_no_automaton_can_check_is_left_out() -> None:
    """Lookarounds would make the whole grammar void."""
    assert enforced({"type": "string", "pattern": "(?=a)b"}) == {"type": "string"}


def test_references_of_a_tool_hold_in_the_schema_of_a_step() -> None:
    """A tool's own definitions are found where its schema has moved to."""
    call, answer = step_schema([ADD], None)["anyOf"]
    arguments = call["properties"]["arguments"]
    assert arguments["properties"]["a"] == {"$ref": "#/anyOf/0/properties/arguments/$defs/N"}
    assert answer["properties"] == {"tool": {"const": "none"}, "answer": {"type": "string"}}


def test_a_file_that_cannot_be_seen_is_named() -> None:
    """A local model is told that there was a file, so that nothing is left out in silence."""
    picture = Message(sender="user", text="What is it?", files=(File(media="image/png", name="cat"),))
    assert read(picture)[-1][1] == "What is it?\n(a file 'cat' of type image/png, which you cannot see)"
