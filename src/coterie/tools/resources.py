"""Resources that are dear to make and are used by one at a time: connections, browsers, sessions.

A `Pool` makes at most `size` of them, lends each to one user, and takes it back however the use ends. It
is for tools, in the world; actors that share work have `coterie.patterns.pool`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

from msgspec import Struct

from coterie.errors import BadInput, TimedOut, ToolFailed

T = TypeVar("T")
WAIT = 30.0
"""Seconds that somebody waits for a resource unless the pool says otherwise."""


class Metrics(Struct, frozen=True):
    """How a pool stands: `in_use`, `idle` and `waiting` now; `acquired`, `made`, `closed` and `failed` so far.

    `failed` counts what could not be made, was found sick, or was not had in time.
    """

    in_use: int = 0
    idle: int = 0
    waiting: int = 0
    acquired: int = 0
    made: int = 0
    closed: int = 0
    failed: int = 0


class Pool(Generic[T]):
    """At most `size` of what `factory` makes, each for one user at a time; who waits longest is next.

    `healthy` says of an idle one whether it can still be used; one that cannot is closed, and another made.
    One whose use fails or is cancelled comes back to be looked at, and without `healthy` it is closed, because
    nobody knows its state. `close` ends one; without it, its own `aclose` or `close` does. All three may be async.
    `timeout` is how long one waits, in seconds.
    """

    def __init__(
        self,
        factory: Callable[[], T | Awaitable[T]],
        size: int,
        *,
        healthy: Callable[[T], bool | Awaitable[bool]] | None = None,
        close: Callable[[T], Any] | None = None,
        timeout: float = WAIT,
    ) -> None:
        if size < 1 or timeout <= 0:
            raise BadInput("a pool has a size of 1 or more, and a timeout above 0")
        self.size = size
        self.timeout = timeout
        self._factory = factory
        self._healthy = healthy
        self._close = close
        self._idle: deque[T] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._taken = 0
        self._shut = False
        self._counts = dict.fromkeys(("acquired", "made", "closed", "failed"), 0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def metrics(self) -> Metrics:
        """How it stands now."""
        return Metrics(in_use=self._taken, idle=len(self._idle), waiting=len(self._waiting), **self._counts)

    @asynccontextmanager
    async def acquire(self, timeout: float | None = None) -> AsyncGenerator[T]:
        """Have a resource for the length of a `with` block.

        Raises:
            TimedOut: if none is free in time.
            ToolFailed: if one cannot be made, or the pool is closed.
        """
        resource = await self._had(self.timeout if timeout is None else timeout)
        good = False
        try:
            yield resource
            good = True
        finally:
            await asyncio.shield(self._given_back(resource, good=good))

    async def aclose(self) -> None:
        """Close what is idle, refuse who waits, and close what is in use when it comes back."""
        self._shut = True
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(ToolFailed("the pool was closed"))
        self._waiting.clear()
        while self._idle:
            await self._ended(self._idle.popleft())

    async def _had(self, seconds: float) -> T:
        try:
            async with asyncio.timeout(seconds):
                await self._turn()
                try:
                    resource = await self._usable()
                except BaseException:
                    self._leave()
                    raise
        except TimeoutError:
            self._counts["failed"] += 1
            raise TimedOut(
                f"no resource was free within {seconds:g} s: {self._taken} of {self.size} are in use"
            ) from None
        self._counts["acquired"] += 1
        return resource

    async def _turn(self) -> None:
        """Wait for one of the places; the one who has waited longest gets the next."""
        if self._shut:
            raise ToolFailed("the pool is closed")
        if self._taken < self.size and not self._waiting:
            self._taken += 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except BaseException:
            if place.done() and not place.cancelled() and place.exception() is None:
                self._leave()  # it came in the very moment in which nobody wanted it any more
            elif place in self._waiting:
                self._waiting.remove(place)
            raise

    def _leave(self) -> None:
        """Give a place to who has waited longest, or back."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._taken -= 1

    async def _usable(self) -> T:
        """An idle one that is well, or a new one."""
        while self._idle:
            resource = self._idle.pop()
            if await self._is_well(resource):
                return resource
        try:
            made = self._factory()
            resource = cast("T", await made if inspect.isawaitable(made) else made)
        except Exception as error:  # a factory may raise anything
            self._counts["failed"] += 1
            raise ToolFailed(f"a resource could not be made: {type(error).__name__}: {error}") from error
        self._counts["made"] += 1
        return resource

    async def _is_well(self, resource: T) -> bool:
        """Whether a resource can be used; one that cannot is closed."""
        if self._healthy is None:
            return True
        try:
            said = self._healthy(resource)
            well = bool(await said if inspect.isawaitable(said) else said)
        except Exception:  # a check that fails has found what it was to find
            well = False
        except BaseException:
            await asyncio.shield(self._ended(resource))
            raise
        if not well:
            self._counts["failed"] += 1
            await self._ended(resource)
        return well

    async def _given_back(self, resource: T, *, good: bool) -> None:
        try:
            if self._shut or not (good or (self._healthy is not None and await self._is_well(resource))):
                if self._shut or self._healthy is None:
                    await self._ended(resource)
            else:
                self._idle.append(resource)
        finally:
            self._leave()

    async def _ended(self, resource: T) -> None:
        """Close a resource; one that cannot even be closed is counted, and let go."""
        self._counts["closed"] += 1
        ends = self._close or _close
        try:
            closing = ends(resource)
            if inspect.isawaitable(closing):
                await closing
        except Exception:  # it is broken, and that is why it is closed
            self._counts["failed"] += 1


def _close(resource: Any) -> Any:
    """End a resource in its own way, if it has one."""
    for name in ("aclose", "close"):
        ends = getattr(resource, name, None)
        if ends is not None:
            return ends()
    return None
