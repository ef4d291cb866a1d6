"""From nodes of a file to values, by the kinds that a form says; what does not fit is noted with its line."""

from __future__ import annotations

from typing import Any, Protocol

from coterie.errors import BadInput
from coterie.teamfile.imports import Imports
from coterie.teamfile.kinds import (
    Form,
    Kind,
)
from coterie.teamfile.problems import BAD, Problems, nearest
from coterie.teamfile.source import Node
from coterie.teamfile.values import READ


class Cast(Protocol):
    """Who there is in a file."""

    def named(self, name: str, line: int) -> Any:
        """The member of that name, or `BAD`."""
        ...

    def written(self, node: Node) -> Any:
        """The actor that a mapping writes out, or `BAD`."""
        ...

    def knows(self, name: str) -> bool:
        """Whether there is a member of that name."""
        ...

    def tool(self, name: str) -> Any:
        """The registered tool of that name.

        Raises:
            BadInput: if there is none.
        """
        ...


class Reader:
    """Reads the values of one file."""

    def __init__(self, cast: Cast, imports: Imports, problems: Problems) -> None:
        self.cast = cast
        self.imports = imports
        self.problems = problems

    def read(self, kind: Kind, node: Node, at: str) -> Any:
        """The value of a node; `at` is what it is called where it stands."""
        return READ[type(kind)](self, kind, node, at)

    def bad(self, line: int, message: str) -> Any:
        """Note a problem."""
        self.problems.add(line, message)
        return BAD

    def parameters(self, form: Form, node: Node, head: str = "", also: tuple[str, ...] = ()) -> Any:
        """The parameters that a mapping gives a form, by name, or `BAD`; `head` is the key of the first."""
        given: dict[str, Any] = {}
        first, others = form.first, form.others
        if head and first is not None:
            given[first.name] = self._given(first.kind, node.entries[head], head, form.name)
        elif head and not node.entries[head].empty:
            inner = node.entries[head]
            if inner.mapping is None:
                return self.bad(inner.line, f"{head!r} is told its options as a mapping, not {inner.what}")
            node, head = inner, ""
        elif first is not None:
            others = {first.name: first, **others}
        for key, value in node.entries.items():
            if key in others:
                given[key] = self._given(others[key].kind, value, key, form.name)
            elif key != head and key not in also:
                known = [*others, *also]
                self.bad(node.keys[key], f"{form.name!r} has no option {key!r}{nearest(key, known)}")
                given[key] = BAD
        for one in others.values():
            if one.required and one.name not in given and not one.rest:
                given[one.name] = self.bad(node.line, f"{form.name!r} needs {one.name!r}")
        return BAD if any(value is BAD for value in given.values()) else given

    def _given(self, kind: Kind, node: Node, at: str, form: str) -> Any:
        if node.empty:
            return self.bad(node.line, f"{at!r} of {form!r} says nothing: leave it out, or say what it is")
        return self.read(kind, node, at)

    def built(self, form: Form, given: Any, line: int) -> Any:
        """What comes of calling a form, or `BAD`."""
        if given is BAD:
            return BAD
        try:
            return form.called(given)
        except (BadInput, ValueError, TypeError) as error:
            return self.bad(line, getattr(error, "message", str(error)))
