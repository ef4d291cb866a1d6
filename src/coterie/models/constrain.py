"""What a local model may say, as a grammar: only JSON that fits a schema, or a well-formed tool call.

The grammars are those of llguidance (Lark with `%json`), which llama.cpp follows token by token.
It knows `$ref`, `prefixItems`, patterns and bounds; what it does not know is left out, so an
answer still has to be checked against its type.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeAlias, cast

from coterie.words.brief import ToolSpec

Schema: TypeAlias = dict[str, Any]

NO_TOOL = "none"
"""What a model names as its tool when it answers by itself."""

LONGEST = 32
"""Items in an array whose schema does not say; small models otherwise list without end."""

SAFE_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 8259, section 6)."""

_OPTIONS = {
    "lenient": True,
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
}
_BY_NAME = ("properties", "patternProperties", "$defs", "definitions")


def grammar(schema: Schema) -> str:
    """The grammar of JSON that fits `schema`, on one line and spaced as models are used to it."""
    bounded = {**_bound(schema), "x-guidance": _OPTIONS}
    return f"%llguidance {{}}\nstart: %json {json.dumps(bounded)}\n"


def step_schema(tools: Sequence[ToolSpec], answer: Schema | None) -> Schema:
    """The schema of one step of an agent that has `tools`: a call of one of them, or its answer."""
    calls = [
        _object(tool={"const": tool.name}, arguments=_moved(tool.parameters, f"{at}/arguments"))
        for at, tool in ((f"#/anyOf/{index}/properties", tool) for index, tool in enumerate(tools))
    ]
    said = _moved(answer or {"type": "string"}, f"#/anyOf/{len(calls)}/properties/answer")
    return {"anyOf": [*calls, _object(tool={"const": NO_TOOL}, answer=said)]}


def shape(schema: Schema, root: Schema | None = None) -> str:
    """A schema in the short notation of TypeScript, which small models read best."""
    root = schema if root is None else root
    if "$ref" in schema:
        return _referred(schema["$ref"], root)
    if "const" in schema or "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema.get("enum", [schema.get("const")]))
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " | ".join(shape(one, root) for one in schema[key])
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " | ".join(cast("list[str]", kind))
    if kind == "object":
        return _fields(schema, root)
    return _items(schema, root) if kind == "array" else str(kind)


def _fields(schema: Schema, root: Schema) -> str:
    required = schema.get("required", ())
    fields = [
        f'"{name}"{"" if name in required else "?"}: {shape(field, root)}{_note(field)}'
        for name, field in schema.get("properties", {}).items()
    ]
    if isinstance(others := schema.get("additionalProperties"), dict):
        fields.append(f"[name]: {shape(cast('Schema', others), root)}")
    return "{" + ", ".join(fields) + "}"


def _note(field: Schema) -> str:
    return f" /* {field['description']} */" if "description" in field else ""


def _items(schema: Schema, root: Schema) -> str:
    if "prefixItems" in schema:
        return "[" + ", ".join(shape(one, root) for one in schema["prefixItems"]) + "]"
    return f"Array<{shape(schema.get('items') or {}, root)}>"


def _referred(ref: str, root: Schema) -> str:
    """The shape behind a reference; a schema that contains itself is named, not followed."""
    found: Any = root
    for step in ref.removeprefix("#").split("/")[1:]:
        found = found[step]
    name = ref.rsplit("/", 1)[-1]
    return name if f'"{ref}"' in json.dumps(found) else shape(found, root)


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _moved(schema: Any, to: str) -> Any:
    """A schema with its references right for its new place, the JSON pointer `to`."""
    if isinstance(schema, list):
        return [_moved(one, to) for one in cast("Sequence[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    moved = {key: _moved(value, to) for key, value in cast("Schema", schema).items()}
    ref = moved.get("$ref")
    return {**moved, "$ref": to + ref[1:]} if isinstance(ref, str) else moved


def _bound(schema: Schema, closed: bool = True) -> Schema:
    """A schema that also says what small models need to be told: where to stop."""
    bounded = {key: _inside(key, value) for key, value in schema.items()}
    kinds = schema.get("type", ())
    if closed and "properties" in schema and not isinstance(schema.get("additionalProperties"), dict):
        bounded["additionalProperties"] = False
    if "array" in kinds and "maxItems" not in schema:
        bounded["maxItems"] = max(LONGEST, schema.get("minItems", 0))
    if "integer" in kinds:
        bounded.setdefault("minimum", -SAFE_INTEGER)
        bounded.setdefault("maximum", SAFE_INTEGER)
    if "(?" in schema.get("pattern", ""):
        del bounded["pattern"]
    return bounded


def _inside(key: str, value: Any) -> Any:
    if key in _BY_NAME:
        return {name: _maybe(one) for name, one in value.items()}
    if key in ("anyOf", "oneOf", "prefixItems"):
        return [_maybe(one) for one in value]
    if key == "allOf":
        return [_bound(one, closed=False) for one in value]
    return _maybe(value) if key in ("items", "additionalProperties") else value


def _maybe(schema: Any) -> Any:
    return _bound(cast("Schema", schema)) if isinstance(schema, dict) else schema
