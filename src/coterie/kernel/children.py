"""Children: what follows from beginning other runs, for the budget, the taint and the end of this one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, Protocol

from msgspec.structs import replace

from coterie.errors import BadInput, CoterieError, Renewed
from coterie.kernel.budget import Account, Amounts, Budget
from coterie.kernel.frames import Strand
from coterie.kernel.shared import PARKED, Shared
from coterie.kernel.taint import STARTED, line, merged
from coterie.kernel.values import storable
from coterie.words.effect import Effect, Take
from coterie.words.limits import COUNTED, Limits
from coterie.words.start import Begin, Over, Renew, Start
from coterie.words.task import Task, task_of


class Asking(Protocol):
    """A machine, as far as this needs it."""

    budget: Budget
    shared: Shared

    def ask(self, strand: Any, effect: Any) -> Any:
        """Have a strand wait for an effect of the world."""
        ...

    def stop(self, error: CoterieError) -> None:
        """End the run."""
        ...


def start(machine: Asking, strand: Strand, asked: Start) -> Any:
    """Ask for a child; what it may use up is set aside, and is never more than there is left."""
    account = strand.frame.account or machine.budget.root
    limits = within(asked.most, account)
    grant = strand.frame.grant  # what is granted here is the ceiling there
    machine.ask(strand, replace(asked, task=_told(asked.task, strand), limits=limits, grant=grant))
    worst = _worst(limits)
    account.reserve(worst)
    strand.held = worst
    strand.brings = STARTED
    strand.frame.act()
    return PARKED


def begin(machine: Asking, strand: Strand, asked: Begin) -> Any:
    """Ask for a run that goes its own way."""
    strand.frame.act()
    return machine.ask(strand, replace(asked, task=_told(asked.task, strand), grant=strand.frame.grant))


def renew(machine: Asking, strand: Strand, asked: Renew) -> Any:
    """Ask for the run that this one goes on as.

    Raises:
        BadInput: if somebody else than the actor of the run asks.
    """
    if strand.frame.parent is not None:
        raise BadInput("only the actor of a run renews it: no member, and no branch")
    unheard = tuple(machine.shared.topics.unheard())
    return machine.ask(strand, replace(asked, task=_told(asked.task, strand), unheard=unheard))


def take(machine: Asking, strand: Strand, asked: Take) -> Any:
    """Ask for what a group is told; whoever wrote it is no member of this run."""
    strand.brings = (line(f"message to group {asked.group} on {asked.topic}"),)
    return machine.ask(strand, asked)


def over(machine: Asking, _: Strand, asked: Over) -> Any:
    """End a run that goes on as another."""
    machine.stop(Renewed(asked.run, asked.task))
    return PARKED


def within(limits: Limits, account: Account) -> Limits:
    """`limits`, but never more than is left in an account and those above it; prices are the nearest that are known."""
    left = [math.inf] * len(COUNTED)
    prices: dict[str, tuple[float, float]] = {}
    above: Account | None = account
    while above is not None:
        left = [min(most, cap - used) for most, cap, used in zip(left, above.caps, above.used, strict=True)]
        prices = {**above.limits.prices, **prices}
        above = above.above
    caps = {name: _lower(getattr(limits, name), most) for name, most in zip(COUNTED, left, strict=True)}
    return replace(limits, prices={**prices, **limits.prices}, **caps)


def _lower(cap: float | None, left: float) -> float | None:
    """The lower of a cap and what is left; None where there is neither."""
    if math.isinf(left):
        return cap
    return max(0, left if cap is None else min(cap, left))


def _worst(limits: Limits) -> Amounts:
    caps = [getattr(limits, name) for name in COUNTED]
    return tuple((n, float(cap)) for n, cap in enumerate(caps) if cap is not None)


def _told(given: Any, strand: Strand) -> Task:
    """What another run is told: in a shape that a journal can hold, and tainted as whoever tells it is."""
    frame, task = strand.frame, task_of(given)
    data = None if task.data is None else storable(task.data, frame.path)
    return replace(task, data=data, taint=merged(task.taint, frame.taint))


CHILDREN: Final[dict[type[Effect[Any]], Callable[[Any, Strand, Any], Any]]] = {
    Start: start,
    Begin: begin,
    Renew: renew,
    Take: take,
    Over: over,
}
"""How a machine handles what has to do with other runs."""
