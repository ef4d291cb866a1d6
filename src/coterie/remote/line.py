"""A line to a remote agent: sends it messages and follows its tasks, by A2A.

To the world it is a model: what it says is streamed, what it cost is counted, and after a crash it is asked again.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import math
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec

from coterie.errors import CoterieError, MissingExtra, ModelRefused, ModelUnavailable, NoAccess
from coterie.ports import DROPPED
from coterie.reach.pinned import client
from coterie.reach.screen import Screen
from coterie.remote.orders import Order, Report
from coterie.words.delta import Delta, Tell
from coterie.words.effect import Think
from coterie.words.message import Message

SECONDS = 60.0
"""Seconds that a remote may take to answer a request, or to say the next thing in a stream."""
POLL, LONGEST = 0.2, 5.0
"""Seconds between two looks at a task, or two tries to reach a remote: at first, and at most."""
FIRST = 15.0
"""Seconds, at most, to reach a remote that has begun nothing for us."""
STOPPING = 4.0
"""Seconds to find the task that is not wanted any more, and to tell the remote."""
NEWEST = 50
"""Tasks of a remote that are looked through for it."""


class Clients(NamedTuple):
    """The kit's clients for one remote: one that waits for whole answers, and one that listens to streams."""

    sending: Any
    watching: Any


class Line:
    """How one remote agent is reached; a model, as far as the world is concerned."""

    def __init__(
        self,
        url: str,
        key: str | Callable[[], str | Awaitable[str]],
        verify: Mapping[str, Any] | str | None,
        *,
        patience: float,
        screen: Screen,
    ) -> None:
        self.url = url
        self._screen = screen
        self._key = key
        self._verify = verify
        self._patience = patience
        self._card: Any = None

    async def __call__(self, think: Think, /) -> Message:
        """What the remote reports of an order."""
        return await self.stream(think, _nobody)

    async def stream(self, think: Think, tell: Tell, /) -> Message:
        """The same, and `tell` is given what the remote is saying."""
        order = msgspec.convert(think.brief.settings["a2a"], Order)
        step = self._followed(order, tell) if order.follow else self._sent(order, think)
        working = asyncio.ensure_future(step)
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError as error:
            if error.args == (DROPPED,):
                await self._taken_back(order, working)
            await _put_away(working)
            raise

    async def _sent(self, order: Order, think: Think) -> Message:
        from coterie.remote.reports import report_of, request_of

        async with self._client() as client:
            request = request_of(order, think.thread)
            answer = await self._tried(lambda: _first(client.sending, request), FIRST)
        return report_of(answer, order, stale=not order.task)

    async def _taken_back(self, order: Order, working: asyncio.Future[Message]) -> None:
        """End the task that an order is about, or has begun, or is about to: nobody wants it any more."""
        with contextlib.suppress(CoterieError, TimeoutError):
            async with asyncio.timeout(STOPPING), self._client() as client:
                task = order.task or await _begun(client.sending, order.message, working)
                if task:
                    await _cancelled(client.sending, task)

    async def _followed(self, order: Order, tell: Tell) -> Message:
        from a2a.types import a2a_pb2 as pb

        from coterie.remote.reports import Teller, is_over, report_of

        teller, wait, wanted = Teller(tell), POLL, pb.GetTaskRequest(id=order.task)
        looked = False
        async with self._client() as client:
            while True:
                task = await self._tried(lambda: client.sending.get_task(wanted))
                if is_over(task):
                    return report_of(pb.StreamResponse(task=task), order, stale=not looked)
                looked = True
                if not await self._watched(client, order.task, teller):
                    await asyncio.sleep(wait)
                    wait = min(wait * 1.5, LONGEST)

    async def _watched(self, client: Clients, task: str, teller: Any) -> bool:
        """Tell what a task's stream says, as far as it goes; whether there was anything."""
        from a2a.types import a2a_pb2 as pb
        from a2a.utils.errors import A2AError

        if not self._card.capabilities.streaming:
            return False
        heard = False
        try:
            async for event in client.watching.subscribe(pb.SubscribeToTaskRequest(id=task)):
                heard = teller.hear(event) or heard
        except A2AError:  # it has ended meanwhile, or the line is cut: the next look says which
            return heard
        return heard

    async def _tried(self, request: Callable[[], Awaitable[Any]], most: float = math.inf) -> Any:
        """What a request gives, tried again while the remote is out of reach, as long as there is patience.

        `most` is how many seconds it takes, whatever the patience.

        Raises:
            ModelUnavailable: if there is none left.
            NoAccess: if the remote does not let us in.
            ModelRefused: if it will not.
        """
        until, wait = time.monotonic() + min(self._patience, most), POLL
        while True:
            try:
                return await request()
            except Exception as error:  # the kit, its transports and the network throw many kinds
                known = _known(error, self.url)
                if not isinstance(known, ModelUnavailable) or time.monotonic() + wait > until:
                    raise known from error
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST)

    @asynccontextmanager
    async def _client(self) -> AsyncGenerator[Clients]:
        """A client of the kit for the remote.

        Raises:
            MissingExtra: if the kit is not installed.
        """
        try:
            from coterie.remote.cards import fetched, verified
            from coterie.remote.reports import HEADERS
        except ModuleNotFoundError as error:
            raise MissingExtra.of("a2a", "a remote agent") from error
        async with client(self._screen, timeout=SECONDS, headers=HEADERS) as http:
            if self._card is None:
                card = await self._tried(lambda: fetched(http, self.url, self._screen), FIRST)
                if self._verify is not None:
                    verified(card, self._verify, self.url)
                self._card = card
            http.headers.update(await self._credentials())
            yield Clients(*(_made(http, self._card, streaming=streaming) for streaming in (False, True)))

    async def _credentials(self) -> dict[str, str]:
        """How the remote knows us, as its card wants it said."""
        if callable(self._key):
            given = self._key()
            key = await given if inspect.isawaitable(given) else given
        else:
            key = os.environ.get(self._key, "")
        if not key:
            return {}
        for scheme in self._card.security_schemes.values():
            wanted = scheme.api_key_security_scheme
            if scheme.HasField("api_key_security_scheme") and wanted.location.lower() == "header":
                return {wanted.name: key}
        return {"authorization": f"Bearer {key}"}


