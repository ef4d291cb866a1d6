"""Documents in passages: pieces small enough to embed, each with its real lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from coterie.memory.folder import Document
from coterie.memory.markup import Block

LONGEST = 180
"""Words and marks in a passage: in dense English about 256 tokens of an embedding model."""
STANDS_ALONE = 60
"""Words and marks from which a section is not joined with the next one."""

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+|[^\w\s]")


class Passage(Struct, frozen=True):
    """Lines `first` to `last` of a file, from 1 and inclusive, under a trail of headings."""

    file: str
    first: int
    last: int
    headings: tuple[str, ...]
    text: str


class _Part(Struct, frozen=True):
    """A block, or some lines of one, and how long it is."""

    block: Block
    size: int


def size(text: str) -> int:
    """Words and punctuation marks in a text, close to what an embedding model counts."""
    return sum(1 for _ in _WORD.finditer(text))


def passages(document: Document) -> list[Passage]:
    """A document in passages: every line that is not blank is in exactly one of them.

    No line is ever split, so a line that is longer than a passage is a passage of its own.
    """
    lines, blocks = document.layout.lines, document.layout.blocks
    trail: list[Block] = []
    result: list[Passage] = []
    for group in _packed(part for block in blocks for part in _parts(lines, block)):
        headings = _follow(trail, group)
        first, last = group[0].block.first, group[-1].block.last
        text = "\n".join(lines[first - 1 : last])
        result.append(Passage(document.file, first, last, headings, text))
    return result


def _parts(lines: Sequence[str], block: Block) -> Iterator[_Part]:
    """The block whole if it fits, else split between lines; only the first part is a heading."""
    sizes = [size(line) for line in lines[block.first - 1 : block.last]]
    if sum(sizes) <= LONGEST:
        yield _Part(block, sum(sizes))
        return
    runs = _runs(sizes)
    for start, end in runs:
        part = Block(block.first + start, block.first + end - 1)
        if start == 0:
            part = Block(part.first, part.last, block.level, block.title)
        yield _Part(part, sum(sizes[start:end]))


def _runs(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Ranges of lines, as long as fit, that neither begin nor end with a blank line."""
    runs: list[tuple[int, int]] = []
    used = 0
    for index, more in enumerate(sizes):
        if not more:
            continue
        if runs and used + more <= LONGEST:
            runs[-1] = (runs[-1][0], index + 1)
            used += more
        else:
            runs.append((index, index + 1))
            used = more
    return runs


def _packed(parts: Iterable[_Part]) -> list[list[_Part]]:
    """Neighbouring parts in groups of passage size; a heading goes with the next, if it fits."""
    groups: list[list[_Part]] = [[]]
    for part in parts:
        if _full(groups[-1], part):
            groups.append(_loose_headings(groups[-1], LONGEST - part.size))
        groups[-1].append(part)
    return [group for group in groups if group]


def _full(group: Sequence[_Part], part: _Part) -> bool:
    used = sum(member.size for member in group)
    return used + part.size > LONGEST or (part.block.level > 0 and used >= STANDS_ALONE)


def _loose_headings(group: list[_Part], room: int) -> list[_Part]:
    """Takes the headings off the end of a group, as many as there is room for."""
    loose: list[_Part] = []
    while group and group[-1].block.level and group[-1].size <= room:
        room -= group[-1].size
        loose.insert(0, group.pop())
    return loose


def _follow(trail: list[Block], group: Sequence[_Part]) -> tuple[str, ...]:
    """The headings over the first text of a group; moves `trail` on to where the group ends."""
    over: tuple[str, ...] | None = None
    for part in group:
        block = part.block
        if block.level:
            trail[:] = [heading for heading in trail if heading.level < block.level]
            trail.append(block)
        elif over is None:
            over = tuple(heading.title for heading in trail)
    return tuple(heading.title for heading in trail) if over is None else over
