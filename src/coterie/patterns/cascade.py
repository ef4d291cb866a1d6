"""Cascade: cheap members first, and up while the answer is not good enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from coterie.actor import Actor
from coterie.agent import conversation
from coterie.calls import each
from coterie.check import Check, checked, label
from coterie.errors import BadInput, BranchesFailed, OverLimit, RunError, failure_of
from coterie.patterns.answers import missing_of
from coterie.team import Team
from coterie.words.failure import Failure
from coterie.words.message import Message
from coterie.words.task import Task


def cascade(*actors: Actor, good_enough: Check, name: str = "cascade") -> Team:
    """A team that asks `actors` in order until an answer is `good_enough`.

    Who fails is passed over. If nobody's answer is good enough, the answer is the last one, from the
    best member, and says what is wrong with it as unverified. `parts` is what each asked member said;
    `missing` is who failed.

    Raises:
        BadInput: without actors.
        BranchesFailed: when played, if everybody failed.
    """
    if not actors:
        raise BadInput(f"cascade {name!r} needs an actor")

    async def play(task: Task) -> Message:
        said, lost = list[Message](), list[Failure]()
        for actor in actors:
            try:
                answer = await actor(task)
            except OverLimit:
                if not said:
                    raise
                break
            except RunError as error:
                lost.append(failure_of(error))
                continue
            said.append(await checked(good_enough, answer, conversation(task)))
            if not said[-1].unverified:
                break
        if not said:
            raise BranchesFailed(f"none of {len(actors)} answered: {'; '.join(map(str, lost))}")
        return replace(said[-1], sender=name, parts=tuple(said), missing=(*lost, *missing_of(said)))

    known: Sequence[Any] = [*actors, good_enough]
    members = [one for one in known if isinstance(one, Actor)]
    return Team(
        name,
        members,
        play,
        settings={"good_enough": label(good_enough)},
        calls=[each(1, *actors), each(len(actors), good_enough)],
    )
