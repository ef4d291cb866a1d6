"""A team file: the agents and teams that it names, built when they are asked for, each once.

1. `agents` and `teams` name members; `team` says which of them, or which one written out, the file is.
2. A member is built when something refers to it. Whatever refers to it gets the same object.
3. `use` builds a team of another file, or a ready-made one. A file that comes back to itself is refused.
4. Everything in a file is read before anything is refused, so that all mistakes are said at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from coterie.actor import Actor
from coterie.errors import BadInput
from coterie.teamfile.builder import COMMON, Builder
from coterie.teamfile.imports import Imports, stand_in
from coterie.teamfile.problems import BAD, BadFile, Problem, Problems, nearest
from coterie.teamfile.reader import Reader
from coterie.teamfile.ready import ready
from coterie.teamfile.source import Node, parsed
from coterie.teamfile.toolsource import declared

TOP = ("description", "model", "registry", "limits", "agents", "teams", "team")
"""What a file may say."""


class Files:
    """The files that one team is made of, by what they are called in messages."""

    def __init__(self, *, live: bool) -> None:
        self.live = live
        self.documents: dict[Path, Document] = {}
        self.problems: list[Problem] = []

    def open(self, path: Path, label: str) -> Document:
        """The document in a file, read once.

        Raises:
            BadFile: if it cannot be read.
        """
        key = path.resolve()
        if key not in self.documents:
            self.documents[key] = Document(self, path, label, parsed(_body(path, label), label))
        return self.documents[key]

    def imports(self, folder: Path) -> Imports:
        """What a file in `folder` names in Python."""
        return Imports(folder, live=self.live)

    def ready(self, name: str, options: Mapping[str, Any], folder: Path | None = None) -> Actor | None:
        """The actor of that name that no file defines; None if there is none."""
        return ready(name, options, folder)

    def tool(self, name: str) -> Any:
        """The tool that every file knows by that name; None if there is none."""
        return None

    def allow(self, given: dict[str, Any]) -> None:
        """See that an agent may be told this, whatever it means."""

    def settle(self) -> None:
        """See that nothing is wrong with any of them.

        Raises:
            BadFile: if something is.
        """
        found = [problem for one in self.documents.values() for problem in one.problems.found]
        if found or self.problems:
            raise BadFile([*found, *self.problems])


class Document:
    """One file: who is in it, and what has been built of it."""

    def __init__(self, files: Files, path: Path, label: str, root: Node) -> None:
        self.files = files
        self.path = path
        self.problems = Problems(label)
        self.root = root
        self.made: dict[str, Any] = {}
        self.used: set[str] = set()
        self.making: list[str] = []
        self.imports = files.imports(path.resolve().parent)
        self.reader = Reader(self, self.imports, self.problems)
        self.builder = Builder(self)
        if self.root.mapping is None:
            raise BadFile([Problem(label, self.root.line, f"a team file is a mapping, not {self.root.what}")])
        self.agents, self.teams = self._section("agents"), self._section("teams")
        self._look()
        self.registry = self._registry()

    def _section(self, key: str) -> dict[str, Node]:
        node = self.root.entries.get(key)
        if node is None:
            return {}
        if node.mapping is None:
            self.problems.add(node.line, f"{key!r} is a mapping from names to {key}, not {node.what}")
            return {}
        return dict(node.entries)

    def _look(self) -> None:
        """See that the file's own keys are in order."""
        for key, line in self.root.keys.items():
            if key not in TOP:
                self.problems.add(line, f"a team file has no {key!r}{nearest(key, TOP)}")
        for name in self.teams.keys() & self.agents.keys():
            self.problems.add(self.teams[name].line, f"{name!r} is the name of an agent already")
        for key in ("description", "model"):
            node = self.root.entries.get(key)
            if node is not None and not isinstance(node.value, str):
                self.problems.add(node.line, f"{key!r} is a text, not {node.what}")

    @property
    def description(self) -> str:
        """What the file says it is for."""
        node = self.root.entries.get("description")
        return " ".join(str(node.value).split()) if node is not None else ""

    @property
    def names(self) -> list[str]:
        """Everybody that the file names."""
        return [*self.agents, *self.teams]

    # Who there is, for the reader

    def knows(self, name: str) -> bool:
        """Whether there is a member of that name."""
        return name in self.agents or name in self.teams

    def named(self, name: str, line: int) -> Any:
        """The member of that name, built when it is first asked for."""
        self.used.add(name)
        if name in self.made:
            return self.made[name]
        if name in self.making:
            cycle = " -> ".join([*self.making[self.making.index(name) :], name])
            return self.reader.bad(line, f"a team cannot be in itself: {cycle}")
        node = self.agents.get(name) or self.teams.get(name)
        if node is None:
            return self._ready_made(name, line)
        self.making.append(name)
        build = self.builder.agent if name in self.agents else self.builder.team
        made = build(node, name)
        self.making.pop()
        self.made[name] = made
        return made

    def _ready_made(self, name: str, line: int) -> Any:
        try:
            found = self.files.ready(name, {})
        except BadInput as error:
            return self.reader.bad(line, error.message)
        if found is None:
            return self.reader.bad(line, f"member {name!r} is not defined{nearest(name, self.names)}")
        return found

    def written(self, node: Node) -> Any:
        """The actor that a mapping writes out where it is used."""
        return self.builder.written(node)

    def tool(self, name: str) -> Any:
        """The tool of that name in the file's registry.

        Raises:
            BadInput: if it names none, or there is no such tool in it.
        """
        if (known := self.files.tool(name)) is not None:
            return known
        if self.registry is None:
            raise BadInput(
                f"the tool {name!r}: say module:function, or name a `registry: module:name` at the top of the file"
            )
        if self.files.live and self.registry is not BAD:
            return self.registry[name]
        return declared(stand_in(name), None, name, lambda _: None)

    def _registry(self) -> Any:
        node = self.root.entries.get("registry")
        if node is None:
            return None
        try:
            return self.imports.get(str(node.value))
        except BadInput as error:
            return self.reader.bad(node.line, error.message)

    def actor(self, name: str = "", line: int = 0, asker: Document | None = None) -> Any:
        """The actor that the file is, or the one of that name in it, or `BAD`."""
        asks = asker or self
        self.making.append("")
        try:
            if name:
                if not self.knows(name):
                    hint = nearest(name, self.names) or f"; there are {', '.join(self.names)}"
                    return asks.reader.bad(line, f"{self.problems.file!r} has no {name!r}{hint}")
                return self.named(name, line or 1)
            return self._whole(asks, line)
        finally:
            self.making.pop()

    def _whole(self, asks: Document, line: int) -> Any:
        node = self.root.entries.get("team")
        if node is not None:
            return self._limited(self.builder.team(node, ""))
        only = list(self.teams) or list(self.agents)
        if len(only) == 1:
            return self._limited(self.named(only[0], line or 1))
        if not self.names and self.problems.found:
            return BAD
        names = ", ".join(self.names) or "nobody"
        return asks.reader.bad(
            line,
            f"which of them is {self.problems.file!r}? Say `team: NAME` in it, or FILE:NAME; there are {names}",
        )

    def _limited(self, actor: Any) -> Any:
        """The file's own actor with the file's own limits."""
        node = self.root.entries.get("limits")
        if node is None or actor is BAD:
            return actor
        limits = self.reader.read(COMMON["limits"], node, "limits")
        if actor.limits is not None:
            return self.reader.bad(node.line, f"{actor.name!r} has limits of its own already")
        actor.limits = limits if limits is not BAD else None
        return actor

    def everything(self) -> Iterator[Any]:
        """Every member, built: so that what is wrong with any is found."""
        for name in self.names:
            used = name in self.used
            yield self.named(name, 0)
            if not used:
                self.used.discard(name)


def _body(path: Path, label: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BadFile([Problem(label, 0, "there is no such file: check the path")]) from None
    except OSError as error:
        raise BadFile([Problem(label, 0, f"cannot be read: {error.strerror}")]) from error
