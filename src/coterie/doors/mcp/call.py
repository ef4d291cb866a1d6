"""A tool call that is a run: watched, asked about, and stopped with the call.

1. What happens in the run is progress: frames entered and left, with the tokens spent by then.
2. What the run asks people is asked as a form. A client of a stateless revision gets the questions as the answer
   of the call, and calls again with what was filled in: it is the same run. One of an older revision is asked
   while the call goes on. A client that shows no forms is told who can answer, and how.
3. A call that is cancelled stops its run. A connection that is lost, and a service that stops, do not.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, TypeAlias

import anyio
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, ElicitResult, InputRequests, InputRequiredResult

from coterie.doors.http.service import Service
from coterie.doors.mcp.forms import filled_in, form_of, message_of, schema_of
from coterie.doors.mcp.outcome import outcome_of
from coterie.doors.mcp.visit import Asking, can_be_asked, connection_of, is_modern, principal_of
from coterie.kernel.inquiries import Inquiry, questions
from coterie.kernel.replay import counted
from coterie.shell.host import Host
from coterie.words.event import Noted, Record, Settled

Called: TypeAlias = Context[Any, Any]
KEPT = 10_000
"""Calls under way that can be cancelled by their number."""


class Calls:
    """The calls that runs are performed for, by their connection and number."""

    def __init__(self) -> None:
        self._under_way: OrderedDict[tuple[str, str], tuple[Host, str]] = OrderedDict()

    def begun(self, asking: Asking, host: Host, run: str) -> None:
        """Remember which run a call is."""
        self._under_way[_key(asking, asking.request_id)] = (host, run)
        while len(self._under_way) > KEPT:
            self._under_way.popitem(last=False)

    def over(self, asking: Asking) -> None:
        """Forget a call that was answered."""
        self._under_way.pop(_key(asking, asking.request_id), None)

    async def cancelled(self, asking: Asking) -> None:
        """Stop the run of the call that a `notifications/cancelled` names."""
        number = (asking.params or {}).get("requestId")
        host, run = self._under_way.pop(_key(asking, number), (None, ""))
        if host is not None:
            await host.cancel(run, "its MCP client has cancelled the call")


def _key(asking: Asking, number: Any) -> tuple[str, str]:
    return connection_of(asking), str(number)


class Call:
    """One call: its run, from event `after` on, and whoever called."""

    def __init__(self, service: Service, calls: Calls, called: Called, host: Host, run: str) -> None:
        self._service = service
        self._calls = calls
        self._called = called
        self._asking: Asking = called.request_context
        self._host = host
        self._run = run
        self._by = principal_of(self._asking).name
        self._after = -1
        self._tokens = 0

    async def performed(self) -> CallToolResult | InputRequiredResult:
        """What the run comes to, or what it asks."""
        self._calls.begun(self._asking, self._host, self._run)
        try:
            answer = await self._answer()
        except anyio.get_cancelled_exc_class():
            await self._left()
            raise
        self._calls.over(self._asking)
        return answer

    async def _answer(self) -> CallToolResult | InputRequiredResult:
        problems = await self._filled_in()
        while True:
            await self._watched()
            asked = await self._questions()
            if not asked or not can_be_asked(self._called.client_capabilities):
                return await outcome_of(self._host, self._run)
            if is_modern(self._asking):
                return self._forms(asked, problems)
            problems = await self._asked(asked, problems)

    async def _watched(self) -> None:
        """Tell the client what happens, until the run has ended or only people can move it."""
        async for seen in self._host.events(self._run, self._after):
            self._after = seen.seq
            if isinstance(seen.event, Settled):
                self._tokens += seen.event.usage.tokens
            if said := _progress(seen, self._tokens):
                await self._called.report_progress(seen.seq + 1, message=said)

    async def _questions(self) -> list[Inquiry]:
        return [*questions(self._run, counted(await self._host.journal(self._run))).values()]

    async def _filled_in(self) -> dict[str, str]:
        """Take the forms that came with the call; what was wrong with them, by the question."""
        problems: dict[str, str] = {}
        asked = {one.id: one for one in await self._questions()}
        for id, given in (self._called.input_responses or {}).items():
            if id in asked and isinstance(given, ElicitResult):
                problems[id] = await filled_in(self._host, asked[id], given, self._by)
        return problems

    async def _asked(self, asked: list[Inquiry], problems: dict[str, str]) -> dict[str, str]:
        """Ask one by one, while the call goes on."""
        session, number = self._called.session, self._asking.request_id
        for one in asked:
            message = message_of(one, problems.get(one.id, ""))
            given = await session.elicit_form(message, schema_of(one), number)
            problems[one.id] = await filled_in(self._host, one, given, self._by)
        return problems

    def _forms(self, asked: list[Inquiry], problems: dict[str, str]) -> InputRequiredResult:
        forms: InputRequests = {one.id: form_of(one, problems.get(one.id, "")) for one in asked}
        return InputRequiredResult(input_requests=forms, request_state=self._run)

    async def _left(self) -> None:
        """The call was cancelled, or its connection has gone; which of them it is follows from the revision.

        A stateless client cancels by closing its stream. All others say so, see `Calls.cancelled`. A server that stops
        also cancels what it is answering, before it tells the service; then the client is still there.
        """
        request = self._asking.request
        if request is None or not is_modern(self._asking) or self._service.stopping.is_set():
            return
        with anyio.CancelScope(shield=True):
            if await request.is_disconnected():
                await self._host.cancel(self._run, "its MCP client has gone")


def _progress(record: Record, tokens: int) -> str:
    """What a record is to somebody who waits; empty for what is of no interest."""
    spent = f" · {tokens:,} tokens" if tokens else ""
    match record.event:
        case Noted(path=path, fact="entered"):
            return f"{path} begins{spent}"
        case Noted(path=path, fact="left"):
            return f"{path} is done{spent}"
        case Noted(path=path, fact="failed", about=why):
            return f"{path} failed: {why}{spent}"
        case _:
            return ""
