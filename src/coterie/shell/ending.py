"""How a run ended: what its machine came to, as the event that closes its journal."""

from __future__ import annotations

from coterie.errors import Cancelled, Diverged, Renewed, Stuck, Unfit, failure_of
from coterie.kernel.machine import Machine
from coterie.words.event import Closed
from coterie.words.message import Message
from coterie.words.result import Status


def ended(machine: Machine) -> Closed:
    """The closing of a run that is done."""
    spent = machine.root.usage
    if isinstance(machine.error, Renewed):
        on = Message(sender=machine.root.name, text=machine.error.run)
        return Closed(status="renewed", message=on, usage=spent)
    if machine.error is None:
        message = machine.value
        status: Status = "unverified" if message is not None and message.unverified else "succeeded"
        return Closed(status=status, message=message, usage=spent)
    parts = tuple(machine.root.finished)
    failure = failure_of(machine.error, machine.root.path)
    return Closed(status=status_of(machine.error), failure=failure, usage=spent, parts=parts)


def status_of(error: Exception) -> Status:
    """The status of a run that ended with `error`."""
    if isinstance(error, Cancelled):
        return "cancelled"
    if isinstance(error, (Diverged, Unfit)):
        return "needs_migration"
    return "stuck" if isinstance(error, Stuck) else "failed"
