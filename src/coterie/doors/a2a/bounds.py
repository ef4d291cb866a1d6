"""Bounds: what a request says of the work that it is a part of. What it may use up, and the runs above it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import InvalidParamsError, UnsupportedOperationError

from coterie.kernel.story import opened
from coterie.reach.lineage import LONGEST
from coterie.shell.host import Host
from coterie.wire.a2a import ABOVE, LIMITS, plain_of
from coterie.words.limits import DEFAULT, Limits
from coterie.words.which import Which


def bounds_of(params: pb.SendMessageRequest) -> tuple[Limits, list[str]]:
    """The limits of a task that a request begins, which never are wider than our own, and the runs above it.

    Raises:
        InvalidParamsError: if the request says nothing of the kind.
    """
    about = plain_of(params.metadata)
    try:
        limits = DEFAULT.within(msgspec.convert(about.get(LIMITS, {}), dict[str, Any]))
        above = msgspec.convert(about.get(ABOVE, []), list[str])
    except (ValueError, msgspec.ValidationError) as error:
        raise InvalidParamsError(f"the metadata of this request cannot be used: {error}") from error
    if len(above) >= LONGEST:
        raise UnsupportedOperationError(f"{len(above)} runs are above one another: do agents ask in circles?")
    return limits, above


async def not_round(host: Host, team: str, text: str, above: Sequence[str]) -> None:
    """See that a team is not asked for what it is at work on above.

    Raises:
        UnsupportedOperationError: if it is.
    """
    for id in above:
        if not await host.runs(Which(id=id)):
            continue  # a run of another host
        began = opened(await host.journal(id))
        if began.origin.get("name") == team and began.task.strip() == text.strip():
            raise UnsupportedOperationError(
                f"circular delegation: {team!r} is at work on this above, in {id!r}"
            )
