"""Auction: a task is announced, who wants it bids, and the best bid gets it.

This is the contract net of R. G. Smith, "The Contract Net Protocol: High-Level Communication and Control
in a Distributed Problem Solver", IEEE Transactions on Computers C-29(12), 1980.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from coterie.actor import Actor, gather
from coterie.calls import each
from coterie.check import label
from coterie.errors import BadInput, NoBidder, NobodyCan, RunError, failure_of
from coterie.patterns.bidding import Bidder, Entry, bid_of, load_of, standing, way_of
from coterie.patterns.crew import crew_of
from coterie.patterns.trackrecord import Episodes, Past, Record, past_of
from coterie.team import Team
from coterie.words.bid import Award, Bid, Track
from coterie.words.effect import Here, Put
from coterie.words.failure import Failure, Policy, best_effort, collect_all, failures, successes
from coterie.words.message import Message
from coterie.words.task import Task

Score: TypeAlias = Callable[[Bid, Track], float]
"""What a bid is worth, given the bidder's track record: the more the better."""
Tracks: TypeAlias = dict[str, Track]
"""Track records by bidder."""


def worth(bid: Bid, track: Track) -> float:
    """Capability times trust, for its price and its time: c * t / ((1 + cost) * (1 + seconds / 60))."""
    return bid.capability * track.trust / ((1 + bid.cost) * (1 + bid.seconds / 60))


def auction(
    *bidders: Actor | Bidder,
    score: Score = worth,
    within: float | None = 30.0,
    record: Record | Episodes | None = None,
    name: str = "auction",
) -> Team:
    """A team whose task goes to the bidder with the best bid by `score`, the first declared of equals.

    Bids that are not there `within` seconds do not count (None: all are waited for). A bidder at
    capacity bids unwilling without being asked. If the winner fails, the task is announced again without
    it. `record` remembers who did what was awarded, across runs, for later scores: in the world, or as
    `Episodes` in the memory of the run, where tasks like this one count. The answer is the
    winner's; `parts` is the bids of the last round in declared order, and that answer; `missing` is who
    failed or was late with a bid, and which winners failed. The board has the latest `Award` under
    `<path>.award`.

    A run fails with `NoBidder` if nobody is willing, and with `NobodyCan` if nobody is left.

    Raises:
        BadInput: without bidders, if two have one name, or for a deadline below 0.
    """
    field = [one if isinstance(one, Bidder) else Bidder(one) for one in bidders]
    crew = crew_of([one.actor for one in field], f"auction {name!r}", "bidders")
    if (within or 0) < 0 or any(one.at_once is not None and one.at_once < 1 for one in field):
        raise BadInput(f"auction {name!r}: within is 0 or more, and at_once 1 or more")
    ways = {one.actor.name: way_of(one) for one in field}
    waiting = collect_all if within is None else best_effort(within=within)
    house = House(score, waiting, past_of(record))

    async def play(task: Task) -> Message:
        entered = {one.actor.name: Entry(one, ways[one.actor.name], await load_of(one)) for one in field}
        sale = Sale(house, entered, task, f"{await Here()}.award")
        while (award := await sale.announce()) is not None:
            done = await sale.perform(award)
            if done is not None:
                return replace(
                    done, sender=name, parts=(*sale.bids, done), missing=(*sale.lost, *done.missing)
                )
        raise sale.nobody()

    asked = [way for way in ways.values() if isinstance(way, Actor) and way not in crew.values()]
    at_once = {one.actor.name: [one.at_once, label(ways[one.actor.name])] for one in field}
    settings = {"bidders": at_once, "score": label(score), "within": within, "record": record is not None}
    return Team(
        name,
        [*crew.values(), *asked],
        play,
        settings=settings,
        calls=[each(1, *crew.values()), each(2 * len(field), *ways.values())],
    )


class House(Struct, frozen=True):
    """The rules of a sale: what bids are worth, how long they are waited for, and what remembers awards."""

    score: Score
    waiting: Policy
    record: Past | None


class Sale:
    """One task up for bids: who may still get it, the bids of the last round, and what was lost on the way."""

    def __init__(self, house: House, open_to: dict[str, Entry], task: Task, key: str) -> None:
        self.house, self.open_to, self.task, self.key = house, open_to, task, key
        self.bids: list[Message] = []
        self.lost: list[Failure] = []
        self.awards = 0

    async def announce(self) -> Award | None:
        """Who gets the task by the bids that are there in time; None if nobody is willing, or left."""
        if not self.open_to:
            return None
        outcomes = await gather(
            *(bid_of(one, self.task) for one in self.open_to.values()), on_failure=self.house.waiting
        )
        self.lost += failures([*outcomes])
        said, tracks = successes([*outcomes]), Tracks()
        if self.house.record is not None:
            tracks = await self.house.record.tracks(self.task, [*self.open_to])
        # From here until the work begins there is no await: nobody else can take the winner's last place.
        self.bids = [standing(one, self.open_to[one.sender]) for one in said]
        return _awarded(self.bids, tracks, self.house.score, self.awards + 1)

    async def perform(self, award: Award) -> Message | None:
        """What the winner makes of the task; None if it fails, and then it is out."""
        winner = self.open_to.pop(award.to)
        self.awards += 1
        winner.load.now += 1
        try:
            await Put(self.key, award)
            done = await winner.bidder.actor(self.task)
        except RunError as error:
            self.lost.append(failure_of(error))
            done = None
        finally:
            winner.load.now -= 1
        if self.house.record is not None:
            outcome = done.text if done is not None else self.lost[-1].message
            await self.house.record.note(self.task, award.to, done is not None, outcome)
        return done

    def nobody(self) -> NobodyCan:
        """The error for a task that is left over."""
        refused = [f"{one.sender} is unwilling{one.text and f' ({one.text})'}" for one in self.bids]
        why = "; ".join([*(f"{one.kind}: {one.message}" for one in self.lost), *refused])
        if self.awards:
            return NobodyCan(
                f"{self.awards} got {self.task.text[:80]!r} and failed, and nobody else bids: {why}"
            )
        return NoBidder(f"nobody bids for {self.task.text[:80]!r}: {why}")


def _awarded(bids: Sequence[Message], tracks: Tracks, score: Score, n: int) -> Award | None:
    """Who gets the task: the best score, and of equals the first declared; None if nobody is willing."""
    willing = [one for one in bids if one.output.willing]
    scored = [(score(one.output, tracks.get(one.sender, Track())), one) for one in willing]
    if not scored:
        return None
    best, winner = max(scored, key=lambda pair: pair[0])
    return Award(winner.sender, n, best, winner.output)
