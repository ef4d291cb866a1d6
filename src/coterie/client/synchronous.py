"""The client for programs without an event loop: the asynchronous one, performed in a loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from coterie.client.asynchronous import AsyncClient
from coterie.client.connection import PATIENCE
from coterie.errors import BadInput

P = ParamSpec("P")
T = TypeVar("T")


def waits(
    method: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Client, P], T]:
    """A method of `Client` that waits for what the same one of `AsyncClient` gives."""

    @wraps(method)
    def waited(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.perform(method(self.client, *args, **kwargs))

    return waited


def each(
    method: Callable[Concatenate[AsyncClient, P], AsyncGenerator[T, None]],
) -> Callable[Concatenate[Client, P], Iterator[T]]:
    """A method of `Client` that waits for one after another of what the same one of `AsyncClient` gives."""

    @wraps(method)
    def waited(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        stream = method(self.client, *args, **kwargs)
        try:
            while (one := self.perform(_next(stream))) is not None:
                yield one
        finally:
            self.perform(stream.aclose())

    return waited


async def _next(stream: AsyncGenerator[T, None]) -> T | None:
    """The next of a stream; None at its end."""
    return await anext(stream, None)


class Client:
    """As `AsyncClient`, and each method waits; see there for what each gives and raises."""

    def __init__(
        self, url: str, token: str = "", *, patience: float = PATIENCE, verify: bool | str = True
    ) -> None:
        self._loop = asyncio.Runner()
        self.client = AsyncClient(url, token, patience=patience, verify=verify)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; runs go on."""
        self.perform(self.client.close())
        self._loop.close()

    def perform(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` with the asynchronous client comes to.

        Raises:
            BadInput: within a running loop, where `AsyncClient` is the one to use.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._loop.run(work)
        work.close()
        raise BadInput("a loop is running here: use coterie.client.AsyncClient, and await it")

    start = waits(AsyncClient.start)
    runs = waits(AsyncClient.runs)
    run = waits(AsyncClient.run)
    wait = waits(AsyncClient.wait)
    events = each(AsyncClient.events)
    transcript = waits(AsyncClient.transcript)
    tree = waits(AsyncClient.tree)
    cancel = waits(AsyncClient.cancel)
    pause = waits(AsyncClient.pause)
    resume = waits(AsyncClient.resume)
    fork = waits(AsyncClient.fork)
    verify = waits(AsyncClient.verify)
    replay = waits(AsyncClient.replay)
    report = waits(AsyncClient.report)
    diff = waits(AsyncClient.diff)
    export = waits(AsyncClient.export)
    send = waits(AsyncClient.send)
    approvals = waits(AsyncClient.approvals)
    approval = waits(AsyncClient.approval)
    answer = waits(AsyncClient.answer)
    teams = waits(AsyncClient.teams)
    usage = waits(AsyncClient.usage)
    health = waits(AsyncClient.health)
    create_agent = waits(AsyncClient.create_agent)
    agents = waits(AsyncClient.agents)
    agent = waits(AsyncClient.agent)
    change_agent = waits(AsyncClient.change_agent)
    delete_agent = waits(AsyncClient.delete_agent)
    agent_state = waits(AsyncClient.agent_state)
    tell = waits(AsyncClient.tell)
    messages = waits(AsyncClient.messages)
    message = waits(AsyncClient.message)
    start_pattern = waits(AsyncClient.start_pattern)
    write_team = waits(AsyncClient.write_team)
    read_team = waits(AsyncClient.read_team)
    change_team = waits(AsyncClient.change_team)
    delete_team = waits(AsyncClient.delete_team)
    check = waits(AsyncClient.check)
    graph = waits(AsyncClient.graph)
    create_schedule = waits(AsyncClient.create_schedule)
    schedules = waits(AsyncClient.schedules)
    schedule = waits(AsyncClient.schedule)
    change_schedule = waits(AsyncClient.change_schedule)
    pause_schedule = waits(AsyncClient.pause_schedule)
    resume_schedule = waits(AsyncClient.resume_schedule)
    delete_schedule = waits(AsyncClient.delete_schedule)
    schedule_times = waits(AsyncClient.schedule_times)
    run_schedule = waits(AsyncClient.run_schedule)
    remember = waits(AsyncClient.remember)
    recall = waits(AsyncClient.recall)
    forget = waits(AsyncClient.forget)
    publish = waits(AsyncClient.publish)
    topics = waits(AsyncClient.topics)
    topic = waits(AsyncClient.topic)
    heard = each(AsyncClient.heard)
    boards = waits(AsyncClient.boards)
    board = waits(AsyncClient.board)
    entry = waits(AsyncClient.entry)
    put = waits(AsyncClient.put)
    remove = waits(AsyncClient.remove)
    history = waits(AsyncClient.history)
    watched = each(AsyncClient.watched)
    tools = waits(AsyncClient.tools)
