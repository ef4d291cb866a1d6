"""The tables of a PostgreSQL store, a step a version."""

from __future__ import annotations

from typing import Any, Final

from coterie.errors import StoreError

LOCK: Final = 0x436F7465
"""The advisory lock under which tables are made and changed."""
MIGRATIONS: Final = (
    """
    create table runs (
        id      bigint generated always as identity primary key,
        tenant  text not null,
        name    text not null,
        epoch   bigint not null,
        holder  text not null,
        expires timestamptz not null,
        pages   integer not null default 0,
        head    bytea not null default '',
        unique (tenant, name)
    );
    create table pages (
        run      bigint not null references runs (id) on delete cascade,
        seq      integer not null,
        count    integer not null,
        hash     bytea not null,
        body     bytea not null,
        contents bytea not null,
        primary key (run, seq)
    );
    alter table pages alter body set storage external, alter contents set storage external;
    create table blobs (
        tenant text not null,
        name   bytea not null,
        body   bytea not null,
        primary key (tenant, name)
    );
    create table signals (
        id     bigint generated always as identity primary key,
        tenant text not null,
        run    text not null,
        body   bytea not null
    );
    create index signals_by_run on signals (tenant, run, id);
    """,
    """
    create table overviews (
        run     bigint primary key references runs (id) on delete cascade,
        epoch   bigint not null,
        status  text not null,
        team    text not null,
        started double precision not null,
        body    bytea not null
    );
    """,
    # A listing is a cache of journals: what is not there is read again.
    """
    delete from overviews;
    alter table overviews add column words tsvector not null;
    create index overviews_by_word on overviews using gin (words);
    """,
    """
    alter table runs add column wake double precision;
    create index runs_by_wake on runs (wake) where wake is not null;
    """,
    """
    create table pruned (
        run    bigint primary key,
        tenant text not null,
        at     double precision not null,
        body   bytea not null
    );
    create index pruned_by_tenant on pruned (tenant, at);
    """,
)
"""What makes each version of the tables from the one before."""


async def migrate(db: Any) -> None:
    """Bring the tables to this version, one process at a time.

    Raises:
        StoreError: if they are of a later version.
    """
    async with db.transaction():
        await db.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
        await db.execute("create table if not exists coterie (version integer not null)")
        row = await (await db.execute("select version from coterie")).fetchone()
        version = 0 if row is None else row[0]
        if version > len(MIGRATIONS):
            raise StoreError(f"the database has version {version}; this Coterie knows {len(MIGRATIONS)}")
        for step in MIGRATIONS[version:]:
            await db.execute(step)
        if row is None:
            await db.execute("insert into coterie values (%s)", (len(MIGRATIONS),))
        else:
            await db.execute("update coterie set version = %s", (len(MIGRATIONS),))
