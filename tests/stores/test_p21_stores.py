"""P21: what one tenant does to its store changes and shows nothing of another's, whatever it calls its runs."""

from __future__ import annotations

import asyncio
import random

import pytest

from coterie import Agent, run
from coterie.memory.conversation import Session
from coterie.models import scripted
from coterie.shell.retention import prune, redact
from coterie.stores.places import store_at
from coterie.words.event import Closed, Noted, Opened, Record, Settled, Signalled
from coterie.words.message import Message
from coterie.words.retention import Retention
from coterie.words.which import Which
from tests.stores.servers import postgres

TENANTS = ("acme", "bolt")
RUNS = [f"r{n}" for n in range(8)]
LARGE = "the same words in every tenant. " * 3_000
NOW = 4e9


def canary(tenant):
    return f"canary-of-{tenant}"


class Tenant:
    """A tenant at work: its store, and how many events each of its runs should have."""

    def __init__(self, name, place, die):
        self.name, self.store, self.die = name, store_at(place, name), die
        self.events = dict.fromkeys(RUNS, 0)
        self.ended = set()
        self.said = []
        self.turns = self.pruned = 0

    async def write(self, id):
        heard = []
        lease = await self.store.claim(id, lambda said, _: heard.append(said))
        at = self.events[id]
        word = canary(self.name)
        new = [] if at else [Opened(run=id, actor="t", task=word, manifest={})]
        new += [Noted("t", "entered", word), Settled("t/use.1", {word: [LARGE, word]})]
        if self.die.random() < 0.3:
            new.append(Closed(status="succeeded", message=Message(sender="t", text=word)))
            self.ended.add(id)
        else:
            self.ended.discard(id)
        await self.store.append(lease, [Record(at + n, 1.0, event) for n, event in enumerate(new)])
        self.events[id] += len(new)
        await self.store.release(lease)
        return heard

    async def take_out(self, id):
        if id not in self.ended:
            return None
        self.events[id] += 1
        return await redact(self.store, id, [0])

    async def let_go(self, id):
        gone = await prune(self.store, Retention(older=1.0, keep=self.die.randrange(3, 6)), now=NOW)
        for one in gone:
            self.events[one.run] = 0
            self.ended.discard(one.run)
        self.pruned += len(gone)
        return gone

    async def talk(self, id):
        if self.turns < 20:
            self.turns += 1
            agent = Agent("t", model=scripted(lambda think: canary(self.name)))
            said = await run(agent, canary(self.name), store=self.store, session="s")
            return said.text, len(await Session(id="s").history(self.store))
        return await Session(id="s").history(self.store)

    async def look(self, id):
        which = Which(
            limit=self.die.choice([None, 2]), before=self.die.choice(["", id]), id=self.die.choice(["", id])
        )
        return await self.store.runs(which)

    async def signal(self, id):
        return await self.store.signal(id, Signalled("message", "t", canary(self.name)))

    async def kept(self, id):
        return await self.store.kept(id) if self.events[id] else None

    async def read(self, id):
        found = await self.store.read(id)
        assert len(found) == self.events[id], (self.name, id)
        return found

    async def verify(self, id):
        wrong = await self.store.verify(id)
        assert (wrong == []) == bool(self.events[id]), (self.name, id, wrong)
        return wrong

    async def log(self, id):
        return await self.store.pruned()

    async def due(self, id):
        return await self.store.due(0.0)


OPERATIONS = {
    Tenant.write: 6, Tenant.read: 6, Tenant.look: 4, Tenant.verify: 2, Tenant.signal: 3, Tenant.kept: 2, Tenant.log: 1,
    Tenant.take_out: 2, Tenant.let_go: 1, Tenant.talk: 1, Tenant.due: 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def url():
    with postgres() as address:
        yield address


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "many"), [("sqlite", 10_000), ("postgres", 2_000)])
def test_p21_random_operations_on_stores_leak_nothing(kind, many, tmp_path, request):
    """Two tenants with runs of the same names: each finds its own as it left them, and no word of the other's."""
    place = request.getfixturevalue("url") if kind == "postgres" else tmp_path / "runs.db"

    async def scene():
        die = random.Random(21)
        tenants = [Tenant(name, place, die) for name in TENANTS]
        done = dict.fromkeys(OPERATIONS, 0)
        leaks = own = 0
        for _ in range(many):
            one = die.choice(tenants)
            other = tenants[tenants[0] is one]
            [deed] = die.choices([*OPERATIONS], [*OPERATIONS.values()])
            told = repr(await deed(one, die.choice(RUNS)))
            leaks += canary(other.name) in told
            own += canary(one.name) in told
            done[deed] += 1
        for one in tenants:
            for id in RUNS:
                await one.read(id)
            assert len(await one.store.pruned()) == one.pruned
            await one.store.close()
        return leaks, own, done, [one.pruned for one in tenants]

    leaks, own, done, gone = asyncio.run(scene())
    assert leaks == 0
    assert (own > many / 10, min(done.values()) > many / 100, min(gone) > 5) == (True, True, True)
