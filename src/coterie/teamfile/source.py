"""From the bytes of a YAML file to a tree of values that know their lines; nothing in it is ever run.

Scalars are read by the core schema of YAML 1.2 (section 10.3): `yes`, `no` and `on` are texts, which is
what the choices of a committee mean. Tags are refused, so no file can name a Python object. Aliases are
followed, but a file that says more than `MOST` values in all is refused, however small it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from coterie.teamfile.problems import BadFile, Problem, Problems

SIZE = 1 << 20
"""Bytes that a file may have."""
MOST = 20_000
"""Values that a file may say, with aliases counted as often as they are used."""
DEPTH = 64
"""How deep values may be in one another."""

Scalar: TypeAlias = "str | int | float | bool | None"


class Node(Struct, frozen=True):
    """A value and its line: a scalar, or a list of nodes, or a mapping of them."""

    value: Scalar
    line: int
    items: tuple[Node, ...] | None = None
    mapping: dict[str, Node] | None = None
    keys: dict[str, int] = {}
    """The line of each key."""
    size: int = 1
    """Values in it, and itself."""

    @property
    def entries(self) -> dict[str, Node]:
        """What a mapping holds; nothing for other values."""
        return self.mapping or {}

    @property
    def empty(self) -> bool:
        """Whether it says nothing."""
        return self.value is None and self.items is None and self.mapping is None

    @property
    def what(self) -> str:
        """What kind of value it is, for people."""
        if self.mapping is not None:
            return "a mapping"
        if self.items is not None:
            return "a list"
        return "nothing" if self.value is None else repr(self.value)


def plain(node: Node) -> Any:
    """The value of a node without its lines."""
    if node.mapping is not None:
        return {key: plain(one) for key, one in node.mapping.items()}
    if node.items is not None:
        return [plain(one) for one in node.items]
    return node.value


def node_of(value: Any, file: str, depth: int = 0) -> Node:
    """The tree of a value that is plain data already, such as JSON; all of it is on line 1.

    Raises:
        BadFile: if it says more values, or deeper in one another, than a file may.
    """
    if depth > DEPTH:
        raise BadFile([Problem(file, 1, f"values are more than {DEPTH} deep in one another")])
    if isinstance(value, dict):
        given = msgspec.convert(value, dict[str, Any])
        mapping = {key: node_of(one, file, depth + 1) for key, one in given.items()}
        size = 1 + sum(one.size for one in mapping.values())
        node = Node(None, 1, mapping=mapping, keys=dict.fromkeys(mapping, 1), size=size)
    elif isinstance(value, list):
        listed = msgspec.convert(value, list[Any])
        items = tuple(node_of(one, file, depth + 1) for one in listed)
        node = Node(None, 1, items=items, size=1 + sum(one.size for one in items))
    else:
        node = Node(value, 1)
    if node.size > MOST:
        raise BadFile([Problem(file, 1, f"says more than {MOST:,} values")])
    return node


def parsed(body: bytes, file: str) -> Node:
    """The value that a file says.

    Raises:
        BadFile: if it says none, says more than one, or is not YAML that can be trusted.
    """
    import yaml

    text = _text(body, file)
    problems = Problems(file)
    try:
        events = yaml.parse(text, Loader=yaml.SafeLoader)
        node = _Composer(events, problems).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 0
        raise BadFile([*problems.found, Problem(file, line, _said(error))]) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise BadFile([Problem(file, line, f"{chr(error.character)!r} cannot be in a file")]) from error
    problems.settle()
    return node


def _text(body: bytes, file: str) -> str:
    if len(body) > SIZE:
        raise BadFile([Problem(file, 0, f"is {len(body):,} bytes long; {SIZE:,} are allowed")])
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise BadFile(
            [Problem(file, line, f"is not UTF-8 text: byte 0x{body[error.start]:02x}; save it as UTF-8")]
        ) from error


def _said(error: Any) -> str:
    """What YAML says is wrong, in one line."""
    problem = str(error.problem or error.context)
    if "'\\t'" in problem:
        return "a tab stands where YAML wants spaces"
    context = f" ({error.context})" if error.context and error.context != problem else ""
    return f"not YAML: {problem}{context}"


class _Composer:
    """Makes one tree of a file's events (the composer of the YAML specification, section 3.1.2)."""

    def __init__(self, events: Iterator[Any], problems: Problems) -> None:
        self._events = events
        self._problems = problems
        self._anchors: dict[str, Node] = {}

    def document(self) -> Node:
        """The only document of the stream."""
        next(self._events)
        first = next(self._events)
        if type(first).__name__ == "StreamEndEvent":
            self._refuse(1, "says nothing")
        node = self._node(next(self._events), 0)
        next(self._events)
        after = next(self._events)
        if type(after).__name__ != "StreamEndEvent":
            self._refuse(after.start_mark.line + 1, "a second document begins here; there may be one a file")
        return node

    def _refuse(self, line: int, message: str) -> None:
        raise BadFile([*self._problems.found, Problem(self._problems.file, line, message)])

    def _node(self, event: Any, depth: int) -> Node:
        line = event.start_mark.line + 1
        kind = type(event).__name__
        if depth > DEPTH:
            self._refuse(line, f"values are more than {DEPTH} deep in one another")
        if kind == "AliasEvent":
            if event.anchor not in self._anchors:
                self._refuse(line, f"the alias *{event.anchor} names no value above it")
            return self._anchors[event.anchor]
        if event.tag not in (None, "!"):
            self._problems.add(line, f"the tag {event.tag!r} is not allowed: values are plain data")
        if kind == "ScalarEvent":
            node = Node(_scalar(event.value) if event.style is None else event.value, line)
        elif kind == "SequenceStartEvent":
            node = self._list(line, depth)
        else:
            node = self._mapping(line, depth)
        if node.size > MOST:
            self._refuse(line, f"says more than {MOST:,} values, with its aliases followed")
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _list(self, line: int, depth: int) -> Node:
        found: list[Node] = []
        while type(event := next(self._events)).__name__ != "SequenceEndEvent":
            found.append(self._node(event, depth + 1))
        return Node(None, line, items=tuple(found), size=1 + sum(one.size for one in found))

    def _mapping(self, line: int, depth: int) -> Node:
        found: dict[str, Node] = {}
        keys: dict[str, int] = {}
        while type(event := next(self._events)).__name__ != "MappingEndEvent":
            at = event.start_mark.line + 1
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            name = _key(key)
            if name is None:
                self._problems.add(at, f"a key is a text, not {key.what}")
            elif name in found:
                self._problems.add(at, f"{name!r} is here twice; the first is on line {keys[name]}")
            else:
                found[name], keys[name] = value, at
        size = 1 + sum(one.size for one in found.values())
        return Node(None, line, mapping=found, keys=keys, size=size)


def _key(node: Node) -> str | None:
    if node.value is None:
        return None
    return node.value if isinstance(node.value, str) else str(node.value).lower()


_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NULLS, _TRUE, _FALSE = (
    ("", "~", "null", "Null", "NULL"),
    ("true", "True", "TRUE"),
    ("false", "False", "FALSE"),
)
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(_NULLS),
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
}


def _scalar(text: str) -> Scalar:
    """What an unquoted text means."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text) and len(text) < 20:
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
