"""Teams with something changed: the instructions or the model of agents by name, as forks ask for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from coterie.actor import Actor
from coterie.agent import Agent
from coterie.errors import BadInput
from coterie.models.find import find


def altered(actor: Actor, changes: Mapping[str, str]) -> Actor:
    """A team that was just built, with each `AGENT.instructions` or `AGENT.model` of `changes` put in.

    Raises:
        BadInput: if there is no such agent, or nothing of it is called that.
    """
    for key, value in changes.items():
        _alter(actor, key, value)
    if changes:
        actor.versions = None  # it is another version now
    return actor


def _alter(actor: Actor, key: str, value: str) -> None:
    name, _, what = key.rpartition(".")
    found = [agent for agent in _agents(actor, frozenset()) if agent.name == name]
    if not found or what not in ("instructions", "model"):
        names = sorted({agent.name for agent in _agents(actor, frozenset())})
        keys = "task, value, AGENT.instructions or AGENT.model"
        raise BadInput(f"cannot set {key!r}: a key is {keys}, and the agents are {names}")
    for agent in found:
        if what == "model":
            agent.model_name, agent.model = value, find(value)
        else:
            agent.instructions = value
            agent.brief = replace(agent.brief, instructions=value)


def _agents(actor: Actor, above: frozenset[int]) -> Iterator[Agent]:
    if isinstance(actor, Agent):
        yield actor
    if id(actor) not in above:
        for member in actor.members:
            yield from _agents(member, above | {id(actor)})
