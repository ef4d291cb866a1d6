"""Cron expressions: the next time is the first that fits, whatever the clocks do."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coterie.errors import BadInput
from coterie.shell.cron import cron

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]


def at(text, zone="UTC"):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def shown(moment, zone="UTC"):
    return datetime.fromtimestamp(moment, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %z")


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("* * * * *", "2026-01-01T00:00", "2026-01-01 00:01 +0000"),
        ("*/15 * * * *", "2026-01-01T00:46", "2026-01-01 01:00 +0000"),
        ("30 9 * * mon-fri", "2026-01-02T10:00", "2026-01-05 09:30 +0000"),
        ("0 0 1,15 * *", "2026-01-02T00:00", "2026-01-15 00:00 +0000"),
        ("0 0 13 * fri", "2026-01-02T00:00", "2026-01-09 00:00 +0000"),
        ("0 12 29 feb *", "2026-01-01T00:00", "2028-02-29 12:00 +0000"),
        ("5/20 3 * * 7", "2026-01-01T00:00", "2026-01-04 03:05 +0000"),
        ("@monthly", "2026-12-31T23:59", "2027-01-01 00:00 +0000"),
    ],
)
def test_the_next_time_is_the_first_that_fits(text, after, expected):
    """Lists, ranges, steps, names, either of two days, leap days and nicknames."""
    assert shown(cron(text).after(at(after))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 2 * * *", ["2026-03-28 02:30 +0100", "2026-03-29 03:30 +0200", "2026-03-30 02:30 +0200"]),
        ("0 * 29 3 *", ["2026-03-29 00:00 +0100", "2026-03-29 01:00 +0100", "2026-03-29 03:00 +0200"]),
    ],
)
def test_when_clocks_go_forward(text, expected):
    """A fixed hour happens all the same, by the hour nothing is left out and nothing comes twice."""
    assert _next(text, "2026-03-28T00:00", 3) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 2 * * *", ["2026-10-25 02:30 +0200", "2026-10-26 02:30 +0100"]),
        ("30 */2 25 10 *", ["2026-10-25 00:30 +0200", "2026-10-25 02:30 +0200", "2026-10-25 02:30 +0100"]),
    ],
)
def test_when_clocks_go_back(text, expected):
    """A fixed hour happens once, by the hour both of the two that look the same."""
    assert _next(text, "2026-10-24T12:00", len(expected)) == expected


def _next(text, after, count):
    found, moment = [], at(after, "Europe/Berlin")
    for _ in range(count):
        moment = cron(text).after(moment, "Europe/Berlin")
        found.append(shown(moment, "Europe/Berlin"))
    return found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("* * * *", "4 fields of 5"),
        ("60 * * * *", "'60' is no minute"),
        ("* * * foo *", "'foo' is no month"),
        ("* */0 * * *", "is no hour"),
        ("* 5-3 * * *", "is no hour"),
        ("0 0 30 2 *", "no such time"),
        ("1, * * * *", "'' is no minute"),
    ],
)
def test_what_is_no_cron_expression_is_refused(text, why):
    """With the field that is wrong."""
    with pytest.raises(BadInput, match=why):
        cron(text)


def test_an_unknown_zone_is_refused():
    """With what one looks like."""
    with pytest.raises(BadInput, match="Europe/Berlin"):
        cron("* * * * *").after(0, "Mars/Olympus")


def field(low, high):
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.integers(1, high).map(lambda every: f"*/{every}")
    part = st.one_of(
        number.map(str), span, step, span.flatmap(lambda s: st.integers(1, 9).map(lambda n: f"{s}/{n}"))
    )
    return st.one_of(st.just("*"), st.lists(part, min_size=1, max_size=3).map(",".join))


EXPRESSIONS = st.tuples(field(0, 59), st.just("*"), field(1, 28), field(1, 12), field(0, 7)).map(" ".join)
MOMENTS = st.integers(int(at("2020-01-01")), int(at("2035-01-01")))


@settings(max_examples=60, deadline=None)
@given(EXPRESSIONS, MOMENTS, st.sampled_from(ZONES))
@example("*/7 * * * *", int(at("2026-03-29T00:40")), "Europe/Berlin")
@example("*/7 * * * *", int(at("2026-10-25T00:10")), "Australia/Lord_Howe")
def test_by_the_hour_it_is_the_first_minute_that_fits(text, moment, zone):
    """As somebody finds it who looks at the clock on the wall every minute."""
    found = cron(text).after(moment, zone)
    looked = moment - moment % 60 + 60
    while looked < min(found, moment + 43_200):
        assert not _fits(text, looked, zone), shown(looked, zone)
        looked += 60
    assert _fits(text, found, zone)


def _fits(text, moment, zone):
    """An oracle of its own: whether each field has what the clock on the wall shows."""
    wall = datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(zone))
    minute, _, day, month, weekday = text.split()
    of_month = _has(day, wall.day, 1, 31)
    of_week = any(_has(weekday, n, 0, 7) for n in {wall.isoweekday(), wall.isoweekday() % 7})
    either = not day.startswith("*") and not weekday.startswith("*")
    days = (of_month or of_week) if either else (of_month and of_week)
    return days and _has(minute, wall.minute, 0, 59) and _has(month, wall.month, 1, 12)


def _has(field, value, low, high):
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        begin = low if span == "*" else int(first)
        end = high if span == "*" or (step and not last) else int(last or first)
        if begin <= value <= end and (value - begin) % int(step or 1) == 0:
            return True
    return False


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 23), st.integers(0, 59), MOMENTS, st.sampled_from(ZONES[:5]))
def test_a_fixed_hour_happens_once_on_every_day(hour, minute, moment, zone):
    """Never twice, never not at all, and never two on one day."""
    expression, times = cron(f"{minute} {hour} * * *"), []
    for _ in range(400):
        moment = expression.after(moment, zone)
        times.append(moment)
    days = [datetime.fromtimestamp(one, ZoneInfo(zone)).date().toordinal() for one in times]
    assert days == list(range(days[0], days[0] + 400))


def test_it_is_quick():
    """A leap day eight years away is found in less than a tenth of a second."""
    began = time.perf_counter()
    cron("0 0 29 2 *").after(at("2096-03-01"), "Europe/Berlin")
    assert time.perf_counter() - began < 0.1
