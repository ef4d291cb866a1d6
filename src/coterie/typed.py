"""Types at the edges: a JSON schema for a type, and a checked value from what a model or a tool gave.

Knows msgspec structs, dataclasses, TypedDicts, plain types, and pydantic models where a user
passes one; pydantic itself is never imported.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import msgspec


def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON schema (2020-12) of a type.

    Raises:
        TypeError: if the type has no JSON schema.
    """
    if _is_pydantic(kind):
        schema: dict[str, Any] = kind.model_json_schema()
        return schema
    return msgspec.json.schema(kind, schema_hook=_foreign_schema)


def value_of(data: Any, kind: Any) -> Any:
    """JSON-shaped `data` as a value of `kind`.

    Raises:
        ValueError: if it does not fit; the message is the validator's.
    """
    if _is_pydantic(kind):
        return kind.model_validate(data)
    return msgspec.convert(data, kind, dec_hook=foreign_value)


def parse(text: str, kind: Any) -> Any:
    """The value of `kind` in a model's answer: bare JSON, fenced JSON, or JSON within prose.

    Raises:
        ValueError: if there is no JSON, or it does not fit; the message is the validator's.
    """
    if kind is str:
        return text
    return value_of(_json_in(text), kind)


_FENCE = re.compile(r"```[a-zA-Z]*\s*\n(.*?)```", re.DOTALL)


def _json_in(text: str) -> Any:
    """The first candidate that is JSON: the whole text, a fenced block, the outermost braces."""
    for candidate in _candidates(text):
        try:
            return msgspec.json.decode(candidate)
        except msgspec.DecodeError:
            continue
    raise ValueError("the answer is not JSON" + (" (is it cut off?)" if "{" in text else ""))


def _candidates(text: str) -> list[str]:
    found = [text.strip(), *(block.strip() for block in _FENCE.findall(text))]
    for opens, closes in ("{}", "[]"):
        start, end = text.find(opens), text.rfind(closes)
        if 0 <= start < end:
            found.append(text[start : end + 1])
    return found


@lru_cache(maxsize=256)
def _is_pydantic(kind: Any) -> bool:
    return isinstance(kind, type) and hasattr(kind, "model_json_schema")


def _foreign_schema(kind: type) -> dict[str, Any]:
    if _is_pydantic(kind):
        return schema_of(kind)
    raise NotImplementedError(f"{kind!r} has no JSON schema")


def foreign_value(kind: type, data: Any) -> Any:
    """JSON-shaped `data` as a value of a `kind` that msgspec does not know.

    Raises:
        NotImplementedError: if nobody knows it.
    """
    if _is_pydantic(kind):
        return value_of(data, kind)
    raise NotImplementedError(f"cannot make a {kind!r}")
