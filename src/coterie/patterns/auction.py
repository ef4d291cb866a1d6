"""Auction: a task is announced, who wants it bids, and the best bid gets it.

This is the contract net of R. G. Smith, "The Contract Net Protocol: High-Level Communication and Control
in a Distributed Problem Solver", IEEE Transactions on Computers C-29(12), 1980.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from coterie.actor import Actor, do, gather
from coterie.agent import Agent, conversation
from coterie.check import label
from coterie.errors import BadInput, BadOutput, NoBidder, NobodyCan, RunError, failure_of
from coterie.patterns.answers import again
from coterie.patterns.trackrecord import Record, steps
from coterie.team import Team
from coterie.typed import parse
from coterie.words.bid import Award, Bid, Track
from coterie.words.effect import Get, Here, Put
from coterie.words.failure import Failure, best_effort, collect_all, failures, successes
from coterie.words.message import Message
from coterie.words.task import Task

Bidding: TypeAlias = "Callable[[Task], Bid | Awaitable[Bid]] | Actor"
"""Makes a bid for a task: a function of it, or an actor that answers with a `Bid`."""
Score: TypeAlias = Callable[[Bid, Track], float]
"""What a bid is worth, given the bidder's track record: the more the better."""
Tracks: TypeAlias = dict[str, Track]
"""Track records by bidder."""

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


def worth(bid: Bid, track: Track) -> float:
    """Capability times trust, for its price and its time: c * t / ((1 + cost) * (1 + seconds / 60))."""
    return bid.capability * track.trust / ((1 + bid.cost) * (1 + bid.seconds / 60))


def auction(
    *bidders: Actor | Bidder,
    score: Score = worth,
    within: float | None = 30.0,
    record: Record | None = None,
    name: str = "auction",
) -> Team:
    """A team whose task goes to the bidder with the best bid by `score`, the first declared of equals.

    Bids that are not there `within` seconds do not count (None: all are waited for). A bidder at
    capacity bids unwilling without being asked. If the winner fails, the task is announced again without
    it. `record` remembers who did what was awarded, across runs, for later scores. The answer is the
    winner's; `parts` is the bids of the last round in declared order, and that answer; `missing` is who
    failed or was late with a bid, and which winners failed. The board has the latest `Award` under
    `<path>.award`.

    A run fails with `NoBidder` if nobody is willing, and with `NobodyCan` if nobody is left.

    Raises:
        BadInput: without bidders, if two have one name, or for a deadline below 0.
    """
    field = {one.actor.name: one for one in (b if isinstance(b, Bidder) else Bidder(b) for b in bidders)}
    if not field or len(field) != len(bidders):
        raise BadInput(f"auction {name!r} needs bidders, each with a name of its own")
    if (within or 0) < 0 or any(one.at_once is not None and one.at_once < 1 for one in field.values()):
        raise BadInput(f"auction {name!r}: within is 0 or more, and at_once 1 or more")
    ways = {at: _bidding(one) for at, one in field.items()}
    waiting = collect_all if within is None else best_effort(within=within)
    known = None if record is None else steps(record)

    async def play(task: Task) -> Message:
        here, open_to = await Here(), dict(field)
        loads = {at: await _load(one) for at, one in field.items()}
        lost: list[Failure] = []
        bids: list[Message] = []
        for n in range(len(field)):
            outcomes = await gather(
                *(_bid(one, ways[at], loads[at], task) for at, one in open_to.items()),
                on_failure=waiting,
            )
            lost += failures([*outcomes])
            said = successes([*outcomes])
            tracks = msgspec.convert(await do(known[0], [*open_to]), Tracks) if known else {}
            # From here until the award counts there is no await: nobody else can take the last place.
            bids = [_now(one, field[one.sender], loads[one.sender]) for one in said]
            award = _awarded(bids, tracks, score, n + 1)
            if award is None:
                break
            done = await _performed(open_to.pop(award.to), loads[award.to], task, f"{here}.award", award)
            if known:
                await do(known[1], award.to, isinstance(done, Message))
            if isinstance(done, Message):
                return replace(done, sender=name, parts=(*bids, done), missing=(*lost, *done.missing))
            lost.append(done)
        raise _nobody(len(field) - len(open_to), lost, bids, task)

    actors = [one.actor for one in field.values()]
    asked = [way for way in ways.values() if isinstance(way, Actor) and way not in actors]
    at_once = {at: [one.at_once, label(ways[at])] for at, one in field.items()}
    settings = {"bidders": at_once, "score": label(score), "within": within, "record": record is not None}
    return Team(name, [*actors, *asked], play, settings=settings)


