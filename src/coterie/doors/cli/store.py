"""The store that a command works on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import click

from coterie.errors import BadInput
from coterie.stores.places import DEFAULT, KeptStore, file_of, is_shared, store_at

store_option: Callable[[Any], Any] = click.option(
    "--store",
    metavar="PATH",
    default=".coterie/runs.db",
    envvar="COTERIE_STORE",
    show_default=True,
    show_envvar=True,
    help="Where runs are kept: a file, or postgresql://...",
)


@asynccontextmanager
async def opened_store(
    path: str, *, new: bool = False, tenant: str = DEFAULT
) -> AsyncGenerator[KeptStore, None]:
    """The store of a tenant at `path`, closed afterwards; a file that is not there is made only if `new`.

    Raises:
        BadInput: if there is none.
        StoreError: if the file is no store, or cannot be opened.
    """
    if not new and not is_shared(path) and not file_of(path, tenant).is_file():
        raise BadInput(f"there is no store {path!r}: nothing was run here yet, or name it with --store PATH")
    store = store_at(path, tenant)
    try:
        yield store
    finally:
        await store.close()
