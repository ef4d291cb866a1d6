"""The pages of the patterns: one form, every option, and a table in which no cell is empty."""

import importlib
import inspect
import re
from itertools import pairwise
from pathlib import Path

import pytest

from coterie import patterns
from tests.patterns import test_catalogue

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "patterns"
MODULES = ROOT / "src" / "coterie" / "patterns"
NAMES = test_catalogue.NAMES
HEADINGS = ["When to use it", "An example", "Options", "What is promised"]
COLUMNS = [
    "test_crash_everywhere",
    "test_cancel",
    "test_budget_cap",
    "test_one_of_three_fails",
    "test_nested",
]
CELL = re.compile(r'\[yes\]\((\S+) "([^"]+)"\)')
LINES = 150
"""Lines of code that a pattern may have; comments, docstrings and empty lines are none."""


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_the_form_of_all(name):
    """The idea, a diagram, when to use it and when not, an example that runs, options, promises, and the tests."""
    text = (PAGES / f"{name}.md").read_text()
    opening, *_ = text.partition("## ")
    found = [heading for heading in re.findall(r"^## (.*)$", text, re.MULTILINE) if heading in HEADINGS]
    assert found == HEADINGS
    assert len(re.findall(r"[.!?](\s|$)", opening.partition("```")[0])) >= 2
    assert "```mermaid" in opening
    assert "```python" in text.partition("## An example")[2].partition("## Options")[0]
    assert f"(../../tests/patterns/test_{name}.py)" in text


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_every_option(name):
    """What the function takes is in the table of options, and nothing else."""
    text = (PAGES / f"{name}.md").read_text()
    options = re.findall(r"^\| `\**(\w+)`", text.partition("## Options")[2].partition("## ")[0], re.MULTILINE)
    assert sorted(options) == sorted(inspect.signature(getattr(patterns, name)).parameters)


def test_the_table_is_complete():
    """Every pattern has a row, and each cell leads to a test that runs for that pattern."""
    rows = {}
    for line in (PAGES / "README.md").read_text().splitlines():
        if found := re.match(r"\| \[(\w+)\]\((\w+)\.md\) \|", line):
            assert found[1] == found[2]
            rows[found[1]] = CELL.findall(line)
    assert sorted(rows) == NAMES
    for name, (own, *cells) in rows.items():
        assert own == (f"../../tests/patterns/test_{name}.py", f"test_{name}.py")
        module = importlib.import_module(f"tests.patterns.test_{name}")
        assert sum(one.startswith("test_") for one in vars(module)) >= 6
        assert [title for _, title in cells] == [f"{column}, {name}" for column in COLUMNS]
        assert {path for path, _ in cells} == {"../../tests/patterns/test_catalogue.py"}


@pytest.mark.parametrize("column", COLUMNS)
def test_each_column_is_a_test_of_all_patterns(column):
    """It is parametrized with every name that there is."""
    marks = getattr(test_catalogue, column).pytestmark
    assert NAMES in [mark.args[1] for mark in marks if mark.args[0] == "name"]


@pytest.mark.parametrize("name", NAMES)
def test_a_pattern_is_a_page(name):
    """No pattern's module is longer than a page."""
    tree = (MODULES / f"{name}.py").read_text().split('"""')
    code = [
        line for part in tree[::2] for line in part.splitlines() if line.strip() and line.strip()[0] != "#"
    ]
    assert len(code) <= LINES


@pytest.mark.parametrize("path", ["README.md", "docs/patterns/README.md"])
def test_a_catalogue_names_every_pattern(path):
    """By a link to its page, before the table."""
    text = (ROOT / path).read_text().partition("## The catalogue")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"\[(\w+)\]\((?:docs/patterns/)?\1\.md\)", text)) == NAMES


def test_the_catalogue_is_in_order():
    """The rows stand in the order of their names."""
    rows = re.findall(r"^\| \[(\w+)\]", (PAGES / "README.md").read_text(), re.MULTILINE)
    assert all(one < other for one, other in pairwise(rows))
