"""What all knowledge promises: subclass `KnowledgePromises` in a test, and give it a `knowledge` fixture.

Knowledge that outlives its process gives `reopen`, too.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from typing import Any, TypeVar

from msgspec.structs import replace

from coterie.ports import Knowledge
from coterie.words.memory import By, Query, Remembered, may_read, recalled
from coterie.words.principal import Principal

P = TypeVar("P", bound="KnowledgePromises")
NOW = 1_700_000_000.0
ADA, BOB, EVE = Principal("ada"), Principal("bob", groups=("birders",)), Principal("eve")
MALLORY = Principal("ada", tenant="elsewhere", groups=("birders",))
"""Somebody of another tenant, who has a name and a group of this one."""
HOSTILE = (
    '"',
    "' OR 1=1 --",
    "NEAR(a b)",
    "text:heron",
    "*",
    "héron\x00",
    "(" * 50,
    "a" * 10_000,
    "🦆",
    "\n",
)


def note(text: str, key: str, **fields: Any) -> Remembered:
    """An entry with all that a store is given."""
    given: dict[str, Any] = {"source": "a test", "time": NOW, **fields}
    return Remembered(text=text, key=key, **given)


async def texts(knowledge: Knowledge, who: Principal, text: str = "", **fields: Any) -> list[str]:
    """The texts that are recalled."""
    given: dict[str, Any] = {"limit": 100, **fields}
    return [one.text for one in await knowledge.recall(who, Query(text=text, **given), NOW)]


def in_loop(
    test: Callable[[P, Knowledge], Coroutine[Any, Any, None]],
) -> Callable[[P, Knowledge], None]:
    """A test in a loop of its own, with the knowledge closed at the end."""

    @wraps(test)
    def run(self: P, knowledge: Knowledge) -> None:
        async def scene() -> None:
            try:
                await test(self, knowledge)
            finally:
                await knowledge.close()

        asyncio.run(scene())

    return run


class KnowledgePromises:
    """What is remembered is found by whoever may, as it was, until it is replaced or forgotten."""

    seed = 20_261_129
    """What the dice of the random operations begin with."""
    operations = 10_000
    """How many there are."""

    def reopen(self, knowledge: Knowledge) -> Knowledge | None:
        """The same place, opened beside; None for knowledge that only lives in its process."""
        return None

    @in_loop
    async def test_nothing_is_known_at_first(self, knowledge: Knowledge) -> None:
        """Asking before anything was remembered finds nothing, and raises nothing."""
        assert await texts(knowledge, ADA, "heron") == []
        assert await texts(knowledge, ADA) == []
        assert await knowledge.forget(ADA, Query(keys=("a",))) == 0

    @in_loop
    async def test_what_was_remembered_comes_back_as_it_was(self, knowledge: Knowledge) -> None:
        """Text, key, kind, tags, source, trust, sharing, data, owner and time survive."""
        given = note(
            "The heron waits. ß漢字🙂\n",
            "k",
            kind="episode",
            tags=("a", "b"),
            source="file:notes.md:3-9",
            trust="trusted",
            shared=("*", "@birders"),
            data={"n": [1, None, 2.5, "é"]},
            time=NOW - 1.25,
        )
        await knowledge.remember(ADA, [given])
        [found] = await knowledge.recall(ADA, Query(text="heron"), NOW)
        assert replace(found, score=0.0) == recalled(replace(given, owner="ada"))

    @in_loop
    async def test_the_same_again_changes_nothing(self, knowledge: Knowledge) -> None:
        """What is remembered twice under one key is kept once, and is no younger for it."""
        await knowledge.remember(ADA, [note("A heron.", "k", time=NOW - 600)])
        await knowledge.remember(ADA, [note("A heron.", "k")])
        assert [one.time for one in await knowledge.recall(ADA, Query(text="heron"), NOW)] == [NOW - 600]

    @in_loop
    async def test_the_same_key_replaces(self, knowledge: Knowledge) -> None:
        """An update takes the place of what was there: its words find nothing any more."""
        await knowledge.remember(ADA, [note("A heron.", "k", tags=("old",))])
        await knowledge.remember(ADA, [note("A gull.", "k", tags=("new",))])
        assert await texts(knowledge, ADA) == ["A gull."]
        assert await texts(knowledge, ADA, "heron", by="words") == []
        assert await texts(knowledge, ADA, tags=("old",)) == []

    @in_loop
    async def test_keys_belong_to_their_owner(self, knowledge: Knowledge) -> None:
        """Two owners may use one key; neither touches what the other has."""
        await knowledge.remember(ADA, [note("Ada's heron.", "k")])
        await knowledge.remember(BOB, [note("Bob's heron.", "k")])
        assert await knowledge.forget(BOB, Query(keys=("k",))) == 1
        assert await texts(knowledge, ADA, "heron") == ["Ada's heron."]

    @in_loop
    async def test_p21_what_is_not_shared_is_the_owners_alone(self, knowledge: Knowledge) -> None:
        """Nobody else finds it, by words, by meaning, by its tags, its key or its age."""
        await knowledge.remember(ADA, [note("The heron's secret.", "k", tags=("t",))])
        for other in (BOB, MALLORY):
            ways: list[dict[str, Any]] = [
                {"by": "words"},
                {"by": "meaning"},
                {"tags": ("t",)},
                {"keys": ("k",)},
            ]
            assert [await texts(knowledge, other, "heron secret", **way) for way in ways] == [[]] * 4
            assert await texts(knowledge, other, minutes=10) == []

    @in_loop
    async def test_p21_sharing_reaches_whom_it_names(self, knowledge: Knowledge) -> None:
        """A name, a group or everyone in the tenant may read, and nobody of another tenant."""
        await knowledge.remember(
            ADA,
            [
                note("heron for bob", "1", shared=("bob",)),
                note("heron for birders", "2", shared=("@birders",)),
                note("heron for all", "3", shared=("*",)),
                note("heron for none", "4"),
            ],
        )
        assert sorted(await texts(knowledge, BOB, "heron")) == [
            "heron for all",
            "heron for birders",
            "heron for bob",
        ]
        assert await texts(knowledge, EVE, "heron") == ["heron for all"]
        assert await texts(knowledge, MALLORY, "heron") == []
        assert await knowledge.forget(BOB, Query(keys=("1", "2", "3", "4"))) == 0

    @in_loop
    async def test_what_is_no_longer_shared_is_no_longer_found(self, knowledge: Knowledge) -> None:
        """Taking back who may read holds from the next search on."""
        await knowledge.remember(ADA, [note("A heron.", "k", shared=("*",))])
        assert await texts(knowledge, EVE, "heron") == ["A heron."]
        await knowledge.remember(ADA, [note("A heron.", "k")])
        assert await texts(knowledge, EVE, "heron") == []
        assert await texts(knowledge, ADA, "heron") == ["A heron."]

    @in_loop
    async def test_tags_and_kinds_and_sources_narrow(self, knowledge: Knowledge) -> None:
        """Only what has all the tags, the kind, one of the keys and the beginning of the source is found."""
        await knowledge.remember(
            ADA,
            [
                note("heron one", "1", tags=("a", "b"), source="file:x/1"),
                note("heron two", "2", tags=("a",), source="file:y/2"),
                note("heron three", "3", kind="episode", tags=("b",), source="run 1"),
            ],
        )
        assert sorted(await texts(knowledge, ADA, "heron", tags=("a",))) == ["heron one", "heron two"]
        assert await texts(knowledge, ADA, "heron", tags=("a", "b")) == ["heron one"]
        assert await texts(knowledge, ADA, "heron", kind="episode") == ["heron three"]
        assert await texts(knowledge, ADA, "heron", source="file:y") == ["heron two"]
        assert sorted(await texts(knowledge, ADA, "heron", keys=("1", "3"))) == ["heron one", "heron three"]
        assert await texts(knowledge, ADA, "heron", source="%") == []

    @in_loop
    async def test_recent_is_by_age_the_newest_first(self, knowledge: Knowledge) -> None:
        """A query with minutes finds what is no older; without a text the newest come first."""
        await knowledge.remember(
            ADA, [note(f"heron {n}", str(n), time=NOW - 60 * n) for n in (5, 1, 3, 4, 2)]
        )
        assert await texts(knowledge, ADA, minutes=3) == ["heron 1", "heron 2", "heron 3"]
        assert sorted(await texts(knowledge, ADA, "heron", minutes=2)) == ["heron 1", "heron 2"]
        assert await texts(knowledge, ADA, limit=2) == ["heron 1", "heron 2"]

    @in_loop
    async def test_forgotten_is_forgotten(self, knowledge: Knowledge) -> None:
        """What is forgotten by key, tags or source is found in no way, by nobody; the rest stays."""
        await knowledge.remember(
            ADA,
            [
                note("heron key", "k", shared=("*",)),
                note("heron tag", "t", tags=("x",), shared=("*",)),
                note("heron source", "s", source="web:evil", shared=("*",)),
                note("heron stays", "stays", shared=("*",)),
            ],
        )
        await texts(knowledge, EVE, "heron")  # whatever is held in memory is held now
        queries = (Query(keys=("k",)), Query(tags=("x",)), Query(source="web:"), Query(keys=("k",)))
        assert [await knowledge.forget(ADA, query) for query in queries] == [1, 1, 1, 0]
        for by in ("both", "meaning", "words"):
            assert await texts(knowledge, EVE, "heron key tag source", by=by) == ["heron stays"]
        assert await texts(knowledge, ADA) == ["heron stays"]

    @in_loop
    async def test_any_question_is_only_a_question(self, knowledge: Knowledge) -> None:
        """Signs that mean something to a query language, or to nobody, raise nothing and find nothing amiss."""
        await knowledge.remember(ADA, [note("A heron.", "k")])
        await knowledge.remember(BOB, [note("hidden", "k")])
        for text in HOSTILE:
            assert "hidden" not in await texts(knowledge, ADA, text)
            assert await knowledge.recall(ADA, Query(text=text, limit=0), NOW) == []

    @in_loop
    async def test_as_many_as_asked_for(self, knowledge: Knowledge) -> None:
        """No more than `limit` come back, and the same question gets the same answer."""
        await knowledge.remember(ADA, [note(f"A heron, {n}.", str(n)) for n in range(200)])
        assert [len(await texts(knowledge, ADA, "heron", limit=n)) for n in (1, 6, 150)] == [1, 6, 150]
        assert await texts(knowledge, ADA, "heron") == await texts(knowledge, ADA, "heron")

    @in_loop
    async def test_many_write_at_once(self, knowledge: Knowledge) -> None:
        """Nothing is lost among writers side by side, and of one key one entry is left."""

        async def writes(n: int) -> None:
            await knowledge.remember(ADA, [note(f"heron {n}", f"k{n}")])
            await knowledge.remember(ADA, [note(f"shared key, {n}", "one")])

        await asyncio.gather(*(writes(n) for n in range(40)))
        assert len(await texts(knowledge, ADA, keys=tuple(f"k{n}" for n in range(40)))) == 40
        assert len(await texts(knowledge, ADA, keys=("one",))) == 1

    @in_loop
    async def test_what_another_process_changes_is_noticed(self, knowledge: Knowledge) -> None:
        """Additions, updates and deletions through another opening of the place are seen at the next search."""
        other = self.reopen(knowledge)
        if other is None:
            return
        await knowledge.remember(ADA, [note("heron one", "1"), note("heron two", "2")])
        assert await texts(other, ADA, "heron", limit=1) != []
        await other.remember(ADA, [note("heron three", "3"), note("gull", "2")])
        await other.forget(ADA, Query(keys=("1",)))
        for by in ("both", "words"):
            assert await texts(knowledge, ADA, "heron three", by=by, limit=1) == ["heron three"]
        assert sorted(await texts(knowledge, ADA)) == ["gull", "heron three"]
        await other.close()

    @in_loop
    async def test_p21_random_operations_leak_nothing(self, knowledge: Knowledge) -> None:
        """Whatever is remembered, shared, replaced and forgotten, everybody finds just what they may."""
        dice = random.Random(self.seed)  # noqa: S311 - repeatable, no secret
        known: dict[tuple[Principal, str], Remembered] = {}
        leaks: list[str] = []
        for n in range(self.operations):
            who, key = dice.choice(_CROWD), f"k{dice.randrange(12)}"
            if (act := dice.random()) < 0.3:
                entry = _random(dice, n, key)
                await knowledge.remember(who, [entry])
                known[who, key] = replace(entry, owner=who.name)
            elif act < 0.4:
                fits = (who, key) in known
                assert await knowledge.forget(who, Query(keys=(key,))) == fits
                known.pop((who, key), None)
            else:
                leaks += await _looked(knowledge, known, who, dice)
        assert leaks == []
        assert len(known) > len(_CROWD)


_CROWD = [
    Principal(name, tenant, groups)
    for tenant in ("acme", "bolt")
    for name, groups in (("ada", ("x",)), ("bob", ("x", "y")), ("eve", ()))
]
_SHARES: Sequence[tuple[str, ...]] = ((), (), ("bob",), ("@x",), ("@y", "eve"), ("*",))


def _random(dice: random.Random, n: int, key: str) -> Remembered:
    tags = tuple(tag for tag in ("red", "blue") if dice.random() < 0.4)
    return note(f"canary c{n}", key, tags=tags, shared=dice.choice(_SHARES), time=NOW - dice.randrange(7200))


async def _looked(
    knowledge: Knowledge,
    known: dict[tuple[Principal, str], Remembered],
    who: Principal,
    dice: random.Random,
) -> list[str]:
    """What a random search found that it must not, or did not find that it must."""
    minutes, tags = dice.choice((None, 30.0, 90.0)), dice.choice(((), (), ("red",), ("red", "blue")))
    way: By = dice.choice(("both", "meaning", "words"))
    query = Query(text=dice.choice(("", "canary")), tags=tags, minutes=minutes, by=way, limit=1000)
    found = {(one.owner, one.key, one.text) for one in await knowledge.recall(who, query, NOW)}
    due = {
        (whose.name, key, entry.text)
        for (whose, key), entry in known.items()
        if whose.tenant == who.tenant and may_read(who, entry) and query.fits(entry, NOW)
    }
    return [f"{who} {query}: {sorted(found ^ due)}"] if found != due else []
