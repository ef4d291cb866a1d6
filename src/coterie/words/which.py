"""Which runs: what a store is asked to list."""

from __future__ import annotations

import re

from msgspec import Struct

from coterie.words.result import Overview


class Which(Struct, frozen=True, kw_only=True):
    """Some of the runs of a store, the newest first. What is left out restricts nothing.

    `before` is the run that the page before this one ended with; `since` is in seconds since the epoch. Each of
    `words` begins a word of the task.
    """

    id: str = ""
    statuses: tuple[str, ...] = ()
    team: str = ""
    since: float = 0.0
    words: str = ""
    before: str = ""
    limit: int | None = None

    def fits(self, one: Overview) -> bool:
        """Whether a run is one of them, but for where the page begins and ends."""
        return (
            self.id in ("", one.id)
            and self.team in ("", one.team)
            and one.started >= self.since
            and (not self.statuses or one.status in self.statuses)
            and (not self.words or _begin(words_of(self.words), words_of(one.task)))
        )


def words_of(text: str) -> tuple[str, ...]:
    """The different words of a text as they are searched: in small letters, and of the long ones the beginning."""
    return tuple(dict.fromkeys(word[:LONGEST] for word in _WORD.findall(text.lower())))


def _begin(sought: tuple[str, ...], there: tuple[str, ...]) -> bool:
    return all(any(word.startswith(one) for word in there) for one in sought)


LONGEST = 100
"""Characters of a word that are searched."""
_WORD = re.compile(r"\w+")
ALL = Which()
UNFINISHED = Which(statuses=("running", "waiting", "paused", "interrupted"))
"""What somebody still has to do something about."""
