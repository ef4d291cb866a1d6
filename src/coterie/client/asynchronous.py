"""The asynchronous client."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from coterie.client.kept import Keeping
from coterie.client.problem import error_of
from coterie.client.seen import Happened, ServerSent, happened, lines_of, sent
from coterie.client.trial import Trial
from coterie.doors.http.api.shapes import (
    Caps,
    Health,
    QuestionShown,
    Replayed,
    RunPage,
    RunShown,
    TeamShown,
    Verified,
)
from coterie.errors import BadInput, MissingExtra
from coterie.kernel.audit import Report
from coterie.kernel.difference import Difference
from coterie.kernel.story import Branch, Line
from coterie.kernel.totals import Used

try:
    import httpx
except ModuleNotFoundError as missing:
    raise MissingExtra.of("client", "a client of a service") from missing

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds for which a service may be gone before a client gives up on what can be asked again."""
CONNECTIONS = 1_000
"""Connections at once: every stream that is watched has one."""
IDLE = 20
"""Connections that are kept while nobody uses them. Its pool looks at each of them for each request and for each other
one, so that a thousand of them would take longer than all that is asked."""
PAGE = 500
"""What one page of a list has at most."""
RETRIED = (502, 503, 504)
"""Answers of a service that is about to be there again."""


class AsyncClient(Keeping):
    """What the service at `url` offers to whoever has `token`.

    What only reads, and what has a key of its own, is asked again while the service is away for at most
    `patience` seconds. Everything raises the errors that the same thing raises at home, and `ServiceFailed`.
    """

    def __init__(
        self, url: str, token: str = "", *, patience: float = PATIENCE, verify: bool | str = True
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise BadInput(f"the address of a service begins with http:// or https://, not {url!r}")
        self.url = url.rstrip("/")
        self.patience = patience
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.AsyncClient(
            base_url=self.url,
            headers=headers,
            timeout=httpx.Timeout(30, read=None),
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=IDLE),
            verify=verify,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; runs go on."""
        await self._http.aclose()

    async def start(
        self,
        team: str,
        task: str,
        *,
        options: Mapping[str, Any] | None = None,
        model: str | None = None,
        limits: Mapping[str, Any] | None = None,
        id: str | None = None,
    ) -> RunShown:
        """Begin a run; its journal is open when this returns, once, however often the connection broke.

        Raises:
            BadInput: if no such team is offered, or it cannot be told that.
            Busy: if there is a run of that id.
        """
        body = {"team": team, "task": task, "options": dict(options or {}), "limits": _caps(limits)}
        body |= {name: value for name, value in (("model", model), ("id", id)) if value is not None}
        return await self._ask(
            "POST", "/v1/runs", RunShown, body=body, headers={"idempotency-key": uuid.uuid4().hex}
        )

    async def runs(
        self,
        *,
        status: str | None = None,
        team: str | None = None,
        words: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> RunPage:
        """A page of the runs whose tasks have `words`, the newest first; `next` is where the next page begins."""
        query = {"status": status, "team": team, "words": words, "before": before, "limit": limit}
        return await self._ask("GET", "/v1/runs", RunPage, query=query)

    async def run(self, id: str) -> RunShown:
        """One run, as it is now.

        Raises:
            UnknownRun: if there is none.
        """
        return await self._ask("GET", f"/v1/runs/{id}", RunShown)

    async def wait(self, id: str) -> RunShown:
        """One run, once it has ended or only people can move it; the service may restart meanwhile.

        Raises:
            UnknownRun: if there is none.
        """
        return await self._ask("GET", f"/v1/runs/{id}/wait", RunShown)

    async def events(
        self, id: str, after: int = -1, *, to: int | None = None
    ) -> AsyncGenerator[Happened, None]:
        """What happens in a run, from number `after` on, each once and in order, to its end or to number `to`.

        A stream that breaks is taken up where it was.

        Raises:
            UnknownRun: if there is none.
            ServiceFailed: if the service is away for longer than `patience`.
        """
        trial = Trial(self.patience)
        while to is None or after < to:
            try:
                ends = False
                async with aclosing(self._events(id, after)) as stream:
                    async for one in stream:
                        trial.works()
                        after, ends = one.seq, one.type == "closed"
                        yield one
                        if after == to:
                            return
                if ends or await self._over(id, after):
                    return
            except httpx.TransportError as error:
                await trial.failed(error)

    async def _events(self, id: str, after: int) -> AsyncGenerator[Happened, None]:
        """One connection's worth of events."""
        async with aclosing(self._sent(f"/v1/runs/{id}/events", after)) as stream:
            async for one in stream:
                seen = happened(one)
                if seen is not None and seen.seq > after:
                    yield seen

    async def _sent(self, path: str, after: int) -> AsyncGenerator[ServerSent, None]:
        """What one connection to an event stream gives, from after a number on."""
        headers = {"last-event-id": str(after), "accept": "text/event-stream"}
        async with self._http.stream("GET", path, headers=headers) as answer:
            if answer.status_code in RETRIED:
                raise httpx.ReadError(f"the service answered {answer.status_code}")
            if answer.status_code != 200:
                raise error_of(answer.status_code, await answer.aread())
            async for one in sent(lines_of(answer.aiter_bytes())):
                yield one

    async def _stream(self, path: str, after: int) -> AsyncGenerator[ServerSent, None]:
        """What an event stream without an end gives, each once and in order, over any number of connections."""
        trial = Trial(self.patience)
        while True:
            try:
                async with aclosing(self._sent(path, after)) as stream:
                    async for one in stream:
                        trial.works()
                        after = after if one.id is None else int(one.id)
                        yield one
            except httpx.TransportError as error:
                await trial.failed(error)

    async def _over(self, id: str, after: int) -> bool:
        """Whether a stream that ended quietly has given all there is."""
        shown = await self.run(id)
        return shown.events <= after + 1 and shown.status not in ("running", "waiting", "paused")

    async def transcript(self, id: str) -> list[Line]:
        """What was said in a run, oldest first."""
        return await self._ask("GET", f"/v1/runs/{id}/transcript", list[Line])

    async def tree(self, id: str) -> Branch:
        """The frames of a run, each below the one that called it."""
        return await self._ask("GET", f"/v1/runs/{id}/tree", Branch)

    async def cancel(self, id: str, reason: str = "cancelled") -> RunShown:
        """Stop a run; what was finished stays, and it can be resumed."""
        return await self._ask("POST", f"/v1/runs/{id}/cancel", RunShown, body={"reason": reason})

    async def pause(self, id: str, reason: str = "paused", *, grace: float = 30.0) -> RunShown:
        """Begin nothing new in a run, and put it away when what is under way has settled, or after `grace` seconds."""
        return await self._ask(
            "POST", f"/v1/runs/{id}/pause", RunShown, body={"reason": reason, "grace": grace}
        )

    async def resume(self, id: str, limits: Mapping[str, Any] | None = None) -> RunShown:
        """Go on with a run that was stopped, failed or interrupted, with other limits if some are given.

        Raises:
            Busy: if it is under way.
        """
        return await self._ask("POST", f"/v1/runs/{id}/resume", RunShown, body={"limits": _caps(limits)})

    async def fork(self, id: str, *, at: int | None = None, **change: Any) -> RunShown:
        """Begin a run again from event `at` on, with another `task`, or with `value` as what that event comes to."""
        if set(change) - {"task", "value"} or len(change) > 1:
            raise BadInput(f"a fork changes its task or one value, not {sorted(change)}")
        changed = next(iter(change), "nothing")
        body = {"at": at, "changed": changed, **change}
        return await self._ask("POST", f"/v1/runs/{id}/fork", RunShown, body=body)

    async def verify(self, id: str) -> Verified:
        """What is wrong with the journal of a run; nothing, if it is what was written.

        Raises:
            UnknownRun: if there is none.
        """
        return await self._ask("GET", f"/v1/runs/{id}/verify", Verified)

    async def replay(self, id: str) -> Replayed:
        """Have the journal of a run lived again, performing nothing: whether it comes out the same.

        Raises:
            UnknownRun: if there is none.
            BadInput: if the service does not find its team.
        """
        return await self._ask("POST", f"/v1/runs/{id}/replay", Replayed)

    async def report(self, id: str) -> Report:
        """Every side effect of a run: who, why, by which path and version, with which approval.

        Raises:
            UnknownRun: if there is none.
        """
        return await self._ask("GET", f"/v1/runs/{id}/report", Report)

    async def diff(self, id: str, other: str) -> Difference:
        """Two runs side by side.

        Raises:
            UnknownRun: if there is no such run.
        """
        return await self._ask("GET", f"/v1/runs/{id}/diff/{other}", Difference)

    async def export(self, id: str) -> bytes:
        """A run as one file, which `coterie verify FILE` checks anywhere.

        Raises:
            UnknownRun: if there is none.
        """
        return await self._ask("GET", f"/v1/runs/{id}/export", bytes)

    async def send(self, id: str, topic: str, message: Any) -> None:
        """Send a message to a run, on one of its topics; it is in the journal when this returns."""
        body = {"topic": topic, "message": message}
        await self._ask("POST", f"/v1/runs/{id}/messages", None, body=body)

    async def approvals(self) -> list[QuestionShown]:
        """The questions that wait for people, the oldest first."""
        return await self._all("/v1/approvals", list[QuestionShown], lambda one: one.id)

    async def approval(self, id: str) -> QuestionShown:
        """One question, open or not.

        Raises:
            NotAsked: if nobody ever asked it.
        """
        return await self._ask("GET", f"/v1/approvals/{id}", QuestionShown)

    async def answer(self, id: str, value: Any) -> QuestionShown:
        """Answer a question; the answer is in the journal of its run when this returns.

        Raises:
            NotOpen: if it is not open (any more).
        """
        return await self._ask("POST", f"/v1/approvals/{id}", QuestionShown, body={"value": value})

    async def teams(self) -> list[TeamShown]:
        """The teams that are offered, and those that were written there."""
        return await self._all("/v1/teams", list[TeamShown], lambda one: one.name)

    async def _all(self, path: str, gives: type[list[T]], name: Callable[[T], str]) -> list[T]:
        """Everything in a list, page after page; `name` says after what the next one begins."""
        found: list[T] = []
        while True:
            query = {"limit": PAGE, "after": name(found[-1]) if found else None}
            page: list[T] = await self._ask("GET", path, gives, query=query)
            found += page
            if len(page) < PAGE:
                return found

    async def usage(
        self, by: str = "team", *, since: float | None = None, team: str | None = None
    ) -> list[Used]:
        """What was used since a time (a day ago, unless said), by `team`, `agent`, `model`, `day` or `tenant`."""
        return await self._ask("GET", "/v1/usage", list[Used], query={"by": by, "since": since, "team": team})

    async def health(self) -> Health:
        """Whether the service lives."""
        return await self._ask("GET", "/healthz", Health)

    async def _ask(
        self,
        method: str,
        path: str,
        gives: type[T] | Any,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Ask once, or again and again where asking twice does no harm."""
        again = method == "GET" or "idempotency-key" in (headers or {})
        trial = Trial(self.patience if again else 0)
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        content = None if body is None else msgspec.json.encode(body)
        while True:
            try:
                answer = await self._http.request(
                    method, path, params=asked, content=content, headers=dict(headers or {})
                )
            except httpx.TransportError as error:
                await trial.failed(error)
                continue
            if answer.status_code in RETRIED and again and trial.left:
                await trial.failed(httpx.ReadError(f"the service answered {answer.status_code}"))
                continue
            if answer.is_error:
                raise error_of(answer.status_code, answer.content)
            given: T = _given(answer.content, gives)
            return given


def _given(content: bytes, gives: Any) -> Any:
    """What an answer says, as what it is declared to be."""
    if gives is None or gives is bytes:
        return None if gives is None else content
    return msgspec.json.decode(content, type=gives)


def _caps(limits: Mapping[str, Any] | None) -> Any:
    """Limits as the API takes them.

    Raises:
        BadInput: if one is none.
    """
    try:
        return msgspec.to_builtins(msgspec.convert(dict(limits or {}), Caps, strict=False))
    except msgspec.ValidationError as error:
        raise BadInput(f"the limits do not fit: {error}") from error


async def collected(stream: AsyncIterator[Happened]) -> list[Happened]:
    """Everything of a stream, where it ends."""
    return [one async for one in stream]
