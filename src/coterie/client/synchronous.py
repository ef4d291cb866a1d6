"""The client for programs without an event loop: the asynchronous one, performed in a loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from coterie.client.asynchronous import PATIENCE, AsyncClient
from coterie.client.seen import Happened
from coterie.client.waiting import Waiting
from coterie.doors.http.api.shapes import (
    Health,
    QuestionShown,
    Replayed,
    RunPage,
    RunShown,
    TeamShown,
    Verified,
)
from coterie.errors import BadInput
from coterie.kernel.audit import Report
from coterie.kernel.difference import Difference
from coterie.kernel.story import Branch, Line
from coterie.kernel.totals import Used

T = TypeVar("T")


class Client(Waiting):
    """As `AsyncClient`, and each method waits; see there for what each gives and raises."""

    def __init__(
        self, url: str, token: str = "", *, patience: float = PATIENCE, verify: bool | str = True
    ) -> None:
        self._loop = asyncio.Runner()
        self._client = AsyncClient(url, token, patience=patience, verify=verify)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; runs go on."""
        self._do(self._client.close())
        self._loop.close()

    @property
    def _kept(self) -> AsyncClient:
        return self._client

    def start(
        self,
        team: str,
        task: str,
        *,
        options: Mapping[str, Any] | None = None,
        model: str | None = None,
        limits: Mapping[str, Any] | None = None,
        id: str | None = None,
    ) -> RunShown:
        """Begin a run."""
        return self._do(self._client.start(team, task, options=options, model=model, limits=limits, id=id))

    def runs(
        self,
        *,
        status: str | None = None,
        team: str | None = None,
        words: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> RunPage:
        """A page of the runs, the newest first."""
        return self._do(self._client.runs(status=status, team=team, words=words, before=before, limit=limit))

    def run(self, id: str) -> RunShown:
        """One run, as it is now."""
        return self._do(self._client.run(id))

    def wait(self, id: str) -> RunShown:
        """One run, once it has ended or only people can move it."""
        return self._do(self._client.wait(id))

    def events(self, id: str, after: int = -1, *, to: int | None = None) -> Iterator[Happened]:
        """What happens in a run, each once and in order, over any number of connections."""
        stream = self._client.events(id, after, to=to)
        try:
            while True:
                try:
                    one: Happened = self._do(anext(stream))
                except StopAsyncIteration:
                    return
                yield one
        finally:
            self._do(stream.aclose())

    def transcript(self, id: str) -> list[Line]:
        """What was said in a run, oldest first."""
        return self._do(self._client.transcript(id))

    def tree(self, id: str) -> Branch:
        """The frames of a run, each below the one that called it."""
        return self._do(self._client.tree(id))

    def cancel(self, id: str, reason: str = "cancelled") -> RunShown:
        """Stop a run."""
        return self._do(self._client.cancel(id, reason))

    def pause(self, id: str, reason: str = "paused", *, grace: float = 30.0) -> RunShown:
        """Begin nothing new in a run, and put it away when what is under way has settled, or after `grace` seconds."""
        return self._do(self._client.pause(id, reason, grace=grace))

    def resume(self, id: str, limits: Mapping[str, Any] | None = None) -> RunShown:
        """Go on with a run that was stopped, failed or interrupted."""
        return self._do(self._client.resume(id, limits))

    def fork(self, id: str, *, at: int | None = None, **change: Any) -> RunShown:
        """Begin a run again with one thing changed."""
        return self._do(self._client.fork(id, at=at, **change))

    def verify(self, id: str) -> Verified:
        """What is wrong with the journal of a run."""
        return self._do(self._client.verify(id))

    def replay(self, id: str) -> Replayed:
        """Have the journal of a run lived again."""
        return self._do(self._client.replay(id))

    def report(self, id: str) -> Report:
        """Every side effect of a run."""
        return self._do(self._client.report(id))

    def diff(self, id: str, other: str) -> Difference:
        """Two runs side by side."""
        return self._do(self._client.diff(id, other))

    def export(self, id: str) -> bytes:
        """A run as one file, which can be checked anywhere."""
        return self._do(self._client.export(id))

    def send(self, id: str, topic: str, message: Any) -> None:
        """Send a message to a run, on one of its topics."""
        self._do(self._client.send(id, topic, message))

    def approvals(self) -> list[QuestionShown]:
        """The questions that wait for people, the oldest first."""
        return self._do(self._client.approvals())

    def approval(self, id: str) -> QuestionShown:
        """One question, open or not."""
        return self._do(self._client.approval(id))

    def answer(self, id: str, value: Any) -> QuestionShown:
        """Answer a question."""
        return self._do(self._client.answer(id, value))

    def teams(self) -> list[TeamShown]:
        """The teams that are offered."""
        return self._do(self._client.teams())

    def usage(self, by: str = "team", *, since: float | None = None, team: str | None = None) -> list[Used]:
        """What was used since a time, by `team`, `day` or `agent`."""
        return self._do(self._client.usage(by, since=since, team=team))

    def health(self) -> Health:
        """Whether the service lives."""
        return self._do(self._client.health())

    def _do(self, work: Coroutine[Any, Any, T] | Any) -> T:
        """Perform `work` to its end.

        Raises:
            BadInput: within a running loop, where `AsyncClient` is the one to use.
        """

        async def performed() -> T:
            given: T = await work
            return given

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._loop.run(performed())
        if asyncio.iscoroutine(work):
            work.close()
        raise BadInput("a loop is running here: use coterie.client.AsyncClient, and await it")
