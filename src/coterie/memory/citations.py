"""Citations of file and line: reading them in an answer, and checking them against the files.

A citation is `[notes.md:12]` or `[notes.md:12-15]`. One bracket can hold several, separated by
`;` or `,`, and a line without a file belongs to the file before it: `[a.md:3, 7-9; b.md:1]`.
A `[`, `]`, `:` or `%` in a file's name is written as in a URL (`%5B`). Everything is pure: no file
is opened here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Literal, TypeAlias
from urllib.parse import unquote

from msgspec import Struct

from coterie.memory.claims import Sentence, claims, content_words, sentences, support

Files: TypeAlias = Mapping[str, Sequence[str]]
"""The lines of each file, by its path: what `Folder.lines` gives."""
Kind: TypeAlias = Literal[
    "malformed", "unknown file", "out of range", "reversed", "blank", "too wide",
    "unsupported", "wrong number", "uncited sentence", "uncited paragraph",
]  # fmt: skip

ENOUGH = 0.45
"""The share of a sentence's content words that must stand in the lines it cites."""
WIDEST = 400
"""Words in the lines of one citation: more would support anything. One line is never too wide."""
SHOWN = 160
"""Characters of a text that a problem quotes."""

_RANGE = r"L?(?P<first>[0-9]{1,9})(?:\s*[-–—]\s*L?(?P<last>[0-9]{1,9}))?\s*(?:[;,]|$)\s*"
_FILE = r"(?P<file>[^\[\]]+?)\s*:\s*"
_FIRST = re.compile(rf"\s*{_FILE}{_RANGE}")
_NEXT = re.compile(rf"(?:{_FILE})??{_RANGE}")
_BRACKET = re.compile(r"\[([^\[\]]{1,1000})\]")
_ESCAPED = re.compile(r"[%:\[\]]|[^\S ]|[\x00-\x1f]|^ | $|^[0-9](?=[0-9]*$)")
_DIGITS = re.compile(r"[0-9]+")
_SPACED = re.compile(r"\s*[\n\r]\s*")


class Citation(Struct, frozen=True):
    """Lines `first` to `last` of a file, from 1 and inclusive."""

    file: str
    first: int
    last: int

    def __str__(self) -> str:
        name = _ESCAPED.sub(_escaped, self.file)
        lines = f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"
        return f"[{name}:{lines}]"


class Problem(Struct, frozen=True):
    """What is wrong with an answer, on which of its lines, about which text, and how to mend it."""

    kind: Kind
    line: int
    about: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"Line {self.line}, {self.about!r}: {self.what}. {self.mend}."


def cited(text: str) -> list[Citation]:
    """The citations in a text, in order and with repeats; other brackets are none."""
    return [citation for inside in _BRACKET.findall(text) for citation in _read(inside)]


def without_citations(text: str) -> str:
    """A text with its citations taken out, and nothing else."""
    return _BRACKET.sub(lambda found: "" if _read(found[1]) else found[0], text)


def check(text: str, files: Files) -> list[Problem]:
    """What is wrong with the citations of a text; empty if every one holds.

    A citation holds when its lines exist and say something, and when together the lines that a
    sentence cites have at least `ENOUGH` of its content words and all of its numbers.
    """
    return [problem for sentence in sentences(text) for problem in _checked(sentence, files)]


def uncited(text: str) -> list[Problem]:
    """The claims without a citation: whole paragraphs, and sentences in paragraphs that cite."""
    claiming: dict[int, list[Sentence]] = {}
    citing: set[int] = set()
    for sentence in sentences(text):
        if cited(sentence.text):
            citing.add(sentence.paragraph)
        elif claims(sentence, sentence.text):
            claiming.setdefault(sentence.paragraph, []).append(sentence)
    return [
        problem
        for paragraph, bare in claiming.items()
        for problem in (_bare_sentences(bare) if paragraph in citing else _bare_paragraph(bare))
    ]


def _read(inside: str) -> list[Citation]:
    """The citations in one bracket, or none if it is a bracket of another kind."""
    found = _FIRST.match(inside)
    if found is None or _DIGITS.fullmatch(found["file"]):  # a time of day, such as [10:30]
        return []
    result: list[Citation] = []
    file = ""
    while found is not None:
        file = _file(found["file"]) if found["file"] else file
        first = int(found["first"])
        result.append(Citation(file, first, int(found["last"] or first)))
        if found.end() == len(inside):
            return result
        found = _NEXT.match(inside, found.end())
    return []


def _file(written: str) -> str:
    return unquote(_SPACED.sub(" ", written))


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())


