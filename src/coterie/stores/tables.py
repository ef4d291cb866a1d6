"""The tables of a PostgreSQL store, a step a version, and the one statement that is a commit."""

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
CLAIM: Final = """
insert into runs (tenant, name, epoch, holder, expires)
values (%(tenant)s, %(run)s, 1, %(us)s, now() + make_interval(secs => %(lease)s))
on conflict (tenant, name) do update
set epoch = runs.epoch + 1, holder = excluded.holder, expires = excluded.expires, wake = null
where runs.holder = '' or runs.expires <= now() or runs.holder = %(gone)s
returning id, epoch
"""
"""Makes somebody the writer of a run that nobody holds, or only `gone`; gives nothing where another does."""
COMMIT: Final = """
with fence as (
    select r.id from runs r
    join unnest(%(ids)b::bigint[], %(epochs)b::bigint[]) as h (id, epoch) on r.id = h.id and r.epoch = h.epoch
    for share of r
), blob as (
    insert into blobs (tenant, name, body)
    select %(tenant)s, b.name, b.body from unnest(%(names)b::bytea[], %(values)b::bytea[]) as b (name, body)
    on conflict do nothing
), page as (
    insert into pages (run, seq, count, hash, body, contents)
    select p.run, p.seq, p.count, p.hash, p.body, p.contents
    from unnest(%(runs)b::bigint[], %(seqs)b::int[], %(counts)b::int[], %(hashes)b::bytea[], %(bodies)b::bytea[],
                %(contents)b::bytea[]) as p (run, seq, count, hash, body, contents)
    join fence f on f.id = p.run
    on conflict do nothing
)
select id from fence
"""
"""Writes pages of the runs whose lease is held, and the contents they share; gives those runs."""
RELEASE: Final = """
with freed as (
    update runs set holder = '', expires = 'epoch', pages = %s, head = %s,
    wake = case when %s then null else least(wake, %s::float8) end
    where id = %s and epoch = %s
)
"""
"""Gives a run back. What follows is written with it: one statement, because a connection is shared by all runs of a
process, and a transaction of one of them would take in what the others do meanwhile."""

WAKE: Final = """
update runs r set wake = least(wake, %(at)s::float8) where tenant = %(tenant)s and name = %(run)s
and not exists (select 1 from overviews o where o.run = r.id and o.epoch = r.epoch
                and o.status = any(%(ended)s::text[]))
"""
"""Has a run that has not ended be due at a time, if not sooner. Its row is locked, so a release is before or after."""
SIGNAL: Final = f"""
with said as (insert into signals (tenant, run, body) values (%(tenant)s, %(run)s, %(body)s)),
woken as ({WAKE} returning id)
select pg_notify('coterie', %(about)s)
"""
"""Says something to a run: whoever holds it is told, and if nobody does, it is due."""
DUE_NOW: Final = """
with due as (
    select id, wake from runs
    where wake <= %(now)s and (holder = '' or expires <= now()) and (tenant = %(tenant)s or %(tenant)s = '')
    order by wake limit %(most)s for update skip locked
), handed as (
    update runs set wake = %(again)s from due where runs.id = due.id returning tenant, name, due.wake as at
)
select tenant, name from handed order by at
"""
"""Hands out runs whose time has come, each to one of those who ask."""


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
