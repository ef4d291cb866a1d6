"""API keys: who may come in, kept as hashes in one SQLite file, or in the database that every replica shares.

A key is `ck_ID_SECRET`. The secret has 256 random bits, so a plain SHA-256 of it cannot be guessed back; it is shown
once, when the key is made.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from coterie.doors.http.rows import Table, rows_at
from coterie.errors import BadInput
from coterie.stores.places import TENANT
from coterie.words.place import is_shared
from coterie.words.principal import ROLES, Principal, Role

KEYS = Table(
    "keys",
    """
    id      text primary key,
    hash    {bytes} not null,
    name    text not null,
    tenant  text not null,
    role    text not null,
    created {float} not null,
    expires {float}
    """,
)
SECRETS = Table("secrets", "name text primary key, value text not null")


class Key(Struct, frozen=True, kw_only=True):
    """What is known of a key: never the key itself. Times are seconds since the epoch; no `expires` is for ever."""

    id: str
    name: str
    tenant: str
    role: Role
    created: float
    expires: float | None = None


class KeyRing:
    """The keys there are at `place`: a file, or a PostgreSQL address.

    Raises:
        StoreUnavailable: if the server cannot be reached; from every method.
    """

    def __init__(self, place: str | Path, *, clock: Callable[[], float] = time.time) -> None:
        self._place = place
        self._rows = rows_at(place, KEYS)
        self._clock = clock

    def make(
        self, name: str, *, tenant: str = "default", role: Role = "operator", seconds: float | None = None
    ) -> tuple[str, Key]:
        """A new key for `name`, good for `seconds`; what is given first is shown to nobody again.

        Raises:
            BadInput: if a tenant cannot be called that, or there is no such role.
        """
        if not TENANT.fullmatch(tenant):
            raise BadInput(f"{tenant!r} cannot name a tenant: small letters, digits and hyphens, at most 63")
        if role not in ROLES or not name:
            raise BadInput(f"a key needs a name, and a role of {list(ROLES)}, not {role!r}")
        id, secret, now = secrets.token_hex(6), secrets.token_urlsafe(32), self._clock()
        key = Key(
            id=id,
            name=name,
            tenant=tenant,
            role=role,
            created=now,
            expires=None if seconds is None else now + seconds,
        )
        row = (id, _hash(secret), name, tenant, role, now, key.expires)
        self._rows.told("insert into keys values (?, ?, ?, ?, ?, ?, ?)", *row)
        return f"ck_{id}_{secret}", key

    def rotate(self, id: str, tenant: str, *, grace: float = 3600.0) -> tuple[str, Key]:
        """A new key in the place of `id`, which is good for `grace` seconds more.

        Raises:
            BadInput: if the tenant has no such key.
        """
        old = next((key for key in self.all(tenant) if key.id == id), None)
        if old is None:
            raise BadInput(f"there is no key {id!r}")
        now = self._clock()
        ends = now + grace if old.expires is None else min(old.expires, now + grace)
        self._rows.told("update keys set expires = ? where id = ?", ends, id)
        left = None if old.expires is None else old.expires - now
        return self.make(old.name, tenant=old.tenant, role=old.role, seconds=left)

    def revoke(self, id: str, tenant: str) -> bool:
        """Let a key open nothing any more; whether there was one."""
        _, gone = self._rows.told("delete from keys where id = ? and tenant = ?", id, tenant)
        return gone > 0

    def all(self, tenant: str) -> list[Key]:
        """The keys of a tenant, the oldest first."""
        rows, _ = self._rows.told(
            "select id, name, tenant, role, created, expires from keys where tenant = ? order by created, id",
            tenant,
        )
        return [
            Key(id=id, name=name, tenant=of, role=role, created=created, expires=expires)
            for id, name, of, role, created, expires in rows
        ]

    def tenants(self) -> list[str]:
        """The tenants that have a key."""
        rows, _ = self._rows.told("select distinct tenant from keys order by tenant")
        return [tenant for (tenant,) in rows]

    def opened_by(self, key: str) -> Principal | None:
        """Who comes in with `key`; None if it opens nothing, or no more."""
        kind, _, rest = key.partition("_")
        id, _, secret = rest.partition("_")
        rows, _ = self._rows.told("select hash, name, tenant, role, expires from keys where id = ?", id)
        row = rows[0] if rows else None
        known = row[0] if row is not None else bytes(32)  # as long, whether there is such a key or not
        fits = hmac.compare_digest(known, _hash(secret))
        if row is None or not fits or kind != "ck":
            return None
        _, name, tenant, role, expires = row
        if expires is not None and expires <= self._clock():
            return None
        return Principal(name=name, tenant=tenant, role=role)

    def beside(self, file: str) -> str | Path:
        """Where else a service keeps what it needs for itself: a file beside that of the keys, or the same server."""
        return self._place if is_shared(self._place) else Path(self._place).parent / file

    def close(self) -> None:
        """Let go of where they are."""
        self._rows.close()


def secret_at(place: str | Path, name: str) -> str:
    """A secret that all who keep theirs at `place` have together: made once, by whoever asks first.

    Raises:
        StoreUnavailable: if the server cannot be reached.
    """
    rows = rows_at(place, SECRETS)
    try:
        rows.told(
            "insert into secrets values (?, ?) on conflict (name) do nothing", name, secrets.token_urlsafe(32)
        )
        [(value,)], _ = rows.told("select value from secrets where name = ?", name)
        return str(value)
    finally:
        rows.close()


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
