"""Chat: a shared conversation, in which one member speaks at a time."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from coterie.actor import Actor
from coterie.agent import conversation
from coterie.calls import each, together
from coterie.check import label
from coterie.errors import BadInput, NoProgress
from coterie.patterns.answers import missing_of
from coterie.patterns.choose import choice, eligible_name
from coterie.patterns.crew import crew_of, purposes
from coterie.patterns.debate import Stop, stopped
from coterie.team import Team
from coterie.toolbox import hash_of
from coterie.words.effect import Mark
from coterie.words.message import Message
from coterie.words.task import Task

Next: TypeAlias = "Callable[[Sequence[Message], Sequence[str]], str | Awaitable[str]] | Actor"
"""Says who speaks next: a rule on what was said and the names there are, or an actor that chooses."""

WHO = "Who should speak next?"
OVER = "Do the participants agree, or is there nothing left to say? Answer yes or no."
SUMMARIZE = "The conversation is over. Say what came of it."


def chat(
    *members: Actor,
    next_speaker: Next | None = None,
    stop: Stop | None = None,
    summary: Actor | None = None,
    turns: int = 12,
    name: str = "chat",
) -> Team:
    """A team whose `members` talk in one conversation, for at most `turns` turns.

    Everybody is shown all that was said; the prompt grows by one message a turn. Without
    `next_speaker` they speak in declared order. A choice that names nobody goes back once, or for a
    rule at once to the next in declared order, so that nobody speaks twice in a row unless chosen.
    `stop` is asked once everybody could have spoken, and after each turn from then on. The answer is
    that of `summary`, or the last thing said; `parts` is everything said, in order.

    Raises:
        BadInput: without members, if two have one name, or with turns below 1.
        NoProgress: when played, if a member says the same thing for the third time; `finished` on it is
            the conversation.
    """
    crew = crew_of(members, f"chat {name!r}")
    if turns < 1:
        raise BadInput(f"chat {name!r}: turns is 1 or more, not {turns}")
    about = purposes(crew)

    async def play(task: Task) -> Message:
        so_far, said, speaker = conversation(task), list[Message](), ""
        for turn in range(turns):
            speaker = await _next(next_speaker, Task("", so_far, task.data), said, about, speaker)
            message = await crew[speaker](Task("", so_far, task.data))
            so_far = so_far.add(message)
            said.append(message)
            await _moves(said)
            if turn + 1 >= len(crew) and stop is not None and await stopped(stop, Task(OVER, so_far), said):
                break
        answer = said[-1] if summary is None else await summary(Task(SUMMARIZE, so_far, task.data))
        return replace(answer, sender=name, parts=tuple(said), missing=missing_of((*said, answer)))

    actors = [*members, *(one for one in (next_speaker, stop, summary) if isinstance(one, Actor))]
    chosen = {"next": next_speaker, "stop": stop, "summary": summary}
    labels = {key: by and label(by) for key, by in chosen.items()}
    calls = [together(turns, *members), each(2 * turns, next_speaker), each(turns, stop), each(1, summary)]
    return Team(name, actors, play, settings={**labels, "turns": turns}, calls=calls)


async def _next(
    chooser: Next | None, asked: Task, said: Sequence[Message], about: dict[str, str], last: str
) -> str:
    """Who speaks now."""
    names = [*about]
    following = names[(names.index(last) + 1) % len(names)] if last else names[0]
    if chooser is None or len(names) == 1:
        return following
    if isinstance(chooser, Actor):
        return (await choice(chooser, WHO, asked, about)).value or following
    named = chooser(said, names)
    try:
        return eligible_name(await named if inspect.isawaitable(named) else named, names)
    except ValueError:
        return following


async def _moves(said: Sequence[Message]) -> None:
    """See that the chat does not go round in circles."""
    last = said[-1]
    try:
        await Mark(f"{last.sender} {hash_of(' '.join(last.text.lower().split()))}")
    except NoProgress as error:
        stuck = NoProgress(f"{last.sender!r} says the same thing for the third time: {last.text[:120]!r}")
        stuck.finished = tuple(said)
        raise stuck from error
