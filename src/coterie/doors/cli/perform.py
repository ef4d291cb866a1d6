"""Performing a run at the terminal: shown while it goes on, asked about, and stopped with Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import click

from coterie.doors.cli.terminal import View
from coterie.doors.letters import harmless
from coterie.shell.handle import seen
from coterie.shell.job import Job
from coterie.shell.runner import Runner
from coterie.telemetry.observers import tracing
from coterie.words.effect import Ask
from coterie.words.event import Record, Signalled
from coterie.words.result import Result

BEAT = 0.1
"""Seconds between two drawings."""
INTERRUPTED = 130
"""The exit code of what Ctrl-C ended: 128 and the number of SIGINT."""


class Desk:
    """Where a person sits who watches a run, answers its questions, and may stop it."""

    def __init__(self, view: View) -> None:
        self.interrupted = False
        self._view = view
        self._runner: Runner | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._turn = asyncio.Lock()

    async def perform(self, job: Job) -> Result:
        """Perform the run of `job`. Ctrl-C cancels it, so that it can be resumed; a second leaves at once."""
        job.observers = tracing()
        job.attach = partial(self._attach, job)
        job.world.sayings = self._view.sayings
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self.interrupt)
        self._tick()
        try:
            return await job.perform()
        finally:
            for observer in job.observers:
                seen(observer.left, job.id)
            self._still()
            self._view.draw()

    def interrupt(self) -> None:
        """Take a Ctrl-C."""
        if self.interrupted:
            click.echo("left at once; everything that was finished is in the store", err=True)
            os._exit(INTERRUPTED)
        self.interrupted = True
        self._cancel()

    async def ask(self, path: str, question: Ask) -> Any:
        """Put a question to the person, and give the answer."""
        async with self._turn:
            self._still()
            self._view.draw()
            self._view.hold()
            answer = await self._answer(path, question)
            self._tick()
            return answer

    async def _answer(self, path: str, question: Ask) -> str:
        lines = [f"{path} asks: {question.question}"]
        lines += [f"  {n}. {choice}" for n, choice in enumerate(question.choices, 1)]
        click.echo(harmless("\n".join(lines)), err=True)
        while True:
            click.echo("> ", nl=False, err=True)
            line = await _line()
            if not line:  # the end of the input: nobody is here to answer
                self.interrupt()
                return await _never()
            answer = chosen(line.strip(), question.choices)
            if answer is not None:
                return answer
            click.echo(f"that is none of {', '.join(question.choices)}", err=True)

    def _attach(self, job: Job, runner: Runner, records: Sequence[Record]) -> None:
        self._runner = runner
        for observer in job.observers:
            seen(observer.began, job.id, records)
        runner.watch = partial(self._grow, job) if job.observers else self._view.add
        self._view.add(records)
        if self.interrupted:
            self._cancel()

    def _grow(self, job: Job, records: list[Record]) -> None:
        for observer in job.observers:
            seen(observer.happened, job.id, records)
        self._view.add(records)

    def _cancel(self) -> None:
        if self._runner is not None:
            self._runner.arrive(Signalled("cancel", "interrupted"))

    def _tick(self) -> None:
        self._view.draw()
        self._beat = asyncio.get_running_loop().call_later(BEAT, self._tick)

    def _still(self) -> None:
        if self._beat is not None:
            self._beat.cancel()


def chosen(line: str, choices: Sequence[str]) -> str | None:
    """The answer in a line: any text, or one of the choices by its number or in words."""
    if not choices:
        return line
    if line.isdecimal() and 0 < int(line) <= len(choices):
        return choices[int(line) - 1]
    return next((choice for choice in choices if choice.lower() == line.lower()), None)


def attended() -> bool:
    """Whether somebody sits at this terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


async def _never() -> str:
    """Wait until the run is stopped."""
    forever: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    return await forever


async def _line() -> str:
    """The next line of stdin, read without a thread, so that nothing is left to wait for."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(sys.stdin.fileno(), _done, ready)
    try:
        await ready
        return sys.stdin.readline()
    finally:
        loop.remove_reader(sys.stdin.fileno())


def _done(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
