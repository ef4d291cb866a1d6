"""Citations: reading them, and finding what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.memory.citations import (
    ENOUGH,
    Citation,
    check,
    cited,
    uncited,
    without_citations,
)
from coterie.memory.claims import content_words, numbers, sentences, support
from coterie.memory.folder import read_folder

DATA = Path(__file__).parent / "data"
FILES = {
    "log.md": [
        "The store writes 1,000 events a second.",
        "",
        "It runs on SQLite with twelve workers and forty-two queues.",
        "A run that fails is resumed from its journal.",
    ],
    "guides/old [2].md": ["Penguins eat krill."],
    "wide.md": ["word " * 150] * 4,
}
CITATIONS = st.builds(
    Citation,
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    st.integers(0, 10**9 - 1),
    st.integers(0, 10**9 - 1),
)


def kinds(text: str) -> list[str]:
    return [problem.kind for problem in check(text, FILES)]


@given(CITATIONS)
def test_what_is_written_is_read(citation: Citation) -> None:
    """Any path and range survive being written and read, whatever is in the path."""
    assert cited(f"Text {citation}.") == [citation]


@given(st.text() | st.text("[]:;,-0123456789 a.\n%L", max_size=60))
def test_any_text_can_be_checked(text: str) -> None:
    """Nothing that a model writes is an error; what is reported is on a line of the text."""
    for problem in check(text, FILES) + uncited(text):
        assert 1 <= problem.line <= text.count("\n") + text.count("\r") + 1
        assert str(problem)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a.md:3]", [("a.md", 3, 3)]),
        ("[a.md:3-5; b/c.md:1]", [("a.md", 3, 5), ("b/c.md", 1, 1)]),
        ("[a.md:3, 7-9, b.md:1]", [("a.md", 3, 3), ("a.md", 7, 9), ("b.md", 1, 1)]),
        ("[Smith, 2020.md:4]", [("Smith, 2020.md", 4, 4)]),
        ("[a.md: L3–L5]", [("a.md", 3, 5)]),
        ("[my\nnotes.md:3]", [("my notes.md", 3, 3)]),
        ("[a.md:3][b.md:4]", [("a.md", 3, 3), ("b.md", 4, 4)]),
        ("[10:30] [1] [^2] [x](y) [a.md] a.md:3 list[1:2]", []),
    ],
)
def test_forms_of_citation(text: str, expected: list[tuple[str, int, int]]) -> None:
    """One or several to a bracket; other brackets are none."""
    assert cited(text) == [Citation(*each) for each in expected]


def test_taking_citations_out_leaves_other_brackets() -> None:
    """What remains is what the sentence says."""
    assert without_citations("See [1] now [a.md:3; 4].") == "See [1] now ."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The store writes 1000 events each second [log.md:1].", []),
        ("It has 42 queues and 12 workers on SQLite. [log.md:3]", []),
        ("The store writes events, and SQLite workers run [log.md:1, 3].", []),
        ("Penguins eat krill [guides/old %5B2%5D.md:1].", []),
        ("The store writes [nolog.md:1].", ["unknown file"]),
        ("The store writes [log.md:9].", ["out of range"]),
        ("The store writes [log.md:0].", ["out of range"]),
        ("The store writes [log.md:3-1].", ["reversed"]),
        ("The store writes [log.md:2].", ["blank"]),
        ("Many words [wide.md:1-4].", ["too wide"]),
        ("Many words [wide.md:1].", []),
        ("The store writes [log.md].", ["malformed"]),
        ("Penguins swim in cold water [log.md:1].", ["unsupported"]),
        ("The store writes 2,000 events a second [log.md:1].", ["wrong number"]),
        ("The store writes events [log.md:1; guides/old %5B2%5D.md:1].", ["unsupported"]),
        ("# Heading [log.md:7]", ["out of range"]),
        ("```\ncode [log.md:7]\n```", ["out of range"]),
        ("| a | b |\n|---|---|\n| Penguins swim | far [log.md:1] |", ["unsupported"]),
        ("1. The store writes events [log.md:1].", []),
    ],
)
def test_each_kind_of_problem_is_found(text: str, expected: list[str]) -> None:
    """A citation holds, or exactly what is wrong with it is said."""
    assert kinds(text) == expected


def test_a_problem_tells_a_writer_how_to_mend_it() -> None:
    """It quotes the sentence, the lines and the file that was probably meant."""
    assert [str(problem) for problem in check("Fine.\n\nIt writes [x/log.md:1].", FILES)] == [
        "Line 3, '[x/log.md:1]': there is no file 'x/log.md'. Did you mean 'log.md'."
    ]
    (problem,) = check("Penguins swim [log.md:4].", FILES)
    assert problem.what == "the cited lines do not speak of 'penguins', 'swim'"
    assert problem.mend.startswith("They say 'A run that fails is resumed from its journal.'")


def test_claims_without_a_citation_are_found_by_paragraph_and_by_sentence() -> None:
    """A paragraph that cites nothing is one problem; where it cites, each bare sentence is."""
    text = (
        "# A heading that claims many things\n\nThe store writes quickly. It loses no events.\n\n"
        "The store writes events [log.md:1]. Penguins e.g. emperors swim far.\n\n"
        "- A bullet claims important things\n"
    )
    assert [(problem.kind, problem.line) for problem in uncited(text)] == [
        ("uncited paragraph", 3), ("uncited sentence", 5), ("uncited paragraph", 7),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "What does the store write every second?",
        "The store has these important parts:",
        "In short, yes.",
        "The documents do not say how much the store costs.",
        "The files don't mention penguins anywhere.",
        "Nothing in the given documents explains penguins.",
        "```\nlong code that claims things\n```",
    ],
)
def test_what_needs_no_source_is_left_alone(text: str) -> None:
    """Questions, lead-ins, code, and the honest word that nothing was found."""
    assert uncited(text) == []


def test_saying_that_the_files_are_silent_excuses_nothing_else() -> None:
    """A claim cannot hide behind an absence in the same sentence."""
    text = "The documents do not mention cost, but the store writes a million events."
    assert [problem.kind for problem in uncited(text)] == ["uncited paragraph"]


def test_a_citation_belongs_to_the_sentence_before_it() -> None:
    """Full stops inside numbers, names and abbreviations end nothing."""
    text = "It costs 1.5 units, e.g. Dr. Who says so. [a.md:1] It ends! Does it?\nYes"
    assert [sentence.text for sentence in sentences(text)] == [
        "It costs 1.5 units, e.g. Dr. Who says so. [a.md:1]", "It ends!", "Does it?", "Yes",
    ]  # fmt: skip


def test_the_measure_of_support() -> None:
    """Stems are compared, function words are not, figures are told apart."""
    found = support("The stored events were resumed by 3 herons", "storing an event, resuming")
    assert (found.share, found.absent, found.numbers) == (0.75, ("herons",), ("3",))
    assert list(content_words("The quick runners are running")) == ["quick", "run"]
    assert numbers("v2 took 1,234.5 ms, 30% of 3.11.2, 12ms") == {"1234.5", "30", "3.11.2", "12"}


@given(st.text(max_size=80))
def test_every_text_supports_itself(text: str) -> None:
    """A quotation is always borne out by what it quotes."""
    found = support(text, text)
    assert (found.share, found.absent, found.numbers) == (1.0, (), ())


def test_labelled_claims_are_told_apart() -> None:
    """Of hand-labelled claims, those that their lines bear out hold, and the others do not."""
    files = read_folder(DATA / "library").lines
    for line in (DATA / "claims.jsonl").read_text().splitlines():
        row = json.loads(line)
        lines = files[row["file"]][row["first"] - 1 : row["last"]]
        found = support(row["claim"], "\n".join(lines))
        assert (found.share >= ENOUGH and not found.numbers) == row["holds"], row["claim"]
