"""Who acts: a person or a program, the tenant it belongs to, its groups and its role."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Role: TypeAlias = Literal["viewer", "operator", "admin"]
"""A viewer reads; an operator starts, answers and stops runs too; an admin manages keys, agents and teams too."""
ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")
EVERYONE = "*"
"""Who is meant when everyone in a tenant may read."""
_GROUP = "@"


class Principal(Struct, frozen=True):
    """Who asks: a name within a tenant, the groups it belongs to, and what it may do at a door.

    A tenant is a wall: whatever belongs to another one does not exist for it.
    """

    name: str = "local"
    tenant: str = "default"
    groups: tuple[str, ...] = ()
    role: Role = "admin"

    def __post_init__(self) -> None:
        for name in (self.name, self.tenant, *self.groups):
            if not name or name.startswith((EVERYONE, _GROUP)):
                raise ValueError(f"{name!r} cannot name a principal: not empty, and no '*' or '@' before it")

    @property
    def readers(self) -> tuple[str, ...]:
        """What something may be shared with so that this principal can read it."""
        return (self.name, *(_GROUP + group for group in self.groups), EVERYONE)

    def may(self, role: Role) -> bool:
        """Whether it has that role, or one above it."""
        return ROLES.index(self.role) >= ROLES.index(role)


LOCAL = Principal()
"""Whoever works alone on a machine of their own."""
