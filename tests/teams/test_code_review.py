"""The code-review team: what ruff finds, and fixes that are checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from coterie.errors import BadInput
from coterie.models import scripted
from coterie.teams.code_review import build
from coterie.teams.source import added, code_in, lint, mend, parameters, places, put
from coterie.testing import crash_everywhere

GOOD = """def load(path):
    '''A file.'''
    try:
        return path.read_text()
    except OSError:
        return None
"""
BAD = f"import os\n\n\n{GOOD}".replace("except OSError", "except")
OPINIONS = {
    "tester": lambda _: {"line": "return None", "it": "gives a wrong result"},
    "guard": lambda _: {"line": "return None", "it": "hides an error"},
    "reader": lambda _: {"line": "return path.read_text()", "it": "does too much at once"},
}


def _script(*fixes: str):
    lines = iter([f"```python\n{fix}```" for fix in fixes])
    return {"fixer": lambda _: next(lines), **OPINIONS}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with an import that nobody uses, and an `except` that catches everything."""
    path = tmp_path / "shop.py"
    path.write_text(BAD)
    return path


def test_what_ruff_finds_is_mended_and_checked(file: Path, tmp_path: Path) -> None:
    """The import by ruff itself, the `except` by the fixer; the given file stays as it was."""
    result = build(tmp_path / "out", file=file).run_sync("Review", model=scripted(_script(GOOD)))
    assert result.status == "succeeded"
    assert (tmp_path / "out" / "shop.py").read_text() == GOOD
    assert file.read_text() == BAD
    assert "- line 1: `os` imported but unused (F401): fixed" in result.text
    assert "- guard on line 9 (`return None`): hides an error" in result.text


@pytest.mark.parametrize(
    "fix",
    [
        "def load(path:\n",
        GOOD.replace("load", "read"),
        GOOD.replace("(path)", "(path, mode)"),
        GOOD.replace("except OSError", "except"),
    ],
)
def test_p15_a_fix_that_does_not_hold_is_not_taken(file: Path, tmp_path: Path, fix: str) -> None:
    """No Python, another name, other parameters, the same finding: the old code stays and the run is unverified."""
    result = build(tmp_path / "out", file=file).run_sync("Review", model=scripted(_script(fix, fix)))
    assert result.status == "unverified"
    assert "Do not use bare `except` (E722)" in result.message.unverified
    assert (tmp_path / "out" / "shop.py").read_text() == BAD.replace("import os\n\n\n", "")


def test_of_a_diff_only_its_own_lines_are_in_question(file: Path, tmp_path: Path) -> None:
    """What was there before is neither reported nor mended."""
    diff = tmp_path / "change.diff"
    diff.write_text(
        "+++ b/shop.py\n@@ -7,3 +7,3 @@\n         return path.read_text()\n+    except:\n         return None\n"
    )
    result = build(tmp_path / "out", diff=diff).run_sync("Review", model=scripted(_script(GOOD)))
    assert "F401" not in result.text
    assert result.status == "succeeded"
    assert (tmp_path / "out" / "shop.py").read_text() == f"import os\n\n\n{GOOD}"


def test_it_survives_a_crash_anywhere(file: Path, tmp_path: Path) -> None:
    """Cut after any event and resumed, it comes to the same and repeats no settled step."""
    script = {"fixer": lambda _: f"```python\n{GOOD}```", **OPINIONS}
    assert crash_everywhere(build(tmp_path / "out", file=file), "Review", script=script).status == "succeeded"


@pytest.mark.parametrize(
    ("given", "text", "what"),
    [
        ("file", "def f(:\n", "is no Python"),
        ("file", "", "empty"),
        ("diff", "not a diff\n", "adds no line"),
        ("diff", "--- a/../../x.py\n+++ b/../../x.py\n@@ -0,0 +1 @@\n+1\n", "outside"),
    ],
)
def test_what_cannot_be_reviewed_is_refused_at_the_door(
    tmp_path: Path, given: str, text: str, what: str
) -> None:
    """One message says what is wrong."""
    (tmp_path / "given.py").write_text(text)
    with pytest.raises(BadInput, match=what):
        build(tmp_path / "out", **{given: tmp_path / "given.py"})


def test_a_review_is_of_a_file_or_of_a_diff(file: Path, tmp_path: Path) -> None:
    """Neither and both are refused."""
    for given in ({}, {"file": file, "diff": file}):
        with pytest.raises(BadInput, match="--file or --diff"):
            build(tmp_path / "out", **given)


def test_source_is_taken_apart_and_put_together() -> None:
    """Places have their decorators, code its fence taken off, and functions their parameters."""
    source = "x = 1\n\n\n@cache\ndef f(a, *, b):\n    return a\n"
    assert [(one.name, one.first, one.last) for one in places(source)] == [("", 1, 1), ("f", 4, 6)]
    assert put(source, places(source)[1], "y = 2\n") == "x = 1\n\n\ny = 2\n"
    assert code_in("Here:\n```python\nx = 1\n```\nGood.") == code_in("x = 1") == "x = 1\n"
    assert parameters(source) == {"f": ["a", "b"]}
    assert added("+++ b/a.py\n@@ -1,2 +1,3 @@\n x\n+y\n-z\n w\n+v\n") == {"a.py": frozenset({2, 4})}


def test_ruff_is_the_real_one() -> None:
    """It finds, and mends, and reads no configuration of this project."""
    assert [(one.rule, one.line) for one in lint.function("import os\n", ["F"])] == [("F401", 1)]
    assert mend.function("import os\n\nx = 1\n", ["F"]) == "x = 1\n"
    assert mend.function("x = 1\n", ["F"]) == "x = 1\n"
