"""The token that a service makes for itself where it is given none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from coterie.doors.cli.serving import Serving

AT_ONCE = 16


def test_services_that_begin_in_one_moment_have_one_token(tmp_path: Path) -> None:
    """Each has read a whole token, all the same one, in a file that nobody else reads; nothing else is left."""
    store = tmp_path / "runs.db"
    together = Barrier(AT_ONCE)

    def begun(_: int) -> str:
        together.wait()
        return Serving(store=str(store)).with_token().token

    with ThreadPoolExecutor(AT_ONCE) as services:
        tokens = set(services.map(begun, range(AT_ONCE)))
    (made,) = tmp_path.iterdir()
    assert (made.name, tokens) == ("token", {made.read_text().strip()})
    assert made.stat().st_mode & 0o777 == 0o600
