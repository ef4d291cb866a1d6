"""Quotas at the command line: `--day-limit [TENANT:]NAME=VALUE`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from coterie.doors.cli.pairs import pair
from coterie.doors.cli.store import tenant_meant
from coterie.errors import BadInput
from coterie.words.quota import KINDS, Quota, quota_of

EVERY = "*"
"""The tenant that stands for all that have no quota of their own."""
day_option: Callable[[Any], Any] = click.option(
    "--day-limit",
    "days",
    multiple=True,
    metavar="[TENANT:]NAME=VALUE",
    help=f"What all runs of a tenant may use up in a day (UTC): {', '.join(KINDS)}, at_cap.",
)


def quotas_said(given: tuple[str, ...]) -> dict[str, Quota]:
    """The quotas that `[TENANT:]NAME=VALUE` say, by tenant; `*` is every other one.

    Raises:
        BadInput: if one says none.
    """
    said: dict[str, dict[str, str]] = {}
    for one in given:
        name, value = pair(one, "--day-limit is [TENANT:]NAME=VALUE, as in usd=5 or acme:runs=100")
        tenant, colon, kind = name.rpartition(":")
        said.setdefault(tenant if colon else EVERY, {})[kind] = value
    try:
        return {tenant: quota_of(caps) for tenant, caps in said.items()}
    except ValueError as error:
        raise BadInput(f"--day-limit: {error}") from error


def quota_said(given: tuple[str, ...]) -> Quota | None:
    """The quota that `[TENANT:]NAME=VALUE` say for the tenant that the command is about; None if none does.

    Raises:
        BadInput: if one says none.
    """
    return quota_for(quotas_said(given), tenant_meant())


def quota_for(quotas: Mapping[str, Quota], tenant: str) -> Quota | None:
    """The quota of a tenant among those of all."""
    return quotas.get(tenant, quotas.get(EVERY))
