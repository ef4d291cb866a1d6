"""`coterie serve`: the service on one port."""

from __future__ import annotations

import gc
from typing import Any

import click

from coterie.doors.cli.doubts import doubt_option
from coterie.doors.cli.governance import policy_option
from coterie.doors.cli.options import engine_option, log_option, model_option, tool_option
from coterie.doors.cli.quotas import day_option
from coterie.doors.cli.retention import retention_option
from coterie.doors.cli.serving import LOOPBACK, Serving, folder_option
from coterie.doors.cli.store import store_option
from coterie.errors import BadInput, MissingExtra

GARBAGE = (20_000, 20, 20)
"""When the garbage collector looks (`gc.set_threshold`). Hundreds of runs at once make many objects that go by
themselves; looking for circles among them as often as Python does by default took a fifth of the service's time."""
GRACE = 10
"""Seconds that open connections have to end when the service stops."""


@click.command()
@click.argument("teams", nargs=-1)
@click.option("--host", default=LOOPBACK[0], show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=8700, show_default=True, type=click.IntRange(0, 65535), help="The port; 0 for any."
)
@click.option(
    "--host-name", "names", multiple=True, help="A name that the service is called by, beside loopback's."
)
@click.option(
    "--origin", "origins", multiple=True, help="A page's origin that may call it, as https://a.example."
)
@model_option
@click.option(
    "--token",
    default="",
    envvar="COTERIE_TOKEN",
    help="The token of this machine; one is made and kept if none is given.",
)
@click.option(
    "--tls-cert", type=click.Path(exists=True, dir_okay=False), help="A certificate, to serve HTTPS."
)
@click.option("--tls-key", type=click.Path(exists=True, dir_okay=False), help="The certificate's key.")
@click.option(
    "--rate", type=click.IntRange(1), metavar="N", help="Requests a minute that each caller may make."
)
@click.option("--jwt-issuer", help="Who signs bearer tokens of people: the `iss` of an identity provider.")
@click.option("--jwt-audience", help="For whom they are signed: the `aud` that stands for this service.")
@click.option("--jwt-keys", help="Its published keys: an address, or a file (RFC 7517).")
@click.option(
    "--private",
    multiple=True,
    help="A host, address or network that clients may name though it is not public.",
)
@tool_option
@click.option("--allow-model", "models", multiple=True, help="A model that they may name.")
@folder_option
@click.option(
    "--memory",
    metavar="PATH",
    envvar="COTERIE_MEMORY",
    show_envvar=True,
    help="Where memories are kept: a file, or postgresql://... (default: where the store is).",
)
@log_option
@retention_option
@click.option("--url", default="", help="Where others reach it, as https://agents.example: cards say so.")
@click.option(
    "--publish",
    multiple=True,
    metavar="TEAM",
    help="A team that is an A2A agent; all are, unless some are named.",
)
@click.option(
    "--card-key",
    type=click.Path(exists=True, dir_okay=False),
    help="A private JSON Web Key, to sign the cards of agents.",
)
@click.option(
    "--a2a-grpc", type=click.IntRange(1, 65535), metavar="PORT", help="Speak A2A by gRPC too, on that port."
)
@policy_option
@doubt_option
@day_option
@engine_option
@store_option
def serve(**said: Any) -> None:
    """Serve TEAMS (all ready-made ones, unless some are named) over HTTP: API, page and protocols.

    A team is the name of a ready-made one, FILE.py:NAME or module:NAME; NAME=... offers it by another name.
    Interrupted runs go on. Ctrl-C parks what is under way, and the next start goes on with it.
    """
    told = Serving(**said)
    if told.host not in LOOPBACK and not told.names:
        raise BadInput(
            f"listening on {told.host} is for others: say by which name they call, with --host-name"
        )
    try:
        import uvicorn

        from coterie.doors.http.app import application
    except ModuleNotFoundError as error:
        raise MissingExtra.of("server", "`coterie serve`") from error
    told = told.with_token()
    app = application(told.service(), token=told.token)
    scheme = "https" if told.tls_cert else "http"
    click.echo(f"serving on {scheme}://{told.host}:{told.port}; the token is {told.token}", err=True)
    gc.collect()
    gc.freeze()  # what was loaded stays: it need not be looked through again and again
    gc.set_threshold(*GARBAGE)
    uvicorn.run(
        app,
        host=told.host,
        port=told.port,
        log_level="warning",
        server_header=False,
        ssl_certfile=told.tls_cert,
        ssl_keyfile=told.tls_key,
        timeout_graceful_shutdown=GRACE,
    )
