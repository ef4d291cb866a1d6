"""A grant: which tools may be used below one frame. What it does not name is denied."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

GRANTED = "grant"
"""The entry of a run's origin that says which tools may be used in it at most."""


class Grantable(Protocol):
    """What a grant decides about: a tool's name, and the tags it has."""

    @property
    def name(self) -> str:
        """The name that a model calls it by."""
        ...

    @property
    def tags(self) -> frozenset[str]:
        """What kind of tool it is."""
        ...


class Grant(Struct, frozen=True, omit_defaults=True):
    """The tools that may be used, by pattern: a name, a glob of names, or `#tag` (a glob too).

    A tool is allowed if a pattern of `allow` fits it, none of `deny` does, and every grant of
    `within` allows it too. `edge` are patterns of `allow` that the caller does not have itself
    and that were declared for this one call.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    edge: tuple[str, ...] = ()
    within: tuple[Grant, ...] = ()

    @classmethod
    def of(cls, *allow: str, deny: Iterable[str] = ()) -> Grant:
        """The grant of what fits a pattern of `allow` and none of `deny`."""
        return cls(allow, tuple(deny))

    def allows(self, tool: Grantable) -> bool:
        """Whether `tool` may be used."""
        return (
            any(fits(tool, pattern) for pattern in self.allow)
            and not any(fits(tool, pattern) for pattern in self.deny)
            and all(grant.allows(tool) for grant in self.within)
        )

    def __and__(self, other: Grant) -> Grant:
        """What both allow: a grant can be narrowed, and in no way widened."""
        if other == self or other in self.within:
            return self
        return replace(self, within=(*self.within, other))

    def along(self, *edge: str) -> Grant:
        """This grant for a call that was declared to give `edge` too."""
        return replace(self, allow=(*self.allow, *edge), edge=edge) if edge else self


def fits(tool: Grantable, pattern: str) -> bool:
    """Whether a pattern means `tool`; letters count as they are written."""
    if pattern.startswith("#"):
        return any(fnmatchcase(tag, pattern[1:]) for tag in tool.tags)
    return fnmatchcase(tool.name, pattern)


def exactly(name: str) -> str:
    """The pattern that means the tool called `name`, and no other."""
    return re.sub(r"([*?[]|^#)", r"[\1]", name)


def both(one: Grant | None, other: Grant | None) -> Grant | None:
    """What two grants allow; None allows everything."""
    if one is None or other is None:
        return one or other
    return one & other
