"""Figures: one measured number each, beside its target and its limit, and the table of them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from bench.race import Lap


class Figure(Struct, frozen=True, kw_only=True):
    """One measurement: `ours` and, where it means something, the same by CPU time alone.

    `times` is what we cost for each unit that the limit costs; `within` is how much that may be.
    A unit that ends in `/s` is a rate, and more is better; of everything else less is.
    """

    what: str
    ours: float
    unit: str
    cpu: float | None = None
    target: float | None = None
    limit: float | None = None
    of: str = ""
    times: float | None = None
    within: float | None = None

    @property
    def met(self) -> str:
        """Whether the targets are met; `by cpu` if only the CPU time says so."""
        near = self.within is None or self.times is None or self.times <= self.within
        if self.target is None:
            return "" if self.within is None else _yes(near)
        if near and self._reaches(self.ours):
            return "yes"
        return "by cpu" if near and self.cpu is not None and self._reaches(self.cpu) else "no"

    @property
    def is_rate(self) -> bool:
        """Whether more is better."""
        return self.unit.endswith("/s")

    def _reaches(self, value: float) -> bool:
        if self.target is None:
            return True
        return value >= self.target if self.is_rate else value <= self.target


class Skipped(Struct, frozen=True):
    """A measurement that could not be made here, and why."""

    what: str
    why: str


def rate(
    what: str,
    count: int,
    ours: Lap,
    limit: Lap,
    of: str,
    *,
    unit: str = "/s",
    target: float | None = None,
    within: float | None = None,
    waits: bool = False,
) -> Figure:
    """`count` things a second, beside a limit; `waits` if wall time is what has to be compared."""
    return Figure(
        what=what,
        ours=count / ours.wall,
        unit=unit,
        cpu=None if waits else count / ours.cpu,
        target=target,
        limit=count / limit.wall,
        of=of,
        times=ours.wall / limit.wall if waits else ours.cpu / limit.cpu,
        within=within,
    )


def cost(
    what: str,
    count: int,
    ours: Lap,
    limit: Lap,
    of: str,
    *,
    unit: str = "µs",
    target: float | None = None,
    within: float | None = None,
    waits: bool = False,
) -> Figure:
    """What one of `count` things takes, beside a limit; `waits` as for `rate`."""
    scale = SCALES[unit] / count
    return Figure(
        what=what,
        ours=ours.wall * scale,
        unit=unit,
        cpu=None if waits else ours.cpu * scale,
        target=target,
        limit=limit.wall * scale,
        of=of,
        times=ours.wall / limit.wall if waits else ours.cpu / limit.cpu,
        within=within,
    )


SCALES = {"µs": 1e6, "ms": 1e3, "s": 1.0}
"""How many of a unit are a second."""
HEAD = ("measure", "ours", "by cpu", "target", "met", "limit", "times", "the limit is")


def table(figures: Sequence[Figure | Skipped]) -> str:
    """Figures as aligned text, a line each."""
    rows = [HEAD, *(_row(one) for one in figures if isinstance(one, Figure))]
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEAD))]
    lines = [_line(row, widths) for row in rows]
    lines += [f"{one.what}: skipped, {one.why}" for one in figures if isinstance(one, Skipped)]
    return "\n".join(lines)


def _row(figure: Figure) -> tuple[str, ...]:
    unit, sign = figure.unit, "≥" if figure.is_rate else "≤"
    times = "" if figure.times is None else f"{figure.times:.2f}x"
    return (
        figure.what,
        f"{number(figure.ours)} {unit}",
        number(figure.cpu),
        "" if figure.target is None else f"{sign} {figure.target:,g}",
        figure.met,
        number(figure.limit),
        times if figure.within is None else f"{times} (≤ {figure.within:g})",
        figure.of,
    )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *middle, last = row
    cells = [cell.rjust(width) for cell, width in zip(middle, widths[1:-1], strict=True)]
    return "  ".join([first.ljust(widths[0]), *cells, last]).rstrip()


def number(value: float | None) -> str:
    """A number with about three figures that mean something; nothing for none."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"
