"""What the repository says about itself is so."""

from __future__ import annotations

import ast
import runpy
import tomllib
from pathlib import Path

import pytest

import coterie

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "src" / "coterie").rglob("*.py"))


def test_the_map_is_true() -> None:
    """docs/map.md names every file of the package with what the file says of itself, and nothing else."""
    expected = runpy.run_path(str(ROOT / ".ci" / "map.py"))["page"]()
    actual = (ROOT / "docs" / "map.md").read_text()
    assert expected == actual, "run: python .ci/map.py"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT / "src").as_posix())
def test_every_module_says_what_it_is_for(path: Path) -> None:
    """Each begins with a docstring, and keeps to 400 lines."""
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= 400


def test_one_version() -> None:
    """The package and its metadata agree on the version, and the changelog knows it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == coterie.__version__
    assert f"## {coterie.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_core_needs_three_packages() -> None:
    """Whoever installs Coterie without extras gets msgspec, click and PyYAML, and nothing that they bring."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = sorted(requirement.split(">")[0] for requirement in project["dependencies"])
    assert names == ["click", "msgspec", "pyyaml"]


def test_no_names_that_say_nothing() -> None:
    """No module is called after what every module is."""
    empty = {"utils", "helpers", "common", "base", "core", "manager", "internal"}
    assert [path for path in MODULES if path.stem in empty or path.parent.name in empty] == []
