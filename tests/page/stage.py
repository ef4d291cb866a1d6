"""A service with teams that show something on every view of the page, for its tests and its pictures."""

from __future__ import annotations

import asyncio
import re
import threading
from contextlib import contextmanager

import uvicorn

from coterie.doors.http.app import application
from coterie.doors.http.keys import KeyRing
from coterie.doors.http.library import Library
from coterie.doors.http.service import Service
from coterie.doors.http.settings import Settings
from coterie.models import scripted
from coterie.stores.places import store_at, tenants_at
from coterie.words.delta import Delta
from coterie.words.message import ToolCall

TOKEN = "the-token-of-this-machine"  # noqa: S105 - a test's
TEAMS = '''
from coterie import Agent, Get, Put, Team, gather, tool
from coterie.patterns import auction, committee, debate
from coterie.talk import Post

@tool
def lookup(topic: str) -> dict:
    """What the ledger says of a topic."""
    return {"topic": topic, "rows": 3, "total": 1240.5}

@tool(needs_approval=True)
def pay(to: str, amount: float) -> str:
    """Pay somebody."""
    return f"paid {amount} to {to}"

panel = debate(Agent("hope"), Agent("doubt"), judge=Agent("judge"), rounds=2, name="panel")
council = committee(Agent("ada"), Agent("bob"), Agent("eve"), choices=("build", "buy"), name="council")
market = auction(Agent("scout"), Agent("miner"), name="market")
clerk = Agent("clerk", tools=[lookup, pay])
async def _desk(task):
    return await clerk(task)

desk = Team("desk", (clerk,), _desk)

async def _plan(task):
    await Put("plan", {"step": 1, "of": task.text})
    await Put("budget", 100)
    await Put("plan", {"step": 2, "of": task.text, "owner": "bob"})
    return "planned"

planner = Team("planner", (), _plan)

async def _workshop(task):
    await planner(task)
    one, other = await gather(panel(task), council(task))
    return f"{one}; {other}"

workshop = Team("workshop", (planner, panel, council), _workshop)
'''
NAMES = ("panel", "council", "market", "desk", "workshop", "clerk")
BALLOTS = {"ada": "build", "bob": "buy", "eve": "build"}
BIDS = {"scout": 0.6, "miner": 0.9}


def says(think):
    """What the members of the teams above say."""
    name = think.actor
    texts = [message.text for message in think.thread]
    if name in BALLOTS:
        return {"choice": BALLOTS[name], "confidence": 0.8, "reason": f"{name} has built one before"}
    bidder = name.removesuffix("-bid")
    if bidder != name:
        return {"willing": True, "capability": BIDS[bidder], "cost": 0.2, "seconds": 20, "reason": "near by"}
    if name == "clerk":
        return _clerk(len([text for text in think.thread if text.answers]), texts[0])
    return f"{name} has read {len(texts)} messages and takes the side of the slow and steady, for a reason."


def _clerk(answered, task):
    if answered == 0:
        return ToolCall("c1", "lookup", {"topic": task})
    if answered == 1:
        return ToolCall("c2", "pay", {"to": "Ada <ada@example.org>", "amount": 12.5})
    return "The bill is settled, and the ledger agrees."


class Held:
    """A model that says the same as another one, word by word, and has ended once `released` is set."""

    name = "held"

    def __init__(self, model):
        self._model = model
        self.released = threading.Event()

    async def __call__(self, think, /):
        return await self.stream(think, lambda _: None)

    async def stream(self, think, tell, /):
        message = await self._model(think)
        for word in re.findall(r"\s*\S+\s*", message.text):
            tell(Delta(word))
            await asyncio.sleep(0)
        while message.text and not self.released.is_set():
            await asyncio.sleep(0.01)
        return message


def furnish(client):
    """A standing agent that was told something, schedules, and things to remember, by somebody who may do all."""
    agent = {
        "name": "keeper",
        "description": "Keeps the ledger of the mill, and knows every bill of it.",
        "instructions": "Answer from the ledger, and say which row.",
        "limits": {"usd": 0.5},
    }
    assert client.post("/v1/agents", json=agent).status_code in (201, 409)  # it may stand there already
    for text in ("What did the wheel cost?", "Who has paid?"):
        message, once = {"text": text, "wait": 10}, {"idempotency-key": text}
        told = client.post("/v1/agents/keeper/messages", json=message, headers=once)
        assert told.status_code == 201, told.text
    for name, cron, team in (("ledger", "30 7 * * mon-fri", "panel"), ("mill", "@weekly", "council")):
        schedule = {"name": name, "cron": cron, "team": team, "task": f"What is new at the {name}?"}
        assert client.post("/v1/schedules", json=schedule).status_code in (201, 409)
    assert client.post("/v1/schedules/mill/pause").status_code == 200
    for key, text, tags in (
        ("mill", "The mill stands at the river, and its wheel was mended in May.", ["mill", "river"]),
        ("flour", "Flour is bought of Ada, at 12.5 a sack.", ["flour"]),
    ):
        kept = {"key": key, "text": text, "tags": tags, "source": "ledger.csv", "shared": ["*"]}
        assert client.post("/v1/memory", json=kept).status_code == 201


def service_at(folder, *, model=None, teams="", names=(), settings=None):
    """A service whose files are in `folder`, offering the teams above and some more."""
    file = folder / "team.py"
    if not file.exists():
        file.write_text(TEAMS + teams)
    store = folder / "runs.db"
    return Service(
        Library(f"{name}={file}:{name}" for name in (*NAMES, *names)),
        KeyRing(folder / "keys.db"),
        lambda tenant: store_at(store, tenant),
        settings=settings or Settings(),
        model=model or scripted(says),
        tenants=tenants_at(store),
    )


@contextmanager
def standing(folder, *, port=0, **options):
    """The address of a service that stands in a thread of its own until it is left."""
    ready = threading.Event()
    told = {}

    async def serve():
        config = uvicorn.Config(
            application(service_at(folder, **options), token=TOKEN),
            port=port,
            log_level="error",
            timeout_graceful_shutdown=1,
        )
        server = told["server"] = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started and not task.done():
            await asyncio.sleep(0.005)
        if server.started:
            told["port"] = server.servers[0].sockets[0].getsockname()[1]
        ready.set()
        await task

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait(20)
    try:
        yield f"http://127.0.0.1:{told['port']}"
    finally:
        told["server"].should_exit = True
        thread.join(20)
