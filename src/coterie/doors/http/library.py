"""The library: the teams that a service offers by name. What is not in it cannot be run by a client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from coterie.actor import Actor
from coterie.doors.http.folders import Folders
from coterie.doors.teams import options_of, origin_of, team_of, team_of_run
from coterie.errors import BadInput, MissingExtra
from coterie.models.find import EMBEDDED
from coterie.teamfile import TeamFile
from coterie.teamfile.closed import Offered, Written, read
from coterie.teams import READY
from coterie.teams.option import Option
from coterie.tool import Tool, tool_of
from coterie.words.event import Opened


class Offer(Struct, frozen=True, kw_only=True):
    """A team that can be asked for: its name, where it is defined, and what it can be told."""

    name: str
    spec: str
    options: tuple[Option, ...] = ()


class Library:
    """The offers of a service, by name: all ready-made teams unless some are named.

    Who writes agents and teams over the API may name `tools` and `models`, and no others; without `models`, only
    the service's own is asked. Clients tell offered teams of no files but those below `folders`.
    """

    def __init__(
        self,
        specs: Iterable[str] = (),
        *,
        tools: Iterable[Tool | Callable[..., Any]] = (),
        models: Iterable[str] = (),
        folders: Iterable[str | Path] = (),
    ) -> None:
        self.offers: dict[str, Offer] = {}
        self.tools = {tool.name: tool for tool in map(tool_of, tools)}
        self.models = frozenset(models)
        self.offered = Offered(tools=self.tools, models=self.models, actor=self._member)
        self._folders = Folders(folders)
        for spec in specs or READY:
            self.offer(spec)

    def offer(self, spec: str) -> Offer:
        """Offer the team that `spec` names: `research`, `FILE.py:NAME`, or `NAME=...` to call it otherwise.

        Raises:
            BadInput: if something else is offered by that name, or there is no such team.
        """
        name, equals, place = spec.partition("=")
        if not equals:
            name, place = "", spec
        if place in READY:
            made = Offer(name=name or place, spec=place, options=options_of(place))
        else:
            made = Offer(name=name or team_of({"team": place}).name, spec=place)
        if made.name in self.offers:
            raise BadInput(f"two teams are called {made.name!r}: offer one as OTHER={place}")
        self.offers[made.name] = made
        return made

    def origin(self, name: str, options: Mapping[str, Any], model: str | None) -> dict[str, Any]:
        """What a run of the team called `name` remembers of where it came from.

        Raises:
            UnknownTeam: if none is offered by that name.
            BadInput: if it is told something that it does not know, or of a file that clients may not name.
        """
        offer = self.offers.get(name)
        if offer is None:
            raise UnknownTeam(f"no team is called {name!r}; there are {sorted(self.offers)}")
        self.allow(model)
        known = {option.name: option for option in offer.options}
        if strange := sorted(set(options) - known.keys()):
            raise BadInput(f"team {name!r} has no option {strange[0]!r}; it has {sorted(known)}")
        told = {key: self._told(name, known[key], value) for key, value in options.items()}
        return {**origin_of(offer.spec, told, model), "name": name}

    def _told(self, team: str, option: Option, given: Any) -> Any:
        """What a client says of an option; a place only if clients may name it."""
        if not option.is_place:
            return given
        place = self._folders.place(given)
        if place is None:
            raise BadInput(
                f"{team!r} is not told {option.name!r} here: {given!r} is in no folder that clients may name "
                "(`coterie serve --allow-folder`)"
            )
        return place

    def actor(self, origin: Mapping[str, Any]) -> Actor:
        """The team of an origin, built anew.

        Raises:
            BadInput: if it cannot be built with those options.
            MissingExtra: if it needs what is not installed.
        """
        return team_of(origin, self.offered)

    def read(self, written: Written, called: str) -> TeamFile:
        """What somebody wrote over the API.

        Raises:
            BadFile: if it cannot be read.
        """
        return read(written, self.offered, called)

    def allow(self, model: str | None, *, written: bool = False) -> None:
        """See that a client may name a model: for what was written over the API, only one that is offered.

        One with an address or a file of its own is never named by a client, unless it is offered.

        Raises:
            BadInput: if it may not.
        """
        if model is None or model in self.models:
            return
        if written or self.models or _has_place(model):
            raise BadInput(f"no model {model!r} is offered; there are {sorted(self.models)}")

    def _member(self, name: str, options: Mapping[str, Any]) -> Actor | None:
        """What is offered by that name, as a member of what somebody wrote."""
        return self.actor(self.origin(name, options, None)) if name in self.offers else None

    def built(self, name: str) -> Actor | None:
        """The team called `name` as it is without options; None where it needs some."""
        try:
            return team_of({"team": self.offers[name].spec})
        except (BadInput, MissingExtra):
            return None

    def of_run(self, began: Opened) -> Actor:
        """The team of a run that is in a store.

        Raises:
            BadInput: if there is none, or its fork changes something of a team that other runs use, too.
        """
        if began.origin.get("set") and self.actor(began.origin) is self.actor(began.origin):
            raise BadInput(
                f"{began.origin['team']!r} is not built anew for every run, so a fork cannot change it"
            )
        return team_of_run(began, offered=self.offered)


def _has_place(model: str) -> bool:
    """Whether the name of a model says where it is: an address (`openai:m@http://...`), or a file."""
    return "://" in model or (model.startswith("embedded:") and model not in EMBEDDED)


class UnknownTeam(BadInput):
    """No team is offered by that name."""
