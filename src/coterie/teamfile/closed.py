"""Documents of somebody who is not trusted with this machine: agents and teams as data that name nothing of it.

Theory of operation
===================

1. The grammar is that of team files, from the same table of patterns. Nothing in a document is imported, opened
   or fetched: no Python, no file, no registry, no regular expression (one can be slow for ever).
2. Tools are named, and those that are offered are all there are; so are models, and what an agent may be told of
   how a model answers.
3. Members that a document does not define are looked for among what the same people have written, and then among
   what is offered. What was found is part of what was written: a run takes it along, so it comes back the same
   whatever becomes of the names since.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from coterie.actor import Actor
from coterie.errors import BadInput
from coterie.teamfile.document import Document, Files
from coterie.teamfile.imports import Imports
from coterie.teamfile.load import TeamFile
from coterie.teamfile.problems import BadFile, Problem
from coterie.teamfile.source import Node, node_of, parsed
from coterie.tool import Tool

SETTINGS = (
    "frequency_penalty",
    "max_tokens",
    "output_mode",
    "presence_penalty",
    "seed",
    "stop",
    "temperature",
    "top_k",
    "top_p",
)
"""What of a model's settings a document may say; others could name addresses and headers."""


class Written(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody wrote: a document, as YAML or plain data, and by name those of the members that it only names."""

    document: Any
    members: dict[str, Any] = {}


class Offered(Struct, frozen=True, kw_only=True):
    """What documents may name: tools, models (None: any), and actors that are offered by name."""

    tools: Mapping[str, Tool] = {}
    models: Collection[str] | None = ()
    actor: Callable[[str, Mapping[str, Any]], Actor | None] = lambda _name, _options: None


def read(written: Written, offered: Offered, called: str = "document") -> TeamFile:
    """What was written, read: its actor, and what is wrong with it. `called` is its name in messages.

    Raises:
        BadFile: if it cannot be read at all.
    """
    files = _Closed(written, offered)
    document = files.document(called, written.document)
    actor = document.actor()
    list(document.everything())
    return TeamFile(document, files, actor, "")


def missing(written: Written, offered: Offered) -> set[str]:
    """The names of members that neither the document defines, nor anybody has brought along so far."""
    files = _Closed(written, offered)
    try:
        document = files.document("document", written.document)
        document.actor()
        list(document.everything())
    except BadFile:
        return set()
    return files.lacking


class _Closed(Files):
    """The documents of one actor, which lie nowhere."""

    def __init__(self, written: Written, offered: Offered) -> None:
        super().__init__(live=True)
        self.lacking: set[str] = set()
        self._members = written.members
        self._offered = offered
        self._making: list[str] = []
        self._made: dict[str, Actor] = {}

    def document(self, called: str, given: Any) -> Document:
        """A document that was given as YAML or as plain data."""
        root = parsed(given.encode(), called) if isinstance(given, str) else node_of(given, called)
        document = self.documents[Path(called)] = Document(self, Path(called), called, root)
        for line, key in _regular(root):
            document.problems.add(
                line, f"`{key}` is not for documents: it can take for ever; say what is wanted"
            )
        return document

    def open(self, path: Path, label: str) -> Document:
        raise BadFile([Problem(label, 0, "a document names no files")])

    def imports(self, folder: Path) -> Imports:
        return _Nothing(folder, live=True)

    def tool(self, name: str) -> Any:
        if name in self._offered.tools:
            return self._offered.tools[name]
        there = ", ".join(sorted(self._offered.tools)) or "none"
        raise BadInput(f"no tool {name!r} is offered; there are {there}")

    def allow(self, given: dict[str, Any]) -> None:
        model, known = given.get("model"), self._offered.models
        if model is not None and known is not None and model not in known:
            there = f"there are {', '.join(sorted(known))}" if known else "leave it out"
            raise BadInput(f"no model {model!r} is offered; {there}")
        if strange := sorted(set(given.get("settings") or {}) - set(SETTINGS)):
            raise BadInput(f"settings of a document have no {strange[0]!r}; they have {', '.join(SETTINGS)}")

    def ready(self, name: str, options: Mapping[str, Any], folder: Path | None = None) -> Actor | None:
        if name in self._members and not options:
            return self._member(name)
        found = self._offered.actor(name, options)
        if found is None:
            self.lacking.add(name)
        return found

    def _member(self, name: str) -> Actor:
        if name in self._making:
            cycle = " -> ".join([*self._making[self._making.index(name) :], name])
            raise BadInput(f"a team cannot be in itself: {cycle}")
        if name not in self._made:
            self._making.append(name)
            document = self.document(name, self._members[name])
            actor = document.actor()
            self._making.pop()
            if document.problems.found:
                raise BadInput(f"{name!r} cannot be used: {document.problems.found[0]}")
            self._made[name] = actor
        return self._made[name]


class _Nothing(Imports):
    """What may be imported: nothing."""

    def get(self, reference: str) -> Any:
        raise BadInput(
            f"{reference!r} is code, and a document names none; tools are called by the name alone"
        )


def _regular(node: Node) -> Iterator[tuple[int, str]]:
    """The lines of regular expressions: checks of texts, and what schemas say of them."""
    said = {key for key, one in node.entries.items() if isinstance(one.value, str)}
    if list(node.entries) == ["matches"] and "matches" in said:
        yield node.line, "matches"
    if "pattern" in said and "actor" not in node.entries:  # a reaction has a pattern, too: of topics
        yield node.line, "pattern"
    for below in (*node.entries.values(), *(node.items or ())):
        yield from _regular(below)
