"""What a ready-made team can be told when it is built, as plain data, for every door to offer."""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import Struct

PLACES: Final = ("folder", "file", "path", "output", "store")
"""Kinds of options that say where something is on this machine."""


class Option(Struct, frozen=True, kw_only=True):
    """One keyword argument of a team's `build`; `name` is a Python name.

    A `folder`, a `file` and a `path` (either) exist, an `output` need not; a `store` is the file that the run is
    kept in, unless another is named. All of them are absolute when `build` sees them.
    """

    name: str
    help: str
    kind: Literal["text", "number", "flag", "folder", "file", "path", "output", "store"] = "text"
    required: bool = False
    default: Any = None

    @property
    def is_place(self) -> bool:
        """Whether it says where something is on this machine."""
        return self.kind in PLACES
