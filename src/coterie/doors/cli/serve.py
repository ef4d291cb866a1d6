"""`coterie serve` and `coterie keys`: the service on one port, and who may come in."""

from __future__ import annotations

import gc
import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from coterie.doors.cli.doubts import doubt_option, doubts_said
from coterie.doors.cli.governance import policy_called, policy_option
from coterie.doors.cli.published import published_options
from coterie.doors.cli.quotas import day_option, quotas_said
from coterie.doors.cli.retention import retention_option
from coterie.doors.cli.store import store_option
from coterie.doors.cli.worker import engine_option
from coterie.doors.teams import tools_called
from coterie.errors import BadInput, MissingExtra
from coterie.stores.places import home_of, ledgers_at, store_at, tenants_at
from coterie.words.doubt import NO_RULES, Doubt
from coterie.words.place import is_shared
from coterie.words.quota import Quota
from coterie.words.retention import Retention

if TYPE_CHECKING:
    from coterie.doors.http.service import Service
    from coterie.doors.http.settings import Jwt
    from coterie.ports import Policy

LOOPBACK = ("127.0.0.1", "::1", "localhost")
NOTHING: Mapping[str, Any] = MappingProxyType({})
GARBAGE = (20_000, 20, 20)
"""When the garbage collector looks (`gc.set_threshold`). Hundreds of runs at once make many objects that go by
themselves; looking for circles among them as often as Python does by default took a fifth of the service's time."""
GRACE = 10
"""Seconds that open connections have to end when the service stops."""


@click.command()
@click.argument("teams", nargs=-1)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=8700, show_default=True, type=click.IntRange(0, 65535), help="The port; 0 for any."
)
@click.option(
    "--host-name", "names", multiple=True, help="A name that the service is called by, beside loopback's."
)
@click.option(
    "--origin", "origins", multiple=True, help="A page's origin that may call it, as https://a.example."
)
@click.option("--model", help="The model of agents that name none.")
@click.option(
    "--token",
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
@click.option(
    "--tool",
    "tools",
    multiple=True,
    metavar="module:NAME",
    help="A tool that agents written over the API may use.",
)
@click.option("--allow-model", "models", multiple=True, help="A model that they may name.")
@click.option(
    "--memory",
    metavar="PATH",
    envvar="COTERIE_MEMORY",
    show_envvar=True,
    help="Where memories are kept: a file, or postgresql://... (default: memory.db beside the store).",
)
@click.option("--log", is_flag=True, help="Write what happens in runs to stderr, a line of JSON each.")
@retention_option
@published_options
@policy_option
@doubt_option
@day_option
@engine_option
@store_option
def serve(
    teams: tuple[str, ...],
    host: str,
    port: int,
    names: tuple[str, ...],
    origins: tuple[str, ...],
    model: str | None,
    token: str | None,
    tls_cert: str | None,
    tls_key: str | None,
    rate: int | None,
    jwt_issuer: str | None,
    jwt_audience: str | None,
    jwt_keys: str | None,
    private: tuple[str, ...],
    tools: tuple[str, ...],
    models: tuple[str, ...],
    memory: str | None,
    log: bool,
    engine: str | None,
    store: str,
    policy: str | None,
    doubts: tuple[str, ...],
    published: Mapping[str, Any],
    days: tuple[str, ...],
    retention: Retention | None,
) -> None:
    """Serve TEAMS (all ready-made ones, unless some are named) over HTTP: API, page and protocols.

    A team is the name of a ready-made one, FILE.py:NAME or module:NAME; NAME=... offers it by another name.
    Interrupted runs go on. Ctrl-C parks what is under way, and the next start goes on with it.
    """
    if host not in LOOPBACK and not names:
        raise BadInput(f"listening on {host} is for others: say by which name they call, with --host-name")
    try:
        import uvicorn

        from coterie.doors.http.app import application
    except ModuleNotFoundError as error:
        raise MissingExtra.of("server", "`coterie serve`") from error
    token = token or _kept_token(home_of(store) / "token")
    service = service_of(
        store,
        teams,
        names=names,
        origins=origins,
        private=private,
        model=model,
        engine=engine,
        policy=policy_called(policy),
        log=log,
        rate=rate,
        jwt=(jwt_issuer, jwt_audience, jwt_keys),
        in_doubt=doubts_said(doubts),
        tools=tools,
        models=models,
        memory=memory,
        published={**published, "retention": retention},
        quotas=quotas_said(days),
        token=token,
    )
    app = application(service, token=token)
    where = f"{'https' if tls_cert else 'http'}://{host}:{port}"
    click.echo(f"serving on {where}; the token is {token}", err=True)
    gc.collect()
    gc.freeze()  # what was loaded stays: it need not be looked through again and again
    gc.set_threshold(*GARBAGE)
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_level="warning",
        server_header=False,
        ssl_certfile=tls_cert,
        ssl_keyfile=tls_key,
        timeout_graceful_shutdown=GRACE,
    )


