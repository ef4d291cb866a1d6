"""The OpenAPI document of the API, made of its table of operations (OpenAPI 3.1.1)."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from coterie import __version__
from coterie.doors.http.operations import Operation
from coterie.doors.http.problems import MEDIA

ALWAYS = (400, 401, 403, 408, 413, 421, 422, 429, 500)
"""Problems that every operation may answer with."""


STREAM = "text/event-stream"
STREAMED = {"type": "object", "properties": {key: {"type": "string"} for key in ("id", "event", "data")}}
"""One event of a stream (WHATWG HTML, 9.2); its data is JSON."""


class Shown(Struct, frozen=True, kw_only=True):
    """A problem (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


def document(table: list[Operation]) -> dict[str, Any]:
    """The document of `table`."""
    kinds = [kind for one in table for kind in (one.body, one.gives) if kind is not None]
    schemas, components = msgspec.json.schema_components(
        [*kinds, Shown], ref_template="#/components/schemas/{name}"
    )
    by_kind = dict(zip(map(repr, kinds), schemas, strict=False))
    paths: dict[str, dict[str, Any]] = {}
    for one in table:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, by_kind)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Coterie",
            "version": __version__,
            "summary": "Teams of AI agents as durable programs",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {
                "Problem": {
                    "description": "What went wrong, and what to do",
                    "content": {MEDIA: {"schema": schemas[-1]}},
                }
            },
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _operation(one: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    problem = {"$ref": "#/components/responses/Problem"}
    answers: dict[str, Any] = {str(status): problem for status in (*ALWAYS, *one.problems)}
    answers[str(one.status)] = _answer(one, schemas)
    if one.tagged:
        answers["304"] = {"description": "It is as it was"}
    said: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.does,
        "parameters": _parameters(one),
        "responses": dict(sorted(answers.items())),
    }
    if one.needs is None:
        said["security"] = []
    else:
        said["description"] = f"Needs the role `{one.needs}`."
    if one.body is not None:
        said["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas[repr(one.body)]}},
        }
    return said


def _answer(one: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "Done"}
    if one.gives is not None and one.media == "application/json":
        answer["content"] = {one.media: {"schema": schemas[repr(one.gives)]}}
    elif one.gives is not None:
        answer["content"] = {one.media: {"schema": STREAMED if one.media == STREAM else {"type": "string"}}}
    return answer


def _parameters(one: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in one.parameters
    ]
    headers = (*one.headers, *(("If-None-Match",) if one.tagged else ()))
    found += [{"name": name, "in": "header", "schema": {"type": "string"}} for name in headers]
    if one.query is not None:
        schema = msgspec.json.schema(one.query)
        fields = schema["$defs"][one.query.__name__]["properties"]
        found += [{"name": name, "in": "query", "schema": field} for name, field in fields.items()]
    return found
