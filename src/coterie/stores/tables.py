"""The tables of a PostgreSQL store, a step a version, and the one statement that is a commit."""

from __future__ import annotations

from typing import Final

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
)
"""What makes each version of the tables from the one before."""
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
)
select id from fence
"""
"""Writes pages of the runs whose lease is held, and the contents they share; gives those runs."""
