"""Pipeline: each stage works on what the one before made."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from coterie.actor import Actor
from coterie.agent import conversation
from coterie.calls import Calls, each
from coterie.check import Check, checked, label
from coterie.errors import BadInput, BadOutput, RunError, failure_of
from coterie.patterns.answers import again, missing_of
from coterie.team import Team
from coterie.words.message import Message
from coterie.words.task import Task, task_of


class Stage(Struct, frozen=True):
    """One place in a pipeline: who works there, what the work must pass, and who steps in."""

    actor: Actor
    check: Check | None = None
    fallback: Actor | None = None
    repairs: int = 1

    @property
    def members(self) -> list[Actor]:
        """Every actor that has a part in this stage."""
        return [one for one in (self.actor, self.fallback, self.check) if isinstance(one, Actor)]

    @property
    def calls(self) -> list[Calls]:
        """How often each of them is called at most."""
        tries = self.repairs + 1 if self.check is not None else 1
        checks = tries if self.fallback is None else 2 * tries
        return [each(tries, self.actor, self.fallback), each(checks, self.check)]

    @property
    def about(self) -> list[Any]:
        """What this stage is made of, as plain data."""
        names = [one and label(one) for one in (self.actor, self.fallback, self.check)]
        return [*names, self.repairs]


def stage(
    actor: Actor, *, check: Check | None = None, fallback: Actor | None = None, repairs: int = 1
) -> Stage:
    """A stage whose output has to pass `check`.

    Where it does not, `actor` is told why and answers again, at most `repairs` times; then
    `fallback` gets the same task and the same chances; then the pipeline fails, naming the stage.

    Raises:
        BadInput: if `repairs` is negative.
    """
    if repairs < 0:
        raise BadInput(f"stage {actor.name!r}: repairs is 0 or more, not {repairs}")
    return Stage(actor, check, fallback, repairs)


def pipeline(*stages: Actor | Stage, name: str = "pipeline", done_when: Check | None = None) -> Team:
    """A team whose first stage gets the task, and each later one what the stage before it said.

    The answer is the last stage's. `parts` is what each stage said; `missing` names who was
    replaced by a fallback, and whoever the stages themselves missed.

    Raises:
        BadInput: without stages.
    """
    if not stages:
        raise BadInput(f"pipeline {name!r} needs at least one stage")
    line = [one if isinstance(one, Stage) else Stage(one) for one in stages]

    async def play(task: Task) -> Message:
        said: list[Message] = []
        given = task
        for one in line:
            try:
                said.append(await _staged(one, given, name))
            except RunError as error:
                error.finished = error.finished or tuple(said)
                raise
            given = task_of(said[-1])
        return replace(said[-1], sender=name, parts=tuple(said), missing=missing_of(said))

    members = [member for one in line for member in one.members]
    settings = {"stages": [one.about for one in line], "done_when": done_when and label(done_when)}
    calls = [call for one in line for call in one.calls]
    return Team(name, members, play, settings=settings, done_when=done_when, calls=calls)


async def _staged(stage: Stage, task: Task, team: str) -> Message:
    """What a stage makes of `task`, by its actor or else by its fallback."""
    if stage.fallback is None:
        return await _passed(stage, stage.actor, task, team)
    try:
        return await _passed(stage, stage.actor, task, team)
    except RunError as error:
        failure = failure_of(error)
    message = await _passed(stage, stage.fallback, task, team)
    return replace(message, missing=(failure, *message.missing))


async def _passed(stage: Stage, actor: Actor, task: Task, team: str) -> Message:
    """What `actor` makes of `task` once it passes the stage's check."""
    message = await actor(task)
    if stage.check is None:
        return message
    for _ in range(stage.repairs):
        message = await checked(stage.check, message, conversation(task))
        if not message.unverified:
            return message
        task = again(task, message, message.unverified)
        message = await actor(task)
    message = await checked(stage.check, message, conversation(task))
    if not message.unverified:
        return message
    raise BadOutput(
        f"stage {actor.name!r} of {team!r}: its output failed the check in {stage.repairs + 1} tries: "
        f"{message.unverified}",
        raw=message.text,
    )
