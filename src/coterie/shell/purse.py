"""A purse: what one run may use of its tenant's day.

Theory of operation
===================

1. Before an effect is begun its worst case has to be in the purse. What is missing there is set aside in the tally
   of the store, which all processes share, in one step; some more is set aside with it, so that not every effect
   goes there. So no number of runs in any number of processes can exceed a cap together.
2. When an effect ends, what it did cost is counted, and the rest of its worst case is in the purse again. When the run
   is left, the tally is told what was spent, and the rest is given back.
3. What a process held that died is recovered from the journal: whoever goes on with the run, or finds that a cap is
   reached and nobody performs the run, counts what its journal says was spent since the lease was taken.
4. A day is one of the run's clock, and turns at 00:00 UTC.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from coterie.errors import Busy, OverLimit
from coterie.kernel.budget import AT_MOST, Account, estimated, price
from coterie.kernel.machine import Machine
from coterie.ports import Counting, Lease, Store, Tally
from coterie.words.effect import Think
from coterie.words.event import Asked, Event, Opened, Record, Settled, Signalled
from coterie.words.limits import ANSWER, LAST
from coterie.words.quota import KINDS, NO_SPENDING, Quota, Reserved, Spending, plus, spending
from coterie.words.usage import NOTHING, ONE_REQUEST, ONE_TOOL_CALL

AHEAD = 8
"""How many times what it needs now a run sets aside, if there is enough."""
SECONDS = 30.0
"""Seconds that a run sets aside at once, where they are limited."""
DAY = 86_400


def day_of(moment: float) -> str:
    """The day of a time in seconds since the epoch, by UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(moment))


def spent_since(records: Sequence[Record], after: int, day: str) -> Spending:
    """What a journal says that was used on a day, by its events from number `after` on."""
    ours = [one for one in records[after:] if day_of(one.time) == day]
    total = NOTHING
    for one in ours:
        if isinstance(one.event, Settled) and not one.event.reused:
            total += one.event.usage
    seconds = ours[-1].time - ours[0].time if ours else 0.0
    return spending(total, seconds, sum(isinstance(one.event, Opened) for one in ours))


async def recovered(
    store: Store, tally: Tally, run: str = "", records: Sequence[Record] | None = None
) -> int:
    """Count what runs that nobody performs have spent of what is still set aside for them; how many there were.

    With its `records`, it is one run, whose lease the caller has.
    """
    found = 0
    for one in await tally.reserved(run):
        known = records if records is not None else await _left(store, one.run)
        if known is not None:
            found += 1
            await tally.settle(one.run, one.epoch, one.day, spent_since(known, one.after, one.day))
    return found


async def _left(store: Store, run: str) -> list[Record] | None:
    """The journal of a run that nobody performs; None if somebody does."""
    try:
        lease = await store.claim(run)
    except Busy:
        return None
    try:
        return await store.read(run)
    finally:
        await store.release(lease)


