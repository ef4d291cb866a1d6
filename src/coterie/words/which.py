"""Which runs: what a store is asked to list."""

from __future__ import annotations

from msgspec import Struct

from coterie.words.result import Overview


class Which(Struct, frozen=True, kw_only=True):
    """Some of the runs of a store, the newest first. What is left out restricts nothing.

    `before` is the run that the page before this one ended with; `since` is in seconds since the epoch.
    """

    id: str = ""
    statuses: tuple[str, ...] = ()
    team: str = ""
    since: float = 0.0
    before: str = ""
    limit: int | None = None

    def fits(self, one: Overview) -> bool:
        """Whether a run is one of them, but for where the page begins and ends."""
        return (
            self.id in ("", one.id)
            and self.team in ("", one.team)
            and one.started >= self.since
            and (not self.statuses or one.status in self.statuses)
        )


ALL = Which()
UNFINISHED = Which(statuses=("running", "waiting", "interrupted"))
"""What somebody still has to do something about."""
