"""Who acts: a person or a program, the tenant it belongs to, and its roles."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Role: TypeAlias = Literal["viewer", "operator", "admin"]
"""A viewer reads; an operator starts, answers and stops runs too; an admin manages keys, agents and teams too."""
ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")


class Principal(Struct, frozen=True, kw_only=True):
    """Somebody who asks for something at a door. Whatever belongs to another tenant does not exist for it."""

    name: str
    tenant: str = "default"
    role: Role = "admin"

    def may(self, role: Role) -> bool:
        """Whether it has that role, or one above it."""
        return ROLES.index(self.role) >= ROLES.index(role)


LOCAL = Principal(name="local")
"""Whoever sits at this machine."""
