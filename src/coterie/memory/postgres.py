"""Knowledge in PostgreSQL: what the processes of many hosts remember, searched by meaning (pgvector) and by words.

Theory of operation:

1. Every question is one statement, whose conditions are the tenant, who may read, and the query's filters: nothing
   that may not be read is ever compared, and nothing is held in memory.
2. Vectors are compared exactly, each with all that pass the filters: an index of pgvector is approximate, and with
   filters it may find nothing where there is something. So a search costs what passes.
3. Words are stems of English, ranked by PostgreSQL's cover density; both rankings are merged as in `memory.index`.
4. A write is one transaction; an entry that is there as it is, is left as it is. Embedding comes before.
5. A thread has a connection of its own while it asks, and one that was lost is opened anew.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec
import psycopg
from msgspec.structs import replace

from coterie.errors import BadInput, StoreUnavailable
from coterie.memory.index import DEPTH, fused
from coterie.memory.meaning import Embedding, Meaning
from coterie.words.memory import Query, Recalled, Remembered, recalled
from coterie.words.principal import Principal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"
LOCK: Final = 0x436F4D65
"""The advisory lock under which the tables are made and changed."""
QUERY_WORDS = 64
"""Different words of a query that full text looks for."""
_WORD = re.compile(r"\w+")
_ENTRIES: Final = """
create sequence memory_order;
create table memory (
    id bigint generated always as identity primary key,
    tenant text not null, owner text not null, key text not null, kind text not null, source text not null,
    tags text[] not null, readers text[] not null, time double precision not null, maker text not null,
    words tsvector not null, body bytea not null, newness bigint not null default nextval('memory_order'),
    unique (tenant, owner, key));
create index memory_words on memory using gin (words);
create index memory_newest on memory (tenant, time);
create index memory_maker on memory (tenant, maker);
"""
_VECTORS: Final = """
create extension if not exists vector;
create table memory_vector (
    memory bigint not null references memory (id) on delete cascade, piece integer not null,
    vector vector not null, primary key (memory, piece));
"""
_PUT: Final = """
insert into memory (tenant, owner, key, kind, source, tags, readers, time, maker, words, body)
values (%(tenant)s, %(owner)s, %(key)s, %(kind)s, %(source)s, %(tags)s, %(readers)s, %(time)s, %(maker)s,
        to_tsvector('english', %(text)s), %(body)s)
on conflict (tenant, owner, key) do update
set kind = excluded.kind, source = excluded.source, tags = excluded.tags, readers = excluded.readers,
    time = excluded.time, maker = excluded.maker, words = excluded.words, body = excluded.body,
    newness = excluded.newness
