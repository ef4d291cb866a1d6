"""`AUTH_REQUIRED`, both ways: a team that waits for somebody to log in, and one of our runs with such a remote."""

from __future__ import annotations

import asyncio

import pytest
from a2a.types import a2a_pb2 as pb

from coterie import Remote, start
from coterie.stores.memory import MemoryStore
from tests.a2a.talking import ALL, client_of, said, sent, text_of
from tests.a2a.test_server import talked
from tests.http.serving import TEAMS, TOKEN

BANK = """
async def _bank(task):
    token = await Ask("Log in at https://bank.example", "auth")
    sure = await Ask("Pay?", "choice", ("yes", "no"))
    return f"{token} says {sure}"

bank = Team("bank", (), _bank)

async def _both(task):
    one, other = await gather(Ask("Log in", "auth"), Ask("Whom?"))
    return f"{one} {other}"

both = Team("both", (), _both)
"""


def with_bank(tmp_path, talk):
    file = tmp_path / "team.py"
    file.write_text(TEAMS + BANK)

    async def talking(base, service):
        for name in ("bank", "both"):
            service.library.offer(f"{name}={file}:{name}")
        return await talk(base, service)

    return talked(tmp_path, talking)


@pytest.mark.parametrize("binding", ALL)
def test_a_team_that_waits_for_a_login_is_auth_required(tmp_path, binding):
    """And input-required for all else that it asks, or if it asks something else beside."""

    async def talk(base, _):
        async with client_of(base, "bank", binding, streaming=False) as client:
            auth = (await sent(client, said("Pay"))).task
            asks = (await sent(client, said("t0", task=auth.id))).task
            done = (await sent(client, said("yes", task=auth.id))).task
        async with client_of(base, "both", binding, streaming=False) as client:
            mixed = (await sent(client, said("Pay"))).task
        return auth, asks, done, mixed

    auth, asks, done, mixed = with_bank(tmp_path, talk)
    assert auth.status.state == pb.TASK_STATE_AUTH_REQUIRED
    assert auth.status.message.parts[0].text == "Log in at https://bank.example"
    assert (asks.status.state, mixed.status.state) == (pb.TASK_STATE_INPUT_REQUIRED,) * 2
    assert text_of(done.artifacts[0]) == "t0 says yes"


def test_a_remote_that_wants_a_login_asks_our_people_for_it(tmp_path):
    """As what it is, and what they say goes to the same task."""

    async def talk(base, service):
        far = Remote(f"{base}/a2a/bank", name="bank", key=lambda: TOKEN)
        run, asked = start(far, "Pay", store=MemoryStore()), []
        for answer in ("t0", "yes"):
            while not run.waiting:
                await asyncio.sleep(0.01)
            [(path, ask)] = run.waiting.items()
            asked.append((ask.question, ask.about, ask.choices))
            run.answer(path, answer)
            while path in run.waiting and not run.done:
                await asyncio.sleep(0.01)
        return asked, (await run).text, len(await service.host("default").runs())

    asked, answer, runs = with_bank(tmp_path, talk)
    assert asked == [
        ("bank: Log in at https://bank.example", "auth", ()),
        ("bank: Pay?", "choice", ("yes", "no")),
    ]
    assert (answer, runs) == ("t0 says yes", 1)
