"""`python -m examples.conformance.a2a --port N` serves the agent at `http://127.0.0.1:N`, to anybody here."""

from __future__ import annotations

import argparse
import asyncio
import socket
import tempfile
from functools import partial
from pathlib import Path

import uvicorn
from a2a.types import a2a_pb2 as pb

from coterie import Message, Result, Task
from coterie.doors.a2a.door import a2a_routes
from examples.conformance.a2a.team import DIRECT
from examples.conformance.trusting import agent

TEAM = "tck=examples.conformance.a2a.team:tck"


def with_id(message: pb.Message, _: list[Message]) -> Task:
    """A message as a task that knows the message's id, by which the kit selects what is done."""
    text = "\n".join(part.text for part in message.parts if part.text)
    return Task(text, data={"message": message.message_id})


def is_direct(result: Result) -> bool:
    """Whether a run is answered with a message, and no task."""
    return result.message is not None and result.message.sender == DIRECT


async def main(port: int) -> None:
    """Serve it, and say where."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", port)) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        routes_of = partial(a2a_routes, task_of=with_id, direct=is_direct)
        app = agent(Path(folder), TEAM, routes_of)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
        await uvicorn.Server(config).serve(sockets=[listening])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(main(parser.parse_args().port))
