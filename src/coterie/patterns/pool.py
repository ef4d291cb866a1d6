"""Pool: so many calls of an actor at once and no more, in order of arrival."""

from __future__ import annotations

from collections.abc import Awaitable

from msgspec.structs import replace

from coterie.actor import Actor, race
from coterie.calls import each
from coterie.errors import BadInput, Late
from coterie.patterns.crew import meeting
from coterie.team import Team
from coterie.words.effect import Claim, Hear, Here, Sleep
from coterie.words.message import Message
from coterie.words.task import Task

WAIT = 300.0
"""Seconds that a call waits for a place, unless its pool says otherwise."""


def pool(
    actor: Actor, *, size: int, scale_to: int | None = None, timeout: float = WAIT, name: str = "pool"
) -> Team:
    """A team behind which at most `size` calls of `actor` run at once in one run; further ones wait in order.

    Who has waited `timeout` seconds takes one of `scale_to - size` further places, and if none is free,
    fails. A place is given back when its call ends, fails or is closed.

    Raises:
        BadInput: if size is below 1, scale_to below size, or timeout below 0.
        Late: when played, if there is no place in time.
    """
    most = size if scale_to is None else scale_to
    if size < 1 or most < size or timeout < 0:
        raise BadInput(f"pool {name!r}: size is 1 or more, scale_to at least size, and timeout 0 or more")
    place = meeting("pool", name, [actor])

    async def play(task: Task) -> Message:
        said = await _placed(actor(task), place, size, timeout)
        if said is None and most > size:
            said = await _placed(actor(task), f"{place}/further", most - size, 0.0)
        if said is None:
            raise Late(f"pool {name!r}: none of {most} places was free within {timeout:g} s")
        return replace(said, sender=name, parts=(said,))

    return Team(
        name,
        [actor],
        play,
        settings={"size": size, "scale_to": most, "timeout": timeout},
        calls=[each(1, actor)],
    )


async def _placed(call: Awaitable[Message], place: str, slots: int, timeout: float) -> Message | None:
    """What `call` gives in one of the `slots` of a place; None if none was free in time."""
    begun = False

    async def worked() -> Message | None:
        nonlocal begun
        await Claim(place, slots=slots)  # given back with the frame of this branch, however it ends
        begun = True
        return await call

    async def waited() -> Message | None:
        await Sleep(timeout)
        if begun:
            await Hear(f"{await Here()}.never")  # the work itself may take as long as it takes
        return None

    return await race(worked(), waited())
