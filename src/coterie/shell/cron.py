"""Cron expressions (POSIX `crontab`, with the names and steps of Vixie cron), and the next time that fits one.

Five fields: minute, hour, day of the month, month, day of the week; `*`, lists, ranges, steps and English names. Where
both days are restricted, either of them fits. `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly` are what
they say.

Where clocks are changed: an hour that is written as `*` or `*/n` goes by what passes, so no hour is left out or
added. A fixed hour happens once each day: the first of two that look the same, and what does not exist is as long
after midnight as it would have been.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from coterie.errors import BadInput

MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
DAYS = "sun mon tue wed thu fri sat".split()
NICKNAMES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
FIELDS: Final[tuple[tuple[str, int, int, Sequence[str]], ...]] = (
    ("minute", 0, 59, []),
    ("hour", 0, 23, []),
    ("day of the month", 1, 31, []),
    ("month", 1, 12, MONTHS),
    ("day of the week", 0, 7, DAYS),
)
FAR = 366 * 8 + 1
"""Days within which a leap day comes, whatever century it is."""


class Cron(Struct, frozen=True):
    """A cron expression that was read."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    by_hour: bool
    """Its hours go by what passes, not by the clock on the wall."""
    either: bool
    """Both days are restricted, so either fits."""

    def on(self, day: date) -> bool:
        """Whether it happens on a day at all."""
        if day.month not in self.months:
            return False
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (of_month or of_week) if self.either else (of_month and of_week)

    def after(self, moment: float, zone: str = "UTC") -> float:
        """The first time after `moment`, both in seconds since the epoch, by the clocks of `zone`.

        Raises:
            BadInput: if there is no such zone, or no such time within eight years.
        """
        where = zone_of(zone)
        today = datetime.fromtimestamp(moment, where).date()
        for ahead in range(-1, FAR):  # a time that does not exist may be a day late
            day = today + timedelta(days=ahead)
            if self.on(day):
                later = [at for at in self._moments(day, where) if at > moment]
                if later:
                    return min(later)
        raise BadInput("there is no such time within eight years: is it a day that no month has?")

    def _moments(self, day: date, where: ZoneInfo) -> Iterator[float]:
        """Every time of a day that fits, in seconds since the epoch."""
        for hour, minute in product(sorted(self.hours), sorted(self.minutes)):
            wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=where)
            at = wall.timestamp()
            if not self.by_hour:
                yield at
                continue
            for fold in (at, wall.replace(fold=1).timestamp()):
                if _wall(fold, where) == wall.replace(tzinfo=None):
                    yield fold


def _wall(at: float, where: ZoneInfo) -> datetime:
    """What the clock on the wall shows."""
    return datetime.fromtimestamp(at, UTC).astimezone(where).replace(tzinfo=None, fold=0)


def cron(text: str) -> Cron:
    """What a cron expression says.

    Raises:
        BadInput: if it is none; the message says which field.
    """
    fields = NICKNAMES.get(text.strip().lower(), text).split()
    if len(fields) != len(FIELDS):
        raise BadInput(
            f"{text!r} is no cron expression: it has {len(fields)} fields of 5, as in '30 9 * * mon-fri'"
        )
    minutes, hours, days, months, weekdays = (
        _field(field, *about, text) for field, about in zip(fields, FIELDS, strict=True)
    )
    made = Cron(
        minutes,
        hours,
        days,
        months,
        frozenset(day % 7 for day in weekdays),
        by_hour=fields[1].startswith("*"),
        either=not fields[2].startswith("*") and not fields[4].startswith("*"),
    )
    made.after(0.0)
    return made


def zone_of(name: str) -> ZoneInfo:
    """The time zone that is called `name`.

    Raises:
        BadInput: if there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInput(f"there is no time zone {name!r}: say one as Europe/Berlin, or UTC") from error


def _field(field: str, called: str, low: int, high: int, names: Sequence[str], text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in field.lower().split(","):
        span, slash, step = part.partition("/")
        try:
            first, last = _span(span, low, high, names, open_ended=bool(slash))
            every = int(step) if slash else 1
        except ValueError:
            first, last, every = 1, 0, 0
        if not (low <= first <= last <= high) or every < 1:
            raise BadInput(f"{part!r} is no {called} in {text!r}: {low} to {high}, as 5, 1-5, */15 or 1,3")
        found.update(range(first, last + 1, every))
    return frozenset(found)


def _span(span: str, low: int, high: int, names: Sequence[str], *, open_ended: bool) -> tuple[int, int]:
    """The first and the last value of a part; a step after a single one goes on to the end."""
    if span == "*":
        return low, high
    first, dash, last = span.partition("-")
    start = _value(first, low, names)
    if dash:
        return start, _value(last, low, names)
    return start, high if open_ended else start


def _value(text: str, low: int, names: Sequence[str]) -> int:
    return names.index(text) + low if text in names else int(text)
