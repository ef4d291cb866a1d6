"""Runs: begun, listed, watched, stopped, gone on with and forked."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from msgspec.structs import replace
from starlette.responses import Response

from coterie.doors.http.api.approvals import question_shown
from coterie.doors.http.api.shapes import (
    After,
    Fork,
    NewRun,
    Pause,
    Raise,
    Reason,
    RunFilter,
    RunPage,
    RunSeen,
    RunShown,
    Said,
)
from coterie.doors.http.operations import Call, Operations
from coterie.doors.http.problems import Problem, there
from coterie.doors.http.roster import by_pattern
from coterie.doors.http.sse import EventStream
from coterie.errors import BadInput, Busy
from coterie.kernel.inquiries import questions
from coterie.kernel.replay import counted
from coterie.kernel.story import Branch, Line, opened, result, state, transcript, tree, usage
from coterie.kernel.values import to_plain
from coterie.words.event import Record
from coterie.words.limits import DEFAULT, Limits
from coterie.words.result import Overview
from coterie.words.which import Which

operations = Operations()
STEPS = 10_000
"""Lines of a transcript that one answer has at most."""


@operations.add("GET", "/v1/runs", needs="viewer", query=RunFilter, gives=RunPage)
async def list_runs(call: Call) -> RunPage:
    """Runs, the newest first, a page at a time."""
    wanted: RunFilter = call.query
    which = Which(
        statuses=() if wanted.status is None else (wanted.status,),
        team=wanted.team or "",
        before=wanted.before or "",
        words=wanted.words or "",
        limit=wanted.limit + 1,
    )
    seen = await call.host.runs(which)
    page, more = seen[: wanted.limit], len(seen) > wanted.limit
    return RunPage(runs=[_seen(one) for one in page], next=page[-1].id if more else None)


@operations.add(
    "POST",
    "/v1/runs",
    needs="operator",
    body=NewRun,
    gives=RunShown,
    status=201,
    problems=(404, 409, 503),
    headers=("Idempotency-Key",),
)
async def start_run(call: Call) -> Any:
    """Begin a run; its journal is open when this returns. The same `Idempotency-Key` gives the same run."""
    new: NewRun = call.body
    key = call.request.headers.get("idempotency-key", "")
    asked = hashlib.sha256(key.encode() + b"\n" + await call.request.body()).hexdigest()
    id = new.id or (f"key-{hashlib.sha256(key.encode()).hexdigest()[:24]}" if key else None)
    origin = await origin_for(call, new)
    origin |= {"by": call.by.name, "asked": asked}
    actor = call.service.library.actor(origin)
    try:
        id = await call.host.begin(actor, new.task, id=id, origin=origin, limits=_limits(new), by=call.by)
    except Busy:
        if not key or id is None:
            raise
        if opened(await _journal(call, id)).origin.get("asked") != asked:
            if new.id is not None:
                raise
            raise Problem(409, "another run was asked for with this Idempotency-Key") from None
    return await run_shown(call, id)


async def origin_for(call: Call, new: NewRun) -> dict[str, Any]:
    """Where a run comes from: a team that is offered, one that was written here, or one written out for this run.

    Raises:
        BadInput: if it is said in two ways or none, or with what the team cannot be told.
        Problem: 404 if no team is called that.
    """
    library, roster = call.service.library, call.service.roster(call.by.tenant)
    if (new.team is None) == (new.pattern is None):
        raise BadInput("a run is of a team, by its name, or of a pattern and its members: say one of them")
    if new.team is not None and new.team in library.offers:
        return library.origin(new.team, new.options, new.model)
    if new.team is not None:
        called = new.team
        document = there(await roster.document(called), f"no team is called {called!r}")
        if new.options:
            raise BadInput(f"{new.team!r} has no option {min(new.options)!r}: it says its own")
    else:
        document, called = (
            by_pattern(str(new.pattern), new.members, new.options, new.agents),
            str(new.pattern),
        )
    library.allow(new.model, written=True)
    origin = roster.origin(called, await roster.written(document, called))
    return origin if new.model is None else {**origin, "model": new.model}


@operations.add("GET", "/v1/runs/{id}", needs="viewer", gives=RunShown, problems=(404,), tagged=True)
async def show_run(call: Call) -> Any:
    """One run: what it has come to by now. Its `ETag` changes with every event."""
    records = await _journal(call, call.path["id"])
    tag = f'"{len(records)}"'
    if call.request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"etag": tag})
    shown = _run(call.path["id"], records)
    return Response(
        msgspec.json.encode(to_plain(shown)), headers={"etag": tag}, media_type="application/json"
    )


@operations.add("GET", "/v1/runs/{id}/wait", needs="viewer", gives=RunShown, problems=(404,))
async def wait_for_run(call: Call) -> RunShown:
    """One run, once it has ended or only people can move it."""
    await call.host.wait(call.path["id"])
    return await run_shown(call, call.path["id"])


@operations.add(
    "GET",
    "/v1/runs/{id}/events",
    needs="viewer",
    query=After,
    gives=dict[str, Any],
    problems=(404, 503),
    media="text/event-stream",
)
async def watch_run(call: Call) -> EventStream:
    """The events of a run from number `after` (or `Last-Event-ID`) on, each once and in order, to its end.

    Between them come `piece`, `retracted` and `missed`, without a number: what its models are saying now.
    """
    id, after = call.path["id"], call.query.after
    last = call.request.headers.get("last-event-id", "")
    if last.lstrip("-").isdigit():
        after = int(last)
    known = await _journal(call, id)
    batches = call.host.batches(id, after, on=True, live=call.query.live, known=known)
    return EventStream(id, batches, call.service.encoded, call.service.settings.slow)


@operations.add("GET", "/v1/runs/{id}/transcript", needs="viewer", gives=list[Line], problems=(404,))
async def read_run(call: Call) -> list[Line]:
    """What was said in a run, oldest first."""
    return transcript(await _journal(call, call.path["id"]))[:STEPS]


@operations.add("GET", "/v1/runs/{id}/tree", needs="viewer", gives=Branch, problems=(404,))
async def tree_of_run(call: Call) -> Branch:
    """The frames of a run, each below the one that called it, with times and usage."""
    return tree(await _journal(call, call.path["id"]))


@operations.add(
    "POST", "/v1/runs/{id}/cancel", needs="operator", body=Reason, gives=RunShown, problems=(404,)
)
async def cancel_run(call: Call) -> RunShown:
    """Stop a run; what was finished stays, and it can be resumed."""
    await call.host.cancel(call.path["id"], call.body.reason)
    return await run_shown(call, call.path["id"])


@operations.add("POST", "/v1/runs/{id}/pause", needs="operator", body=Pause, gives=RunShown, problems=(404,))
async def pause_run(call: Call) -> RunShown:
    """Begin nothing new in a run, and put it away when what is under way has settled; it can be resumed."""
    await call.host.pause(call.path["id"], call.body.reason, call.body.grace)
    return await run_shown(call, call.path["id"])


@operations.add(
    "POST", "/v1/runs/{id}/resume", needs="operator", body=Raise, gives=RunShown, problems=(404, 409, 503)
)
async def resume_run(call: Call) -> RunShown:
    """Go on with a run that was stopped, paused, failed or interrupted, with other limits if it is given some."""
    await call.host.resume(call.path["id"], limits=_given(call.body.limits))
    return await run_shown(call, call.path["id"])


@operations.add(
    "POST", "/v1/runs/{id}/fork", needs="operator", body=Fork, gives=RunShown, status=201, problems=(404, 503)
)
async def fork_run(call: Call) -> RunShown:
    """Run it again under a new id from an event on, with one thing changed; the rest is taken from its journal."""
    fork: Fork = call.body
    if fork.changed == "task" and fork.task is None:
        raise BadInput("a fork with another task says which: `task` is missing")
    change = {fork.changed: getattr(fork, fork.changed)} if fork.changed != "nothing" else {}
    id, origin, actor = call.path["id"], dict[str, Any](by=call.by.name), None
    if fork.set:
        began = opened(await _journal(call, id))
        for model in (said for name, said in fork.set.items() if name.endswith(".model")):
            call.service.library.allow(model, written="written" in began.origin)
        origin["set"] = {**began.origin.get("set", {}), **fork.set}
        actor = call.service.library.of_run(replace(began, origin={**began.origin, **origin}))
    new = await call.host.fork(id, actor, at=fork.at, origin=origin, by=call.by, **change)
    return await run_shown(call, new)


@operations.add(
    "POST", "/v1/runs/{id}/messages", needs="operator", body=Said, status=204, problems=(404, 409)
)
async def send_to_run(call: Call) -> None:
    """Send a message to a run, on one of its topics."""
    said: Said = call.body
    await call.host.send(call.path["id"], said.topic, said.message)


async def _journal(call: Call, id: str) -> list[Record]:
    return await call.host.journal(id)


async def run_shown(call: Call, id: str) -> RunShown:
    """A run as a client sees it."""
    return _run(id, await _journal(call, id))


def _run(id: str, records: list[Record]) -> RunShown:
    began, kept = opened(records), counted(records)
    end = result(id, records)
    return RunShown(
        id=id,
        team=began.origin.get("name", began.actor),
        task=began.task,
        status=state(records),
        text=end.text,
        output=to_plain(end.message.output) if end.message is not None else None,
        failure=end.failure,
        unverified=end.message.unverified if end.message is not None else "",
        missing=end.missing,
        usage=usage(records)[""],
        questions=[question_shown(one) for one in questions(id, kept).values()],
        events=len(records),
        started=records[0].time,
        updated=records[-1].time,
        origin=began.origin,
    )


def _seen(one: Overview) -> RunSeen:
    return RunSeen(
        id=one.id,
        team=one.team,
        task=one.task[:200],
        status=one.status,
        events=one.events,
        started=one.started,
        updated=one.updated,
        usage=one.usage,
    )


def _limits(new: NewRun) -> Limits:
    return DEFAULT.raised(_given(new.limits))


def _given(caps: Any) -> dict[str, Any]:
    """The limits that are said, by name."""
    named = msgspec.structs.asdict(caps)
    return {name: cap for name, cap in named.items() if cap is not None}
