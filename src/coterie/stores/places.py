"""From where runs are kept to the store that keeps them: a file, or a PostgreSQL address; one a tenant."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from coterie.errors import BadInput, MissingExtra
from coterie.stores.leases import LEASE
from coterie.stores.ledgers import SqliteLedgers
from coterie.stores.sqlite import SqliteStore
from coterie.words.place import is_shared

if TYPE_CHECKING:
    from coterie.stores.pgledgers import PostgresLedgers
    from coterie.stores.postgres import PostgresStore

KeptStore: TypeAlias = "SqliteStore | PostgresStore"
"""A store that outlives its process."""
TENANT = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""What a tenant can be called: it names a folder and a part of addresses."""
DEFAULT = "default"


def store_at(place: str | Path, tenant: str = DEFAULT, *, lease: float = LEASE) -> KeptStore:
    """The store of a tenant at `place`. In files, each tenant but the default has a folder beside it.

    A run is kept for `lease` seconds for a process that says nothing.

    Raises:
        BadInput: if a tenant cannot be called that.
        MissingExtra: if it is a PostgreSQL address, and its client is not installed.
        StoreError: if the file is no store, or cannot be opened.
    """
    path = file_of(place, tenant)
    if is_shared(place):
        try:
            from coterie.stores.postgres import PostgresStore
        except ModuleNotFoundError as error:
            raise MissingExtra.of("postgres", f"the store {shown(str(place))!r}") from error
        return PostgresStore(str(place), tenant=tenant, lease=lease)
    return SqliteStore(path, lease=lease)


def ledgers_at(place: str | Path, tenant: str = DEFAULT) -> SqliteLedgers | PostgresLedgers:
    """The ledgers of a tenant, which are kept where the store at `place` is.

    Raises:
        BadInput: if a tenant cannot be called that.
        StoreUnavailable: if the file is none of ledgers, or cannot be opened.
    """
    path = file_of(place, tenant)
    if is_shared(place):
        from coterie.stores.pgledgers import PostgresLedgers

        return PostgresLedgers(str(place), tenant=tenant)
    return SqliteLedgers(path.with_name("ledgers.db"))


def file_of(place: str | Path, tenant: str) -> Path:
    """The file of a tenant's journals.

    Raises:
        BadInput: if a tenant cannot be called that.
    """
    if not TENANT.fullmatch(tenant):
        raise BadInput(f"{tenant!r} cannot name a tenant: small letters, digits and hyphens, at most 63")
    path = Path(place)
    return path if tenant == DEFAULT else path.parent / "tenants" / tenant / path.name


def home_of(place: str | Path) -> Path:
    """The folder on this machine for what belongs to a store and is no journal: keys, tokens, indexes."""
    return Path(".coterie") if is_shared(place) else Path(place).parent


def tenants_at(place: str | Path) -> tuple[str, ...]:
    """The tenants that have a store beside `place`; of a server, only the default one is known here."""
    folder = home_of(place) / "tenants"
    if is_shared(place) or not folder.is_dir():
        return (DEFAULT,)
    return (DEFAULT, *sorted(one.name for one in folder.iterdir() if one.is_dir()))


def shown(place: str) -> str:
    """A place without the password in it."""
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", place)
