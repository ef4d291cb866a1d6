"""What a policy is asked about, and what it says."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias

from msgspec import Struct

from coterie.words.effect import Effect

Decision: TypeAlias = Literal["allow", "deny", "ask"]
"""It may be done, it may not, or a person says."""


class Ruling(Struct, frozen=True):
    """A decision of a policy, and why: whoever is refused or asked reads it."""

    decision: Decision
    why: str = ""


DECISIONS: tuple[Decision, ...] = ("allow", "deny", "ask")
ACTIONS = ("run", "call", "use", "spend", "remember", "recall", "forget", "read", "write")
"""Run a team, call an actor, use a tool, ask a model, keep, find and delete memories, read and write the board."""
GOVERNED = "governed"
"""The entry of a run's origin that says that a policy is asked about it, and for whom it is."""


class Permit(Effect[None], frozen=True):
    """Ask the policy of a governed run about what the kernel does itself: calls, and the board."""

    kind: ClassVar[str] = "permit"
    action: str
    resource: str

    def request(self) -> tuple[Any, ...]:
        return (self.action, self.resource)