returning id
"""
_ALLOWED: Final = """
tenant = %(tenant)s and readers && %(readers)s::text[] and tags @> %(tags)s::text[]
and (%(kind)s = '' or kind = %(kind)s)
and (cardinality(%(keys)s::text[]) = 0 or key = any(%(keys)s::text[]))
and starts_with(source, %(source)s) and time >= %(since)s
"""
_NEWEST: Final = f"select id from memory where {_ALLOWED} order by time desc, newness desc limit %(limit)s"
_MATCHING: Final = f"""
select id from memory, to_tsquery('english', %(words)s) as asked where words @@ asked and {_ALLOWED}
order by ts_rank_cd(words, asked) desc, newness desc limit %(depth)s
"""
_NEAREST: Final = f"""
select id from memory join memory_vector on memory = id where maker = %(maker)s and {_ALLOWED}
group by id order by min(vector <#> %(vector)s::vector), newness desc limit %(depth)s
"""
_READ: Final = f"select id, time, body from memory where id = any(%(ids)s::bigint[]) and {_ALLOWED}"
_body = msgspec.msgpack.Decoder(Remembered).decode


class PostgresKnowledge:
    """What is remembered, in the database at `url`. Any number of processes and threads may use it at once.

    With an `embed`, the database needs the extension `vector` (pgvector); without one, words are all there is.

    Raises:
        StoreUnavailable: if the database cannot be used; from every method.
    """

    def __init__(self, url: str, embed: Embedding = "auto", *, name: str = "") -> None:
        self.url = url
        self.meaning = Meaning(embed, name)
        self._free: list[Connection] = []
        self._made = False
        self._making = Lock()

    async def remember(self, who: Principal, entries: Sequence[Remembered], /) -> None:
        await asyncio.to_thread(self._remember, who, entries)

    async def recall(self, who: Principal, query: Query, now: float, /) -> list[Recalled]:
        return await asyncio.to_thread(self._recall, who, query, now)

    async def forget(self, who: Principal, query: Query, /) -> int:
        return await asyncio.to_thread(self._forget, who, query)

    async def close(self) -> None:
        while self._free:
            self._free.pop().close()

    def _remember(self, who: Principal, entries: Sequence[Remembered]) -> None:
        rows = [_row(who, entry) for entry in entries]
        with self._transaction() as db:
            new = self._changed(db, who, rows)
        vectors = self.meaning.of([row["plain"] for row in new])
        maker = self.meaning.maker
        with self._transaction() as db:
            for row, made in zip(new, vectors, strict=True):
                [id] = _one(db.execute(_PUT, {**row, "maker": maker if made else ""}))
                if maker:
                    _put_vectors(db, id, made)

    def _changed(
        self, db: Connection, who: Principal, rows: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """The rows that are not there as they are; without a maker, vectors are left alone."""
        keys = [row["key"] for row in rows]
        found = db.execute(
            "select key, body, maker from memory where tenant = %s and owner = %s and key = any(%s)",
            (who.tenant, who.name, keys),
        ).fetchall()
        known = {key: (body, maker) for key, body, maker in found}
        maker = self.meaning.maker
        return [
            row
            for row in rows
            if (have := known.get(row["key"])) is None or have[0] != row["body"] or maker not in ("", have[1])
        ]

    def _forget(self, who: Principal, query: Query) -> int:
        asked = {**_asked(who, query, 0.0), "owner": who.name}
        with self._transaction() as db:
            return db.execute(f"delete from memory where owner = %(owner)s and {_ALLOWED}", asked).rowcount

    def _recall(self, who: Principal, query: Query, now: float) -> list[Recalled]:
        if query.limit < 1:
            return []
        asked = _asked(who, query, now)
        text = query.text.strip()
        vector = self._vector(who, query) if text and query.by != "words" else None
        with self._transaction() as db:
            if not text:
                ids = [id for (id,) in db.execute(_NEWEST, asked)]
                found = _read(db, ids, asked)
                return [found[id] for id in ids if id in found]
            scores = self._scores(db, query, asked, vector)[: query.limit]
            found = _read(db, [id for id, _ in scores], asked)
        return [replace(found[id], score=score) for id, score in scores if id in found]

    def _scores(
        self, db: Connection, query: Query, asked: dict[str, Any], vector: NDArray[np.float32] | None
    ) -> list[tuple[int, float]]:
        """What the query finds, the best first."""
        asked = {**asked, "depth": max(DEPTH, query.limit)}
        rankings: list[list[int]] = []
        if vector is not None:
            given = {**asked, "maker": self.meaning.maker, "vector": vector.tolist()}
            rankings.append([id for (id,) in db.execute(_NEAREST, given)])
        words = list(dict.fromkeys(_WORD.findall(query.text.lower())))[:QUERY_WORDS]
        if words and (query.by != "meaning" or vector is None):
            # Quoted, a word is only ever a word: never an operator of a query.
            given = {**asked, "words": " | ".join(f"'{word}'" for word in words)}
            rankings.append([id for (id,) in db.execute(_MATCHING, given)])
        return sorted(fused(rankings).items(), key=lambda one: (-one[1], -one[0]))

    def _vector(self, who: Principal, query: Query) -> NDArray[np.float32] | None:
        """The query's vector; what has none yet of what is there gets its own first."""
        made = self.meaning.vectors([query.text])
        if made is None:
            return None
        with self._transaction() as db:
            others = db.execute(
                "select maker, owner, time, body from memory where tenant = %s and maker <> %s limit 1000",
                (who.tenant, self.meaning.maker),
            ).fetchall()
        for maker, *_ in others:
            if maker:
                raise BadInput(
                    f"the vectors in the database are of {maker!r}, and this process makes those of "
                    f"{self.meaning.maker!r}, which cannot be compared: open it with {maker!r}, or with embed=None"
                )
        for _, owner, time, body in others:
            self._remember(replace(who, name=owner), [replace(_body(body), time=time)])
        vector: NDArray[np.float32] = made[0]
        return vector

    # Connections

    @contextmanager
    def _transaction(self) -> Generator[Connection, None, None]:
        """All or nothing, over a connection that is nobody else's meanwhile."""
        try:
            db = self._free.pop() if self._free else self._connected()
            try:
                with db.transaction():
                    yield db
            finally:
                if not db.closed:
                    self._free.append(db)
        except psycopg.Error as error:
            raise StoreUnavailable(
                f"the memory in PostgreSQL can't be used: {str(error).strip()}; is the server there, may this "
                "user write, and is the extension 'vector' (pgvector) installed where an embedder is used?"
            ) from error

    def _connected(self) -> Connection:
        """A new connection to a database that has the tables."""
        db = psycopg.connect(self.url, autocommit=True)
        try:
            with self._making:
                if not self._made:
                    with db.transaction():
                        self._make(db)
                    self._made = True
        except BaseException:  # whatever went wrong, it is nobody's
            db.close()
            raise
        return db

    def _make(self, db: Connection) -> None:
        """See that the tables are there, one process at a time."""
        db.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
        [entries, vectors] = _one(
            db.execute("select to_regclass('memory') is not null, to_regclass('memory_vector') is not null")
        )
        if not entries:
            db.execute(_ENTRIES)
        if self.meaning.maker and not vectors:
            db.execute(_VECTORS)


def _row(who: Principal, entry: Remembered) -> dict[str, Any]:
    """An entry as the row that it is kept in.

    Raises:
        BadInput: if what names it has the character NUL, which PostgreSQL has no place for.
    """
    kept = replace(
        entry,
        owner=who.name,
        time=0.0,
        tags=tuple(sorted(set(entry.tags))),
        shared=tuple(sorted(set(entry.shared) - {who.name})),
    )
    named = {"key": entry.key, "kind": entry.kind, "source": entry.source, "owner": who.name}
    if any("\0" in one for one in (*named.values(), *kept.tags, *kept.shared)):
        raise BadInput(f"the entry {entry.key!r} has NUL in its key, source, tags or names: leave it out")
    return {
        **named,
        "tenant": who.tenant,
        "tags": list(kept.tags),
        "readers": [who.name, *kept.shared],
        "time": entry.time,
        "plain": entry.text,
        "text": entry.text.replace("\0", " "),
        "body": msgspec.msgpack.encode(kept),
    }


def _asked(who: Principal, query: Query, now: float) -> dict[str, Any]:
    """What every read is told: whose it is, and the query's filters."""
    old = query.minutes is not None and now
    return {
        "tenant": who.tenant,
        "readers": list(who.readers),
        "tags": [_plain(tag) for tag in query.tags],
        "kind": query.kind,
        "keys": [_plain(key) for key in query.keys],
        "source": _plain(query.source),
        "since": now - 60 * (query.minutes or 0.0) if old else float("-inf"),
        "limit": query.limit,
    }


def _plain(text: str) -> str:
    """A text that PostgreSQL takes; what has NUL in it names nothing that could be there."""
    return text.replace("\0", "\ufffd")


def _read(db: Connection, ids: Sequence[int], asked: dict[str, Any]) -> dict[int, Recalled]:
    """The entries of some ids, as far as they may be read."""
    rows = db.execute(_READ, {**asked, "ids": list(ids)}).fetchall()
    return {id: recalled(replace(_body(body), time=time)) for id, time, body in rows}


def _put_vectors(db: Connection, id: int, made: Sequence[bytes]) -> None:
    import numpy as np

    db.execute("delete from memory_vector where memory = %s", (id,))
    for piece, vector in enumerate(made):
        numbers: list[float] = np.frombuffer(vector, dtype="<f4").tolist()
        db.execute("insert into memory_vector values (%s, %s, %s::vector)", (id, piece, numbers))


def _one(cursor: psycopg.Cursor[tuple[Any, ...]]) -> tuple[Any, ...]:
    row = cursor.fetchone()
    assert row is not None  # the statement gives one
    return row
