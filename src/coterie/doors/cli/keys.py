"""`coterie keys`: who may come in to a service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from coterie.doors.cli.store import store_option
from coterie.errors import BadInput
from coterie.stores.places import home_of
from coterie.words.place import is_shared

if TYPE_CHECKING:
    from coterie.doors.http.keys import KeyRing


def key_ring(store: str) -> KeyRing:
    """The keys of the service of a store: on the same server, or in a file beside it."""
    from coterie.doors.http.keys import KeyRing

    return KeyRing(store if is_shared(store) else home_of(store) / "keys.db")


@click.group()
def keys() -> None:
    """Make, list and revoke the keys of a service."""


@keys.command("make")
@click.argument("name")
@click.option(
    "--role", type=click.Choice(["viewer", "operator", "admin"]), default="operator", show_default=True
)
@click.option("--tenant", default="default", show_default=True, help="Whose keys.")
@click.option(
    "--days", type=click.FloatRange(min=0, min_open=True), help="How long it is good; for ever if not said."
)
@store_option
def make_key(name: str, role: Any, tenant: str, days: float | None, store: str) -> None:
    """Make a key for NAME, and print it: this once."""
    ring = key_ring(store)
    secret, key = ring.make(name, tenant=tenant, role=role, seconds=None if days is None else days * 86_400)
    click.echo(secret)
    click.echo(f"key {key.id} for {name} of {tenant}, {role}", err=True)


@keys.command("list")
@click.option("--tenant", default="default", show_default=True, help="Whose keys.")
@store_option
def list_keys(tenant: str, store: str) -> None:
    """List the keys of a tenant."""
    for key in key_ring(store).all(tenant):
        click.echo(f"{key.id}  {key.name}  {key.role}{'' if key.expires is None else '  expires'}")


@keys.command("revoke")
@click.argument("id")
@click.option("--tenant", default="default", show_default=True, help="Whose keys.")
@store_option
def revoke_key(id: str, tenant: str, store: str) -> None:
    """Let a key open nothing any more."""
    if not key_ring(store).revoke(id, tenant):
        raise BadInput(f"tenant {tenant!r} has no key {id!r}")
