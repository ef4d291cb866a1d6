"""The tree of a run as lines of text: the same frames that its journal tells of, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from coterie.doors.letters import Look, cropped, cut, ending, plain
from coterie.kernel.story import Branch

MARKS = {
    "running": "●",
    "waiting": "?",
    "paused": "?",
    "done": "✓",
    "succeeded": "✓",
    "unverified": "!",
    "failed": "✗",
    "stuck": "✗",
    "closed": "○",
    "cancelled": "○",
}
"""One letter a state."""
_COLOURS = {"●": 36, "?": 33, "✓": 32, "!": 33, "✗": 31, "○": 90}
_SPENT = 30
"""Columns kept for what a frame took and cost."""


def tree_lines(
    root: Branch, now: float, look: Look, saying: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """A line a frame, each below its caller; `now` (seconds since the epoch) is when one that runs is seen.

    Where there are more lines than rows, frames that have ended go first. `saying` has the line that
    a model is writing, by the path of its frame; its end is shown.
    """
    rows = list(_rows(root, "", ""))
    hidden = 0
    if look.height and len(rows) > look.height:
        rows, hidden = _fitting(rows, look.height - 1)
    lines = [_line(lead, branch, now, look, saying.get(branch.path, "")) for lead, branch in rows]
    if hidden:
        lines.append(plain(f"… and {hidden} more", look))
    return lines


def spent(branch: Branch, now: float) -> str:
    """How long a frame took, and the tokens below it."""
    seconds = (branch.ended or now) - branch.began if branch.began else 0.0
    tokens = f"{branch.usage.tokens:,} tokens" if branch.usage.tokens else ""
    return f"{seconds:6.1f} s  {tokens:>14}"


def _rows(branch: Branch, lead: str, below: str) -> Iterator[tuple[str, Branch]]:
    """Each frame with the lines that lead to it."""
    yield lead, branch
    for child in branch.children:
        last = child is branch.children[-1]
        yield from _rows(child, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "))


def _fitting(rows: list[tuple[str, Branch]], height: int) -> tuple[list[tuple[str, Branch]], int]:
    """The `height` frames that matter most now, in their order, and how many are left out."""
    order = sorted(range(len(rows)), key=lambda at: (_matters(rows[at][1]), -at), reverse=True)
    kept = sorted(order[: max(height, 1)])
    return [rows[at] for at in kept], len(rows) - len(kept)


def _matters(branch: Branch) -> int:
    if branch.state == "running":
        return 2 if branch.under_way else 3
    return 1 if branch.state == "failed" else 0


def _line(lead: str, branch: Branch, now: float, look: Look, saying: str) -> str:
    mark = MARKS.get(branch.state, "●")
    left = f"{lead}{mark} {branch.name}"
    room = max(look.width - 1 - _SPENT, 12)
    about = branch.why or (branch.task if branch.state == "running" else "")
    if len(left) + 6 < room and (saying or about):
        space = room - len(left) - 2
        left = f"{left}  {ending(saying, space) if saying else cropped(about, space)}"
    line = f"{cut(left, room):<{room}}{spent(branch, now):>{_SPENT}}".rstrip()
    shown = plain(line[: look.width - 1], look)
    return _coloured(shown, plain(mark, look), _COLOURS.get(mark, 0)) if look.colour else shown


def _coloured(line: str, mark: str, colour: int) -> str:
    return line.replace(mark, f"\x1b[{colour}m{mark}\x1b[0m", 1)


def timeline(root: Branch, now: float, look: Look) -> list[str]:
    """A bar a frame, over the time that the whole run took."""
    rows = list(_rows(root, "", ""))
    names = min(max(len(lead + branch.name) for lead, branch in rows), look.width // 2)
    room = max(look.width - names - 12, 10)
    scale = _scale(root, now, room)
    return [
        plain(f"{cut(lead + branch.name, names):<{names}} {_bar(branch, now, scale, room)}", look).rstrip()
        for lead, branch in rows
    ]


def _scale(root: Branch, now: float, room: int) -> Callable[[float], int]:
    whole = max((root.ended or now) - root.began, 1e-9)
    return lambda time: round((time - root.began) / whole * room)


def _bar(branch: Branch, now: float, scale: Callable[[float], int], room: int) -> str:
    if not branch.began:
        return ""
    ended = branch.ended or now
    start, end = scale(branch.began), scale(ended)
    bar = " " * start + "█" * max(end - start, 1)
    return f"{bar:<{room}} {ended - branch.began:6.1f} s"
