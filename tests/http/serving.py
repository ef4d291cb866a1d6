"""A service on a real port of this machine, for as long as a test looks at it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import httpx
import uvicorn

from coterie.doors.http.app import application
from coterie.doors.http.keys import KeyRing
from coterie.doors.http.library import Library
from coterie.doors.http.service import Service
from coterie.doors.http.settings import Settings
from coterie.memory import SqliteKnowledge
from coterie.models import scripted
from coterie.stores.places import ledgers_at, store_at, tenants_at

TOKEN = "the-token-of-this-machine"  # noqa: S105 - a test's
TEAMS = """
import asyncio
from coterie import Agent, Ask, Hear, Human, Sleep, Team, gather
from coterie.patterns import debate

panel = debate(Agent("hope"), Agent("doubt"), judge=Agent("judge"), rounds=1)
person = Human("ada", choices=("yes", "no"))

async def _two(task):
    one, other = await gather(Ask("Pay 3?", "choice", ("yes", "no")), Ask("To whom?"))
    return f"{one}, {other}"

two = Team("two", (), _two)

async def _slow(task):
    await Sleep(3600)

slow = Team("slow", (), _slow)

async def _nap(task):
    return await slow(task)

nap = Team("nap", (slow,), _nap)

async def _listening(task):
    return f"heard {await Hear('news', outside=True)}"

listening = Team("listening", (), _listening)
"""
NAMES = ("panel", "person", "two", "slow", "nap", "listening")


def says(think):
    return f"{think.actor} has read {len(think.thread)}"


def clock() -> str:
    """What the time is: a tool that is offered."""
    return "noon"


def service_at(folder, *, settings=None, model=None, **options):
    """A service whose files are in `folder`, offering the teams above."""
    file = folder / "team.py"
    if not file.exists():
        file.write_text(TEAMS)
    store = folder / "runs.db"
    return Service(
        Library((f"{name}={file}:{name}" for name in NAMES), tools=[clock], models=["embedded"]),
        KeyRing(folder / "keys.db"),
        lambda tenant: store_at(store, tenant),
        settings=settings or Settings(),
        model=model or scripted(says),
        tenants=tenants_at(store),
        ledgers=lambda tenant: ledgers_at(store, tenant),
        knowledge=lambda: SqliteKnowledge(folder / "memory.db", None),
        **options,
    )


@asynccontextmanager
async def served(service, *, port=0, behind=lambda app: app, **options):
    """A client of `service`, which listens on a port of its own until the client is left; `behind` wraps it."""
    app = behind(application(service, token=TOKEN))
    config = uvicorn.Config(app, port=port, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
        if task.done():
            await task
    port = server.servers[0].sockets[0].getsockname()[1]
    headers = {"authorization": f"Bearer {TOKEN}"}
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20, trust_env=False, **options
        ) as client:
            yield client
    finally:
        server.should_exit = True
        await task
