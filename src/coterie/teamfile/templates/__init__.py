"""Teams to begin with, each a file that runs as it stands."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
TEMPLATES = [*sorted(path.stem for path in FOLDER.glob("*.yaml")), "python"]
"""What they are called."""


def template(name: str) -> tuple[str, str]:
    """The suffix and the text of a template."""
    suffix = ".py" if name == "python" else ".yaml"
    return suffix, (FOLDER / f"{name}{suffix}").read_text(encoding="utf-8")
