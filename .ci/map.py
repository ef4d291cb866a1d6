"""Writes docs/map.md from what the modules say of themselves; a test keeps the two the same."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAP = ROOT / "docs" / "map.md"
HEAD = """# Map

Every file of the package, in the words of its own first line. Imports go down the floors listed in
[CONTRIBUTING.md](../CONTRIBUTING.md). `python .ci/map.py` writes this page, and a test keeps it true.

Beside the package: `tests/` (a folder a floor, a file a promise), `examples/`, `bench/`, `docs/`, and `.ci/` (what
`make` and continuous integration run).

```text
"""


def phrase(path: Path) -> str:
    """The first line of a module's docstring, without its full stop."""
    said = ast.get_docstring(ast.parse(path.read_text())) or ""
    return said.partition("\n")[0].rstrip(".:")


def lines(folder: Path, depth: int = 0) -> list[str]:
    """A folder with what its `__init__` says, then its modules, then the folders in it."""
    opening = folder / "__init__.py"
    name = f"{'  ' * depth}{folder.name}/"
    found = [f"{name:<26} {phrase(opening)}".rstrip() if opening.exists() else name]
    for path in sorted(folder.glob("*.py")):
        if path != opening:
            name = f"{'  ' * (depth + 1)}{path.name}"
            found.append(f"{name:<26} {phrase(path)}".rstrip())
    for below in sorted(path for path in folder.iterdir() if any(path.rglob("*.py"))):
        found += lines(below, depth + 1)
    return found


def page() -> str:
    """The whole of docs/map.md."""
    return HEAD + "\n".join(lines(ROOT / "src" / "coterie")) + "\n```\n"


if __name__ == "__main__":
    MAP.write_text(page())
