"""Each ready-made team once on the embedded model, with little input: it comes to an end, and its checks are made."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from coterie import Result
from coterie.teams import READY

pytestmark = [pytest.mark.weights, pytest.mark.slow]
INPUTS = {
    "docs/ferry.md": "# The ferry\n\nThe ferry to Askoy leaves at 7 in the morning.\n",
    "papers/bill.txt": "INVOICE\nLindgren Boatyard, 12 March 2026\nThe mast: EUR 1,840.00\n",
    "sales.csv": "shop,units\nMill,3\nQuay,9\nMill,1\n",
    "shop.py": 'import os\n\n\ndef double(number):\n    """Twice a number."""\n    return number * 2\n',
    "tickets.jsonl": '{"id": "1", "text": "When does the ferry to Askoy leave?"}\n',
    "feed.jsonl": '{"id": "a", "text": "The pump at lock 3 has failed."}\n',
}
DECIDE = (
    "Where do we eat? Options: the tavern; the bakery. Facts: The tavern is expensive; The bakery is cheap"
)
GIVEN: dict[str, tuple[str, dict[str, str]]] = {
    "research": ("When does the ferry leave?", {"docs": "docs", "beside": "runs.db"}),
    "code-review": ("Review for correctness", {"file": "shop.py", "out": "out"}),
    "support": (
        "Ferries",
        {"tickets": "tickets.jsonl", "knowledge": "docs", "out": "out", "beside": "runs.db"},
    ),
    "software": ("The double of a number.\ndouble(2) == 4", {"out": "out"}),
    "decision": (DECIDE, {}),
    "documents": ("Papers", {"folder": "papers", "out": "out"}),
    "data-analysis": ("Which shop sells the most units?", {"csv": "sales.csv", "out": "out"}),
    "notify": ("Tell me about failures.", {"feed": "feed.jsonl", "outbox": "outbox.jsonl"}),
}
SURE = ("code-review", "documents", "data-analysis")
"""Whose answers hold whatever a small model chooses: their checks are made of the input."""


def _play(name: str, folder: Path) -> Result:
    for path, text in INPUTS.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    task, given = GIVEN[name]
    options: dict[str, Any] = {key: folder / path for key, path in given.items()}

    async def person(path: str, ask: object) -> str:
        return "We will call you."

    team = importlib.import_module(READY[name]).build(**options)
    result: Result = team.run_sync(task, model="embedded", ask=person)
    return result


@pytest.mark.parametrize("name", READY)
def test_every_ready_made_team_comes_to_an_end_on_the_embedded_model(name: str, tmp_path: Path) -> None:
    """It answers, the model was really asked, and where its check does not hold it says so."""
    result = _play(name, tmp_path)
    assert result.status in (("succeeded",) if name in SURE else ("succeeded", "unverified")), result.failure
    assert result.message is not None
    assert (result.status == "unverified") == bool(result.message.unverified)
    assert result.usage.requests >= 1
    assert result.text
