"""Teams: actors made of actors, and what names their version."""

from __future__ import annotations

import inspect
import re
from collections.abc import Coroutine, Sequence
from copy import copy
from typing import Any, TypeVar, cast

from msgspec.structs import replace

from coterie.actor import Actor, Play, named
from coterie.calls import Calls
from coterie.check import Check, checked
from coterie.errors import BadInput
from coterie.words.digest import digest_of
from coterie.words.grant import Grant
from coterie.words.limits import CAPS, Limits
from coterie.words.message import Message
from coterie.words.moves import Migrate
from coterie.words.task import Task

A = TypeVar("A", bound=Actor)
DIGEST = re.compile("[0-9a-f]{16}")


class Team(Actor):
    """An actor made of actors: a name, its members, and the play they follow.

    `settings` are what the play was built with, as plain data: part of the team's version.
    `done_when` is checked on the play's message; where it does not hold, the message comes out
    as unverified, with the complaint. `limits` are what one call may use up, and `grant` the tools that
    its members may use at all. `calls` is how often the play calls each member at most (None: nobody has
    said), for whoever asks before a run.
    """

    def __init__(
        self,
        name: str,
        members: Sequence[Actor],
        play: Play,
        *,
        settings: dict[str, Any] | None = None,
        done_when: Check | None = None,
        limits: Limits | None = None,
        calls: Sequence[Calls] | None = None,
        grant: Grant | None = None,
    ) -> None:
        self.name = named(name)
        self.grant = grant
        _all_actors(name, members)
        _a_play(name, play)
        self.settings = settings or {}
        self.done_when = done_when
        self.limits = limits
        self.calls = calls
        self._members = tuple(members)
        self._play = play

    @property
    def members(self) -> tuple[Actor, ...]:
        return self._members

    @property
    def pattern(self) -> str:
        """The function that built it, such as `debate`; for a plain play the play itself."""
        return self._play.__qualname__.partition(".")[0]

    @property
    def purpose(self) -> str:
        """What a plain play says that it is for, in its docstring; empty for a pattern."""
        return "" if "<locals>" in self._play.__qualname__ else inspect.getdoc(self._play) or ""

    def play(self, task: Task, /) -> Coroutine[Any, Any, Message]:
        played = self._play(task)
        if self.done_when is not None:
            return self._checked(played, self.done_when)
        # A play may return a str; the kernel makes a message of it.
        return cast("Coroutine[Any, Any, Message]", played)

    def describe(self) -> Any:
        play = self._play
        names = [member.name for member in self._members]
        return [f"{play.__module__}.{play.__qualname__}", names, self.settings]

    async def _checked(self, played: Coroutine[Any, Any, Message | str], check: Check) -> Message:
        said = await played
        message = Message(sender=self.name, text=said) if isinstance(said, str) else said
        return await checked(check, message)


def _all_actors(name: str, members: Sequence[object]) -> None:
    for member in members:
        if not isinstance(member, Actor):
            raise BadInput(f"team {name!r}: a member is an Actor, not {type(member).__name__}")


def _a_play(name: str, play: object) -> None:
    if isinstance(play, Actor) or not hasattr(play, "__qualname__"):
        raise BadInput(
            f"team {name!r}: its play is an async function from a task to a message, not {type(play).__name__}; "
            "let the function await its members, or use a pattern"
        )


def actor_of(given: Actor | Play) -> Actor:
    """The actor that an async function stands for; an actor stays itself.

    Raises:
        BadInput: if `given` is neither.
    """
    if isinstance(given, Actor):
        return given
    if not callable(given):
        raise BadInput(f"an actor is an Actor or an async function, not {type(given).__name__}")
    return Team(getattr(given, "__name__", type(given).__name__).strip("<>"), (), given)


def limited(actor: A, limits: Limits) -> A:
    """`actor` with limits: what one call of it, with all below it, may use up.

    It is a copy; an actor that has limits already has the tighter of both.
    """
    other = copy(actor)
    other.limits = limits if actor.limits is None else _tighter(actor.limits, limits)
    other.versions = None
    return other


def _tighter(own: Limits, new: Limits) -> Limits:
    """The lower of each of two caps; what `new` says happens there, at the prices of both."""
    caps = {name: cap for name in CAPS if (cap := getattr(own, name)) is not None}
    within = new.within(caps)
    return replace(within, prices={**own.prices, **new.prices})


def manifest(actor: Actor) -> dict[str, str]:
    """The version of every actor in a tree: its path from `actor` down, and a digest of what it is."""
    if actor.versions is None:
        actor.versions = {path: _version(member) for path, member in actors(actor).items()}
    return actor.versions


def _version(actor: Actor) -> str:
    described = actor.describe() if actor.grant is None else [actor.describe(), actor.grant]
    return digest_of(described).hex()[:16]


def accepting(actor: A, *versions: str) -> A:
    """`actor`, with which runs go on that were opened with those older `versions` of it.

    A version is a digest, as a run that needs a migration names it. What such a run has done by then stays as it
    happened; from there on this actor decides.

    Raises:
        BadInput: if there is no version, or one that is no digest.
    """
    for version in versions or ("",):
        _is_version(version)
    actor.accepts |= frozenset(versions)
    return actor


def migrating(actor: A, version: str, migrate: Migrate) -> A:
    """`actor`, with which runs go on that were opened with that older `version` of it; `migrate` reads their past.

    It is given the steps of a run (`Past`), and says which the newer code has by other names, does not have, or has
    in other words (`Moves`). It speaks for the actor and all below it, is asked once for each run, and what it
    says is in the journal.

    Raises:
        BadInput: if the version is no digest.
    """
    _is_version(version)
    actor.migrations = {**actor.migrations, version: migrate}
    return actor


def _is_version(version: str) -> None:
    if not DIGEST.fullmatch(version):
        raise BadInput(f"{version!r} is no version: it is 16 digits, as `coterie check --in-flight` names it")


def actors(actor: Actor) -> dict[str, Actor]:
    """Every actor of a tree, by its path in the manifest."""
    found: dict[str, Actor] = {}
    _walk(actor, actor.name, found, frozenset())
    return found


def _walk(actor: Actor, path: str, found: dict[str, Actor], above: frozenset[int]) -> None:
    while path in found:
        path += "'"
    found[path] = actor
    if id(actor) not in above:
        for member in actor.members:
            _walk(member, f"{path}/{member.name}", found, above | {id(actor)})
