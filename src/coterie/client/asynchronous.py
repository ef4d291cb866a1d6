"""The asynchronous client."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from coterie.client.kept import Keeping
from coterie.client.seen import Happened, happened
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
from coterie.errors import BadInput
from coterie.kernel.audit import Report
from coterie.kernel.difference import Difference
from coterie.kernel.story import Branch, Line
from coterie.kernel.totals import Used


class AsyncClient(Keeping):
    """What the service at `url` offers to whoever has `token`.

    What only reads, and what has a key of its own, is asked again while the service is away for at most
    `patience` seconds. Everything raises the errors that the same thing raises at home, and `ServiceFailed`.
    """

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
        if to is not None and after >= to:
            return
        path, over = f"/v1/runs/{id}/events", lambda: self._over(id, after)
        async with aclosing(self._stream(path, after, over)) as stream:
            async for one in stream:
                seen = happened(one)
                if seen is None or seen.seq <= after:
                    continue
                after = seen.seq
                yield seen
                if after == to or seen.type == "closed":
                    return

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

    async def fork(self, /, id: str, *, at: int | None = None, **change: Any) -> RunShown:
        """Begin a run again from event `at` on, with another `task`, or with `value` as what that event comes to.

        Raises:
            BadInput: if it is told to change anything else.
            UnknownRun: if there is none.
        """
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

    async def usage(
        self, by: str = "team", *, since: float | None = None, team: str | None = None
    ) -> list[Used]:
        """What was used since a time (a day ago, unless said), by `team`, `agent`, `model`, `day` or `tenant`."""
        return await self._ask("GET", "/v1/usage", list[Used], query={"by": by, "since": since, "team": team})

    async def health(self) -> Health:
        """Whether the service lives."""
        return await self._ask("GET", "/healthz", Health)


def _caps(limits: Mapping[str, Any] | None) -> Any:
    """Limits as the API takes them.

    Raises:
        BadInput: if one is none.
    """
    try:
        return msgspec.to_builtins(msgspec.convert(dict(limits or {}), Caps, strict=False))
    except msgspec.ValidationError as error:
        raise BadInput(f"the limits do not fit: {error}") from error
