"""What the repository says about itself is so."""

from __future__ import annotations

import ast
import runpy
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import coterie
from coterie import errors

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


def _public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The public functions and methods with a docstring, but for those that stand in a function."""
    for one in body:
        if isinstance(one, ast.ClassDef):
            yield from _public(one.body)
        elif isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)) and not one.name.startswith("_"):
            yield from [one] if ast.get_docstring(one) else []


def _raised(function: ast.AST) -> Iterator[str]:
    """The names of the errors that a function raises itself; what it defines and catches is not looked into."""
    for one in ast.iter_child_nodes(function):
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.Try)):
            continue
        if isinstance(one, ast.Raise) and isinstance(one.exc, ast.Call):
            yield ast.unparse(one.exc.func)
        yield from _raised(one)


def test_what_raises_our_errors_says_so() -> None:
    """In its docstring; commands, pages and the API declare theirs elsewhere, and a tool's docstring is for models."""
    ours = {name for name, kind in vars(errors).items() if isinstance(kind, type)} - {"ToolFailed"}
    silent = [
        f"{path.relative_to(ROOT)}:{one.lineno} {one.name}: {raised}"
        for path in MODULES
        if not {"cli", "api", "page"} & set(path.parts)
        for one in _public(ast.parse(path.read_text()).body)
        for raised in _raised(one)
        if raised in ours and raised not in str(ast.get_docstring(one))
    ]
    assert silent == []