def _checked(sentence: Sentence, files: Files) -> Iterator[Problem]:
    citations = cited(sentence.text)
    wrong = list(_malformed(sentence, files))
    for citation in citations:
        wrong += _misplaced(sentence, citation, files)
    yield from wrong
    if citations and sentence.prose and not wrong:
        yield from _unsupported(sentence, citations, files)


def _malformed(sentence: Sentence, files: Files) -> Iterator[Problem]:
    for inside in _BRACKET.findall(sentence.text):
        if not _read(inside) and any(file in inside for file in files):
            yield Problem(
                "malformed", sentence.line, f"[{inside}]",
                "this names a file but no lines of it",
                "Write [file:line] or [file:first-last]",
            )  # fmt: skip


def _misplaced(sentence: Sentence, citation: Citation, files: Files) -> Iterator[Problem]:
    """At most one thing that is wrong with where a citation points."""
    wrong = _place(citation, files)
    if wrong:
        kind, what, mend = wrong
        yield Problem(kind, sentence.line, str(citation), what, mend)


def _place(citation: Citation, files: Files) -> tuple[Kind, str, str] | None:
    lines = files.get(citation.file)
    first, last = citation.first, citation.last
    if lines is None:
        return "unknown file", f"there is no file {citation.file!r}", _nearest(citation, files)
    if first > last:
        turned = Citation(citation.file, last, first)
        return "reversed", f"line {first} comes after line {last}", f"Write {turned}"
    if first < 1 or last > len(lines):
        what = f"{citation.file!r} has lines 1 to {len(lines)}"
        return "out of range", what, "Cite the lines that say it"
    text = "\n".join(lines[first - 1 : last])
    if not text.strip():
        return "blank", "nothing is written there", "Cite the lines that say it"
    words = len(text.split())
    if first < last and words > WIDEST:
        return "too wide", f"{words} words are no place", "Cite only the lines that say it"
    return None


def _nearest(citation: Citation, files: Files) -> str:
    """The file that was probably meant: of the same name in another folder, or of a similar one."""
    name = citation.file.rsplit("/", 1)[-1]
    same = [file for file in sorted(files) if file.rsplit("/", 1)[-1] == name]
    near = same or get_close_matches(citation.file, sorted(files), 3)
    known = near or sorted(files)[:6]
    return f"{'Did you mean' if near else 'The files are'} {', '.join(map(repr, known))}"


def _unsupported(sentence: Sentence, citations: Sequence[Citation], files: Files) -> Iterator[Problem]:
    said = without_citations(sentence.text)
    sources = [_source(citation, files) for citation in citations]
    found = support(said, "\n".join(sources))
    quoted = _short(" ".join(sources))
    about = _short(sentence.text)
    if found.share < ENOUGH:
        absent = ", ".join(map(repr, found.absent[:6]))
        yield Problem(
            "unsupported", sentence.line, about, f"the cited lines do not speak of {absent}",
            f"They say {quoted!r}: cite the lines that say it, or say what these lines say",
        )  # fmt: skip
    if found.numbers:
        wrong = ", ".join(found.numbers)
        yield Problem(
            "wrong number", sentence.line, about, f"the cited lines do not have {wrong}",
            f"They say {quoted!r}: write the number as it stands there, or cite where it stands",
        )  # fmt: skip
    for citation, source in zip(citations, sources, strict=True):
        if len(citations) > 1 and not _bears(said, source):
            yield Problem(
                "unsupported", sentence.line, str(citation),
                "it has nothing to do with its sentence",
                "Leave it out, or cite the lines that say it",
            )  # fmt: skip


def _bears(said: str, source: str) -> bool:
    words = content_words(said)
    return not words or len(support(said, source).absent) < len(words)


def _source(citation: Citation, files: Files) -> str:
    return "\n".join(files[citation.file][citation.first - 1 : citation.last])


def _bare_paragraph(bare: Sequence[Sentence]) -> list[Problem]:
    about = _short(bare[0].text)
    what = "this paragraph claims something and cites nothing"
    mend = "Cite the lines it comes from, or leave it out"
    return [Problem("uncited paragraph", bare[0].line, about, what, mend)]


def _bare_sentences(bare: Sequence[Sentence]) -> list[Problem]:
    what = "this sentence claims something and cites nothing"
    mend = "Cite the lines it comes from, or leave it out"
    return [
        Problem("uncited sentence", sentence.line, _short(sentence.text), what, mend) for sentence in bare
    ]


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= SHOWN else plain[: SHOWN - 1] + "…"
