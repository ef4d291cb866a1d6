"""Text that fits a terminal, and does nothing to it but be read."""

from __future__ import annotations

from msgspec import Struct


class Look(Struct, frozen=True, kw_only=True):
    """What a terminal can show: columns, rows (0: any number), colours, and letters beyond ASCII."""

    width: int = 80
    height: int = 0
    colour: bool = False
    unicode: bool = True


_PLAIN = str.maketrans("●✓✗○├└─│…·█", "*+xo|`-|.-#")
_CONTROLS = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160)])


def plain(line: str, look: Look) -> str:
    """A line in the letters that a terminal has."""
    return line if look.unicode else line.translate(_PLAIN)


def harmless(text: str) -> str:
    """A text without control characters but tab and newline: what a model says moves no cursor."""
    return text.translate(_CONTROLS)


def cropped(text: str, width: int) -> str:
    """A text on one line of at most `width` letters, its white space shrunk."""
    return cut(" ".join(harmless(text).split()), width)


def cut(text: str, width: int) -> str:
    """The first `width` letters of a line, the last of them a `…` where there are more."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def ending(text: str, width: int) -> str:
    """The last `width` letters of a text on one line, the first of them a `…` where there are more."""
    line = " ".join(harmless(text).split())
    return line if len(line) <= width else "…" + line[len(line) - max(width - 1, 0) :]


def money(usd: float) -> str:
    """US dollars: cents, or as many digits as it takes to see that it is not nothing."""
    return f"{usd:.2f}" if usd >= 1 or not usd else f"{usd:.4f}" if usd >= 0.0001 else f"{usd:.1e}"
