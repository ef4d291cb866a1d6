"""Peers and events that live apart: three processes, no bus and no centre, A2A alone between them."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from coterie import Remote
from examples.apart.__main__ import NAMES, ports, served, up

TOKEN = "t0"  # noqa: S105 - a test's


async def asked(places, name, team, text):
    far = Remote(f"http://127.0.0.1:{places[name]}/a2a/{team}", name=name, key=lambda: TOKEN)
    return await far.run(text)


async def transcripts(places, team):
    """Of each service, what was said in its runs of a team."""
    headers, said = {"authorization": f"Bearer {TOKEN}"}, {}
    async with httpx.AsyncClient(trust_env=False, headers=headers, timeout=30) as http:
        for name, port in places.items():
            base = f"http://127.0.0.1:{port}/v1/runs"
            runs = (await http.get(base, params={"team": team})).json()["runs"]
            said[name] = [(await http.get(f"{base}/{one['id']}/wait")).json()["status"] for one in runs]
    return said


@pytest.mark.slow
def test_peers_and_events_work_together_from_three_processes(tmp_path):
    """Whoever is asked gets help from who can, or hands over; news that anybody is told reaches all, once."""

    async def performed():
        places, begun = ports(), []
        try:
            begun = [served(name, places, TOKEN, tmp_path) for name in NAMES]
            await asyncio.gather(*map(up, places.values()))
            helped = await asked(places, "ann", "work", "What is 6 * 7?")
            handed = await asked(places, "ben", "work", "Is that law?")
            work = await transcripts(places, "work")
            told = await asked(places, "cy", "news", "Rain")
            return helped, handed, work, told, await transcripts(places, "news")
        finally:
            for process in begun:
                process.kill()
                process.wait()

    helped, handed, work, told, news = asyncio.run(performed())
    assert (helped.text, handed.text) == ("ann writes: 42", "it is allowed")
    assert work == {"ann": ["succeeded"], "ben": ["succeeded"] * 2, "cy": ["succeeded"]}
    assert (told.status, told.text) == ("succeeded", "ben has read: Rain")
    assert news == {name: ["succeeded"] for name in NAMES}
