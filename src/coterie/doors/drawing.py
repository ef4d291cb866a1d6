"""A team as a picture: a tree of text, a Mermaid flowchart, or an SVG that reads in light and dark."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape

from msgspec import Struct

from coterie.doors.letters import Look, cropped, cut, harmless, plain
from coterie.teamfile.survey import Node, walk


def often(node: Node) -> str:
    """How often a member is called at most, empty for once."""
    if node.times == 1:
        return ""
    times = "∞" if node.times == math.inf else f"{node.times:,.0f}"
    return f"≤{times} in all" if node.shared else f"×{times}"


def calls(node: Node) -> str:
    """The bound of a node's model calls, in words."""
    if node.calls == math.inf:
        return "any number of model calls"
    said = f"{node.calls:,.0f} model call{'' if node.calls == 1 else 's'}"
    return f"{said} or more, as not all of it says" if node.unknown else f"at most {said}"


def text_lines(root: Node, look: Look) -> list[str]:
    """A line an actor: its name, its pattern, how often it is called, and what it is told."""
    head = f"{root.name}  {root.kind}, {calls(root)}"
    return [_fitting(line, look) for line in (head, *_below(root, ""))]


def _below(node: Node, lead: str) -> Iterator[str]:
    for member in node.members:
        last = member is node.members[-1]
        kind = "" if member.kind == "agent" else member.kind
        about = "(as above)" if member.again and member.members else member.about
        parts = [part for part in (member.name, kind, often(member), " ".join(about.split())) if part]
        yield f"{lead}{'└─ ' if last else '├─ '}{'  '.join(parts)}"
        if not member.again:
            yield from _below(member, lead + ("   " if last else "│  "))


def _fitting(line: str, look: Look) -> str:
    """A line in the columns and the letters that a terminal has."""
    shown = plain(cut(harmless(line), look.width - 1), look)
    return shown if look.unicode else shown.translate(_ASCII).encode("ascii", "replace").decode()


_ASCII = {ord("×"): "x", ord("≤"): "<=", ord("∞"): "any"}


def mermaid(root: Node) -> str:
    """A Mermaid flowchart: actors by name, with how often each is called on the arrows."""
    names: dict[str, str] = {}
    lines = ["flowchart TD"]
    for node in walk(root):
        names.setdefault(node.path, f"n{len(names)}")
        label = node.name if node.kind == "agent" else f"{node.name}<br/><i>{node.kind}</i>"
        opens, closes = ("(", ")") if node.kind == "agent" else ("[", "]")
        lines.append(f'    {names[node.path]}{opens}"{_quoted(label)}"{closes}')
        for member in node.members:
            names.setdefault(member.path, f"n{len(names)}")
            times = f'|"{often(member)}"|' if often(member) else ""
            lines.append(f"    {names[node.path]} -->{times} {names[member.path]}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return text.replace('"', "#quot;")


WIDE, HIGH, GAP, DOWN, EDGE = 148, 44, 16, 46, 12
"""Pixels: of a box, between two boxes, between two rows, and around it all."""


class Box(Struct, frozen=True):
    """A box of the drawing: its node, and where its upper left corner is."""

    node: Node
    x: float
    y: float


class Arrow(Struct, frozen=True):
    """An arrow from one box to another."""

    start: Box
    end: Box


def svg(root: Node) -> str:
    """An SVG of the team: teams above their members; its colours follow the reader's, light or dark."""
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    _placed(root, 0, EDGE, boxes, arrows)
    width = max(one.x for one in boxes) + WIDE + EDGE
    height = max(one.y for one in boxes) + HIGH + EDGE
    title = escape(f"{root.name}: {root.kind}, {calls(root)}")
    body = [*map(_arrow, arrows), *map(_box, boxes)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" role="img">\n<title>{title}</title>\n{_STYLE}\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _placed(node: Node, row: int, left: float, boxes: list[Box], arrows: list[Arrow]) -> tuple[Box, float]:
    """The box of a node, with all below it placed from `left` on; and where free room begins."""
    y = EDGE + row * (HIGH + DOWN)
    below: list[Box] = []
    free = left
    for member in node.members:
        box, free = _placed(member, row + 1, free, boxes, arrows)
        below.append(box)
    x = (below[0].x + below[-1].x) / 2 if below else left
    box = Box(node, x, y)
    boxes.append(box)
    arrows += [Arrow(box, one) for one in below]
    return box, max(free, x + WIDE + GAP)


def _arrow(arrow: Arrow) -> str:
    x1, y1 = arrow.start.x + WIDE / 2, arrow.start.y + HIGH
    x2, y2 = arrow.end.x + WIDE / 2, arrow.end.y
    half = (y2 - y1) / 2
    line = f'<path class="line" d="M{x1:g},{y1:g} C{x1:g},{y1 + half:g} {x2:g},{y2 - half:g} {x2:g},{y2:g}"/>'
    said = often(arrow.end.node)
    if not said:
        return line
    return f'{line}\n<text class="note" x="{x2 + 6:g}" y="{y2 - 6:g}">{escape(said)}</text>'


def _box(box: Box) -> str:
    node, centre = box.node, box.x + WIDE / 2
    kind = "agent" if node.kind == "agent" else "team"
    looped = " loop" if node.times > 1 else ""
    second = node.kind if kind == "team" else node.about or node.model
    hint = f"<title>{escape(f'{node.path}: {calls(node)}')}</title>"
    shape = (
        f'<rect class="{kind}{looped}" x="{box.x:g}" y="{box.y:g}" width="{WIDE}" height="{HIGH}" rx="8"/>'
    )
    name = f'<text x="{centre:g}" y="{box.y + 19:g}">{escape(cropped(node.name, 20))}</text>'
    about = f'<text class="about" x="{centre:g}" y="{box.y + 35:g}">{escape(cropped(second, 24))}</text>'
    return f"<g>{hint}{shape}{name}{about}</g>"


_STYLE = """<style>
  text { font: 13px system-ui, sans-serif; fill: #1b1f24; text-anchor: middle; }
  .about, .note { font-size: 11px; fill: #59636e; }
  .note { text-anchor: start; }
  .line { fill: none; stroke: #8c959f; stroke-width: 1.4; }
  rect { fill: #ffffff; stroke: #8c959f; stroke-width: 1.4; }
  .team { fill: #ddf4ff; }
  .loop { stroke-dasharray: 5 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .about, .note { fill: #9198a1; }
    .line, rect { stroke: #656c76; }
    rect { fill: #151b23; }
    .team { fill: #0c2d4d; }
  }
</style>"""
