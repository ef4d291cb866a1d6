"""Charts as SVG, written by hand: bars for names, a line for what has an order."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from msgspec import Struct

WIDTH = 720
_LEFT, _RIGHT, _TOP, _ROW, _HEIGHT = 170, 90, 56, 26, 300
_INK, _BAR, _FAINT = "#222222", "#2f6f9f", "#dddddd"


class Chart(Struct, frozen=True):
    """What to draw: a title, and a value for each label, in order; `kind` is `bar` or `line`."""

    title: str
    labels: tuple[str, ...]
    values: tuple[float, ...]
    kind: str = "bar"


def svg(chart: Chart) -> str:
    """The chart as an SVG document (SVG 1.1), the same for the same chart."""
    body, height = _line(chart) if chart.kind == "line" else _bars(chart)
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13" fill="{_INK}">'
    paper = f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    title = _text(16, 28, chart.title, 'font-size="16" font-weight="bold"')
    return "\n".join((head, f"<title>{escape(chart.title)}</title>", paper, title, *body, "</svg>", ""))


def shown(value: float) -> str:
    """A number as people read it: thousands apart, two digits behind the point where it is not whole."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def _bars(chart: Chart) -> tuple[list[str], int]:
    """A bar a label, from a zero line that makes room for values below it."""
    low, high = _range(chart.values)
    scale = (WIDTH - _LEFT - _RIGHT) / (high - low)
    zero = _LEFT - low * scale
    drawn: list[str] = []
    for at, (label, value) in enumerate(zip(chart.labels, chart.values, strict=True)):
        y = _TOP + at * _ROW
        left, wide = min(zero, zero + value * scale), abs(value) * scale
        drawn.append(_text(_LEFT - 8, y + 14, _short(label), 'text-anchor="end"'))
        drawn.append(f'<rect x="{left:.1f}" y="{y}" width="{wide:.1f}" height="{_ROW - 8}" fill="{_BAR}"/>')
        drawn.append(_text(left + wide + 6, y + 14, shown(value)))
    bottom = _TOP + len(chart.values) * _ROW
    drawn.append(_stroke(zero, _TOP - 4, zero, bottom - 4, _INK))
    return drawn, bottom + 16


def _line(chart: Chart) -> tuple[list[str], int]:
    low, high = _range(chart.values)
    step = (WIDTH - _LEFT / 2 - _RIGHT) / max(1, len(chart.values) - 1)
    points = [
        (_LEFT / 2 + at * step, _TOP + _HEIGHT * (high - value) / (high - low))
        for at, value in enumerate(chart.values)
    ]
    drawn = [
        part
        for mark in (low, (low + high) / 2, high)
        for y in [_TOP + _HEIGHT * (high - mark) / (high - low)]
        for part in (_stroke(_LEFT / 2, y, WIDTH - _RIGHT, y, _FAINT), _text(8, y + 4, shown(mark)))
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    drawn.append(f'<polyline points="{path}" fill="none" stroke="{_BAR}" stroke-width="2.5"/>')
    every = -(-len(points) // 10)
    for at, ((x, y), label) in enumerate(zip(points, chart.labels, strict=True)):
        drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_BAR}"/>')
        if at % every == 0:
            drawn.append(_text(x, _TOP + _HEIGHT + 24, _short(label, 10), 'text-anchor="middle"'))
    return drawn, _TOP + _HEIGHT + 44


def _range(values: Sequence[float]) -> tuple[float, float]:
    """From zero, or what is below it, to the largest; never empty."""
    low, high = min(0.0, *values), max(0.0, *values)
    return low, high if high > low else low + 1.0


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(text)}</text>'


def _stroke(x: float, y: float, to_x: float, to_y: float, colour: str) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{colour}"/>'


def _short(label: str, most: int = 22) -> str:
    return label if len(label) <= most else f"{label[: most - 1]}…"
