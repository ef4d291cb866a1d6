"""A team file: the agents and teams that it names, built when they are asked for, each once.

1. `agents` and `teams` name members; `team` says which of them, or which one written out, the file is.
2. A member is built when something refers to it. Whatever refers to it gets the same object.
3. `use` builds a team of another file, or a ready-made one. A file that comes back to itself is refused.
4. Everything in a file is read before anything is refused, so that all mistakes are said at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coterie.actor import Actor
from coterie.errors import BadInput, CoterieError
from coterie.team import Team
from coterie.teamfile.forms import agent_form, pattern_forms
from coterie.teamfile.imports import Imports, stand_in
from coterie.teamfile.kinds import ACheck, AnActor, AType, Either, Kind, Plain, Python
from coterie.teamfile.problems import BadFile, Problem, Problems, nearest
from coterie.teamfile.reader import BAD, Reader
from coterie.teamfile.ready import actor_in, ready
from coterie.teamfile.source import Node, parsed, plain
from coterie.words.limits import Limits

TOP = ("description", "model", "registry", "limits", "agents", "teams", "team")
"""What a file may say."""
COMMON: dict[str, Kind] = {
    "limits": Plain(Limits),
    "done_when": Either((ACheck(), Python(), AnActor(), AType())),
}
"""What every team may be told, whatever its pattern."""


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
            self.documents[key] = Document(self, path, label)
        return self.documents[key]

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

    def __init__(self, files: Files, path: Path, label: str) -> None:
        self.files = files
        self.path = path
        self.problems = Problems(label)
        self.root = parsed(_body(path, label), label)
        self.made: dict[str, Any] = {}
        self.used: set[str] = set()
        self.making: list[str] = []
        self.imports = Imports(path.resolve().parent, live=files.live)
        self.reader = Reader(self, self.imports, self.problems)
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
        made = self._agent(node, name) if name in self.agents else self._team(node, name)
        self.making.pop()
        self.made[name] = made
        return made

    def _ready_made(self, name: str, line: int) -> Any:
        try:
            found = ready(name, {})
        except BadInput as error:
            return self.reader.bad(line, error.message)
        if found is None:
            return self.reader.bad(line, f"member {name!r} is not defined{nearest(name, self.names)}")
        return found

    def written(self, node: Node) -> Any:
        """The actor that a mapping writes out where it is used."""
        if "agent" in node.entries:
            name = node.entries["agent"]
            if not isinstance(name.value, str):
                return self.reader.bad(name.line, f"'agent' is the agent's name, not {name.what}")
            return self._agent(node, name.value, also=("agent",))
        return self._team(node, "")

    def tool(self, name: str) -> Any:
        """The tool of that name in the file's registry.

        Raises:
            BadInput: if it names none, or there is no such tool in it.
        """
        if self.registry is None:
            raise BadInput(
                f"the tool {name!r}: say module:function, or name a `registry: module:name` at the top of the file"
            )
        return self.registry[name] if self.files.live and self.registry is not BAD else stand_in(name)

    def _registry(self) -> Any:
        node = self.root.entries.get("registry")
        if node is None:
            return None
        try:
            return self.imports.get(str(node.value))
        except BadInput as error:
            return self.reader.bad(node.line, error.message)

    # Building

    def _agent(self, node: Node, name: str, also: tuple[str, ...] = ()) -> Any:
        """An agent: a text is its instructions."""
        if isinstance(node.value, str):
            node = Node(None, node.line, mapping={"instructions": node}, keys={"instructions": node.line})
        if node.mapping is None:
            return self.reader.bad(
                node.line, f"agent {name!r} is its instructions, or a mapping; not {node.what}"
            )
        if any(key in pattern_forms() for key in node.entries):
            return self.reader.bad(node.line, f"{name!r} is a team: put it under `teams`")
        form = agent_form()
        given = self.reader.parameters(form, node, also=also)
        if given is BAD:
            return BAD
        default = self.root.entries.get("model")
        given.setdefault("model", default.value if default is not None else None)
        return self._guarded(lambda: form.build(name, **given), node.line)

    def _team(self, node: Node, name: str) -> Any:
        """A team: one pattern and its options, or one that is used from elsewhere."""
        if isinstance(node.value, str):
            return self.named(node.value, node.line)
        if node.mapping is None:
            return self.reader.bad(node.line, f"a team is a pattern and its options, not {node.what}")
        found = [key for key in node.entries if key in pattern_forms()]
        if "use" in node.entries:
            return self._finished(self._used(node), node)
        if "python" in node.entries:
            return self._finished(self._python(node), node)
        if len(found) != 1:
            return self._no_team(node, found)
        form = pattern_forms()[found[0]]
        given = self.reader.parameters(form, node, found[0], also=tuple(COMMON))
        if given is not BAD and name:
            given.setdefault("name", name)
        return self._finished(self.reader.built(form, given, node.line), node)

    def _no_team(self, node: Node, found: list[str]) -> Any:
        if found:
            return self.reader.bad(node.line, f"one team has two patterns here: {' and '.join(found)}")
        for key in node.entries:
            hint = nearest(key, [*pattern_forms(), "agent", "use"])
            if hint and key not in agent_form().others:
                return self.reader.bad(node.keys[key], f"there is no pattern {key!r}{hint}")
        if any(key in agent_form().others for key in node.entries):
            return self.reader.bad(
                node.line, "an agent that is written out here needs its name: `agent: NAME`"
            )
        keys = ", ".join(map(repr, node.entries)) or "nothing"
        return self.reader.bad(
            node.line, f"this names no pattern: {keys}; there are {', '.join(pattern_forms())}"
        )

    def _finished(self, team: Any, node: Node) -> Any:
        """A team with the options that every team has."""
        given = {
            key: self.reader.read(COMMON[key], node.entries[key], key)
            for key in COMMON
            if key in node.entries
        }
        if team is BAD or any(value is BAD for value in given.values()):
            return BAD
        if given and not isinstance(team, Team):
            return self.reader.bad(
                node.line, f"{team.name!r} is no team of a pattern: it has no {', '.join(given)}"
            )
        for key, value in given.items():
            if getattr(team, key) not in (None, value) and "use" in node.entries:
                return self.reader.bad(node.keys[key], f"{team.name!r} has {key} of its own already")
            setattr(team, key, value)
        return team

    def _used(self, node: Node) -> Any:
        """A team of another file, or a ready-made one."""
        named, told = node.entries["use"], node.entries.get("options")
        if not isinstance(named.value, str):
            return self.reader.bad(named.line, f"'use' names a file or a ready-made team, not {named.what}")
        for key in node.entries:
            if key not in ("use", "options", *COMMON):
                self.reader.bad(
                    node.keys[key], f"'use' has no option {key!r}{nearest(key, ('options', *COMMON))}"
                )
        if told is not None and told.mapping is None:
            return self.reader.bad(told.line, f"'options' is a mapping, not {told.what}")
        options: dict[str, Any] = plain(told) if told is not None else {}
        file, _, name = named.value.partition(":")
        if not file.endswith((".yaml", ".yml")):
            return self._ready(named, options)
        if options:
            return self.reader.bad(named.line, "a team of a file has no options: it says its own")
        return self._of_file(file, name, named.line)

    def _ready(self, named: Node, options: dict[str, Any]) -> Any:
        try:
            found = ready(str(named.value), options, self.path.resolve().parent)
        except CoterieError as error:
            return self.reader.bad(named.line, error.message)
        if found is None:
            hint = "; a file ends with .yaml"
            return self.reader.bad(named.line, f"there is no ready-made team {named.value!r}{hint}")
        return found

    def _of_file(self, file: str, name: str, line: int) -> Any:
        path = self.path.parent / file
        label = str(Path(self.problems.file).parent / file)
        try:
            other = self.files.open(path, label)
        except BadFile as error:
            self.files.problems += error.problems
            return self.reader.bad(line, f"{file!r} cannot be used: see there")
        if other.making or other is self:
            return self.reader.bad(line, f"files use each other in a circle: {self.problems.file} -> {label}")
        return other.actor(name, line, self)

    def _python(self, node: Node) -> Any:
        """An actor that a Python file makes."""
        reference = node.entries["python"]
        found = self.reader.read(Python(), Node(None, node.line, mapping={"python": reference}), "python")
        if found is BAD:
            return BAD
        if not self.files.live:
            return Unseen(getattr(found, "__name__", "python"))
        return self._guarded(lambda: actor_in(found, str(reference.value)), reference.line)

    def _guarded(self, make: Any, line: int) -> Any:
        try:
            return make()
        except (BadInput, ValueError, TypeError) as error:
            return self.reader.bad(line, getattr(error, "message", str(error)))

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
            team = self._team(node, "")
            return self._limited(team)
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


class Unseen(Actor):
    """An actor of a Python file that was not run."""

    def __init__(self, name: str) -> None:
        self.name = name

    def describe(self) -> Any:
        return self.name


def _body(path: Path, label: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BadFile([Problem(label, 0, "there is no such file: check the path")]) from None
    except OSError as error:
        raise BadFile([Problem(label, 0, f"cannot be read: {error.strerror}")]) from error
