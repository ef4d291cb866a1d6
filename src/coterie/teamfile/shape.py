"""Types made of a JSON schema: what an agent's answer has to be, where no Python type says it.

The part of JSON Schema 2020-12 that models can be held to: `type`, `enum`, `const`, `properties`,
`required`, `additionalProperties` (true or false), `items`, `anyOf`, and bounds of numbers, texts and
lists. Anything else is refused when the file is read, and not ignored when an answer comes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from coterie.teamfile.problems import nearest

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: type(value) is int or (isinstance(value, float) and value.is_integer()),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
}
_BOUNDS: dict[str, tuple[Any, Callable[[Any, Any], bool], str]] = {
    "minimum": ((int, float), lambda value, bound: value >= bound, "is less than"),
    "maximum": ((int, float), lambda value, bound: value <= bound, "is more than"),
    "exclusiveMinimum": ((int, float), lambda value, bound: value > bound, "is not more than"),
    "exclusiveMaximum": ((int, float), lambda value, bound: value < bound, "is not less than"),
    "minLength": (str, lambda value, bound: len(value) >= bound, "is shorter than"),
    "maxLength": (str, lambda value, bound: len(value) <= bound, "is longer than"),
    "minItems": (list, lambda value, bound: len(value) >= bound, "has fewer items than"),
    "maxItems": (list, lambda value, bound: len(value) <= bound, "has more items than"),
    "pattern": (str, lambda value, bound: re.search(bound, value) is not None, "does not match"),
}
_NOTES = {"title", "description", "default", "examples", "$schema", "$comment"}
_PARTS = {"type", "enum", "const", "properties", "required", "additionalProperties", "items", "anyOf"}
KEYWORDS = sorted(_PARTS | set(_BOUNDS) | _NOTES)
"""What a schema may say."""


def shape(schema: dict[str, Any], name: str = "Answer") -> type:
    """A type whose JSON schema is `schema`; its values are plain data."""

    def model_json_schema(_: type) -> dict[str, Any]:
        return schema

    def model_validate(_: type, data: Any) -> Any:
        problem = next(complaints(data, schema, "$"), "")
        if problem:
            raise ValueError(problem)
        return data

    # The two methods by which `coterie.typed` knows a type that is not msgspec's.
    methods: dict[str, Any] = {
        "model_json_schema": classmethod(model_json_schema),
        "model_validate": classmethod(model_validate),
    }
    return type(name, (), methods)


def complaints(value: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
    """What is wrong with `value`, the first thing first; `at` is where in the answer it stands."""
    kinds = _listed(schema.get("type", []))
    if kinds and not any(_TYPES[kind](value) for kind in kinds):
        yield f"{at} is {_kind(value)}, not {' or '.join(kinds)}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at} is {value!r}, which is none of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{at} is {value!r}, not {schema['const']!r}"
    for word, (kind, holds, what) in _BOUNDS.items():
        if word in schema and isinstance(value, kind) and not holds(value, schema[word]):
            yield f"{at} {what} {schema[word]!r}"
    if "anyOf" in schema and all(any(complaints(value, one, at)) for one in schema["anyOf"]):
        yield f"{at} is none of the {len(schema['anyOf'])} things that it may be"
    if _TYPES["object"](value):
        yield from _object(value, schema, at)
    if "items" in schema and _TYPES["array"](value):
        for n, one in enumerate(value):
            yield from complaints(one, schema["items"], f"{at}[{n}]")


def _object(value: dict[str, Any], schema: dict[str, Any], at: str) -> Iterator[str]:
    known = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield f"{at} has no {name!r}"
    for name, one in value.items():
        if name in known:
            yield from complaints(one, known[name], f"{at}.{name}")
        elif schema.get("additionalProperties") is False:
            yield f"{at} has {name!r}, and may only have {list(known)}"


def faults(schema: Any, at: str = "the schema") -> Iterator[str]:
    """What is wrong with a schema itself."""
    if not _TYPES["object"](schema):
        yield f"{at} is a mapping, not {_kind(schema)}"
        return
    for word in schema:
        if word not in KEYWORDS:
            yield f"{at}: JSON schemas of team files know no {word!r}{nearest(word, KEYWORDS)}"
    for kind in _listed(schema.get("type", [])):
        if not isinstance(kind, str) or kind not in _TYPES:
            yield f"{at}: there is no type {kind!r}{nearest(str(kind), _TYPES)}"
    yield from _faulty_parts(schema, at)


def _faulty_parts(schema: dict[str, Any], at: str) -> Iterator[str]:
    properties: Any = schema.get("properties", {})
    if not _TYPES["object"](properties):
        yield f"{at}: properties is a mapping"
        return
    for name, one in properties.items():
        yield from faults(one, f"{at}, {name!r}")
    yield from (f"{at}: {one!r} is required and no property" for one in _unknown(schema, properties))
    if "items" in schema:
        yield from faults(schema["items"], f"{at}, items")
    for word in ("anyOf", "enum", "required"):
        if not isinstance(schema.get(word, []), list):
            yield f"{at}: {word} is a list"
    for one in _listed(schema.get("anyOf", [])):
        yield from faults(one, f"{at}, anyOf")
    for word in ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"):
        if not _TYPES["number"](schema.get(word, 0)):
            yield f"{at}: {word} is a number"
    try:
        re.compile(str(schema.get("pattern", "")))
    except re.error as error:
        yield f"{at}: the pattern is no regular expression: {error}"


def _unknown(schema: dict[str, Any], properties: dict[str, Any]) -> list[Any]:
    """What is required and is no property, where there are any."""
    required = _listed(schema.get("required", []))
    return [one for one in required if not isinstance(one, str) or (properties and one not in properties)]


def _listed(given: Any) -> list[Any]:
    return [*given] if _TYPES["array"](given) else [given]


def _kind(value: Any) -> str:
    return next((kind for kind, holds in _TYPES.items() if holds(value)), type(value).__name__)
