"""What a PostgreSQL store asks: who writes a run, the one statement that is a commit, and what others say."""

from __future__ import annotations

from typing import Final

CLAIM: Final = """
insert into runs (tenant, name, epoch, holder, expires)
values (%(tenant)s, %(run)s, 1, %(us)s, now() + make_interval(secs => %(lease)s))
on conflict (tenant, name) do update
set epoch = runs.epoch + 1, holder = excluded.holder, expires = excluded.expires, wake = null
where runs.holder = '' or runs.expires <= now() or runs.holder = %(gone)s
returning id, epoch
"""
"""Makes somebody the writer of a run that nobody holds, or only `gone`; gives nothing where another does."""
WHOSE: Final = """
select holder, extract(epoch from expires - now())::float8 from runs where tenant = %s and name = %s
"""
"""Who holds a run, and for how many seconds more."""
KEEP: Final = """
update runs set expires = now() + make_interval(secs => %s)
from unnest(%s::bigint[], %s::bigint[]) as h (id, epoch) where runs.id = h.id and runs.epoch = h.epoch
returning runs.id
"""
"""Renews the leases of some runs; gives those that are held."""
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
), said as (
    delete from signals s
    using unnest(%(heard)b::bigint[], %(hearers)b::bigint[]) as h (id, run) join fence f on f.id = h.run
    where s.id = h.id
)
select id from fence
"""
"""Writes pages of the runs whose lease is held, and the contents they share, and lets go of the signals that they tell
of; gives those runs."""
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
woken as ({WAKE} returning holder)
select pg_notify('coterie', %(about)s) from woken where holder <> ''
"""
"""Says something to a run: whoever holds it is told, and if nobody does, it is due. The row is locked, so a claim that
this does not see looks for signals later. Telling costs every process a look, and commits that tell wait in line."""
SAID: Final = "select id, body from signals where tenant = %s and run = %s order by id"
"""What was said to a run and is not in its journal yet."""
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
