"""P18: one gate per provider: nothing fails, nothing locks, one 429 slows all, and a breaker falls back at once."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from coterie import Agent, Limits, Message, Task, Team, gather, run
from coterie.errors import CircuitOpen, ModelUnavailable, RateLimited
from coterie.models import Gate, fallback, gated, guarded, retried
from coterie.patterns.breaker import Breaker
from coterie.testing.models import asking
from coterie.words.effect import Think
from coterie.words.usage import Usage
from tests.models.server import CannedServer, Reply, canned
from tests.virtual import virtually

__all__ = ["canned"]
SECONDS = 0.4
"""How long the provider takes for an answer."""


def now() -> float:
    return asyncio.get_running_loop().time()


class Provider:
    """Refuses the 61st request of any 60 seconds, and says when the next one may come."""

    name = "provider"

    def __init__(self, minute: int = 60, says: bool = True) -> None:
        self.minute = minute
        self.says = says
        self.taken: list[float] = []
        self.refused: list[float] = []
        self.inside = 0
        self.most = 0

    async def __call__(self, think: Think) -> Message:
        recent = [at for at in self.taken if at > now() - 60]
        if len(recent) >= self.minute:
            self.refused.append(now())
            error = RateLimited("too many")
            error.retry_after = recent[0] + 60 - now() if self.says else 0.0
            raise error
        self.taken.append(now())
        self.inside += 1
        self.most = max(self.most, self.inside)
        await asyncio.sleep(SECONDS)
        self.inside -= 1
        return Message(sender=think.actor, text="done", usage=Usage(10, 5, 1))


def family(children: int = 100) -> Team:
    """That many agents, at three depths: a third each below the root, a team, and a team in a team."""

    def team(name: str, own: list[Agent], *below: Team) -> Team:
        async def play(task: Task) -> Message:
            said = await gather(*(one(task) for one in (*own, *below)))
            return Message(sender=name, text=f"{len(said)}", parts=tuple(said))

        return Team(name, [*own, *below], play)

    agents = [Agent(f"a{n}") for n in range(children)]
    third = children // 3
    low = team("low", agents[:third])
    middle = team("middle", agents[third : 2 * third], low)
    return team("top", agents[2 * third :], middle)


def behind(provider: Any, **gate: Any) -> Any:
    """A provider as `hosted` makes them: behind a gate, with retries outside of it."""
    dice = random.Random(7).random
    made = Gate(clock=now, sleep=asyncio.sleep, random=dice, **gate)
    return retried(gated(provider, made), random=dice)


@pytest.mark.parametrize("at_once", [1, 2, 7, 100])
@pytest.mark.parametrize("rate", [60, None], ids=["rate known", "rate learned"])
def test_a_hundred_children_at_three_depths_all_succeed(at_once: int, rate: float | None) -> None:
    """60 a minute, 100 children: no failure and no lock at any size; where the rate is known, no refusal."""
    provider = Provider()

    async def scene() -> Any:
        return await run(family(), "go", model=behind(provider, rate=rate, at_once=at_once)), now()

    (result, ended) = virtually(scene)
    assert (result.status, result.failure, len(provider.taken)) == ("succeeded", None, 100)
    assert provider.most <= at_once
    assert result.usage.requests == 100 + len(provider.refused)
    if rate is not None:
        assert provider.refused == []
    assert ended - 1_000 < 200


def test_a_run_in_the_middle_of_another_shares_the_gate() -> None:
    """Ten runs at once are one queue: in no minute are there more requests than allowed."""
    provider = Provider()

    async def scene() -> list[Any]:
        model = behind(provider, rate=60)
        return await asyncio.gather(*(run(family(12), "go", model=model) for _ in range(10)))

    assert {result.status for result in virtually(scene)} == {"succeeded"}
    assert (len(provider.taken), provider.refused) == (120, [])


def test_one_429_slows_all_siblings_and_retry_after_is_kept_with_jitter() -> None:
    """After one refusal nobody asks before the time the provider named, and not all at that moment."""
    asked: list[float] = []
    refused: list[float] = []

    async def provider(think: Think) -> Message:
        asked.append(now())
        if len(asked) == 5:
            refused.append(now())
            error = RateLimited("too many")
            error.retry_after = 20.0
            raise error
        await asyncio.sleep(1.0)
        return Message(sender=think.actor, text="done")

    async def scene() -> Any:
        return await run(family(30), "go", model=behind(provider, at_once=4))

    assert virtually(scene).status == "succeeded"
    later = [at - refused[0] for at in asked if at > refused[0]]
    assert 20.0 < min(later) <= 22.0
    assert len(asked) == 31


def test_jitter_spreads_those_who_were_refused_together() -> None:
    """Ten refused at once with the same `Retry-After` come back at ten different moments, none too early."""
    back: list[float] = []

    async def scene() -> None:
        async def provider(think: Think) -> Message:
            if now() < 1_000.5:
                error = RateLimited("too many")
                error.retry_after = 10.0
                raise error
            back.append(now() - 1_000.0)
            return Message(sender="a", text="done")

        model = retried(provider, random=random.Random(1).random)
        await asyncio.gather(*(model(asking("Hi")) for _ in range(10)))

    virtually(scene)
    assert min(back) >= 10.0
    assert max(back) <= 11.0
    assert len(set(back)) == 10


def test_the_gate_is_fair() -> None:
    """Who came first is let in first, at every size."""
    order: list[int] = []

    async def scene() -> None:
        gate = Gate(rate=600, at_once=2, clock=now)

        async def one(n: int) -> None:
            async with gate.admitted():
                order.append(n)
                await asyncio.sleep(0.01)

        await asyncio.gather(*(one(n) for n in range(50)))

    virtually(scene)
    assert order == list(range(50))


def test_who_gives_up_in_the_queue_leaves_no_gap() -> None:
    """Cancelling those who wait, at the head and behind it, lets the others in."""

    async def scene() -> list[str]:
        gate = Gate(rate=60, at_once=1, clock=now)
        entered: list[str] = []

        async def one(name: str) -> None:
            async with gate.admitted():
                entered.append(name)
                await asyncio.sleep(1)

        tasks = [asyncio.ensure_future(one(name)) for name in "abcdef"]
        await asyncio.sleep(0.5)
        for task in (tasks[1], tasks[3]):
            task.cancel()
        await asyncio.wait(tasks)
        assert gate.waiting == 0
        return entered

    assert virtually(scene) == ["a", "c", "e", "f"]


def test_who_gives_up_at_the_head_wakes_the_next() -> None:
    """With nobody inside, the one behind a head that waits for the pace and leaves is let in on time."""

    async def scene() -> list[str]:
        gate = Gate(rate=1, at_once=1, clock=now)
        entered: list[str] = []

        async def one(name: str) -> None:
            async with gate.admitted():
                entered.append(name)

        tasks = [asyncio.ensure_future(one(name)) for name in "abc"]
        await asyncio.sleep(10)
        tasks[1].cancel()
        await asyncio.wait(tasks, timeout=600)
        return entered

    assert virtually(scene) == ["a", "c"]


def test_tokens_a_minute_are_kept() -> None:
    """What is asked for and what is answered count together; a request larger than the burst still passes."""
    spent: list[tuple[float, int]] = []

    async def provider(think: Think) -> Message:
        spent.append((now(), 500))
        return Message(sender=think.actor, text="done", usage=Usage(400, 100, 1))

    async def scene() -> None:
        model = behind(provider, tokens=3_000)
        await asyncio.gather(*(model(asking("Hi")) for _ in range(20)))

    virtually(scene)
    assert len(spent) == 20
    for at, _ in spent:
        assert sum(tokens for when, tokens in spent if at <= when < at + 60) <= 3_500


def test_a_gate_is_shared_by_threads() -> None:
    """Loops of several threads wait in one queue, and never more are inside than there may be."""
    gate = Gate(at_once=3)
    inside, most, lock = 0, 0, threading.Lock()

    async def one() -> None:
        nonlocal inside, most
        async with gate.admitted():
            with lock:
                inside += 1
                most = max(most, inside)
            await asyncio.sleep(0.002)
            with lock:
                inside -= 1

    async def scene() -> None:
        await asyncio.gather(*(one() for _ in range(25)))

    threads = [threading.Thread(target=lambda: asyncio.run(scene())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert (most, inside, gate.waiting) == (3, 0, 0)


def test_a_breaker_falls_back_within_100_ms() -> None:
    """Once a provider has failed often enough, each call goes to the other one at once, until it is well again."""
    asked: Counter[str] = Counter()
    times: list[float] = []
    broken = True

    async def first(think: Think) -> Message:
        asked["first"] += 1
        await asyncio.sleep(5)
        if broken:
            raise ModelUnavailable("down")
        return Message(sender=think.actor, text="first")

    async def second(think: Think) -> Message:
        asked["second"] += 1
        await asyncio.sleep(0.05)
        return Message(sender=think.actor, text="second")

    async def scene() -> list[str]:
        nonlocal broken
        breaker = Breaker(failures=3, cooldown=30)
        model = fallback(guarded(first, breaker, clock=now), second)
        texts: list[str] = []
        for n in range(12):
            broken = n < 10
            began = now()
            texts.append((await model(asking("Hi"))).text)
            times.append(now() - began)
            if n >= 9:
                await asyncio.sleep(30)
        return texts

    texts = virtually(scene)
    assert max(times[3:10]) < 0.1
    assert texts == ["second"] * 10 + ["first"] * 2
    assert asked == {"first": 5, "second": 10}


def test_an_open_breaker_says_so_where_there_is_no_other() -> None:
    """Without a fallback the error names the breaker; a refused request does not open it."""

    async def scene() -> None:
        async def down(think: Think) -> Message:
            raise ModelUnavailable("down")

        model = guarded(down, Breaker(failures=1), clock=now)
        with pytest.raises(ModelUnavailable):
            await model(asking("Hi"))
        with pytest.raises(CircuitOpen, match="'down' has failed 1 times"):
            await model(asking("Hi"))

    virtually(scene)


def test_in_real_time_over_real_http(canned: Callable[..., CannedServer]) -> None:
    """A provider on this machine, twelve children, one 429: all succeed, and nobody asks while it said to wait."""
    pytest.importorskip("pydantic_ai")
    from coterie.models.hosted import Hosted

    wait = {"retry-after-ms": "300"}
    replies = [Reply("Hi."), Reply(status=429, headers=wait), *[Reply("Hi.", delay=0.01)] * 20]
    server = canned(*replies)
    model = retried(gated(Hosted("openai:m", base_url=server.url), Gate(at_once=2)))
    began = time.monotonic()
    result = asyncio.run(run(family(12), "go", model=model, limits=Limits(requests=50)))
    assert (result.status, result.usage.requests, len(server.sent)) == ("succeeded", 13, 13)
    late = [at - server.times[1] for at in server.times[3:]]
    assert min(late) >= 0.3
    assert time.monotonic() - began < 20


def test_a_breaker_falls_back_in_real_time_over_real_http(canned: Callable[..., CannedServer]) -> None:
    """With the breaker open, the other provider is asked within 100 ms."""
    pytest.importorskip("pydantic_ai")
    from coterie.models.hosted import Hosted

    down, up = canned(Reply(status=500)), canned(Reply("Here."))
    first = Hosted("openai:m", base_url=down.url)
    model = fallback(guarded(first, Breaker(failures=2)), Hosted("openai:n", base_url=up.url))

    async def scene() -> float:
        for _ in range(2):
            await model(asking("Hi"))
        began = time.monotonic()
        message = await model(asking("Hi"))
        assert (message.text, message.missing[0].kind) == ("Here.", "CircuitOpen")
        return up.times[-1] - began

    assert asyncio.run(scene()) < 0.1
    assert len(down.sent) == 2
