"""What the API takes and gives of schedules."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from coterie.doors.http.api.kept import Called
from coterie.doors.http.api.shapes import Caps, Name, Text

Expression = Annotated[str, Meta(min_length=1, max_length=200)]
"""A cron expression."""
Zone = Annotated[str, Meta(min_length=1, max_length=100)]
Missed = Literal["skip", "once"]


class NewSchedule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be run when: a cron expression by the clocks of a zone, and a team as `POST /v1/runs` begins it.

    Of what was missed nothing is made up for (`skip`), or the newest (`once`). `limits` are those of each run.
    """

    name: Called
    cron: Expression
    team: Name
    task: Text = ""
    zone: Zone = "UTC"
    missed: Missed = "skip"
    options: dict[str, Any] = {}
    model: Name | None = None
    limits: Caps = Caps()


class ScheduleChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a schedule is to be another way from now on; what is left out stays (RFC 7396)."""

    cron: Expression | UnsetType = UNSET
    team: Name | UnsetType = UNSET
    task: Text | UnsetType = UNSET
    zone: Zone | UnsetType = UNSET
    missed: Missed | UnsetType = UNSET
    options: dict[str, Any] | UnsetType = UNSET
    model: Name | UnsetType | None = UNSET
    limits: Caps | UnsetType = UNSET


class ScheduleShown(Struct, frozen=True, kw_only=True):
    """A schedule as it stands: `version` is what `If-Match` names, and `by` who wrote it.

    `due` is the next time (since the epoch), null while it is paused; `run` is the run that it is.
    """

    name: str
    version: int
    cron: str
    zone: str
    team: str
    task: str
    missed: Missed
    options: dict[str, Any]
    model: str | None
    limits: dict[str, Any]
    status: str
    due: float | None
    run: str
    by: str


class TimesFilter(Struct, frozen=True, kw_only=True):
    """How many of the next times, and after which moment (since the epoch; now, unless it is said)."""

    count: Annotated[int, Meta(ge=1, le=100)] = 5
    after: Annotated[float, Meta(ge=0, le=2**32)] | None = None


class Times(Struct, frozen=True, kw_only=True):
    """The next times of a schedule, in seconds since the epoch."""

    times: list[float]
