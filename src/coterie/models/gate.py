"""The gate of a provider: who may ask it now, for all runs of this process together.

Theory of operation
===================

1. Whoever wants to ask takes a place in one queue. Only its head is let in, so nobody is passed over, whichever
   run, event loop or thread it asks from.
2. The head is let in when fewer than `at_once` requests are under way, and the pace of requests and tokens
   allows it. The pace is that of the generic cell rate algorithm (ITU-T I.371): a small burst, then an even
   flow, so that no minute has more than was asked for.
3. A provider that says "too many" closes the gate for everybody, for as long as it asked and up to a tenth
   longer. It opens to half as many at once, and each success makes room again, as TCP does it (Jacobson, "Congestion
   Avoidance and Control", 1988).
4. Where hosts share a pace (`share`), who is let in here takes its turn among them, too.
5. A place is held only while a request is under way. Nobody who holds one waits for another, so there
   is no size at which a gate could lock.
"""

from __future__ import annotations

import asyncio
import math
import random as dice
import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol
from weakref import WeakSet

from coterie.errors import BadInput, RateLimited
from coterie.kernel.budget import estimated
from coterie.models.wrap import Ask, Wrapper
from coterie.ports import Model
from coterie.words.effect import Think
from coterie.words.message import Message

AT_ONCE = 16
"""Requests under way at a provider, unless its gate says otherwise."""
BURST = 10
"""What part of a minute's requests may go at once: one in so many."""
SLACK = 1.02
"""How much slower than allowed the flow is, because requests crowd a little on their way."""
LONGEST = 60.0
"""Seconds that a gate closes at most where the provider does not say for how long."""
EXPECTED = 1024
"""Output tokens that a request is taken to cost before it is known, if its settings have no `max_tokens`."""
_NEVER = math.inf


