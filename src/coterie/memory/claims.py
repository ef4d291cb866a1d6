"""What an answer claims: its sentences, and how far other lines bear them out, word by word.

The measure is lexical and knows no meaning. It finds a citation of the wrong place and a figure
that is not there; it cannot find a sentence that uses the cited words to say the opposite.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from msgspec import Struct

from coterie.memory.markup import is_fence, markdown

_STOP = frozenset(
    (
        "a about above after again against all also although am among an and any are as at be "
        "because been before being below between both but by can could did do does doing done "
        "down during each either else even ever every few for from further had has have having he "
        "her here hers him his how however i if in into is it its itself just least less let like "
        "may me might more most much must my neither no nor not now of off often on once one only "
        "onto or other others our ours out over own per rather same say says shall she should "
        "since so some such than that the their them then there therefore these they this those "
        "through thus to too under until up upon us very via was we well were what when where "
        "whether which while who whom whose why will with within without would yet you your "
    ).split()
)
_ENDINGS = (
    ("ization", "ize"), ("ations", "ate"), ("ation", "ate"), ("ingly", ""), ("iness", "y"),
    ("ness", ""), ("ment", ""), ("ies", "y"), ("ied", "y"), ("ily", "y"), ("ing", ""), ("ers", ""),
    ("ed", ""), ("er", ""), ("es", ""), ("ly", ""), ("s", ""), ("e", ""),
)  # fmt: skip
_DOUBLES = ("bb", "dd", "gg", "ll", "mm", "nn", "pp", "rr", "tt")
_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_NUMERALS = {name: value for value, name in enumerate(_UNITS)} | {
    name: 10 * value for value, name in enumerate(_TENS, 2)
}
_SPELLED = re.compile(rf"\b({'|'.join(_TENS)})[- ]({'|'.join(_UNITS[1:10])})\b|[a-z]+")
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\d_]+")
_NUMBER = re.compile(r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)*)")
_MARKS = re.compile(r"^\s*(?:>\s*)*(?:(?:[-*+]|[0-9]{1,9}[.)])\s+)?(?:\[[ xX]\]\s+)?")
_TABLE_RULE = re.compile(r"\s*\|?[\s:|-]*-[\s:|-]*$")
_CITING = r"\[[^\[\]]{0,1000}\]"
_SENTENCE_END = re.compile(rf"[.!?。！？]+[\"'”’)*_]*(?:\s*{_CITING})*(?=\s+|$)|[。！？](?=\S)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|al|approx|fig|no|dr|mr|mrs|ms|prof|st)|\b[A-Z])\.$", re.IGNORECASE
)
_MATERIAL = r"(?:documents?|files?|sources?|notes?|texts?|folder|passages?|material)"
_SAYING = (
    r"(?:say|mention|state|give|cover|contain|answer|tell|describe|specify|explain|report|name|"
    r"include|address|provide|show|discuss)"
)
_ABSENCE = re.compile(
    rf"\b{_MATERIAL} (?:(?:do|does|did)(?: not|n't)|cannot|can't|never) (?:\w+ )?{_SAYING}\b"
    rf"|\b{_MATERIAL} {_SAYING}s? (?:nothing|no)\b|^nothing in the (?:\w+ )?{_MATERIAL}\b",
    re.IGNORECASE,
)
_TURN = re.compile(r";|\b(?:but|however|although|though|yet)\b", re.IGNORECASE)
CLAIM = 3
"""Content words from which a sentence says something that needs a source."""


class Sentence(Struct, frozen=True):
    """A sentence of an answer: the line its paragraph begins on, its paragraph, and its kind.

    Headings, code and table heads are no `prose`: citations in them are checked, but they
    claim nothing.
    """

    line: int
    paragraph: int
    text: str
    prose: bool = True


class Support(Struct, frozen=True):
    """How far a source bears out a claim: the share of content words it has, and what it lacks."""

    share: float
    absent: tuple[str, ...]
    numbers: tuple[str, ...]
    """Numbers of the claim that the source does not have."""


def sentences(text: str) -> list[Sentence]:
    """The sentences of a Markdown text in order; a citation after a full stop belongs before it."""
    layout = markdown(text)
    result: list[Sentence] = []
    for number, block in enumerate(layout.blocks):
        lines = layout.lines[block.first - 1 : block.last]
        prose = not block.level and not is_fence(lines[0])
        if prose and lines[0].lstrip().startswith("|"):
            result += _table(lines, block.first, number)
            continue
        paragraph = " ".join(_MARKS.sub("", line) if prose else line for line in lines)
        parts = _split(paragraph) if prose else [paragraph]
        result += [Sentence(block.first, number, part, prose) for part in parts]
    return result


def claims(sentence: Sentence, bare: str) -> bool:
    """Whether a sentence, `bare` of its citations, says something that needs a source.

    Questions, lead-ins that end in a colon, a few words, and the statement that the documents do
    not say something do not.
    """
    said = bare.replace("’", "'").rstrip(" *_\"')")
    if not sentence.prose or said.endswith(("?", ":")):
        return False
    absence = _ABSENCE.search(said) and not _TURN.search(said)
    return not absence and len(content_words(said)) >= CLAIM


def content_words(text: str) -> dict[str, str]:
    """The words that carry meaning, by stem, in order; function words and numbers are left out."""
    plain = unicodedata.normalize("NFKC", text).replace("’", "'").lower()
    return {stem(word): word for word in _TOKEN.findall(plain) if _means(word)}


def _means(word: str) -> bool:
    if len(word) == 1:
        return ord(word) > 0x3000  # one character is a word in Chinese or Japanese, not in English
    return word not in _STOP and word not in _NUMERALS


def stem(word: str) -> str:
    """An English word without its ending; crude, but the same for `stores`, `stored`, `storing`."""
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            root = word[: len(word) - len(ending)] + instead
            return root[:-1] if root.endswith("e") or root[-2:] in _DOUBLES else root
    return word


def numbers(text: str) -> frozenset[str]:
    """The numbers in a text as it writes them, without thousands commas and units."""
    plain = unicodedata.normalize("NFKC", text)
    return frozenset(number.replace(",", "") for number in _NUMBER.findall(plain))


def spelled(text: str) -> frozenset[str]:
    """The numbers up to 99 that a text writes in English letters, as digits."""
    found = _SPELLED.finditer(text.lower())
    values = (
        _NUMERALS[match[1]] + _NUMERALS[match[2]] if match[1] else _NUMERALS.get(match[0]) for match in found
    )
    return frozenset(str(value) for value in values if value is not None)


def support(claim: str, source: str) -> Support:
    """How far the words and numbers of `claim` occur in `source`.

    The share is the containment of the claim's content words, as stems, in the source's:
    |claim ∩ source| / |claim|. A number in digits is there when the source has it in digits or,
    up to 99, in letters.
    """
    wanted, there = content_words(claim), content_words(source)
    absent = tuple(word for root, word in wanted.items() if root not in there)
    missing = numbers(claim) - numbers(source) - spelled(source)
    share = 1 - len(absent) / len(wanted) if wanted else 1.0
    return Support(share, absent, tuple(sorted(missing)))


def _table(lines: Sequence[str], first: int, paragraph: int) -> Iterator[Sentence]:
    for offset, line in enumerate(lines):
        below = lines[offset + 1] if offset + 1 < len(lines) else ""
        prose = not _TABLE_RULE.match(line) and not (below and _TABLE_RULE.match(below))
        yield Sentence(first + offset, paragraph, line.strip(), prose)


def _split(paragraph: str) -> list[str]:
    parts: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(paragraph):
        said = paragraph[start : end.end()]
        following = paragraph[end.end() :].lstrip()
        if _ABBREVIATION.search(said) or following[:1].islower():
            continue
        parts.append(said.strip())
        start = end.end()
    parts.append(paragraph[start:].strip())
    return [part for part in parts if part]
