"""What a run came to: the answer on stdout, all else on stderr, and the exit code."""

from __future__ import annotations

import shlex

import click
import msgspec

from coterie.doors.cli.store import tenant_meant
from coterie.doors.letters import cropped, harmless, money
from coterie.kernel.values import to_plain
from coterie.stores.places import DEFAULT
from coterie.words.result import Result

FAILED, WAITING = 1, 3
"""Exit codes: the work failed or its check did not hold; only people can move the run."""


def told(result: Result, *, store: str, quiet: bool = False, answer: bool = True) -> int:
    """Say what a run came to; the exit code for it."""
    if answer and result.message is not None:
        click.echo(_answer(result))
    if not quiet:
        click.echo(f"{_headline(result)}, run {result.id}", err=True)
    for line in _worries(result, store):
        click.echo(harmless(line), err=True)
    return _code(result)


def command(verb: str, run: str, store: str, *options: str) -> str:
    """The command that goes on with a run, as it can be typed."""
    where = () if store == ".coterie/runs.db" else ("--store", store)
    if tenant_meant() != DEFAULT:
        where = (*where, "--tenant", tenant_meant())
    if store.startswith(("http://", "https://")):
        where = ("--server", store)
    return shlex.join(["coterie", verb, run, *where, *options])


def _answer(result: Result) -> str:
    if result.text or result.output is None:
        return harmless(result.text)
    return msgspec.json.encode(to_plain(result.output)).decode()


def _headline(result: Result) -> str:
    usage = result.usage
    counts = [(usage.requests, "model calls"), (usage.tool_calls, "tool calls"), (usage.tokens, "tokens")]
    spent = ", ".join(
        [f"{count:,} {what}" for count, what in counts if count] + [f"${money(usage.usd)}"] * bool(usage.usd)
    )
    return f"{result.status}: {spent}" if spent else result.status


def _worries(result: Result, store: str) -> list[str]:
    """What a person has to know or to do, a line each."""
    lines = [f"missing: {failure}" for failure in result.missing]
    if result.message is not None and result.message.unverified:
        lines.append(f"not verified: {result.message.unverified}")
    if result.failure is not None and result.status != "cancelled":
        lines.append(f"coterie: {result.failure}")
    for path, ask in result.waiting.items():
        choices = f" [{' / '.join(ask.choices)}]" if ask.choices else ""
        lines.append(f"{path} asks: {cropped(ask.question, 400)}{choices}")
        lines.append("answer it: " + command("resume", result.id, store, "--answer", f"{path}=..."))
    if result.status in ("failed", "cancelled", "stuck", "paused"):
        lines.append("go on with it: " + command("resume", result.id, store))
    if result.status == "needs_migration":
        lines.append("go on with the team as it is now: " + command("fork", result.id, store))
    return lines


def _code(result: Result) -> int:
    if result.status in ("succeeded", "renewed"):
        return 0
    return WAITING if result.status in ("waiting", "paused") else FAILED
