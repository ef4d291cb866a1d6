import re
from pathlib import Path

import pytest

from coterie.teamfile import opened

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = ["README.md", "docs/teamfiles.md"]


@pytest.mark.parametrize(
    "text",
    [block for page in PAGES for block in BLOCK.findall((ROOT / page).read_text())],
    ids=lambda text: text.splitlines()[-1].strip()[:40],
)
def test_team_files_of_the_documents_are_in_order(text, tmp_path):
    """Every team that README and its page show is read without a mistake, with the tools that it names."""
    (tmp_path / "tools.py").write_text("def search(x: str) -> str:\n    return x\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package/module.py").write_text("def fetch(x: str) -> str:\n    return x\n")
    path = tmp_path / "team.yaml"
    path.write_text(text)
    assert opened(path).actor.name


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples/compare").glob("*.yaml")), ids=lambda path: path.stem
)
def test_examples_are_in_order(path):
    """The teams that the comparison of the documents was made with."""
    assert opened(path).actor.name in ("panel", "solo")
