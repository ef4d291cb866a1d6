"""Building: the agents and teams that a file writes out, by a pattern, from another file, or ready-made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coterie.actor import Actor
from coterie.agent import Agent
from coterie.errors import BadInput, CoterieError
from coterie.roles import library, role
from coterie.team import Team
from coterie.teamfile.forms import agent_form, pattern_forms
from coterie.teamfile.kinds import ACheck, AnActor, AType, Either, Kind, Plain, Python
from coterie.teamfile.problems import BAD, BadFile, nearest
from coterie.teamfile.ready import actor_in
from coterie.teamfile.source import Node, plain
from coterie.words.limits import Limits

if TYPE_CHECKING:
    from coterie.teamfile.document import Document

COMMON: dict[str, Kind] = {
    "limits": Plain(Limits),
    "done_when": Either((ACheck(), Python(), AnActor(), AType())),
}
"""What every team may be told, whatever its pattern."""


class Builder:
    """Builds what one document writes out; whatever does not fit is noted there, and comes out as `BAD`."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.bad = document.reader.bad

    def written(self, node: Node) -> Any:
        """The actor that a mapping writes out where it is used."""
        if "agent" in node.entries:
            name = node.entries["agent"]
            if not isinstance(name.value, str):
                return self.bad(name.line, f"'agent' is the agent's name, not {name.what}")
            return self.agent(node, name.value, also=("agent",))
        return self.team(node, "")

    def agent(self, node: Node, name: str, also: tuple[str, ...] = ()) -> Any:
        """The agent of that name; a text is its instructions."""
        if isinstance(node.value, str):
            node = Node(None, node.line, mapping={"instructions": node}, keys={"instructions": node.line})
        if node.mapping is None:
            return self.bad(node.line, f"agent {name!r} is its instructions, or a mapping; not {node.what}")
        if any(key in pattern_forms() for key in node.entries):
            return self.bad(node.line, f"{name!r} is a team: put it under `teams`")
        form = agent_form()
        given = self.document.reader.parameters(form, node, also=("role", *also))
        told = self._role(node)
        if given is BAD or told is BAD:
            return BAD
        instructions = "\n\n".join(filter(None, [told, given.pop("instructions", "")]))
        default = self.document.root.entries.get("model")
        given.setdefault("model", default.value if default is not None else None)

        def build() -> Any:
            self.document.files.allow(given)
            return form.build(name, instructions, **given)

        return self._guarded(build, node.line)

    def _role(self, node: Node) -> Any:
        """What an agent is told of its role: one of the library, or one with parts of its own."""
        said = node.entries.get("role")
        if said is None:
            return ""
        parts = {key: plain(one) for key, one in (said.mapping or {"name": said}).items()}
        name = parts.pop("name", None)
        if not isinstance(name, str):
            return self.bad(
                said.line, "a role is a name of the library, or a mapping with that `name` and parts"
            )
        if name not in library():
            hint = nearest(name, library()) or f"; there are {', '.join(library())}"
            return self.bad(said.line, f"there is no role {name!r}{hint}")
        return self._guarded(lambda: role(name, **parts).instructions, said.line)

    def team(self, node: Node, name: str) -> Any:
        """A team: one pattern and its options, or one that is used from elsewhere."""
        if isinstance(node.value, str):
            return self.document.named(node.value, node.line)
        if node.mapping is None:
            return self.bad(node.line, f"a team is a pattern and its options, not {node.what}")
        found = [key for key in node.entries if key in pattern_forms()]
        if "use" in node.entries:
            return self._finished(self._used(node), node)
        if "python" in node.entries:
            return self._finished(self._python(node), node)
        if len(found) != 1:
            return self._no_team(node, found)
        form = pattern_forms()[found[0]]
        given = self.document.reader.parameters(form, node, found[0], also=tuple(COMMON))
        if given is not BAD and name:
            given.setdefault("name", name)
        return self._finished(self.document.reader.built(form, given, node.line), node)

    def _no_team(self, node: Node, found: list[str]) -> Any:
        if found:
            return self.bad(node.line, f"one team has two patterns here: {' and '.join(found)}")
        for key in node.entries:
            hint = nearest(key, [*pattern_forms(), "agent", "use"])
            if hint and key not in agent_form().others:
                return self.bad(node.keys[key], f"there is no pattern {key!r}{hint}")
        if any(key in agent_form().others for key in node.entries):
            return self.bad(node.line, "an agent that is written out here needs its name: `agent: NAME`")
        keys = ", ".join(map(repr, node.entries)) or "nothing"
        return self.bad(node.line, f"this names no pattern: {keys}; there are {', '.join(pattern_forms())}")

    def _finished(self, team: Any, node: Node) -> Any:
        """A team with the options that every team has."""
        given = {
            key: self.document.reader.read(COMMON[key], node.entries[key], key)
            for key in COMMON
            if key in node.entries
        }
        if team is BAD or any(value is BAD for value in given.values()):
            return BAD
        if given and not isinstance(team, (Agent, Team)):
            return self.bad(node.line, f"{team.name!r} has no {', '.join(given)}")
        for key, value in given.items():
            if getattr(team, key) not in (None, value) and "use" in node.entries:
                return self.bad(node.keys[key], f"{team.name!r} has {key} of its own already")
            setattr(team, key, value)
        return team

    def _used(self, node: Node) -> Any:
        """A team of another file, or a ready-made one."""
        named, told = node.entries["use"], node.entries.get("options")
        if not isinstance(named.value, str):
            return self.bad(named.line, f"'use' names a file or a ready-made team, not {named.what}")
        for key in node.entries:
            if key not in ("use", "options", *COMMON):
                self.bad(node.keys[key], f"'use' has no option {key!r}{nearest(key, ('options', *COMMON))}")
        if told is not None and told.mapping is None:
            return self.bad(told.line, f"'options' is a mapping, not {told.what}")
        options: dict[str, Any] = plain(told) if told is not None else {}
        file, _, name = named.value.partition(":")
        if not file.endswith((".yaml", ".yml")):
            return self._ready(named, options)
        if options:
            return self.bad(named.line, "a team of a file has no options: it says its own")
        return self._of_file(file, name, named.line)

    def _ready(self, named: Node, options: dict[str, Any]) -> Any:
        try:
            found = self.document.files.ready(str(named.value), options, self.document.path.resolve().parent)
        except CoterieError as error:
            return self.bad(named.line, error.message)
        if found is None:
            hint = "; a file ends with .yaml"
            return self.bad(named.line, f"there is no ready-made team {named.value!r}{hint}")
        return found

    def _of_file(self, file: str, name: str, line: int) -> Any:
        path = self.document.path.parent / file
        label = str(Path(self.document.problems.file).parent / file)
        try:
            other = self.document.files.open(path, label)
        except BadFile as error:
            self.document.files.problems += error.problems
            return self.bad(line, f"{file!r} cannot be used: see there")
        if other.making or other is self.document:
            return self.bad(
                line, f"files use each other in a circle: {self.document.problems.file} -> {label}"
            )
        return other.actor(name, line, self.document)

    def _python(self, node: Node) -> Any:
        """An actor that a Python file makes."""
        reference = node.entries["python"]
        found = self.document.reader.read(
            Python(), Node(None, node.line, mapping={"python": reference}), "python"
        )
        if found is BAD:
            return BAD
        if not self.document.files.live:
            return Unseen(getattr(found, "__name__", "python"))
        return self._guarded(lambda: actor_in(found, str(reference.value)), reference.line)

    def _guarded(self, make: Callable[[], Any], line: int) -> Any:
        try:
            return make()
        except (BadInput, ValueError, TypeError) as error:
            return self.bad(line, getattr(error, "message", str(error)))


class Unseen(Actor):
    """An actor of a Python file that was not run."""

    def __init__(self, name: str) -> None:
        self.name = name

    def describe(self) -> Any:
        return self.name