def _made(http: Any, card: Any, *, streaming: bool) -> Any:
    from a2a.client.client import ClientConfig
    from a2a.client.client_factory import ClientFactory

    config = ClientConfig(
        httpx_client=http, streaming=streaming, supported_protocol_bindings=["JSONRPC", "HTTP+JSON"]
    )
    return ClientFactory(config).create(card)


async def _first(client: Any, request: Any) -> Any:
    """What a message is answered with."""
    async for answer in client.send_message(request):
        return answer
    raise ModelUnavailable("the remote has answered nothing")


async def _begun(client: Any, message: str, sending: asyncio.Future[Message]) -> str:
    """The task that a message has begun: by what it is answered with, or by the remote's list of tasks."""
    while not sending.done():
        await asyncio.wait([sending], timeout=POLL)
        if not sending.done() and (task := await _listed(client, message)):
            return task
    if sending.cancelled() or sending.exception() is not None:
        return ""
    return msgspec.convert(sending.result().output, Report).task


async def _listed(client: Any, message: str) -> str:
    """The newest task that has `message` in its history; empty where the remote shows none."""
    from a2a.types import a2a_pb2 as pb
    from a2a.utils.errors import A2AError

    with contextlib.suppress(A2AError):
        page = await client.list_tasks(pb.ListTasksRequest(page_size=NEWEST))
        for task in page.tasks:
            if any(said.message_id == message for said in task.history):
                return str(task.id)
    return ""


async def _cancelled(client: Any, task: str) -> None:
    """Tell a remote that a task is not wanted any more; it may have ended, or be gone."""
    from a2a.types import a2a_pb2 as pb
    from a2a.utils.errors import A2AError

    with contextlib.suppress(A2AError):
        await client.cancel_task(pb.CancelTaskRequest(id=task))


async def _put_away(working: asyncio.Future[Message]) -> None:
    """Stop what is still going on here, and look at how it ended, because nobody else will."""
    working.cancel()
    await asyncio.wait([working])
    if not working.cancelled():
        working.exception()


def _known(error: Exception, url: str) -> CoterieError:
    """An error of the kit's or the network's as one of ours."""
    from a2a.client.errors import A2AClientError
    from a2a.utils.errors import A2AError
    from httpx import HTTPError, HTTPStatusError

    if isinstance(error, CoterieError):
        return error
    said = f"{url}: {str(error) or type(error).__name__}"
    cause = error.__cause__
    if isinstance(cause, HTTPStatusError):
        status = cause.response.status_code
        if status in (401, 403):
            return NoAccess(f"{url} does not let us in ({status}): is its key in the environment?")
        return ModelUnavailable(said) if status == 429 or status >= 500 else ModelRefused(said)
    if isinstance(error, A2AClientError | HTTPError):
        return ModelUnavailable(said)
    return ModelRefused(said if isinstance(error, A2AError) else f"{url}: {type(error).__name__}: {error}")


def _nobody(_: Delta) -> None:
    """Nobody watches."""
