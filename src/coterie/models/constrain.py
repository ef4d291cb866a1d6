"""What a local model may say, as a grammar: only JSON that fits a schema, or a well-formed tool call.

The grammars are those of llguidance (Lark with `%json`), which llama.cpp follows token by token.
It knows `$ref`, `prefixItems`, patterns and bounds; what it doesn't know is left out, so an answer
still has to be checked against its type.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeAlias, cast

from coterie.words.brief import ToolSpec

Schema: TypeAlias = dict[str, Any]

LONGEST = 32
"""Items in an array whose schema does not say; small models otherwise list without end."""

SAFE_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 8259, section 6)."""

_OPTIONS = {"whitespace_flexible": False, "lenient": True}
_DEFINITIONS = ("$defs", "definitions")


def grammar(schema: Schema) -> str:
    """The grammar of compact JSON that fits `schema`."""
    bounded = {**_bound(schema), "x-guidance": _OPTIONS}
    return f"%llguidance {{}}\nstart: %json {json.dumps(bounded)}\n"


def step_schema(tools: Sequence[ToolSpec], answer: Schema | None) -> Schema:
    """The schema of one step of an agent that has `tools`: a call of one of them, or its answer."""
    calls = [
        _object(tool={"const": tool.name}, arguments=_moved(tool.parameters, index))
        for index, tool in enumerate(tools)
    ]
    last = len(calls)
    said = _moved(answer or {"type": "string"}, last)
    return {"anyOf": [*calls, _object(answer=said)]}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _moved(schema: Schema, index: int) -> Schema:
    raise NotImplementedError