BOUNDS = (0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Seconds by which waits are told apart."""


class Waits:
    """How long requests have waited at the gates of this process: how often up to each of `BOUNDS`, and in all."""

    def __init__(self) -> None:
        self.up_to = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0
        self._lock = threading.Lock()

    def add(self, seconds: float) -> None:
        """Count a wait."""
        with self._lock:
            self.up_to[bisect_left(BOUNDS, seconds)] += 1
            self.seconds += seconds


waits = Waits()
"""Those of all gates, since a process has one queue to each provider and many runs in it."""
gates: WeakSet[Gate] = WeakSet()
"""The gates that there are."""


class _Pace:
    """So much a minute: a burst, then an even flow."""

    def __init__(self, minute: float, burst: float) -> None:
        self._step = 60.0 * SLACK / (minute - burst + 1)
        self._slack = (burst - 1) * self._step
        self._due = -_NEVER

    def wait(self, now: float) -> float:
        """Seconds until something may go."""
        return max(0.0, self._due - self._slack - now)

    def take(self, amount: float, now: float) -> None:
        self._due = max(self._due, now) + amount * self._step

    def correct(self, amount: float) -> None:
        """Make up for an amount that was taken wrongly."""
        self._due += amount * self._step

    def drain(self, until: float) -> None:
        """Leave no burst for the moment `until`."""
        self._due = max(self._due, until + self._slack)


class Sharing(Protocol):
    """The paces of keys that several hosts share."""

    async def take(
        self, whose: Sequence[str], minute: Sequence[float | None], amounts: Sequence[float]
    ) -> float:
        """Take requests and tokens of what is allowed a minute; 0, or seconds to wait before asking again."""
        ...

    async def close(self, whose: Sequence[str], seconds: float) -> None:
        """Let nobody ask with a key for some seconds."""
        ...


class _Place:
    """A place in the queue, in the event loop of who waits there."""

    __slots__ = ("_call", "loop")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._call = asyncio.Event()

    async def called(self) -> None:
        await self._call.wait()
        self._call.clear()

    def call(self) -> None:
        """Have whoever waits here look again; from any thread."""
        self.loop.call_soon_threadsafe(self._call.set)


class Gate:
    """Lets requests pass, `rate` and `tokens` a minute and `at_once` at one time, first come first served.

    `clock` (seconds), `sleep` and `random` (0 to 1) are the world's; tests pass their own.
    """

    def __init__(
        self,
        *,
        rate: float | None = None,
        tokens: float | None = None,
        at_once: int = AT_ONCE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = dice.random,
    ) -> None:
        if at_once < 1 or min(rate or 1, tokens or 1) < 1:
            raise BadInput("a gate lets 1 or more pass: at once, and requests and tokens a minute")
        self._requests = _Pace(rate, max(1, rate // BURST)) if rate else None
        self._tokens = _Pace(tokens, max(1, tokens // BURST)) if tokens else None
        self._at_once = at_once
        self._clock, self._sleep, self._random = clock, sleep, random
        self._lock = threading.Lock()
        self._places: deque[_Place] = deque()
        self._room = float(at_once)
        self._inside = 0
        self._opens = -_NEVER
        self._refusals = 0
        self._minute = (rate, tokens)
        self._whose: tuple[str, ...] = ()
        self._shared: Sharing | None = None
        gates.add(self)

    def share(self, whose: tuple[str, ...], shared: Sharing | None) -> None:
        """Keep to the pace of all hosts that ask with the same key."""
        self._whose, self._shared = whose, shared

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._places)

    @asynccontextmanager
    async def admitted(self, tokens: int = 0) -> AsyncGenerator[None]:
        """Wait for one's turn, and hold a place inside the block. A `RateLimited` of it slows everybody."""
        await self._enter(tokens)
        try:
            await self._turn(tokens)
            yield
        except RateLimited as error:
            self.slow(error.retry_after)
            if self._shared is not None:
                await self._shared.close(self._whose, max(0.0, self._opens - self._clock()))
            raise
        else:
            self._went_well()
        finally:
            with self._lock:
                self._inside -= 1
                self._call_next()

    def slow(self, seconds: float = 0.0) -> None:
        """Close for `seconds` and up to a tenth longer; for 0, twice as long each time in a row."""
        with self._lock:
            now = self._clock()
            if now >= self._opens:
                self._room = max(1.0, self._room / 2)
                self._refusals += 1
            if not seconds:
                seconds = min(LONGEST, 2.0 ** (self._refusals - 1))
            self._opens = max(self._opens, now + seconds * (1 + self._random() / 10))
            for pace in (self._requests, self._tokens):
                if pace is not None:
                    pace.drain(self._opens)

    def correct(self, tokens: int) -> None:
        """Say that a request cost so many tokens more than was expected of it."""
        if self._tokens is not None:
            with self._lock:
                self._tokens.correct(tokens)

    async def _turn(self, tokens: int) -> None:
        """Wait for one's turn among all hosts, where they share a pace."""
        if self._shared is not None:
            while (seconds := await self._shared.take(self._whose, self._minute, (1, tokens))) > 0:
                await self._sleep(seconds)

    def _went_well(self) -> None:
        with self._lock:
            self._refusals = 0
            self._room = min(float(self._at_once), self._room + 1 / self._room)

    async def _enter(self, tokens: int) -> None:
        place, came = _Place(), self._clock()
        with self._lock:
            self._places.append(place)
        try:
            while (seconds := self._admit(place, tokens)) > 0:
                await (place.called() if seconds == _NEVER else self._sleep(seconds))
        except BaseException:
            with self._lock:
                self._places.remove(place)
                self._call_next()
            raise
        waits.add(max(self._clock() - came, 0.0))

    def _admit(self, place: _Place, tokens: int) -> float:
        """Let in whoever stands at `place`; else the seconds to wait before asking again, or until called."""
        with self._lock:
            if self._places[0] is not place or self._inside >= int(self._room):
                return _NEVER
            now = self._clock()
            paces = [(self._requests, 1), (self._tokens, tokens)]
            waits = [pace.wait(now) for pace, _ in paces if pace is not None]
            seconds = max(self._opens - now, 0.0, *waits)
            if seconds > 0:
                return seconds
            for pace, amount in paces:
                if pace is not None:
                    pace.take(amount, now)
            self._places.popleft()
            self._inside += 1
            self._call_next()
            return 0.0

    def _call_next(self) -> None:
        """Have the head of the queue look again; one whose event loop is gone is left out."""
        while self._places:
            try:
                self._places[0].call()
            except RuntimeError:
                self._places.popleft()
            else:
                return


class Gated(Wrapper):
    """A model behind a gate."""

    def __init__(self, model: Model, gate: Gate) -> None:
        super().__init__(model)
        self.gate = gate

    async def around(self, think: Think, ask: Ask) -> Message:
        expected = tokens_of(think)
        async with self.gate.admitted(expected):
            message = await ask(self.model, think)
        if message.usage.tokens:
            self.gate.correct(message.usage.tokens - expected)
        return message


def gated(model: Model, gate: Gate) -> Gated:
    """`model` behind `gate`, which other models and runs may share."""
    return Gated(model, gate)


def tokens_of(think: Think) -> int:
    """How many tokens a request is taken to cost: its prompt, from above, and what it may answer."""
    answer = int(think.brief.settings.get("max_tokens", EXPECTED))
    return estimated(think.brief, think.thread) + answer


_gates: dict[tuple[str, ...], Gate] = {}
_making = threading.Lock()


def gate_of(*whose: str, rate: float | None = None, tokens: float | None = None, at_once: int = 0) -> Gate:
    """The one gate of this process for a provider, an address and a key; made as said when first asked for."""
    with _making:
        if whose not in _gates:
            _gates[whose] = Gate(rate=rate, tokens=tokens, at_once=at_once or AT_ONCE)
            _gates[whose].share(whose, _sharing[-1])
        return _gates[whose]


_sharing: list[Sharing | None] = [None]


def share(sharing: Sharing | None) -> None:
    """Have every gate of this process keep to the pace that its key has on all hosts; None: to its own again."""
    with _making:
        _sharing[:] = [sharing]
        for whose, gate in _gates.items():
            gate.share(whose, sharing)