def service_of(
    store: str,
    teams: tuple[str, ...],
    *,
    names: tuple[str, ...] = (),
    origins: tuple[str, ...] = (),
    private: tuple[str, ...] = (),
    model: str | None = None,
    engine: str | None = None,
    policy: Policy | None = None,
    log: bool = False,
    rate: int | None = None,
    jwt: tuple[str | None, str | None, str | None] = (None, None, None),
    in_doubt: Mapping[str, Doubt] = NO_RULES,
    tools: tuple[str, ...] = (),
    models: tuple[str, ...] = (),
    memory: str | None = None,
    published: Mapping[str, Any] = NOTHING,
    quotas: dict[str, Quota] | None = None,
    token: str = "",
) -> Service:
    """The service of a store, whose keys and secrets lie beside it."""
    from coterie.doors.http.keys import KeyRing
    from coterie.doors.http.library import Library
    from coterie.doors.http.service import Service
    from coterie.doors.http.settings import Settings
    from coterie.engines.places import engine_at, share_gates
    from coterie.memory.places import knowledge_at
    from coterie.telemetry.observers import observers

    defaults, ring = Settings(), KeyRing(store if is_shared(store) else home_of(store) / "keys.db")
    dispatcher = None if engine is None else engine_at(engine)
    share_gates(dispatcher)
    return Service(
        Library(teams, tools=tools_called(tools), models=models),
        ring,
        lambda tenant: store_at(store, tenant),
        settings=Settings(
            hosts=(*defaults.hosts, *names),
            origins=origins,
            rate=rate or defaults.rate,
            jwt=_provider(*jwt),
            private=private,
            in_doubt=dict(in_doubt),
            **published,
            quotas=quotas or {},
        ),
        model=model,
        tenants=(*dict.fromkeys([*tenants_at(store), *(ring.tenants() if is_shared(store) else ())]),),
        engine=dispatcher,
        secret=_secret(store, token),
        policy=policy,
        observers=observers(log=log),
        ledgers=lambda tenant: ledgers_at(store, tenant),
        knowledge=lambda: knowledge_at(memory or home_of(store) / "memory.db"),
    )


def _provider(issuer: str | None, audience: str | None, keys: str | None) -> Jwt | None:
    """The identity provider whose tokens are good here, if one is named.

    Raises:
        BadInput: if only a part of it is said.
    """
    from coterie.doors.http.settings import Jwt

    if not (issuer or audience or keys):
        return None
    if not (issuer and audience and keys):
        raise BadInput("an identity provider is --jwt-issuer, --jwt-audience and --jwt-keys, all three")
    return Jwt(issuer=issuer, audience=audience, jwks=keys)


def _secret(store: str, token: str) -> bytes:
    """What seals the texts that clients carry for the service: the same for all replicas that have one token."""
    if token and is_shared(store):
        return hashlib.sha256(b"coterie seal\0" + token.encode()).digest()
    return _kept_token(home_of(store) / "secret").encode()


def _kept_token(path: Path) -> str:
    """A token of this machine: made once, and readable by nobody else."""
    if path.is_file():
        return path.read_text().strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    token = secrets.token_urlsafe(32)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token + "\n")
    return token


@click.group()
def keys() -> None:
    """Make, list and revoke the keys of a service."""


@keys.command("make")
@click.argument("name")
@click.option(
    "--role", type=click.Choice(["viewer", "operator", "admin"]), default="operator", show_default=True
)
@click.option("--tenant", default="default", show_default=True)
@click.option(
    "--days", type=click.FloatRange(min=0, min_open=True), help="How long it is good; for ever if not said."
)
@store_option
def make_key(name: str, role: Any, tenant: str, days: float | None, store: str) -> None:
    """Make a key for NAME, and print it: this once."""
    ring = _ring(store)
    secret, key = ring.make(name, tenant=tenant, role=role, seconds=None if days is None else days * 86_400)
    click.echo(secret)
    click.echo(f"key {key.id} for {name} of {tenant}, {role}", err=True)


@keys.command("list")
@click.option("--tenant", default="default", show_default=True)
@store_option
def list_keys(tenant: str, store: str) -> None:
    """List the keys of a tenant."""
    for key in _ring(store).all(tenant):
        click.echo(f"{key.id}  {key.name}  {key.role}{'' if key.expires is None else '  expires'}")


@keys.command("revoke")
@click.argument("id")
@click.option("--tenant", default="default", show_default=True)
@store_option
def revoke_key(id: str, tenant: str, store: str) -> None:
    """Let a key open nothing any more."""
    if not _ring(store).revoke(id, tenant):
        raise BadInput(f"tenant {tenant!r} has no key {id!r}")


def _ring(store: str) -> Any:
    from coterie.doors.http.keys import KeyRing

    return KeyRing(store if is_shared(store) else home_of(store) / "keys.db")
