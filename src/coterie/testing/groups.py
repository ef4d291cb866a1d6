"""What whoever carries messages to groups of runs promises: subclass `GroupPromises`, and say how groups are made.

`groups` gives the groups of one tenant anew each time, as another process would have them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar

from coterie.carriers import Groups, Told
from coterie.testing.engines import PATIENCE, until

P = TypeVar("P", bound="GroupPromises")


def in_loop(test: Callable[[P], Coroutine[Any, Any, None]]) -> Callable[[P], None]:
    """A test in a loop of its own."""

    @wraps(test)
    def run(self: P) -> None:
        async def scene() -> None:
            try:
                await test(self)
            finally:
                await self.leave()

        asyncio.run(scene())

    return run


async def soon(taking: Coroutine[Any, Any, Told]) -> Told:
    """What is given next."""
    async with asyncio.timeout(PATIENCE):
        return await taking


async def nothing(groups: Groups, seconds: float = 0.3) -> bool:
    """Whether the group is given nothing for a while."""
    try:
        async with asyncio.timeout(seconds):
            await (await groups.take("g", "t")).again()
    except TimeoutError:
        return True
    return False


class GroupPromises:
    """Each message that a group is told is given to one member, and to another until one has it in its journal."""

    def groups(self) -> Groups:
        """The groups of the tenant that this test has, as one more process has them."""
        raise NotImplementedError

    async def leave(self) -> None:
        """Close whatever was made."""

    @in_loop
    async def test_each_message_is_given_to_one_member(self) -> None:
        """To whichever of them; all of them together are given all, each once."""
        teller, members = self.groups(), [self.groups() for _ in range(3)]
        for n in range(30):
            await teller.tell("g", "t", {"body": n}, f"r:{n}")
        found: list[int] = []

        async def member(groups: Groups) -> None:
            while True:
                told = await groups.take("g", "t")
                found.append(told.said["body"])
                await told.done()

        tasks = [asyncio.ensure_future(member(groups)) for groups in members]
        await until(lambda: len(found) >= 30)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert sorted(found) == list(range(30))
        assert await nothing(teller)

    @in_loop
    async def test_one_member_is_given_them_in_order(self) -> None:
        """As they were told, if nobody gave one back."""
        teller, member = self.groups(), self.groups()
        for n in range(5):
            await teller.tell("g", "t", n, f"r:{n}")
        told = [await soon(member.take("g", "t")) for _ in range(5)]
        assert [one.said for one in told] == list(range(5))

    @in_loop
    async def test_what_is_told_waits_for_a_member(self) -> None:
        """A group may be told something before it has any; a member that waits is given it when it is told."""
        teller, member = self.groups(), self.groups()
        await teller.tell("g", "t", "early", "r:1")
        first = await soon(member.take("g", "t"))
        await first.done()
        waiting = asyncio.ensure_future(soon(member.take("g", "t")))
        await asyncio.sleep(0.05)
        await teller.tell("g", "t", "late", "r:2")
        second = await waiting
        await second.done()
        assert [first.said, second.said] == ["early", "late"]

    @in_loop
    async def test_what_is_given_back_is_given_to_another(self) -> None:
        """At once."""
        teller, one, other = self.groups(), self.groups(), self.groups()
        await teller.tell("g", "t", "hello", "r:1")
        await (await soon(one.take("g", "t"))).again()
        told = await soon(other.take("g", "t"))
        await told.done()
        assert told.said == "hello"

    @in_loop
    async def test_what_a_silent_member_has_is_given_to_another(self) -> None:
        """It died, or seems to have: it never said that its journal has the message."""
        teller, silent, other = self.groups(), self.groups(), self.groups()
        await teller.tell("g", "t", "hello", "r:1")
        await soon(silent.take("g", "t"))
        told = await soon(other.take("g", "t"))
        await told.done()
        assert told.said == "hello"

    @in_loop
    async def test_who_waits_no_more_takes_nothing_along(self) -> None:
        """A member that stopped waiting has lost no message, though one was told at that very time."""
        teller, one, other = self.groups(), self.groups(), self.groups()
        for n in range(5):
            waiting = asyncio.ensure_future(one.take("g", "t"))
            await asyncio.sleep(0.02)
            waiting.cancel()
            await teller.tell("g", "t", n, f"r:{n}")
            told = await soon(other.take("g", "t"))
            await told.done()
            assert told.said == n

    @in_loop
    async def test_the_same_key_is_the_same_message(self) -> None:
        """So whoever is not sure whether it told it may tell it once more."""
        teller = self.groups()
        for _ in range(2):
            await teller.tell("g", "t", "hello", "r:1")
        told = await soon(teller.take("g", "t"))
        await told.done()
        assert await nothing(teller)

    @in_loop
    async def test_groups_and_topics_are_apart(self) -> None:
        """What one group is told on one topic is no other's, and not heard on another topic."""
        groups = self.groups()
        for n, (group, topic) in enumerate([("g", "t"), ("g", "u"), ("h", "t")]):
            await groups.tell(group, topic, n, f"r:{n}")
        found = [await soon(groups.take(*line)) for line in [("h", "t"), ("g", "u"), ("g", "t")]]
        assert [told.said for told in found] == [2, 1, 0]
