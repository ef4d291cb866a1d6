"""The JSON schema of team files, made of the same table as the reader; editors complete and check by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

import msgspec
from msgspec import Struct

from coterie.roles import Role, library
from coterie.teamfile.builder import COMMON
from coterie.teamfile.forms import agent_form, pattern_forms
from coterie.teamfile.kinds import (
    ACheck,
    AnActor,
    APolicy,
    ATool,
    AType,
    Call,
    Either,
    Fields,
    Form,
    Kind,
    Named,
    Param,
    Plain,
    Python,
    Several,
    Word,
)
from coterie.teamfile.vocabulary import TYPES
from coterie.typed import schema_of
from coterie.words.limits import Limits

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEXT = {"type": "string"}


def schema() -> dict[str, Any]:
    """What a team file may say."""
    top: dict[str, Any] = {
        "description": {**_TEXT, "description": "What the teams of this file are for."},
        "model": {**_TEXT, "description": "The model of agents that name none, such as `embedded`."},
        "registry": {**_TEXT, "description": "Where the tools are that agents name: `module:name`."},
        "limits": _ref("limits"),
        "agents": {"type": "object", "additionalProperties": _ref("agent"), "description": "Agents by name."},
        "teams": {"type": "object", "additionalProperties": _ref("team"), "description": "Teams by name."},
        "team": {
            **_ref("actor"),
            "description": "Which team this file is: one of its names, or written out.",
        },
    }
    return {
        "$schema": DIALECT,
        "title": "A team of agents",
        "type": "object",
        "properties": top,
        "additionalProperties": False,
        "$defs": _definitions(),
    }


def text() -> str:
    """The schema as it is shipped."""
    return msgspec.json.format(msgspec.json.encode(schema()), indent=1).decode() + "\n"


def _definitions() -> dict[str, Any]:
    teams = {f"team.{name}": _pattern(form) for name, form in pattern_forms().items()}
    inline = _object({"agent": {**_TEXT, "description": "The agent's name."}, **_agent()}, ["agent"])
    shared = {
        "actor": {"anyOf": [_TEXT, _ref("team"), inline]},
        "agent": {"anyOf": [{**_TEXT, "description": "Its instructions."}, _object(_agent(), [])]},
        "team": {"anyOf": [_TEXT, *map(_ref, teams), _ref("use"), _ref("team.python")]},
        "use": _object({"use": _TEXT, "options": {"type": "object"}, **_common()}, ["use"]),
        "team.python": _object({"python": _TEXT, **_common()}, ["python"]),
        "python": _object({"python": {**_TEXT, "description": "module:name, or FILE.py:name"}}, ["python"]),
        "check": _check(),
        "type": {"anyOf": [_ref("python"), _ref("schema"), {"enum": [*TYPES]}, _TEXT]},
        "schema": {"type": "object", "description": "A JSON schema."},
        "policy": _policy(),
        "limits": _struct(Limits),
    }
    return {**shared, **teams}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _object(properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": required,
        "additionalProperties": False,
    }


def _common() -> dict[str, Any]:
    return {name: _of(kind) for name, kind in COMMON.items()}


def _agent() -> dict[str, Any]:
    return {"role": _role(), **{one.name: _param(one) for one in agent_form().params}}


def _role() -> dict[str, Any]:
    """A role of the library by name, or with parts in the place of its own."""
    names = {"enum": [*library()], "description": "Its role in the library."}
    whole = _object({**_struct(Role)["properties"], "name": names}, ["name"])
    return {"anyOf": [names, whole]}


def _pattern(form: Form) -> dict[str, Any]:
    made = _called(form)
    made["properties"] = {**_common(), **made["properties"]}
    return {**made, "description": form.about}


def _called(form: Form) -> dict[str, Any]:
    """A mapping whose key is the form's name, with its other parameters beside it."""
    if form.first is None and form.params:
        return _object({form.name: {"anyOf": [_fields(form), {"type": "null"}]}}, [form.name])
    head: Any = _of(form.first.kind) if form.first is not None else {"type": "null"}
    others = {name: _param(one) for name, one in form.others.items()}
    required = [name for name, one in form.others.items() if one.required and not one.rest]
    return _object({form.name: head, **others}, [form.name, *required])


def _fields(form: Form) -> dict[str, Any]:
    required = [one.name for one in form.params if one.required]
    return _object({one.name: _param(one) for one in form.params}, required)


def _param(param: Param) -> dict[str, Any]:
    made = _of(param.kind)
    plain = isinstance(param.default, (str, int, float, bool)) and not param.required
    return {**made, "default": param.default} if plain and param.default != "" else made


def _of(kind: Kind) -> dict[str, Any]:
    """The schema of a kind."""
    match kind:
        case Either(of=of):
            return {"anyOf": [_of(one) for one in of]}
        case Several(of=of):
            inner = _of(of)
            return {"anyOf": [{"type": "array", "items": inner}, inner]}
        case Named(of=of):
            return {"type": "object", "additionalProperties": _of(of)}
        case Fields(form=form):
            return _fields(form)
        case Call(form=form):
            return _called(form)
        case Word(words=words):
            return {"enum": [*words]}
        case Plain(type=made):
            return _plain(made)
        case ATool():
            return {**_TEXT, "description": "module:function, FILE.py:function, or a name in the registry"}
        case _:
            return _ref(_DEFINED[type(kind)])


_DEFINED: dict[type, str] = {
    AnActor: "actor",
    Python: "python",
    ACheck: "check",
    AType: "type",
    APolicy: "policy",
}


def _plain(made: Any) -> dict[str, Any]:
    if isinstance(made, type) and issubclass(made, Struct):
        return _ref("limits") if made is Limits else _struct(made)
    if made is Any:
        return {}
    return {"enum": [*get_args(made)]} if get_args(made) else schema_of(made)


def _struct(made: type[Struct]) -> dict[str, Any]:
    """The schema of a struct, with what it refers to written out, and nothing beside its fields."""
    whole = schema_of(made)
    definitions: dict[str, Any] = whole.pop("$defs", {})
    closed: dict[str, Any] = _closed(whole, definitions)
    return closed


def _closed(part: Any, definitions: dict[str, Any], above: tuple[str, ...] = ()) -> Any:
    """A schema with its references written out; what is in itself is any object."""
    if type(part) is list:
        return [_closed(one, definitions, above) for one in cast("Sequence[Any]", part)]
    if type(part) is not dict:
        return part
    given = cast("Mapping[str, Any]", part)
    if "$ref" in given:
        name = str(given["$ref"]).rpartition("/")[2]
        if name in above:
            return {"type": "object"}
        return _closed(definitions[name], definitions, (*above, name))
    found: dict[str, Any] = {
        key: _closed(one, definitions, above) for key, one in given.items() if key != "title"
    }
    return {**found, "additionalProperties": False} if "properties" in found else found


def _check() -> dict[str, Any]:
    texts = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
    kinds: dict[str, Any] = {"equals": {}, "contains": texts, "matches": _TEXT, "schema": _ref("schema")}
    return {"anyOf": [_object({name: kind}, [name]) for name, kind in kinds.items()]}


def _policy() -> dict[str, Any]:
    number = {"type": "number", "minimum": 0, "description": "Seconds."}
    return {
        "anyOf": [
            {"enum": ["fail_fast", "collect_all"]},
            _object({"quorum": {"type": "integer", "minimum": 1}}, ["quorum"]),
            _object({"best_effort": number}, ["best_effort"]),
        ]
    }
