"""What is wrong with a team file, each with its line; all of it is said at once."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Final

from msgspec import Struct

from coterie.errors import BadInput

BAD: Final[Any] = object()
"""What stands for a value that does not fit; the problem is noted."""


class Problem(Struct, frozen=True, order=True):
    """One mistake: in which file, on which line (0: none), and what it is."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.message}"


class Problems:
    """The mistakes found in one file so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Problem] = []

    def add(self, line: int, message: str) -> None:
        """Note a mistake."""
        self.found.append(Problem(self.file, line, message))

    def settle(self) -> None:
        """See that there are none.

        Raises:
            BadFile: if there are.
        """
        if self.found:
            raise BadFile(self.found)


class BadFile(BadInput):
    """A file that cannot be read, with everything that is wrong with it, in order of its lines."""

    def __init__(self, found: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(found)))
        super().__init__("\n".join(map(str, self.problems)))


def nearest(name: str, known: Iterable[str]) -> str:
    """A question for the known name that is most like `name`; empty if none is."""
    folded = {one.casefold(): one for one in known}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    return f"; did you mean {folded[close[0]]!r}?" if close else ""
