"""Memory over HTTP: added, searched and forgotten, by whoever may."""

from __future__ import annotations

import asyncio

import pytest

from coterie.client import AsyncClient
from coterie.errors import BadInput
from tests.http.serving import served, service_at


def with_clients(tmp_path, scene):
    """Three that ask: two of one tenant, and somebody of another with the same name."""

    async def performed():
        service = service_at(tmp_path)
        people = (("ada", "acme"), ("bob", "acme"), ("ada", "bolt"))
        keys = [service.keys.make(name, tenant=tenant)[0] for name, tenant in people]
        async with served(service) as http:
            clients = [AsyncClient(str(http.base_url), key) for key in keys]
            try:
                return await scene(*clients)
            finally:
                for client in clients:
                    await client.close()

    return asyncio.run(performed())


def test_what_is_remembered_is_found_by_who_may_read_it(tmp_path):
    """One's own, and what is shared with one; another tenant finds nothing, whatever its people are called."""

    async def scene(ada, bob, stranger):
        await ada.remember("The heron nests in March", key="heron", tags=["bird"])
        await ada.remember("The crane dances", key="crane", tags=["bird"], shared=["bob"])
        await ada.remember("The stork claps", key="stork", shared=["*"], source="a book", data={"page": 3})
        found = [await one.recall("heron crane stork") for one in (ada, bob, stranger)]
        return [sorted(one.key for one in page.memories) for page in found], found[1].memories

    keys, memories = with_clients(tmp_path, scene)
    assert keys == [["crane", "heron", "stork"], ["crane", "stork"], []]
    stork = next(one for one in memories if one.key == "stork")
    assert (stork.owner, stork.source, stork.trust, stork.data) == ("ada", "a book", "untrusted", {"page": 3})


def test_a_search_is_narrowed_and_paged(tmp_path):
    """By tags and source, and so many at a time, to the last; without a text it is the newest."""

    async def scene(ada, *_):
        for n in range(7):
            await ada.remember(f"note {n}", key=str(n), tags=["even"] if n % 2 == 0 else ["odd"])
        even = await ada.recall(tags=["even"])
        pages, after = [], 0
        while after is not None:
            page = await ada.recall(limit=3, after=after)
            pages.append([one.key for one in page.memories])
            after = page.next
        return (
            sorted(one.key for one in even.memories),
            sorted(key for page in pages for key in page),
            [*map(len, pages)],
        )

    assert with_clients(tmp_path, scene) == (["0", "2", "4", "6"], [*"0123456"], [3, 3, 1])


def test_one_forgets_what_is_ones_own(tmp_path):
    """By keys or tags, for good; not another's, nothing unnamed, and nobody else's agent."""

    async def scene(ada, bob, _):
        await ada.remember("one", key="a", shared=["*"])
        await ada.remember("two", key="b")
        counts = [await bob.forget("a"), await ada.forget("a"), await ada.forget("a")]
        with pytest.raises(BadInput, match="say what to forget"):
            await ada.forget()
        return counts, await ada.forget(everything=True), (await ada.recall()).memories

    assert with_clients(tmp_path, scene) == ([0, 1, 0], 1, [])
