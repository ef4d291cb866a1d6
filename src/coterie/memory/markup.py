"""Text and HTML as numbered lines and blocks: what passages are made of.

A line keeps its number in the real file, whatever becomes of its markup, so a citation of
line 12 points at what an editor shows as line 12. A block is what belongs together: a
heading, a paragraph, a list item, a table, a code fence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import unescape
from html.parser import HTMLParser

from msgspec import Struct


class Block(Struct, frozen=True):
    """Lines `first` to `last`, from 1 and inclusive; a heading has a `level` and a `title`."""

    first: int
    last: int
    level: int = 0
    title: str = ""


class Layout(Struct, frozen=True):
    """The readable text of every line of a file, and the blocks it falls into.

    Each line that is not blank lies in exactly one block; blocks are in order.
    """

    lines: tuple[str, ...]
    blocks: tuple[Block, ...]


def split_lines(text: str) -> list[str]:
    """The lines of a text as editors count them: ended by LF, CRLF or CR, and nothing else."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


# -- Markdown, reStructuredText and plain text ------------------------------------------------

_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"\s{0,3}(#{1,6})\s+(.*?)(?:\s+#+)?\s*$")
_ITEM = re.compile(r"\s*(?:[-*+]|[0-9]{1,9}[.)])\s")
_RULE = re.compile(r"([=\-~^\"'#*+])\1{2,}\s*$")
_RULE_LEVELS = {"=": 1, "#": 1, "*": 1, "-": 2}


def markdown(text: str) -> Layout:
    """The layout of Markdown, reStructuredText or plain text."""
    lines = split_lines(text)
    return Layout(tuple(lines), tuple(_markdown_blocks(lines)))


def is_fence(line: str) -> bool:
    """Whether a line opens or closes fenced code."""
    return _FENCE.match(line) is not None


def _markdown_blocks(lines: Sequence[str]) -> Iterator[Block]:
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        block = _heading(lines, at) or _ruled(lines, at) or Block(at + 1, _end(lines, at))
        yield block
        at = block.last


def _heading(lines: Sequence[str], at: int) -> Block | None:
    found = _HEADING.match(lines[at])
    return Block(at + 1, at + 1, len(found[1]), found[2]) if found else None


def _ruled(lines: Sequence[str], at: int) -> Block | None:
    """A heading drawn with a rule below it (Markdown, reStructuredText), or above and below it."""
    over = _RULE.match(lines[at]) is not None
    title, below = at + over, at + over + 1
    if below >= len(lines) or not lines[title].strip() or _ITEM.match(lines[title]):
        return None
    rule = _RULE.match(lines[below])
    if rule is None or _RULE.match(lines[title]) or is_fence(lines[title]):
        return None
    if over and not lines[at].startswith(rule[1]):
        return None
    return Block(at + 1, below + 1, _RULE_LEVELS.get(rule[1], 3), lines[title].strip())


def _end(lines: Sequence[str], at: int) -> int:
    """The number of the last line of the fence or paragraph that begins at index `at`."""
    fence = _FENCE.match(lines[at])
    if fence:
        return _fence_end(lines, at, fence[1])
    end = at + 1
    while end < len(lines) and not _starts_block(lines[end]):
        end += 1
    return end


def _fence_end(lines: Sequence[str], at: int, mark: str) -> int:
    """A fence that is never closed runs to the end (CommonMark 0.31, section 4.5)."""
    closing = re.compile(rf"\s{{0,3}}{mark[0]}{{{len(mark)},}}\s*$")
    for index in range(at + 1, len(lines)):
        if closing.match(lines[index]):
            return index + 1
    last = len(lines)
    while not lines[last - 1].strip():
        last -= 1
    return last


def _starts_block(line: str) -> bool:
    return not line.strip() or any(kind.match(line) for kind in (_FENCE, _HEADING, _ITEM))


# -- HTML -------------------------------------------------------------------------------------

