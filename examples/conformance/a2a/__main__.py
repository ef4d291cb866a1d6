"""`python -m examples.conformance.a2a --port N` serves the agent at `http://127.0.0.1:N`, to anybody here."""

from __future__ import annotations

import argparse
import asyncio
import socket
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from a2a.types import a2a_pb2 as pb
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from coterie import Message, Result, Task
from coterie.doors.a2a.door import a2a_routes
from coterie.doors.http.guard import Visitor
from coterie.doors.http.keys import KeyRing
from coterie.doors.http.library import Library
from coterie.doors.http.service import Service
from coterie.stores.places import store_at
from coterie.words.principal import LOCAL
from examples.conformance.a2a.team import DIRECT

TEAM = "tck=examples.conformance.a2a.team:tck"


def with_id(message: pb.Message, _: list[Message]) -> Task:
    """A message as a task that knows the message's id, by which the kit selects what is done."""
    text = "\n".join(part.text for part in message.parts if part.text)
    return Task(text, data={"message": message.message_id})


def is_direct(result: Result) -> bool:
    """Whether a run is answered with a message, and no task."""
    return result.message is not None and result.message.sender == DIRECT


def trusting(app: ASGIApp) -> ASGIApp:
    """`app`, to which whoever calls is this machine's own: the kit brings no key."""

    async def trusted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["user"] = Visitor(LOCAL)
        await app(scope, receive, send)

    return trusted


def agent(folder: Path) -> ASGIApp:
    """The agent as an application, whose journals are in `folder`."""
    store = folder / "runs.db"
    service = Service(Library([TEAM]), KeyRing(folder / "keys.db"), lambda tenant: store_at(store, tenant))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None, None]:
        async with service:
            yield

    routes = a2a_routes(service, task_of=with_id, direct=is_direct)
    return trusting(Starlette(routes=routes, lifespan=lifespan))


async def main(port: int) -> None:
    """Serve it, and say where."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", port)) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        config = uvicorn.Config(agent(Path(folder)), log_level="warning")
        await uvicorn.Server(config).serve(sockets=[listening])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(main(parser.parse_args().port))
