"""Who may do what, at the command line: `--policy FILE`, and where a run remembers it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from coterie.ports import Policy
    from coterie.words.event import Opened

policy_option = click.option(
    "--policy", metavar="FILE", help="Rules (YAML, or Cedar) that say who may do what."
)


def policy_called(path: str | None) -> Policy | None:
    """The policy of a file, if one is named.

    Raises:
        BadInput: if the file is none.
    """
    if path is None:
        return None
    from coterie.policy import policy_at

    return policy_at(path)


def policy_of(began: Opened) -> Policy | None:
    """The policy of the file that a run was begun under, as it is now."""
    return policy_called(began.origin.get("policy"))
