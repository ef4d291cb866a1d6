"""Bidding: how a bidder makes its bid, and how many tasks it has taken."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from coterie.actor import Actor
from coterie.agent import Agent, conversation
from coterie.errors import BadOutput
from coterie.patterns.choose import decision
from coterie.typed import parse
from coterie.words.bid import Bid
from coterie.words.effect import Get, Put
from coterie.words.message import Message
from coterie.words.task import Task

Bidding: TypeAlias = "Callable[[Task], Bid | Awaitable[Bid]] | Actor"
"""Makes a bid for a task: a function of it, or an actor that answers with a `Bid`."""

ANNOUNCE = (
    "This task is open. Do not do it now: bid for it, with JSON as in "
    '{"willing": true, "capability": 0.8, "cost": 0.1, "seconds": 30, "reason": "..."}'
)


class Bidder(Struct, frozen=True):
    """Who may get a task, how it bids (default: it is asked), and how many tasks it takes at once in a run."""

    actor: Actor
    bid: Bidding | None = None
    at_once: int | None = None


class Load(Struct):
    """How many awards of one bidder are under way; on the board, because all auctions of a run share it."""

    now: int = 0


class Entry(Struct, frozen=True):
    """A bidder in a sale, how it bids, and what is under way with it."""

    bidder: Bidder
    way: Bidding
    load: Load

    @property
    def full(self) -> bool:
        """Whether it is at capacity."""
        return self.bidder.at_once is not None and self.load.now >= self.bidder.at_once


def way_of(bidder: Bidder) -> Bidding:
    """How a bidder bids: as it says, or else by being asked; an agent without that type is given it."""
    agent = bidder.actor
    if bidder.bid is not None:
        return bidder.bid
    if not isinstance(agent, Agent) or agent.output is Bid:
        return agent
    model, settings = agent.model or agent.model_name, agent.brief.settings
    return Agent(f"{agent.name}-bid", agent.instructions, model=model, output=Bid, settings=settings)


async def bid_of(one: Entry, task: Task) -> Message:
    """The bid of one bidder.

    Raises:
        BadOutput: if it makes none in two tries.
    """
    name = one.bidder.actor.name
    if one.full:
        return standing(Message(sender=name), one)
    if isinstance(one.way, Actor):
        bid = await _asked_for(one.way, Task(ANNOUNCE, conversation(task), task.data))
    else:
        made = one.way(task)
        bid = await made if inspect.isawaitable(made) else made
    return Message(sender=name, text=bid.reason, output=bid)


def standing(bid: Message, one: Entry) -> Message:
    """A bid as it stands: whoever is at capacity is unwilling."""
    if not one.full:
        return bid
    reason = f"at capacity: {one.bidder.at_once} at once"
    return replace(bid, text=reason, output=Bid(willing=False, reason=reason))


async def _asked_for(actor: Actor, asked: Task) -> Bid:
    made = await decision(actor, asked, _read)
    if made.value is None:
        raise BadOutput(f"{actor.name!r} made no bid: {made.why}", raw=made.said.text)
    return made.value


def _read(said: Message) -> Bid:
    """The bid that a message is.

    Raises:
        ValueError: if it is none.
    """
    if isinstance(said.output, Bid):
        return said.output
    bid: Bid = parse(said.text, Bid)
    return bid


async def load_of(bidder: Bidder) -> Load:
    """What is under way with a bidder; where that is bounded, in all auctions of the run."""
    if bidder.at_once is None:
        return Load()
    key = f"auction.load/{bidder.actor.name}"
    await Put(key, Load(), version=0)
    load: Load = (await Get(key)).value
    return load
