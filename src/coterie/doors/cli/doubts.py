"""Steps in doubt, at the command line: `--in-doubt TOOL=WORD`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

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
    pairs = [one.partition("=") for one in given]
    if wrong := [one for one, (name, _, word) in zip(given, pairs, strict=True) if not (name and word)]:
        raise BadInput(f"--in-doubt is TOOL=WORD, as in pay*=ask, not {wrong[0]!r}")
    try:
        return ruled({name: word for name, _, word in pairs})
    except ValueError as error:
        raise BadInput(str(error)) from error
