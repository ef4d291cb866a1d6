"""Steps in doubt, at the command line: `--in-doubt TOOL=WORD`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from coterie.doors.cli.pairs import pair
from coterie.errors import BadInput
from coterie.words.doubt import DOUBTS, Doubt, ruled

doubt_option: Callable[[Any], Any] = click.option(
    "--in-doubt",
    "doubts",
    multiple=True,
    metavar="TOOL=WORD",
    help=f"What becomes of a tool that was under way at a crash: {', '.join(DOUBTS)}.",
)


def doubts_said(given: tuple[str, ...]) -> dict[str, Doubt]:
    """The rules that `TOOL=WORD` say, the first that fits first.

    Raises:
        BadInput: if one says none.
    """
    said = dict(pair(one, "--in-doubt is TOOL=WORD, as in pay*=ask") for one in given)
    try:
        return ruled(said)
    except ValueError as error:
        raise BadInput(str(error)) from error
