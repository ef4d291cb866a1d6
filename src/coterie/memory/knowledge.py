"""Knowledge in a dict: for tests, and for what need not outlive the process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from coterie.memory.bm25 import Postings
from coterie.memory.index import DEPTH, fused
from coterie.memory.matrix import Matrix
from coterie.memory.meaning import Embedding, Meaning
from coterie.words.memory import Query, Recalled, Remembered, may_read, recalled
from coterie.words.principal import Principal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class MemoryKnowledge:
    """Keeps what is remembered in this process, each tenant apart, and forgets everything at exit."""

    def __init__(self, embed: Embedding = None) -> None:
        self.meaning = Meaning(embed)
        self._tenants: dict[str, _Tenant] = {}

    async def remember(self, who: Principal, entries: Sequence[Remembered], /) -> None:
        texts = [entry.text for entry in entries]
        if self.meaning.maker:
            vectors = await asyncio.to_thread(self.meaning.of, texts)
        else:
            vectors = self.meaning.of(texts)
        tenant = self._tenants.setdefault(who.tenant, _Tenant())
        for entry, made in zip(entries, vectors, strict=True):
            tenant.put(replace(entry, owner=who.name), made)

    async def recall(self, who: Principal, query: Query, now: float, /) -> list[Recalled]:
        tenant = self._tenants.get(who.tenant)
        if tenant is None or query.limit < 1:
            return []
        if not query.text.strip():
            newest = [recalled(one) for one in tenant.all(who, query, now)]
            return sorted(newest, key=lambda one: -one.time)[: query.limit]
        vector: NDArray[np.float32] | None = None
        if query.by != "words" and self.meaning.maker:
            made = await asyncio.to_thread(self.meaning.vectors, [query.text])
            vector = None if made is None else made[0]
        rankings = _rankings(tenant, who, query, now, vector)
        scores = sorted(fused(rankings).items(), key=lambda one: (-one[1], -one[0]))
        return [recalled(tenant.entries[id], score) for id, score in scores[: query.limit]]

    async def forget(self, who: Principal, query: Query, /) -> int:
        tenant = self._tenants.get(who.tenant, _Tenant())
        mine = [one for one in tenant.entries.values() if one.owner == who.name and query.fits(one, 0.0)]
        for one in mine:
            tenant.drop(who.name, one.key)
        return len(mine)

    async def close(self) -> None:
        self._tenants.clear()


def _rankings(
    tenant: _Tenant, who: Principal, query: Query, now: float, vector: NDArray[np.float32] | None
) -> list[list[int]]:
    """What `who` may read and the filters allow, by meaning and by words, as far as these are asked for."""
    depth = max(DEPTH, query.limit)
    rankings: list[list[int]] = []

    def passes(id: int) -> bool:
        entry = tenant.entries[id]
        return may_read(who, entry) and query.fits(entry, now)

    if vector is not None and tenant.matrix is not None:
        some = [id for id in tenant.entries if passes(id)] if query.keys or query.source else None
        rankings.append(tenant.matrix.nearest(vector, tenant.matrix.rows(who, query, now, some), depth))
    if query.by != "meaning" or vector is None:
        rankings.append(tenant.postings.ranked(query.text, passes, depth))
    return rankings


class _Tenant:
    """What one tenant remembers."""

    def __init__(self) -> None:
        self.entries: dict[int, Remembered] = {}
        self.postings = Postings()
        self.matrix: Matrix | None = None
        self._ids: dict[tuple[str, str], int] = {}
        self._count = 0

    def put(self, entry: Remembered, vectors: Sequence[bytes]) -> None:
        known = self._ids.get((entry.owner, entry.key))
        if known is not None and replace(self.entries[known], time=entry.time) == entry:
            return
        self.drop(entry.owner, entry.key)
        self._count += 1
        id = self._ids[entry.owner, entry.key] = self._count
        self.entries[id] = entry
        self.postings.add(id, entry.text)
        if vectors:
            if self.matrix is None:
                self.matrix = Matrix(len(vectors[0]) // 4)
            self.matrix.add(id, entry, vectors)

    def drop(self, owner: str, key: str) -> None:
        id = self._ids.pop((owner, key), None)
        if id is None:
            return
        entry = self.entries.pop(id)
        self.postings.drop(id, entry.text)
        if self.matrix is not None:
            self.matrix.drop(id)

    def all(self, who: Principal, query: Query, now: float) -> list[Remembered]:
        """What `who` may read and the query's filters allow, the newest first where times are equal."""
        entries = [self.entries[id] for id in sorted(self.entries, reverse=True)]
        return [entry for entry in entries if may_read(who, entry) and query.fits(entry, now)]
