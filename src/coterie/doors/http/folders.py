"""Folders of this machine that clients may name: none, unless whoever runs the service says which."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from coterie.tools.root import Root


class Folders:
    """Folders that clients may name with all that is below them; what is hidden is not there.

    Raises:
        BadInput: if there is no such folder.
    """

    def __init__(self, folders: Iterable[str | Path] = ()) -> None:
        self._roots = [Root(folder, largest=0) for folder in folders]

    def place(self, given: Any) -> str | None:
        """Where something is that a client has named, every link followed; None if it may not be named.

        What is relative is so to the first folder.
        """
        if not self._roots or not isinstance(given, str) or not given:
            return None
        try:
            found = (self._roots[0].folder / given).resolve()
        except (OSError, RuntimeError, ValueError):  # a circle of links, or no path at all
            return None
        return str(found) if any(_has(root, found) for root in self._roots) else None


def _has(root: Root, place: Path) -> bool:
    """Whether a place is the folder or below it, and nothing on the way is hidden."""
    if not place.is_relative_to(root.folder):
        return False
    below = place.relative_to(root.folder).parts
    return not any(name.startswith(".") or root.hides(name) for name in below)
