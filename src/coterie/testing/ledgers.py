"""What all ledgers promise: subclass `LedgerPromises` in a test, and give it a `ledgers` fixture.

Ledgers that outlive their process give `reopen`, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar

from coterie.errors import Changed, Unstorable
from coterie.ports import Ledgers

P = TypeVar("P", bound="LedgerPromises")


def in_loop(test: Callable[[P, Ledgers], Coroutine[Any, Any, None]]) -> Callable[[P, Ledgers], None]:
    """A test in a loop of its own, with the ledgers closed at the end."""

    @wraps(test)
    def run(self: P, ledgers: Ledgers) -> None:
        async def scene() -> None:
            try:
                await test(self, ledgers)
            finally:
                await ledgers.close()

        asyncio.run(scene())

    return run


class LedgerPromises:
    """Subclass it and give it `ledgers`."""

    def reopen(self, ledgers: Ledgers) -> Ledgers | None:
        """The same ledgers, opened anew; None where they end with their process."""
        return None

    @in_loop
    async def test_entries_are_read_as_they_were_written(self, ledgers: Ledgers) -> None:
        """In order, numbered from 0 without gaps, from any number on, and as many as are wanted."""
        bodies: list[Any] = [{"a": [1, 2.5, None, True]}, "grüße\x00", 3, None]
        written = [await ledgers.append("a/b", body) for body in bodies]
        assert await ledgers.read("a/b") == written
        assert [(one.seq, one.body) for one in written] == list(enumerate(bodies))
        assert await ledgers.read("a/b", 0, 2) == written[1:3]
        assert await ledgers.last("a/b") == written[-1]

    @in_loop
    async def test_what_is_not_there_is_empty(self, ledgers: Ledgers) -> None:
        """A ledger that nobody has written to, and one that was dropped."""
        await ledgers.append("a", 1)
        await ledgers.drop("a")
        assert (await ledgers.read("a"), await ledgers.last("a"), await ledgers.heads("")) == ([], None, [])
        assert (await ledgers.append("a", 2)).seq == 0

    @in_loop
    async def test_who_comes_too_late_writes_nothing(self, ledgers: Ledgers) -> None:
        """An entry that is to have a number has it, or is not written."""
        await ledgers.append("a", "first", at=0)
        for at in (0, 2):
            try:
                await ledgers.append("a", "late", at=at)
            except Changed:
                continue
            raise AssertionError(f"an entry was written at {at}")
        assert [one.body for one in await ledgers.read("a")] == ["first"]

    @in_loop
    async def test_an_entry_from_elsewhere_keeps_its_time(self, ledgers: Ledgers) -> None:
        """One that says when it was written was written then; the next is written now."""
        old = await ledgers.append("a", "old", at=0, when=12.5)
        new = await ledgers.append("a", "new")
        assert (old.time, new.time > 1e9) == (12.5, True)
        assert await ledgers.read("a") == [old, new]

    @in_loop
    async def test_of_many_at_once_each_has_a_place(self, ledgers: Ledgers) -> None:
        """No number is given twice, and no entry is lost; of those that want one place, one has it."""
        written = await asyncio.gather(*(ledgers.append("a", n) for n in range(20)))
        assert sorted(one.seq for one in written) == list(range(20))
        assert {one.seq: one.body for one in written} == {
            one.seq: one.body for one in await ledgers.read("a")
        }
        raced = await asyncio.gather(
            *(ledgers.append("b", n, at=0) for n in range(8)), return_exceptions=True
        )
        assert [isinstance(one, Changed) for one in raced].count(False) == 1

    @in_loop
    async def test_heads_are_the_newest_entries_by_name(self, ledgers: Ledgers) -> None:
        """Of the ledgers below a prefix, a page at a time, without those that say nothing any more."""
        for name in ("x/b", "x/a", "x/c", "x/d", "y/a", "w"):
            await ledgers.append(name, "old")
            await ledgers.append(name, f"new {name}")
        await ledgers.append("x/c", None)
        seen = [(name, one.seq, one.body) for name, one in await ledgers.heads("x/")]
        assert seen == [("x/a", 1, "new x/a"), ("x/b", 1, "new x/b"), ("x/d", 1, "new x/d")]
        assert [name for name, _ in await ledgers.heads("x/", "x/a", 1)] == ["x/b"]
        assert [name for name, _ in await ledgers.heads("x/", "x/d")] == []

    @in_loop
    async def test_what_has_no_json_shape_is_refused(self, ledgers: Ledgers) -> None:
        """And nothing is written."""
        try:
            await ledgers.append("a", object())
        except Unstorable:
            assert await ledgers.last("a") is None
        else:
            raise AssertionError("an object was written")

    @in_loop
    async def test_what_was_written_is_there_after_a_restart(self, ledgers: Ledgers) -> None:
        """Every entry, in its place."""
        written = [await ledgers.append("a", n) for n in range(3)]
        again = self.reopen(ledgers)
        if again is not None:
            try:
                assert await again.read("a") == written
                assert (await again.append("a", 3)).seq == 3
            finally:
                await again.close()
