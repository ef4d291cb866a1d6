"""Values of each kind: what a node says, or `BAD`, with the problem noted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from coterie.errors import BadInput
from coterie.teamfile.checks import KINDS, check_of
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
    Kind,
    Named,
    Plain,
    Python,
    Several,
    Word,
)
from coterie.teamfile.problems import BAD, nearest
from coterie.teamfile.shape import faults, shape
from coterie.teamfile.source import Node, plain
from coterie.teamfile.vocabulary import TYPES
from coterie.teamfile.wording import may_be, struct_fields
from coterie.typed import value_of
from coterie.words.failure import BestEffort, best_effort, collect_all, fail_fast, quorum

if TYPE_CHECKING:
    from coterie.teamfile.reader import Reader


def _within(seconds: float) -> BestEffort:
    return best_effort(within=seconds)


POLICIES: dict[str, Any] = {
    "fail_fast": fail_fast,
    "collect_all": collect_all,
    "quorum": quorum,
    "best_effort": _within,
}
"""The policies: two that are words, and two that are told a number."""
ACTOR_KEYS = ("agent", "use", "python")
"""Keys that say what kind of actor is written out, beside those of patterns."""
SCHEMA_KEYS = ("type", "properties", "enum", "anyOf", "const", "items")


def _actor(reader: Reader, _: AnActor, node: Node, at: str) -> Any:
    if isinstance(node.value, str):
        return reader.cast.named(node.value, node.line)
    if node.mapping is not None:
        return reader.cast.written(node)
    return reader.bad(
        node.line, f"{at!r} is an actor: the name of a member, or one written out; not {node.what}"
    )


def _plain(reader: Reader, kind: Plain, node: Node, at: str) -> Any:
    data = plain(node)
    if known := struct_fields(kind.type):
        for key in node.entries:
            if key not in known:
                hint = nearest(key, known)
                return reader.bad(node.keys[key], f"{at!r} has no {key!r}{hint}")
    try:
        return value_of(data, kind.type)
    except ValueError as error:
        said = str(error).replace("`", "")
        quote = "; put it in quotes" if kind.type is str and node.value is not None else ""
        return reader.bad(node.line, f"{at!r}: {said[0].lower()}{said[1:]}{quote}")


def _several(reader: Reader, kind: Several, node: Node, at: str) -> Any:
    listed = (node,) if node.items is None else node.items
    found = [reader.read(kind.of, one, at) for one in listed]
    return BAD if any(one is BAD for one in found) else found


def _named(reader: Reader, kind: Named, node: Node, at: str) -> Any:
    if node.mapping is None:
        return reader.bad(node.line, f"{at!r} is a mapping, not {node.what}")
    found = {key: reader.read(kind.of, one, key) for key, one in node.mapping.items()}
    return BAD if any(one is BAD for one in found.values()) else found


def _fields(reader: Reader, kind: Fields, node: Node, at: str) -> Any:
    if node.mapping is None:
        return reader.bad(node.line, f"{at!r} is a mapping, not {node.what}")
    return reader.built(kind.form, reader.parameters(kind.form, node), node.line)


def _call(reader: Reader, kind: Call, node: Node, at: str) -> Any:
    name = kind.form.name
    if node.mapping is None or name not in node.entries:
        return reader.bad(node.line, f"{at!r} is {may_be(kind)}, not {node.what}")
    return reader.built(kind.form, reader.parameters(kind.form, node, name), node.line)


def _word(reader: Reader, kind: Word, node: Node, at: str) -> Any:
    found = kind.words.get(node.value, BAD) if isinstance(node.value, str) else BAD
    if found is BAD:
        hint = nearest(str(node.value), kind.words)
        return reader.bad(node.line, f"{at!r} is one of {', '.join(kind.words)}, not {node.what}{hint}")
    return found


def _python(reader: Reader, _: Python, node: Node, at: str) -> Any:
    named = node.entries.get("python")
    if named is None or not isinstance(named.value, str) or len(node.entries) != 1:
        return reader.bad(node.line, f"{at!r} is a function: say python: module:name, not {node.what}")
    return _imported(reader, named.value, named.line)


def _imported(reader: Reader, reference: str, line: int) -> Any:
    try:
        return reader.imports.get(reference)
    except BadInput as error:
        return reader.bad(line, error.message)


def _check(reader: Reader, _: ACheck, node: Node, at: str) -> Any:
    if node.mapping is None or len(node.mapping) != 1 or next(iter(node.mapping)) not in KINDS:
        return reader.bad(
            node.line, f"{at!r} is one of {', '.join(KINDS)} and what is wanted, not {node.what}"
        )
    kind, wanted = next(iter(node.entries.items()))
    try:
        return check_of(kind, plain(wanted))
    except ValueError as error:
        return reader.bad(wanted.line, f"{at!r}: {error}")


def _tool(reader: Reader, _: ATool, node: Node, at: str) -> Any:
    name = node.value
    if not isinstance(name, str):
        return reader.bad(
            node.line, f"{at!r} lists tools by their names, such as module:function, not {node.what}"
        )
    if ":" in name or "." in name:
        return _imported_tool(reader, name, node.line)
    try:
        return reader.cast.tool(name)
    except BadInput as error:
        return reader.bad(node.line, error.message)


def _type(reader: Reader, _: AType, node: Node, at: str) -> Any:
    if isinstance(node.value, str):
        if node.value in TYPES:
            return TYPES[node.value]
        if ":" in node.value or "." in node.value:
            return _imported_type(reader, node.value, node.line)
        hint = nearest(node.value, TYPES)
        return reader.bad(
            node.line, f"{at!r}: there is no type {node.value!r}; say a JSON schema, or module:Type{hint}"
        )
    if node.mapping is not None and "python" in node.entries:
        return _python(reader, Python(), node, at)
    schema = plain(node)
    problem = next(faults(schema, repr(at)), "")
    return reader.bad(node.line, problem) if problem else shape(schema)


def _imported_tool(reader: Reader, reference: str, line: int) -> Any:
    try:
        return reader.imports.tool_at(reference)
    except BadInput as error:
        return reader.bad(line, error.message)


def _imported_type(reader: Reader, reference: str, line: int) -> Any:
    found = _imported(reader, reference, line)
    return found if found is BAD or reader.imports.live else dict


def _policy(reader: Reader, _: APolicy, node: Node, at: str) -> Any:
    words = "fail_fast, collect_all, quorum: 2 or best_effort: 30"
    if isinstance(node.value, str) and node.value in ("fail_fast", "collect_all"):
        return POLICIES[node.value]
    if len(node.entries) == 1:
        name, told = next(iter(node.entries.items()))
        whole = isinstance(told.value, int) and not isinstance(told.value, bool)
        if (name == "quorum" and whole) or (
            name == "best_effort" and (whole or isinstance(told.value, float))
        ):
            try:
                return POLICIES[name](told.value)
            except ValueError as error:
                return reader.bad(told.line, f"{at!r}: {error}")
    hint = nearest(node.value, POLICIES) if isinstance(node.value, str) else ""
    return reader.bad(node.line, f"{at!r} is {words}, not {node.what}{hint}")


def _either(reader: Reader, kind: Either, node: Node, at: str) -> Any:
    for rank in (_certain, _possible):
        for one in kind.of:
            if rank(reader, one, node):
                return reader.read(one, node, at)
    words = [word for one in kind.of if isinstance(one, Word) for word in one.words]
    if isinstance(node.value, str) and (hint := nearest(node.value, words)):
        return reader.bad(node.line, f"{at!r} is {may_be(kind)}; not {node.what}{hint}")
    if isinstance(node.value, str) and any(isinstance(one, AnActor) for one in kind.of):
        return reader.cast.named(node.value, node.line)
    return reader.bad(node.line, f"{at!r} is {may_be(kind)}; not {_shown(node)}")


def _certain(reader: Reader, kind: Kind, node: Node) -> bool:
    """Whether a node can only be meant as this kind."""
    if isinstance(node.value, str):
        if isinstance(kind, AnActor):
            return reader.cast.knows(node.value)
        return isinstance(kind, Word) and node.value in kind.words
    keys = list(node.entries)
    if isinstance(kind, Python):
        return "python" in keys
    if isinstance(kind, Call):
        return kind.form.name in keys
    if isinstance(kind, AnActor):
        return any(key in ACTOR_KEYS or key in pattern_forms() for key in keys)
    if isinstance(kind, ACheck):
        return len(keys) == 1 and keys[0] in KINDS
    if isinstance(kind, Fields) and any(one.required and one.name in keys for one in kind.form.params):
        return True
    known = _told(kind)
    return bool(keys) and bool(known) and all(key in known for key in keys)


def _told(kind: Kind) -> tuple[str, ...]:
    """What a mapping of this kind may say."""
    if isinstance(kind, Fields):
        return tuple(one.name for one in kind.form.params)
    return struct_fields(kind.type) if isinstance(kind, Plain) else ()


def _possible(_: Reader, kind: Kind, node: Node) -> bool:
    """Whether a node might be meant as this kind."""
    if isinstance(kind, Plain):
        return _fits(kind.type, node)
    if isinstance(node.value, str):
        return isinstance(kind, ATool) or (
            isinstance(kind, AType) and (node.value in TYPES or ":" in node.value)
        )
    if node.mapping is not None:
        if isinstance(kind, AType):
            return any(key in SCHEMA_KEYS for key in node.mapping)
        return isinstance(kind, (Named, Fields)) or (
            isinstance(kind, AnActor) and any(key in _agent_keys() for key in node.mapping)
        )
    return isinstance(kind, (Several, APolicy))


def _agent_keys() -> dict[str, Any]:
    return {**agent_form().others, "role": None}


def _fits(kind: Any, node: Node) -> bool:
    """Whether plain data of a type could look like that."""
    if struct_fields(kind):
        return node.mapping is not None
    if kind is float:
        return isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
    return kind is Any or (node.value is not None and type(node.value) is kind)


def _shown(node: Node) -> str:
    if node.mapping:
        return f"a mapping with {', '.join(map(repr, list(node.mapping)[:4]))}"
    return node.what


READ: dict[type, Callable[[Reader, Any, Node, str], Any]] = {
    AnActor: _actor,
    Plain: _plain,
    Several: _several,
    Named: _named,
    Fields: _fields,
    Call: _call,
    Word: _word,
    Python: _python,
    ACheck: _check,
    ATool: _tool,
    AType: _type,
    APolicy: _policy,
    Either: _either,
}
"""How each kind is read."""
