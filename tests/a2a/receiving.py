"""A client's own server, which is told what becomes of its tasks."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import asynccontextmanager

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route


class Receiver:
    """What it was told, in order; the first `refusals` are answered with 503."""

    def __init__(self, refusals=0):
        self.refusals = refusals
        self.told = []
        self.refused = []
        self.news = asyncio.Condition()

    async def take(self, request):
        body, keep = await request.json(), len(self.refused) >= self.refusals
        async with self.news:
            (self.told if keep else self.refused).append((dict(request.headers), body))
            self.news.notify_all()
        return Response(status_code=204 if keep else 503)

    async def until(self, done):
        """Wait until `done` is true of what was told."""
        async with asyncio.timeout(30), self.news:
            await self.news.wait_for(lambda: done(self.told))

    async def ended(self):
        """Wait until it was told of the end of a task."""
        await self.until(lambda told: any(state in ENDED for state in states(told)))


ENDED = ("TASK_STATE_COMPLETED", "TASK_STATE_CANCELED", "TASK_STATE_FAILED")


def states(told):
    """The states of what was told, each once where it came again."""
    seen = {}
    for headers, body in told:
        if "statusUpdate" in body:
            seen.setdefault(headers["idempotency-key"], body["statusUpdate"]["status"]["state"])
    return list(seen.values())


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def keys(tmp_path):
    """A private key in a file, and the set that has its public one."""
    private = ec.generate_private_key(ec.SECP256R1())
    given = json.loads(jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).to_jwk(private))
    given |= {"kid": "k1", "alg": "ES256"}
    path = tmp_path / "card.jwk"
    path.write_text(json.dumps(given))
    return str(path), {"keys": [{key: value for key, value in given.items() if key != "d"}]}


@asynccontextmanager
async def receiving(receiver, port=0):
    """The address at which a receiver is told things."""
    app = Starlette(routes=[Route("/told", receiver.take, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
        if task.done():
            await task
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/told"
    finally:
        server.should_exit = True
        await task
