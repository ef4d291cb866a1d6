"""What actors are about to do to what they share, and what became of it where two wanted the same."""

from __future__ import annotations

from msgspec import Struct


class Intent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who is about to read or write which resource, and what for. `path` names the call."""

    actor: str
    resource: str
    path: str
    what: str = ""
    write: bool = True

    def meets(self, other: Intent) -> bool:
        """Whether both want one resource and at least one of them writes it."""
        return self.resource == other.resource and (self.write or other.write)

    def __str__(self) -> str:
        does = "writes" if self.write else "reads"
        return f"{self.actor} {does} {self.resource!r}" + (f" to {self.what!r}" if self.what else "")


class Resolution(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a conflict was settled: whose work it was about, with whom it met, by what, and why."""

    intent: Intent
    rivals: tuple[Intent, ...]
    by: str
    why: str = ""
