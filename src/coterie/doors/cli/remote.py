"""`--server URL`: the commands on runs, done by a service instead of here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from coterie.doors.cli.outcome import command, told
from coterie.doors.cli.terminal import View
from coterie.doors.letters import harmless
from coterie.errors import BadInput
from coterie.kernel.inquiries import Inquiry
from coterie.stores.places import home_of
from coterie.words.effect import Ask
from coterie.words.event import Record
from coterie.words.message import Message
from coterie.words.result import Overview, Result

if TYPE_CHECKING:
    from coterie.client import AsyncClient
    from coterie.doors.http.api.shapes import QuestionShown, RunSeen, RunShown

T = TypeVar("T")
server_option: Callable[[Any], Any] = click.option(
    "--server",
    metavar="URL",
    envvar="COTERIE_SERVER",
    show_envvar=True,
    help="A service that does it, as http://127.0.0.1:8700. The token: COTERIE_TOKEN, or the one beside the store.",
)


def over(server: str, store: str, work: Callable[[AsyncClient], Coroutine[Any, Any, T]]) -> T:
    """What `work` gives with a client of the service at `server`."""
    from coterie.client import AsyncClient

    async def performed() -> T:
        async with AsyncClient(server, token(store), patience=PATIENCE) as client:
            return await work(client)

    return asyncio.run(performed())


PATIENCE = 10.0
"""Seconds for which a person waits for a service that is away."""


def token(store: str) -> str:
    """The token to come in with: from the environment, or the one that a service keeps beside its store."""
    kept: Path = home_of(store) / "token"
    return os.environ.get("COTERIE_TOKEN") or (kept.read_text().strip() if kept.is_file() else "")


def refuse(server: str | None, **options: Any) -> None:
    """See that nothing was said that only means something here.

    Raises:
        BadInput: if something was.
    """
    said = [f"--{name.replace('_', '-')}" for name, value in options.items() if value]
    if server and said:
        raise BadInput(f"{', '.join(said)} cannot be said to a service: leave it, or --server, out")


async def performed(
    client: AsyncClient, run: RunShown, view: View, *, after: int = -1, quiet: bool, answer: bool
) -> int:
    """Show a run while the service performs it, and say what it came to; Ctrl-C stops it. The exit code."""
    try:
        shown = await _watched(client, run.id, view, after)
    except asyncio.CancelledError:
        await client.cancel(run.id, "interrupted")
        click.echo(f"cancelled; go on with it: {command('resume', run.id, client.url)}", err=True)
        raise
    view.draw()
    code = told(outcome(shown), store=client.url, quiet=quiet, answer=answer)
    for one in [one for one in shown.questions if not one.paused]:
        click.echo(harmless(f"{one.path} asks: {one.question}"), err=True)
        click.echo("answer it: " + command("answer", one.id, client.url, "..."), err=True)
    return code


async def _coming(stream: AsyncGenerator[T, None], waited: asyncio.Future[Any]) -> T | None:
    """What comes next in a stream; None if nothing comes before it ends, or before what is waited for."""
    coming = asyncio.ensure_future(anext(stream, None))
    await asyncio.wait({coming, waited}, return_when=asyncio.FIRST_COMPLETED)
    if coming.done():
        return coming.result()
    coming.cancel()
    await asyncio.wait({coming})
    return None


async def _watched(client: AsyncClient, id: str, view: View, after: int) -> RunShown:
    """Show what happens until the run has ended, or only people can move it."""
    from coterie.client.seen import Told

    records, waited = Told(), asyncio.ensure_future(client.wait(id))
    try:
        async with aclosing(client.events(id, after)) as stream:
            while (one := await _coming(stream, waited)) is not None:
                view.add([records.record(one)])
                view.draw()
                after = one.seq
        shown = await waited
    finally:
        waited.cancel()
    async for one in client.events(id, after, to=shown.events - 1):
        view.add([records.record(one)])
    return shown


def outcome(shown: RunShown) -> Result:
    """A run as what it came to."""
    said = bool(shown.text) or shown.output is not None
    message = Message(sender=shown.team, text=shown.text, output=shown.output, unverified=shown.unverified)
    return Result(
        id=shown.id,
        status=shown.status,
        message=message if said else None,
        failure=shown.failure,
        usage=shown.usage,
        missing=shown.missing,
    )


async def journal(client: AsyncClient, run: str) -> tuple[list[Record], str]:
    """What has happened in a run by now, and where it stands."""
    from coterie.client.seen import Told

    shown, records = await client.run(run), Told()
    seen = [records.record(one) async for one in client.events(run, to=shown.events - 1)]
    return seen, shown.status


async def listed(client: AsyncClient, count: int, words: str = "") -> list[Overview]:
    """The newest runs, as many as are wanted and one more if there are more."""
    found: list[RunSeen] = []
    before = None
    while len(found) <= count:
        page = await client.runs(words=words or None, before=before, limit=min(count + 1, 500))
        found += page.runs
        before = page.next
        if before is None:
            break
    return [_overview(one) for one in found[: count + 1]]


def _overview(one: RunSeen) -> Overview:
    return Overview(
        id=one.id,
        actor=one.team,
        task=one.task,
        status=one.status,
        events=one.events,
        started=one.started,
        updated=one.updated,
        team=one.team,
        usage=one.usage,
    )


def inquiry(one: QuestionShown) -> Inquiry:
    """A question as at home."""
    ask = Ask(one.question, one.about, one.choices, one.to)
    return Inquiry(
        id=one.id,
        run=one.run,
        path=one.path,
        ask=ask,
        since=one.since,
        state=one.state,
        paused=one.paused,
    )


async def answered(
    client: AsyncClient, id: str, value: Any, *, approval: bool
) -> tuple[Result, list[Inquiry]]:
    """Answer a question; what its run comes to, and the questions that are left.

    Raises:
        BadInput: if an approval is meant, and it is none.
    """
    asked = await client.approval(id)
    if approval and asked.about != "approval":
        raise BadInput(f"{id!r} is a {asked.about}, no approval: `coterie answer {id} ...` answers it")
    await client.answer(id, value)
    shown = await client.wait(asked.run)
    return outcome(shown), [inquiry(one) for one in shown.questions if one.state == "open"]


async def resumed(
    client: AsyncClient, run: str, answers: Mapping[str, str], limits: Mapping[str, Any]
) -> RunShown:
    """Go on with a run, by answers to its questions or by itself.

    Raises:
        BadInput: if an answer is to a path that asks nothing.
    """
    shown = await client.run(run)
    asked = {one.path: one.id for one in shown.questions if one.state == "open"}
    for path, value in answers.items():
        if path not in asked:
            raise BadInput(f"{path!r} asks nothing; open are {sorted(asked)}")
        await client.answer(asked[path], value)
    if answers or shown.status in ("succeeded", "unverified", "waiting"):
        return shown
    return await client.resume(run, limits)


async def stopped(client: AsyncClient, runs: Sequence[str], reason: str) -> list[Result]:
    """Stop runs."""
    return [outcome(await client.cancel(run, reason)) for run in runs]


async def put_away(client: AsyncClient, runs: Sequence[str], reason: str, grace: float) -> list[Result]:
    """Pause runs."""
    return [outcome(await client.pause(run, reason, grace=grace)) for run in runs]


async def ids(client: AsyncClient) -> list[str]:
    """The ids of all runs that the service has for us."""
    found: list[str] = []
    before: str | None = ""
    while before is not None:
        page = await client.runs(before=before or None, limit=500)
        found += [one.id for one in page.runs]
        before = page.next
    return found


def changes(given: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What a fork over HTTP changes: the task, or what an event comes out as.

    Raises:
        BadInput: if it is the team, which a service has as it is offered.
    """
    found = dict(given)
    if strange := sorted(set(found) - {"task", "value"}):
        raise BadInput(f"a service forks with another `task` or `value`, not {strange[0]!r}")
    return found
