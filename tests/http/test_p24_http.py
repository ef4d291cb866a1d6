"""P24 over HTTP: fifty subscribers, random drops and a restart of the service; each sees each event once, in order."""

from __future__ import annotations

import asyncio
import random

import httpx
import pytest

from coterie import Now, Put, Sleep, Team
from tests.http.serving import TOKEN, served, service_at

TURNS, PUTS = 1_250, 6
"""Each turn is six writes and two events of a step: 10,000 events."""


async def _long(task):
    for turn in range(TURNS):
        for n in range(PUTS):
            await Put(f"k{n}", turn)
        await Now()
        if turn % 25 == 0:
            await Sleep(0.01)
    return "done"


LONG = Team("long", (), _long)


async def begun(service, id):
    """A run of the long team, which no client could ask for."""
    return await service.host("default").begin(LONG, "go", id=id)


async def subscriber(url, run, seed, seen, *, drops):
    """Reads a stream, goes away now and then, and comes back with the last number; to the run's end."""
    dice = random.Random(seed)
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=30) as client:
        while not seen or seen[-1] != -1:
            left = dice.randrange(500, 4_000) if drops else 10**9
            last = {"last-event-id": str(seen[-1])} if seen else {}
            try:
                async with client.stream("GET", f"{url()}/v1/runs/{run}/events", headers=last) as stream:
                    async for line in stream.aiter_lines():
                        if line.startswith("id: "):
                            seen.append(int(line[4:]))
                            left -= 1
                        elif line == "event: closed":
                            seen.append(-1)
                            return
                        if left <= 0:
                            break
            except httpx.HTTPError:
                await asyncio.sleep(0.05)


@pytest.mark.slow
def test_fifty_subscribers_see_each_event_once_and_in_order(tmp_path):
    """Whatever drops, and though the service is stopped and started again in the middle."""
    seen = [[] for _ in range(50)]
    where = [""]

    async def scene():
        service = service_at(tmp_path)
        service.library.of_run = lambda began: LONG
        async with served(service) as client:
            where[0] = str(client.base_url).rstrip("/")
            run = await begun(service, "r")
            watching = [
                asyncio.create_task(subscriber(lambda: where[0], run, n, seen[n], drops=n % 2 == 0))
                for n in range(50)
            ]
            while len(seen[0]) < 2_000:
                await asyncio.sleep(0.01)
        again = service_at(tmp_path)
        again.library.of_run = lambda began: LONG
        async with served(again) as client:
            where[0] = str(client.base_url).rstrip("/")
            await asyncio.gather(*watching)
            return len(await again.host("default").journal(run))

    count = asyncio.run(scene())
    assert count >= 10_000
    assert {tuple(one) for one in seen} == {(*range(count), -1)}


def test_a_slow_subscriber_holds_up_nobody(tmp_path):
    """It reads nothing at all; the run ends, and others see it end."""

    async def scene():
        service = service_at(tmp_path)
        async with served(service) as client:
            run = await begun(service, "r")
            host, port = client.base_url.host, client.base_url.port
            _, writer = await asyncio.open_connection(host, port)
            head = f"GET /v1/runs/{run}/events HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
            writer.write(head.encode())
            await writer.drain()
            other: list[int] = []
            await subscriber(lambda: str(client.base_url).rstrip("/"), run, 1, other, drops=False)
            writer.close()
            return other

    assert asyncio.run(scene())[-1] == -1
