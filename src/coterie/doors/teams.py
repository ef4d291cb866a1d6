"""From what a team is called to the team, now or when its run is gone on with.

A team is called by the name of a ready-made one (`research`), or by where it is defined:
`FILE.yaml` or `FILE.yaml:NAME` for a team file, or `FILE.py:NAME` or `module:NAME`, where NAME is an
actor, a play, or a function that builds one.
A run remembers this as its `origin`, so that `resume`, `fork` and `replay` find the team again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
from msgspec.structs import replace

from coterie.actor import Actor
from coterie.doors.alter import altered
from coterie.errors import BadInput, BadPlan
from coterie.patterns.orchestrator import Orchestrator
from coterie.shell.children import found
from coterie.shell.job import PARENT
from coterie.teamfile import load
from coterie.teamfile.closed import Offered, Written, read
from coterie.teamfile.imports import Imports, module_called, module_in
from coterie.teamfile.load import SUFFIXES
from coterie.teamfile.ready import actor_in, built, module_of
from coterie.teams import READY
from coterie.teams.option import Option
from coterie.words.event import Opened
from coterie.words.plan import Plan
from coterie.words.principal import LOCAL


def options_of(team: str) -> tuple[Option, ...]:
    """What a team can be told when it is built; nothing for one that is not ready-made."""
    if team not in READY:
        return ()
    options: tuple[Option, ...] = module_of(team).OPTIONS
    return options


def origin_of(team: str, options: Mapping[str, Any], model: str | None = None) -> dict[str, Any]:
    """What a run remembers of how its team was called, whatever folder it is resumed from."""
    origin: dict[str, Any] = {"team": _absolute(team)}
    if options:
        origin["options"] = dict(options)
    if model:
        origin["model"] = model
    return origin


ANY = Offered(models=None)
"""What a document may name where nothing is said of it: no tools, and any model."""


def team_of(origin: Mapping[str, Any], offered: Offered = ANY) -> Actor:
    """The team that an origin names, or that was written down in it with what is `offered`, built anew.

    Raises:
        BadInput: if there is no such team, or its file cannot be run.
        MissingExtra: if it needs a part of Coterie that is not installed.
    """
    if origin.get("plan"):
        plan: Plan = msgspec.convert(origin["plan"], Plan)
        boss = planned_by(team_of({**origin, "plan": None}), origin["team"])
        try:
            return boss.given(plan)
        except BadPlan as error:
            raise BadInput(f"the plan cannot be run: {error.message}") from error
    if "written" in origin:
        written = msgspec.convert(origin["written"], Written)
        return read(written, _with(offered, origin.get("offers", {})), origin["team"]).actor
    team, options = origin["team"], origin.get("options", {})
    if team in READY:
        return built(team, module_of(team).build, options)
    if (file := team_file(team)) is not None:
        return load(*file)
    place, colon, name = team.rpartition(":")
    if not colon or not place or not name:
        raise BadInput(_no_such_team(team))
    module = module_in(Path(place)) if place.endswith(".py") else module_called(place)
    return _actor(team, module, name)


def _with(offered: Offered, offers: Mapping[str, str]) -> Offered:
    """What is offered, and the teams that a run says were offered where it began: where each is, by name."""

    def member(name: str, options: Mapping[str, Any]) -> Actor | None:
        found = offered.actor(name, options)
        if found is None and name in offers:
            return team_of({"team": offers[name], "options": options})
        return found

    return replace(offered, actor=member)


def planned_by(actor: Actor, team: str) -> Orchestrator:
    """`actor`, called `team`, as one who works by a plan.

    Raises:
        BadInput: if it does not.
    """
    if not isinstance(actor, Orchestrator):
        raise BadInput(f"{team!r} is no orchestrator, so it does not work by a plan")
    return actor


def team_file(team: str) -> tuple[Path, str] | None:
    """The path of a team file, and who of it is meant (empty: the team that it is); None for other teams."""
    place, colon, name = (team, "", "") if team.endswith(SUFFIXES) else team.rpartition(":")
    if not place.endswith(SUFFIXES) or (colon and not name):
        return None
    return Path(place), name


def team_of_run(began: Opened, team: str | None = None, offered: Offered = ANY) -> Actor:
    """The team of a run: the one it remembers, unless another is named here, with what its fork has changed.

    Raises:
        BadInput: if it remembers none, or there is none of that name.
    """
    if team is not None:
        options = began.origin.get("options", {})
        return altered(team_of({"team": team, "options": options}), began.origin.get("set", {}))
    if "member" in began.origin.get(PARENT, {}):
        return found(team_of_run, began)
    if "team" not in began.origin:
        raise BadInput(
            f"run {began.run!r} was not started by `coterie run`, so it does not say where its team is: "
            "name it with --team FILE.py:NAME"
        )
    return altered(team_of(began.origin, offered), began.origin.get("set", {}))


def _no_such_team(team: str) -> str:
    ready = ", ".join(map(repr, sorted(READY)))
    if team.endswith(".py"):
        return f"which actor in {team!r}? Name it, as in {team + ':panel'!r}"
    if team.endswith((".json", ".toml")):
        return f"{team!r} is no team file: they are YAML, as in 'team.yaml', or Python, as in 'team.py:panel'"
    return f"there is no team {team!r}: say one of {ready}, 'FILE.yaml', 'FILE.py:NAME' or 'module:NAME'"


def _absolute(team: str) -> str:
    if (file := team_file(team)) is not None:
        path, name = file
        return f"{path.resolve()}:{name}" if name else str(path.resolve())
    place, colon, name = team.rpartition(":")
    return f"{Path(place).resolve()}{colon}{name}" if colon and place.endswith(".py") else team


def _actor(team: str, module: ModuleType, name: str) -> Actor:
    found = getattr(module, name, None)
    if found is None:
        actors = sorted(key for key, value in vars(module).items() if isinstance(value, Actor))
        raise BadInput(f"{team!r}: there is no {name!r}; the actors there are {actors}")
    return actor_in(found, team)


def owner_of(origin: Mapping[str, Any]) -> str:
    """Whose memory a run has: that of its standing agent, or of who began it."""
    return str(origin.get("memory") or origin.get("by") or LOCAL.name)


def tools_called(references: Iterable[str]) -> list[Any]:
    """The tools of references like `module:NAME` or `FILE.py:NAME`: one each, or all of a toolset.

    Raises:
        BadInput: if there is no such thing.
    """
    imports = Imports(Path.cwd(), live=True)
    found: list[Any] = []
    for reference in references:
        named = imports.get(reference)
        found += named if isinstance(named, (list, tuple)) else [named]
    return found
