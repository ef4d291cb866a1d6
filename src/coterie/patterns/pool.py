"""Pool: so many calls of an actor at once and no more, in order of arrival."""

from __future__ import annotations

from msgspec.structs import replace

from coterie.actor import Actor, race
from coterie.errors import BadInput, Late
from coterie.team import Team
from coterie.words.effect import Claim, Get, Hear, Here, Put, Sleep
from coterie.words.message import Message
from coterie.words.task import Task

WAIT = 300.0
"""Seconds that a call waits for a place, unless its pool says otherwise."""


class Place:
    """A call's place in a pool, and whether it has it."""

    def __init__(self) -> None:
        self.taken = False


def pool(
    actor: Actor, *, size: int, scale_to: int | None = None, timeout: float = WAIT, name: str = "pool"
) -> Team:
    """A team behind which at most `size` calls of `actor` run at once in one run; further ones wait in order.

    Who has waited `timeout` seconds makes the pool one larger, up to `scale_to`, and where it cannot
    grow any more, fails. A place is given back when its call ends, fails or is closed.

    Raises:
        BadInput: if size is below 1, scale_to below size, or timeout below 0.
        Late: when played, if there is no place in time.
    """
    most = size if scale_to is None else scale_to
    if size < 1 or most < size or timeout < 0:
        raise BadInput(f"pool {name!r}: size is 1 or more, scale_to at least size, and timeout 0 or more")

    async def worked(task: Task, place: Place, slots: int) -> Message:
        await Claim(f"pool/{name}", slots=slots)  # given back with this frame
        place.taken = True
        return await actor(task)

    async def waited(place: Place, slots: int) -> Message:
        await Sleep(timeout)
        if not place.taken:
            raise Late(f"pool {name!r}: none of {slots} places was free within {timeout:g} s")
        await Hear(f"{await Here()}.never")
        raise AssertionError

    async def play(task: Task) -> Message:
        while True:
            slots = max(size, (await Get(f"pool/{name}")).value or 0)
            place = Place()
            try:
                said = await race(worked(task, place, slots), waited(place, slots))
            except Late:
                if place.taken or slots >= most:
                    raise
                await Put(f"pool/{name}", slots + 1)
                continue
            return replace(said, sender=name, parts=(said,))

    settings = {"size": size, "scale_to": most, "timeout": timeout}
    return Team(name, [actor], play, settings=settings)
