"""Crew: the members of a team by name, what each is for, and where all calls of the team in a run meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coterie.actor import Actor
from coterie.agent import Agent
from coterie.errors import BadInput
from coterie.team import manifest
from coterie.words.digest import digest_of


def crew_of(members: Sequence[Actor], team: str, word: str = "members") -> dict[str, Actor]:
    """`members` by name, in declared order; `team` and `word` say in errors whose they are, and what.

    Raises:
        BadInput: without members, or if two have one name.
    """
    crew = {member.name: member for member in members}
    if not crew or len(crew) != len(members):
        raise BadInput(f"{team} needs {word}, each with a name of its own")
    return crew


def purpose(actor: Actor) -> str:
    """What an actor is for: an agent's instructions, and nothing of others."""
    return actor.instructions if isinstance(actor, Agent) else ""


def purposes(crew: Mapping[str, Actor]) -> dict[str, str]:
    """What each member is for."""
    return {name: purpose(actor) for name, actor in crew.items()}


def listing(about: Mapping[str, str]) -> str:
    """Names with what each is for, a line each, as models are shown them."""
    return "\n".join(f"- {name}: {what}" if what else f"- {name}" for name, what in about.items())


def meeting(kind: str, name: str, actors: Sequence[Actor]) -> str:
    """The board key or the resource that all calls of one team in one run share, and no other team does."""
    return f"{kind}/{name}/{digest_of([manifest(actor) for actor in actors]).hex()[:12]}"