def _bidding(bidder: Bidder) -> Bidding:
    """How a bidder bids: as it says, or else by being asked; an agent without that type is given it."""
    agent = bidder.actor
    if bidder.bid is not None:
        return bidder.bid
    if not isinstance(agent, Agent) or agent.output is Bid:
        return agent
    model, settings = agent.model or agent.model_name, agent.brief.settings
    return Agent(f"{agent.name}-bid", agent.instructions, model=model, output=Bid, settings=settings)


async def _bid(bidder: Bidder, way: Bidding, load: Load, task: Task) -> Message:
    """The bid of one bidder.

    Raises:
        BadOutput: if it makes none in two tries.
    """
    name = bidder.actor.name
    if _full(bidder, load):
        return _now(Message(sender=name), bidder, load)
    if isinstance(way, Actor):
        bid = await _bid_of(way, Task(ANNOUNCE, conversation(task), task.data))
    else:
        made = way(task)
        bid = await made if inspect.isawaitable(made) else made
    return Message(sender=name, text=bid.reason, output=bid)


def _full(bidder: Bidder, load: Load) -> bool:
    return bidder.at_once is not None and load.now >= bidder.at_once


def _now(bid: Message, bidder: Bidder, load: Load) -> Message:
    """A bid as it stands: whoever is at capacity is unwilling."""
    if not _full(bidder, load):
        return bid
    reason = f"at capacity: {bidder.at_once} at once"
    return replace(bid, text=reason, output=Bid(willing=False, reason=reason))


async def _bid_of(actor: Actor, asked: Task) -> Bid:
    problem, said = "", Message(sender=actor.name)
    for _ in range(2):
        said = await actor(asked)
        if isinstance(said.output, Bid):
            return said.output
        try:
            bid: Bid = parse(said.text, Bid)
        except ValueError as error:
            problem = str(error)
        else:
            return bid
        asked = again(asked, said, problem)
    raise BadOutput(f"{actor.name!r} made no bid: {problem}", raw=said.text)


def _awarded(bids: Sequence[Message], tracks: Tracks, score: Score, n: int) -> Award | None:
    """Who gets the task: the best score, and of equals the first declared; None if nobody is willing."""
    willing = [one for one in bids if one.output.willing]
    scored = [(score(one.output, tracks.get(one.sender, Track())), one) for one in willing]
    if not scored:
        return None
    best, winner = max(scored, key=lambda pair: pair[0])
    return Award(winner.sender, n, best, winner.output)


async def _performed(winner: Bidder, load: Load, task: Task, key: str, award: Award) -> Message | Failure:
    """What the winner makes of the task, or why it does not."""
    load.now += 1
    try:
        await Put(key, award)
        return await winner.actor(task)
    except RunError as error:
        return failure_of(error)
    finally:
        load.now -= 1


async def _load(bidder: Bidder) -> Load:
    """What is under way with a bidder; where that is bounded, in all auctions of the run."""
    if bidder.at_once is None:
        return Load()
    key = f"auction.load/{bidder.actor.name}"
    await Put(key, Load(), version=0)
    load: Load = (await Get(key)).value
    return load


def _nobody(awards: int, lost: Sequence[Failure], bids: Sequence[Message], task: Task) -> NobodyCan:
    """The error for a task that is left over."""
    refused = [f"{one.sender} is unwilling{one.text and f' ({one.text})'}" for one in bids]
    why = "; ".join([*(f"{one.kind}: {one.message}" for one in lost), *refused])
    if awards:
        return NobodyCan(f"{awards} got {task.text[:80]!r} and failed, and nobody else bids: {why}")
    return NoBidder(f"nobody bids for {task.text[:80]!r}: {why}")
