"""Parallel: all members work on the same task at once, and a join makes one answer of theirs."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace

from coterie.actor import Actor
from coterie.agent import conversation
from coterie.calls import each
from coterie.check import Check, label
from coterie.errors import BadInput, BadOutput
from coterie.kernel.values import to_plain
from coterie.patterns.answers import answers, missing_of
from coterie.team import Team
from coterie.typed import value_of
from coterie.words.failure import Policy, fail_fast, failures, successes
from coterie.words.message import Message
from coterie.words.task import Task

Joiner: TypeAlias = "Callable[[Sequence[Message]], Message | str | Awaitable[Message | str]] | Actor"
"""Makes one answer of several: a function of the messages in declared order, or an actor that
reads them as a conversation."""


def parallel(
    *members: Actor,
    join: Joiner | None = None,
    name: str = "parallel",
    on_failure: Policy = fail_fast,
    done_when: Check | None = None,
) -> Team:
    """A team whose members all get the same task; `join` (default: `concatenate`) combines the answers.

    `parts` is what each member said, in declared order, whatever finished first; `missing` is
    who did not answer, and why. A join is only shown answers, never failures.

    Raises:
        BadInput: without members.
    """
    if not members:
        raise BadInput(f"parallel {name!r} needs at least one member")
    joiner = concatenate if join is None else join

    async def play(task: Task) -> Message:
        outcomes = await answers([member(task) for member in members], on_failure)
        said: list[Message] = successes(outcomes)
        answer = await joined(joiner, task, said)
        missing = (*failures(outcomes), *missing_of(said))
        return replace(answer, sender=name, parts=tuple(said), missing=missing)

    known = (*members, joiner) if isinstance(joiner, Actor) else members
    settings = {"join": label(joiner), "done_when": done_when and label(done_when)}
    settings |= {"on_failure": repr(on_failure)}
    return Team(name, known, play, settings=settings, done_when=done_when, calls=[each(1, *known)])


async def joined(joiner: Joiner, task: Task, said: Sequence[Message]) -> Message:
    """The one answer that `joiner` makes of what was said to `task`."""
    if isinstance(joiner, Actor):
        outputs = [message.output for message in said]
        return await joiner(Task(COMBINE, conversation(task).add(*said), outputs))
    made = joiner(said)
    answer = await made if inspect.isawaitable(made) else made
    return answer if isinstance(answer, Message) else Message(sender="", text=answer)


COMBINE = "Combine these answers into one."
"""What an actor that joins is told, after the task and the answers."""


def concatenate(messages: Sequence[Message]) -> Message:
    """The texts one after the other; the outputs as a list, where every message has one."""
    outputs = [message.output for message in messages]
    text = "\n\n".join(message.text for message in messages)
    return Message(sender="", text=text, output=None if None in outputs else outputs)


def merge(messages: Sequence[Message], *, strict: bool = False) -> Message:
    """The typed outputs united: fields of objects are merged, lists are put one after the other.

    Where two members say different things about one field, the first declared wins, unless that
    one said None. With `strict` (`join=partial(merge, strict=True)`) they may not.

    Raises:
        BadOutput: if a member gave no object, or, with `strict`, two disagree; the message names
            the field and both.
    """
    merged: dict[str, Any] = {}
    by: dict[str, str] = {}
    for message in messages:
        _unite(merged, _fields(message), "", message.sender, by if strict else None)
    kinds: set[Any] = {type(message.output) for message in messages}
    output = merged if len(kinds) > 1 else value_of(merged, kinds.pop())
    return Message(sender="", text=msgspec.json.encode(merged).decode(), output=output)


def _fields(message: Message) -> dict[str, Any]:
    try:
        return msgspec.convert(to_plain(message.output), dict[str, Any])
    except msgspec.ValidationError as error:
        raise BadOutput(f"{message.sender!r} gave no object to merge: {error}", raw=message.text) from error


def _unite(into: dict[str, Any], new: Any, above: str, who: str, by: dict[str, str] | None) -> None:
    """Merge `new` into `into`; `by` remembers who said what, where a conflict is an error."""
    for key, value in new.items():
        path, old = f"{above}{key}", into.get(key)
        if isinstance(value, dict) and (old is None or isinstance(old, dict)):
            into[key] = old or {}
            _unite(into[key], value, f"{path}.", who, by)
        elif old is None:
            into[key] = value
            if by is not None:
                by[path] = who
        elif isinstance(old, list) and isinstance(value, list):
            into[key] = [*old, *value]
        elif by is not None and value is not None and value != old:
            raise BadOutput(f"{by.get(path)!r} and {who!r} disagree about {path!r}: {old!r} and {value!r}")
