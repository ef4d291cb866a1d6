"""The store that a command works on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import click

from coterie.errors import BadInput
from coterie.stores.places import DEFAULT, TENANT, KeptStore, file_of, store_at
from coterie.words.place import is_shared

_KEY = "coterie.tenant"
store_option: Callable[[Any], Any] = click.option(
    "--store",
    metavar="PATH",
    default=".coterie/runs.db",
    envvar="COTERIE_STORE",
    show_default=True,
    show_envvar=True,
    help="Where runs are kept: a file, or postgresql://...",
)


def _remember(ctx: click.Context, _: click.Parameter, tenant: str) -> None:
    """Keep whose runs a command is about for when its store is opened.

    Raises:
        BadInput: if a tenant cannot be called that.
    """
    if not TENANT.fullmatch(tenant):
        raise BadInput(f"{tenant!r} cannot name a tenant: small letters, digits and hyphens, at most 63")
    ctx.meta[_KEY] = tenant


def journals_option(command: Callable[..., Any]) -> Any:
    """Give a command `store`, and whose of the runs there it is about: of one tenant, and nobody else's."""
    tenant = click.option(
        "--tenant",
        default=DEFAULT,
        envvar="COTERIE_TENANT",
        show_default=True,
        show_envvar=True,
        expose_value=False,
        callback=_remember,
        help="Whose runs: of this tenant.",
    )
    return store_option(tenant(command))


def tenant_meant() -> str:
    """The tenant whose runs the command is about that is being performed."""
    ctx = click.get_current_context(silent=True)
    return DEFAULT if ctx is None else str(ctx.meta.get(_KEY, DEFAULT))


@asynccontextmanager
async def opened_store(path: str, *, new: bool = False, tenant: str = "") -> AsyncGenerator[KeptStore, None]:
    """The store of a tenant at `path`, by default of the one that is meant, closed afterwards.

    A file that is not there is made only if `new`.

    Raises:
        BadInput: if there is none.
        StoreError: if the file is no store, or cannot be opened.
    """
    tenant = tenant or tenant_meant()
    if not new and not is_shared(path) and not file_of(path, tenant).is_file():
        whose = "" if tenant == DEFAULT else f" of tenant {tenant!r}"
        raise BadInput(
            f"there is no store {path!r}{whose}: nothing was run here yet, or name it with --store PATH"
        )
    store = store_at(path, tenant)
    try:
        yield store
    finally:
        await store.close()
