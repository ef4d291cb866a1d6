"""A connection to an MCP server: kept up by a thread of its own, used from any loop, gone when it is left.

Theory of operation
===================

1. One thread has one loop with one task, which connects, waits, and connects anew when the server has
   died, after pauses that double. Plays on other loops, and plain functions, hand their calls to it.
2. A call that was under way when the server died is made again if it is idempotent; of any other nobody
   knows whether it happened, and the error says so (`InDoubt`). Before such a call the server is asked
   whether it lives, so that one that died long ago costs a moment and no doubt.
3. A server that does not let one in is not tried again before somebody wants it again. A person who signs in is
   waited for.
4. A server that asks a person something in the middle of a call has the call stop there: the question is
   its outcome so far, under a ticket with which the answer goes back (`go_on`).
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from msgspec import Struct

from coterie.errors import InDoubt, MissingExtra, ToolFailed
from coterie.reach.trace import carried
from coterie.tools.transport import Target, as_ours, cause, is_loss, is_refusal, plain, transport

if TYPE_CHECKING:
    from mcp import Client
    from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult, Tool

T = TypeVar("T")
PAUSE, LONGEST_PAUSE = 0.05, 5.0
"""Seconds before a second try to connect, and the most that later ones wait."""
PING = 10.0
"""Seconds that a living server may take to say so."""
STOP = 15.0
"""Seconds that a server is given to end before its thread is given up."""


class Question(Struct, frozen=True):
    """What a server asks a person in the middle of a call; `schema` is that of the answer, if it is a form."""

    message: str
    schema: dict[str, Any] | None = None
    url: str = ""


class Outcome(Struct, frozen=True):
    """What a call has come to so far: a result, or a question and the ticket to go on with."""

    result: Any = None
    question: Question | None = None
    ticket: int = 0


class _Call:
    """A call under way, with what its server asks."""

    def __init__(self) -> None:
        self.work: asyncio.Task[CallToolResult] | None = None
        self.asked: asyncio.Queue[tuple[Question, asyncio.Future[ElicitResult]]] = asyncio.Queue()
        self.open = 0
        self.waiting: asyncio.Future[ElicitResult] | None = None


_current: ContextVar[_Call | None] = ContextVar("call", default=None)


class Connection:
    """A server that is connected to, and its tools as they were at first."""

    def __init__(self, target: Target, *, timeout: float, connecting: float) -> None:
        self.target = target
        self.timeout = timeout
        self.connecting = connecting
        self.tools: Sequence[Tool] = ()
        self.instructions = ""
        self.connects = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._client: Client | None = None
        self._up: asyncio.Event
        self._lost: asyncio.Event
        self._started: asyncio.Event
        self._stopping: asyncio.Event
        self._refused: asyncio.Event
        self._wanted: asyncio.Event
        self._why: BaseException | None = None
        self._calls: dict[int, _Call] = {}
        self._tickets = itertools.count(1)

    def start(self) -> None:
        """Connect, and know the tools.

        Raises:
            ToolFailed: if the server cannot be reached, or does not speak MCP.
            MissingExtra: if the extra [mcp] is not installed.
        """
        if find_spec("mcp") is None:
            raise MissingExtra.of("mcp", "an MCP server as tools")
        begun: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._live, args=[begun], name=f"mcp {self.target}", daemon=True
        )
        self._thread.start()
        try:
            begun.result()
            self._soon(self._known()).result()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Leave the server; a process that was started for it has ended then."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(self._stopping.set)
        thread.join(STOP)
        self._loop = self._thread = None

    async def call(
        self, tool: str, arguments: dict[str, Any], *, idempotent: bool, report: Any = None
    ) -> Outcome:
        """Use a tool of the server.

        Raises:
            ToolFailed: if the server says that it failed, or is not there.
            InDoubt: if the server died under it and nobody knows whether it happened.
            TimedOut: if it took too long.
        """
        return await asyncio.wrap_future(self._soon(self._called(tool, arguments, idempotent, report)))

    async def go_on(self, ticket: int, answer: dict[str, Any]) -> Outcome:
        """Give the answer to the question of a call: `action`, and the `content` of what is accepted.

        Raises:
            InDoubt: if the call is no longer under way.
        """
        return await asyncio.wrap_future(self._soon(self._answered(ticket, answer)))

    def forget(self, ticket: int) -> None:
        """Give up a call that waits for an answer; nothing happens if there is none."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._dropped, ticket)

    def _soon(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        if self._loop is None:
            work.close()
            raise ToolFailed(
                f"MCP server {str(self.target)!r}: not connected; use its tools inside its `with`"
            )
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    # The rest runs on the connection's own loop.

    def _live(self, begun: Future[None]) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            self._up, self._lost, self._stopping = asyncio.Event(), asyncio.Event(), asyncio.Event()
            self._started, self._refused, self._wanted = asyncio.Event(), asyncio.Event(), asyncio.Event()
            begun.set_result(None)
            runner.run(self._kept_up())

    async def _kept_up(self) -> None:
        pause = PAUSE
        stopping = asyncio.ensure_future(self._stopping.wait())
        while not stopping.done():
            before = self.connects
            link = asyncio.ensure_future(self._connected())
            await asyncio.wait([link, stopping], return_when=asyncio.FIRST_COMPLETED)
            await self._whole(link)
            link.cancel()
            await asyncio.wait([link])
            if not link.cancelled() and (why := link.exception()) is not None:
                self._why = why
                if is_refusal(why.__cause__ or why):
                    await self._given_up(stopping)
            pause = PAUSE if self.connects > before else min(2 * pause, LONGEST_PAUSE)
            await asyncio.wait([stopping], timeout=pause)

    async def _given_up(self, stopping: asyncio.Future[Any]) -> None:
        """Do nothing until somebody wants the connection once more."""
        self._wanted.clear()
        self._refused.set()
        await _first([stopping], self._wanted)

    async def _whole(self, link: asyncio.Future[None]) -> None:
        """Wait for a process that is being started: one that is cancelled meanwhile nobody would end."""
        started = asyncio.ensure_future(self._started.wait())
        both: list[asyncio.Future[Any]] = [link, started]
        await asyncio.wait(both, timeout=STOP, return_when=asyncio.FIRST_COMPLETED)
        started.cancel()

    async def _connected(self) -> None:
        """Be connected until the connection is lost."""
        with tempfile.TemporaryFile("w+", errors="replace") as said:
            try:
                async with self._made(said) as client:
                    await self._learn(client)
                    self._client, self._why = client, None
                    self.connects += 1
                    self._lost.clear()
                    self._up.set()
                    await self._lost.wait()
            except Exception as error:  # the SDK, the network and the server may all fail in their own ways
                said.seek(0)
                words = said.read()[-500:].strip()
                raise ToolFailed(f"{cause(error)}{f'; it said: {words}' if words else ''}") from error
            finally:
                self._up.clear()
                self._client = None

    def _made(self, said: TextIO) -> AbstractAsyncContextManager[Client]:
        import mcp

        (self._started.clear if self.target.command else self._started.set)()
        made: AbstractAsyncContextManager[Client] = mcp.Client(
            transport(self.target, said, self._started),
            read_timeout_seconds=self.timeout,
            elicitation_callback=self._elicited,
            cache=None,
        )
        return made

    async def _learn(self, client: Client) -> None:
        tools: list[Tool] = []
        page = await client.list_tools()
        tools += page.tools
        while page.next_cursor and len(tools) < 10_000:
            page = await client.list_tools(cursor=page.next_cursor)
            tools += page.tools
        if not self.tools:
            self.tools = tools
            self.instructions = client.instructions or ""

    async def _known(self) -> None:
        await self._connection()

    async def _connection(self) -> Client:
        """The client, once the connection stands."""
        self._refused.clear()
        self._wanted.set()
        await _first([], self._up, self._refused, timeout=self.connecting)
        entrance = self.target.entrance
        while entrance is not None and entrance.asks_a_person:
            await _first([], self._up, self._refused, timeout=self.connecting)
        if self._client is not None and self._up.is_set():
            return self._client
        why = f": {self._why}" if self._why else ""
        if self._refused.is_set():
            raise ToolFailed(f"MCP server {str(self.target)!r} refuses{why}")
        raise ToolFailed(
            f"MCP server {str(self.target)!r} could not be reached in {self.connecting:g} s{why}"
        )

    async def _called(self, tool: str, arguments: dict[str, Any], idempotent: bool, report: Any) -> Outcome:
        client = await (self._connection() if idempotent else self._living())
        try:
            return await self._begun(client, tool, arguments, report)
        except ConnectionError as error:
            if not idempotent:
                message = (
                    f"MCP server {str(self.target)!r} died under {tool!r}: nobody knows whether it happened"
                )
                raise InDoubt(message, raw=SERVER) from error
        client = await self._living()
        try:
            return await self._begun(client, tool, arguments, report)
        except ConnectionError as error:
            raise ToolFailed(f"MCP server {str(self.target)!r} died under {tool!r} twice") from error

    async def _living(self) -> Client:
        """The client, once its server has said that it lives."""
        client = await self._connection()
        try:
            async with asyncio.timeout(PING):
                await client.session.send_ping()
        except Exception as error:  # whatever it is, it is no sign of life
            if not is_loss(error) and not isinstance(error, TimeoutError):
                return client  # it said something
            self._lose(client)
            return await self._connection()
        return client

    async def _begun(self, client: Client, tool: str, arguments: dict[str, Any], report: Any) -> Outcome:
        call = _Call()
        token = _current.set(call)
        try:
            meta: Any = carried() or None
            work = client.call_tool(tool, arguments, self.timeout, report, meta=meta)
            call.work = asyncio.ensure_future(work)
        finally:
            _current.reset(token)
        ticket = next(self._tickets)
        self._calls[ticket] = call
        return await self._so_far(client, tool, ticket, call)

    async def _so_far(self, client: Client, tool: str, ticket: int, call: _Call) -> Outcome:
        """The result of a call, or what its server asks before there is one."""
        assert call.work is not None
        asked = asyncio.ensure_future(call.asked.get())
        try:
            await asyncio.wait([call.work, asked], return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                question, answer = asked.result()
                if not call.work.done():
                    call.waiting = answer
                    return Outcome(question=question, ticket=ticket)
                call.asked.put_nowait((question, answer))
            self._over(ticket)
            return Outcome(plain(call.work.result()))
        except asyncio.CancelledError:
            self._dropped(ticket)
            raise
        except Exception as error:
            if is_loss(error):
                self._lose(client)
                raise ConnectionError(str(error)) from error
            raise as_ours(error, tool, self.timeout) from error
        finally:
            asked.cancel()

    async def _answered(self, ticket: int, answer: dict[str, Any]) -> Outcome:
        from mcp_types import ElicitResult

        call = self._calls.get(ticket)
        if call is None or call.waiting is None or self._client is None:
            raise InDoubt("the call that asked this is over: its server, or we, began anew", raw=SERVER)
        call.waiting.set_result(ElicitResult(**answer))
        call.waiting = None
        call.open -= 1
        try:
            return await self._so_far(self._client, "a call that had asked", ticket, call)
        except ConnectionError as error:
            raise InDoubt("the server died under a call that had asked", raw=SERVER) from error

    async def _elicited(self, context: Any, params: ElicitRequestParams) -> ElicitResult:
        """What a person answers to a server that asks in the middle of a call."""
        answer: asyncio.Future[ElicitResult] = asyncio.get_running_loop().create_future()
        schema, url = getattr(params, "requested_schema", None), getattr(params, "url", "")
        self._ask(Question(params.message, schema, url), answer, _current.get())
        return await answer

    def _ask(
        self, question: Question, answer: asyncio.Future[ElicitResult], call: _Call | None = None
    ) -> None:
        """Put a question to its call; older sessions don't say which: to one that has the fewest open."""
        from mcp_types import ElicitResult

        call = call or min(self._calls.values(), key=lambda call: call.open, default=None)
        if call is not None:
            call.open += 1
            call.asked.put_nowait((question, answer))
        elif not answer.done():
            answer.set_result(ElicitResult(action="cancel"))

    def _over(self, ticket: int) -> _Call | None:
        """Take a call out that ends; what is still asked of it was another's, and goes to one that goes on."""
        call = self._calls.pop(ticket, None)
        while call is not None and not call.asked.empty():
            self._ask(*call.asked.get_nowait())
        return call

    def _dropped(self, ticket: int) -> None:
        call = self._over(ticket)
        if call is not None and call.work is not None:
            call.work.cancel()

    def _lose(self, client: Client) -> None:
        if self._client is client:
            self._up.clear()
            self._lost.set()


async def _first(
    others: list[asyncio.Future[Any]], *events: asyncio.Event, timeout: float | None = None
) -> None:
    """Wait for any of `others` and `events`, or `timeout` seconds."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait([*others, *waits], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


SERVER = "mcp"
"""What an `InDoubt` has as its `raw` if a server's death is its cause, and nobody was asked about it yet."""
