"""What a service publishes to other agents, at the command line: which teams, at which address, signed with what."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

OPTIONS = (
    click.option("--url", default="", help="Where others reach it, as https://agents.example: cards say so."),
    click.option(
        "--publish",
        multiple=True,
        metavar="TEAM",
        help="A team that is an A2A agent; all are, unless some are named.",
    ),
    click.option(
        "--card-key",
        type=click.Path(exists=True, dir_okay=False),
        help="A private JSON Web Key, to sign the cards of agents.",
    ),
    click.option(
        "--a2a-grpc",
        type=click.IntRange(1, 65535),
        metavar="PORT",
        help="Speak A2A by gRPC too, on that port.",
    ),
)


def published_options(command: Callable[..., Any]) -> Any:
    """Give a command that has `host` and a certificate what it publishes, as settings of the service."""

    @wraps(command)
    def collected(
        *, url: str, publish: tuple[str, ...], card_key: str | None, a2a_grpc: int | None, **given: Any
    ) -> Any:
        pair = (given["tls_cert"], given["tls_key"])
        published = {
            "url": url,
            "published": publish,
            "card_key": card_key or "",
            "grpc": f"{given['host']}:{a2a_grpc}" if a2a_grpc else "",
            "grpc_tls": pair if all(pair) else None,
        }
        return command(published=published, **given)

    made: Any = collected
    for option in reversed(OPTIONS):
        made = option(made)
    return made