_UNSEEN = frozenset({"script", "style", "template", "noscript", "svg"})
_INLINE = frozenset(
    "a abbr b bdi bdo cite code data del dfn em font i img ins kbd label mark q rp rt ruby s samp "
    "small span strike strong sub sup time tt u var wbr".split()
)
_SPACING = frozenset({"br", "td", "th"})
_LEVELS = {"title": 1, "h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}


def html(text: str) -> Layout:
    """The layout of an HTML page: what a reader sees, each piece on the line it is written on.

    Raises:
        ValueError: if the page is so malformed that it cannot be read.
    """
    source = split_lines(text)
    page = _Page(len(source))
    try:
        page.feed(_closed("\n".join(source)))
        page.close()
    except AssertionError as error:  # how html.parser says that a declaration is malformed
        raise ValueError(str(error)) from error
    return page.layout()


def _closed(source: str) -> str:
    """A page in which what is opened and never closed is text.

    html.parser looks for the end of each such thing again and again, which takes minutes on a
    megabyte of them.
    """
    for opening, closing in (("<!--", "-->"), ("<![", "]>"), ("<", ">")):
        end = source.rfind(closing) + 1
        source = source[:end] + source[end:].replace(opening, "&lt;" + opening[1:])
    return source


class _Page(HTMLParser):
    """Collects visible text by line; a block begins at the first text after a block-level tag."""

    def __init__(self, lines: int) -> None:
        # Character references stay apart: `&#10;` must not count as a line of the file.
        super().__init__(convert_charrefs=False)
        self._texts: list[list[str]] = [[] for _ in range(lines + 1)]
        self._starts: set[int] = set()
        self._kept: set[int] = set()
        self._titles: dict[int, tuple[int, str]] = {}
        self._title: list[str] = []
        self._title_line = 0
        self._fresh = True
        self._unseen = 0
        self._pre = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag(tag)
        self._unseen += tag in _UNSEEN
        self._pre += tag == "pre"
        if tag in _LEVELS:
            self._title, self._title_line = [], 0

    def handle_endtag(self, tag: str) -> None:
        if tag in _LEVELS and self._title_line:
            title = " ".join("".join(self._title).split())
            self._titles.setdefault(self._title_line, (_LEVELS[tag], title))
        self._unseen = max(0, self._unseen - (tag in _UNSEEN))
        self._pre = max(0, self._pre - (tag == "pre"))
        self._tag(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag(tag)

    def handle_data(self, data: str) -> None:
        line = self.getpos()[0]
        for offset, part in enumerate(data.split("\n")):
            self._say(line + offset, part)
            self._title.append(" " if offset else "")

    def handle_entityref(self, name: str) -> None:
        self._say(self.getpos()[0], unescape(f"&{name};"))

    def handle_charref(self, name: str) -> None:
        self._say(self.getpos()[0], unescape(f"&#{name};").replace("\n", " "))

    def layout(self) -> Layout:
        """What was read, once the page is closed."""
        lines = [self._line(number) for number in range(1, len(self._texts))]
        return Layout(tuple(lines), tuple(self._blocks(lines)))

    def _tag(self, tag: str) -> None:
        if tag in _INLINE:
            return
        self._texts[self.getpos()[0]].append(" ")
        self._fresh = self._fresh or tag not in _SPACING

    def _say(self, line: int, text: str) -> None:
        if self._unseen:
            return
        if text.strip():
            if self._fresh and not "".join(self._texts[line]).strip():
                self._starts.add(line)
            self._fresh = False
            self._title_line = self._title_line or line
        if self._pre:
            self._kept.add(line)
        self._texts[line].append(text)
        self._title.append(text)

    def _line(self, number: int) -> str:
        text = "".join(self._texts[number])
        return text.rstrip() if number in self._kept else " ".join(text.split())

    def _blocks(self, lines: Sequence[str]) -> Iterator[Block]:
        block: Block | None = None
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            if block is None or number in self._starts:
                if block:
                    yield block
                block = Block(number, number, *self._titles.get(number, (0, "")))
            else:
                block = Block(block.first, number, block.level, block.title)
        if block:
            yield block
