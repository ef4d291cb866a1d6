"""Paces that all hosts share: how many requests and tokens a minute a provider's key allows, kept in NATS.

Theory of operation
===================

1. In a key-value bucket, the pace of a key is one number for requests and one for tokens: when the next would be due
   if all flowed evenly (GCRA, as in `models.gate`). To take is to move them with compare-and-set; who loses looks
   again.
2. Who is told "too many" closes the key for all hosts, for as long as the provider said.
3. Hosts go by their own clocks, which have to agree to a fraction of a second. Where NATS cannot be reached, each
   host goes by its own gate alone, and looks again after `ALONE` seconds.
4. A key is known by a digest of what it is for: no secret leaves the process.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from nats.errors import Error as NatsError
from nats.js.client import JetStreamContext
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError

from coterie.models.gate import BURST, SLACK
from coterie.words.digest import digest_of

BUCKET = "coterie-gates"
PATIENCE = 1.0
"""Seconds that NATS has to answer."""
ALONE = 5.0
"""Seconds for which a host goes by its own gate after NATS could not be reached."""


class _State(Struct, frozen=True):
    """When the next request and the next token are due, and when the key is open again."""

    due: tuple[float, ...] = (0.0, 0.0)
    opens: float = 0.0


class NatsPaces:
    """The paces of all keys; `opened` gives the JetStream of this process's connection."""

    def __init__(self, opened: Callable[[], Awaitable[JetStreamContext]]) -> None:
        self._opened = opened
        self._bucket: Any = None
        self._alone = 0.0

    async def take(
        self, whose: Sequence[str], minute: Sequence[float | None], amounts: Sequence[float]
    ) -> float:
        """Take requests and tokens of what is allowed a minute; 0, or the seconds to wait before asking again."""

        def taken(state: _State, now: float) -> _State | float:
            waits = [_wait(due, most, now) for due, most in zip(state.due, minute, strict=True)]
            seconds = max(state.opens - now, *waits)
            moved = zip(state.due, minute, amounts, strict=True)
            due = tuple([_moved(at, most, amount, now) for at, most, amount in moved])
            return seconds if seconds > 0 else replace(state, due=due)

        return await self._changed(_key(whose), taken)

    async def close(self, whose: Sequence[str], seconds: float) -> None:
        """Let nobody ask with a key for some seconds."""
        await self._changed(
            _key(whose), lambda state, now: replace(state, opens=max(state.opens, now + seconds))
        )

    async def _changed(self, key: str, change: Callable[[_State, float], _State | float]) -> float:
        """Change the state of a key by compare-and-set; 0, or the seconds that `change` says instead."""
        if time.monotonic() < self._alone:
            return 0.0
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    state, revision = await self._read(key)
                    changed = change(state, time.time())
                    if not isinstance(changed, _State):
                        return changed
                    if await self._written(key, changed, revision):
                        return 0.0
        except (NatsError, OSError, TimeoutError):
            self._alone = time.monotonic() + ALONE
            return 0.0

    async def _read(self, key: str) -> tuple[_State, int]:
        if self._bucket is None:
            stream: Any = await self._opened()
            self._bucket = await stream.create_key_value(bucket=BUCKET, history=1)
        try:
            entry = await self._bucket.get(key)
        except KeyNotFoundError:
            return _State(), 0
        return msgspec.json.decode(entry.value or b"{}", type=_State), entry.revision

    async def _written(self, key: str, state: _State, revision: int) -> bool:
        """Whether nobody else was quicker."""
        try:
            await self._bucket.update(key, msgspec.json.encode(state), last=revision)
        except KeyWrongLastSequenceError:
            return False
        return True


def _key(whose: Sequence[str]) -> str:
    return digest_of(list(whose)).hex()[:32]


def _step(minute: float) -> tuple[float, float]:
    """Seconds from one to the next where all flow evenly, and how far a burst may run ahead of that."""
    burst = max(1, minute // BURST)
    step = 60.0 * SLACK / (minute - burst + 1)
    return step, (burst - 1) * step


def _wait(due: float, minute: float | None, now: float) -> float:
    return 0.0 if minute is None else due - _step(minute)[1] - now


def _moved(due: float, minute: float | None, amount: float, now: float) -> float:
    return due if minute is None else max(due, now) + amount * _step(minute)[0]