class Purse:
    """What one run has set aside of its tenant's day, what of that is promised, and what is spent."""

    def __init__(
        self, quota: Quota, tenant: str, store: Store, lease: Lease, after: int, clock: Callable[[], float]
    ) -> None:
        assert isinstance(store, Counting)  # whoever makes one has looked
        self._quota = quota
        self._tenant = tenant
        self._store = store
        self._tally = store.tally
        self._lease = lease
        self._after = after
        self._clock = clock
        self._day = day_of(clock())
        self._free = NO_SPENDING
        self._spent = NO_SPENDING
        self._kept = NO_SPENDING
        self._held: dict[str, Spending] = {}
        self._begun = clock()
        self._alarm: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None
        self._used = False
        self._keeps = False

    async def open(self, records: Sequence[Record]) -> None:
        """Recover what an earlier process had set aside for the run; a new one counts as a run of the day.

        Raises:
            OverLimit: if no more runs may be begun today.
        """
        await recovered(self._store, self._tally, self._lease.run, records)
        if not records:
            one = spending(NOTHING, runs=1)
            if not await self._more(one, NO_SPENDING):
                why = self._why(one, await self._tally.used(self._day))
                await self.close()
                refused = OverLimit(why)
                refused.retry_after = self._left()
                raise refused
            self._free = plus(self._free, one, -1)
            self._spent = plus(self._spent, one)

    def tick(self, arrive: Callable[[Event], None]) -> None:
        """Have seconds set aside as they pass, if they are limited; `arrive` is told when there are no more."""
        if self._quota.by_time:
            self._asking = asyncio.get_running_loop().create_task(self._for_time(arrive))

    async def refusals(
        self, settled: Sequence[Event], asked: Sequence[Asked], machine: Machine
    ) -> dict[str, str]:
        """Take what has settled, and set aside what is asked may cost; why some of it may not be begun, by path."""
        self._count(settled, machine)
        if machine.concluding and self._kept is not NO_SPENDING:
            self._free, self._kept = plus(self._free, self._kept), NO_SPENDING
        worst = {ask.path: self._worst(ask, machine) for ask in asked if ask.effect.__class__ in AT_MOST}
        worst = {path: cost for path, cost in worst.items() if path not in machine.budget.refused}
        if not worst:
            return {}
        await self._turn()
        total = NO_SPENDING
        for cost in worst.values():
            total = plus(total, cost)
        if not _fits(total, self._free):
            await self._fill(total, machine, asked)
        return await self._taken(worst)

    async def close(self) -> None:
        """Tell the tally what was spent, and give the rest back."""
        for timer in (self._alarm, self._asking):
            if timer is not None:
                timer.cancel()
        if self._used:
            self._used = False
            await self._tally.settle(self._lease.run, self._lease.epoch, self._day, self._settled())

    def _count(self, settled: Sequence[Event], machine: Machine) -> None:
        for event in settled:
            if isinstance(event, Settled):
                cost = NO_SPENDING if event.reused else spending(event.usage)
                self._free = plus(plus(self._free, self._held.pop(event.path, NO_SPENDING)), cost, -1)
                self._spent = plus(self._spent, cost)
        for path in [
            path for path in self._held if path not in machine.parked
        ]:  # nobody waits for it any more
            self._free = plus(self._free, self._held.pop(path))

    def _worst(self, ask: Asked, machine: Machine) -> Spending:
        """The most that an effect may cost."""
        effect = ask.effect
        if not isinstance(effect, Think):
            return spending(ONE_TOOL_CALL)
        if not self._quota.by_tokens:
            return spending(ONE_REQUEST)
        into = estimated(effect.brief, effect.thread)
        out = int(effect.brief.settings.get("max_tokens", ANSWER))
        account = machine.budget.account(machine.parked.get(ask.path))
        return (self._usd(account, effect.model, into, out), into + out, into, out, 1, 0, 0, 0)

    def _usd(self, account: Account, model: str, into: int, out: int) -> float:
        price_in, price_out = price(account, model)
        if not (price_in or price_out):
            price_in, price_out = self._quota.prices.get(model, (0.0, 0.0))
        return (into * price_in + out * price_out) / 1e6

    async def _fill(self, total: Spending, machine: Machine, asked: Sequence[Asked]) -> None:
        """Have all that is asked in the purse, and some more for later, as far as the day allows."""
        if machine.budget.root.limits.at_cap == "finalize" and not self._keeps:
            self._keeps = True
            last = self._last(machine, asked)
            if await self._more(last, NO_SPENDING):
                self._free, self._kept = plus(self._free, last, -1), last
        missing = _missing(total, self._free)
        ahead = tuple([AHEAD * amount for amount in total])
        if not await self._more(missing, ahead) and await recovered(self._store, self._tally):
            await self._more(_missing(total, self._free), ahead)

    def _last(self, machine: Machine, asked: Sequence[Asked]) -> Spending:
        """What the last answer of the run may cost."""
        model = next((ask.effect.model for ask in asked if isinstance(ask.effect, Think)), "default")
        usd = self._usd(machine.budget.root, model, LAST.input_tokens, LAST.output_tokens)
        return (usd, *spending(LAST)[1:])

    async def _more(self, want: Spending, extra: Spending) -> bool:
        """Set more aside, as much as there is; whether it is all of `want`."""
        wanted = Reserved(
            run=self._lease.run, epoch=self._lease.epoch, day=self._day, after=self._after, amounts=want
        )
        got = await self._tally.reserve(wanted, extra, self._quota.caps)
        self._used = True
        self._free = plus(self._free, got)
        return _fits(want, got)

    async def _taken(self, worst: dict[str, Spending]) -> dict[str, str]:
        """Promise what fits, the oldest first; what does not, and why. Then what is left is given back."""
        refused: dict[str, Spending] = {}
        for path, cost in worst.items():
            if _fits(cost, self._free):
                self._free = plus(self._free, cost, -1)
                self._held[path] = cost
            else:
                refused[path] = cost
        if not refused:
            return {}
        used = await self._tally.used(self._day)
        said = {path: self._why(cost, used) for path, cost in refused.items()}
        await self._give_back()
        return said

    async def _give_back(self) -> None:
        """Let others have what this run cannot use now."""
        back, self._free = tuple([-amount for amount in self._free]), NO_SPENDING
        row = Reserved(
            run=self._lease.run, epoch=self._lease.epoch, day=self._day, after=self._after, amounts=back
        )
        await self._tally.reserve(row, NO_SPENDING, self._quota.caps)

    def _why(self, cost: Spending, used: Spending) -> str:
        """Which cap does not allow something, what is used of it, and when the day turns."""
        known = zip(KINDS, cost, plus(used, self._free, -1), self._quota.caps, strict=True)
        short = [(need + spent - cap, kind, need, spent, cap) for kind, need, spent, cap in known if need]
        _, kind, need, spent, cap = max(short)
        left = self._left()
        return (
            f"{kind} of tenant {self._tenant!r} on {self._day}: {spent:,g} of {cap:,g} are spent or set aside, and "
            f"this needs up to {need:,g}; the day turns at 00:00 UTC, "
            f"in {left // 3600:.0f} h {left % 3600 // 60:.0f} min"
        )

    def _left(self) -> float:
        """Seconds until the day turns."""
        return DAY - self._clock() % DAY

    async def _turn(self) -> None:
        """Begin a new day, if it is one: what is under way counts in the one in which it ends."""
        before, today = self._day, day_of(self._clock())
        if today == before:
            return
        spent, used = self._settled(), self._used
        self._day, self._begun = today, self._clock()
        self._free = self._spent = self._kept = NO_SPENDING
        self._used = self._keeps = False
        if used:
            await self._tally.settle(self._lease.run, self._lease.epoch, before, spent)
        for cost in self._held.values():
            await self._more(cost, NO_SPENDING)
            self._free = plus(self._free, cost, -1)

    def _settled(self) -> Spending:
        seconds = self._clock() - self._begun if self._quota.by_time else 0.0
        return (*self._spent[:6], seconds, self._spent[7])

    async def _for_time(self, arrive: Callable[[Event], None]) -> None:
        """Set seconds aside as they pass, until there are no more."""
        want = spending(NOTHING, seconds=SECONDS)
        while True:
            await self._turn()
            before = self._free[6]
            await self._more(want, NO_SPENDING)
            got = self._free[6] - before
            self._free = (*self._free[:6], 0.0, self._free[7])
            if got <= 0:
                used = await self._tally.used(self._day)
                arrive(Signalled("limit", self._why(spending(NOTHING, seconds=1), used)))
                return
            await asyncio.sleep(got)


def _fits(cost: Spending, room: Spending) -> bool:
    return all(need <= have + 1e-9 for need, have in zip(cost, room, strict=True))


def _missing(total: Spending, have: Spending) -> Spending:
    return tuple([max(0.0, need - got) for need, got in zip(total, have, strict=True)])
