"""`python -m examples.apart`: starts the three services, asks one of them, tells another the news, and stops them."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import httpx

from coterie import Remote

TEAM = Path(__file__).parent / "team.py"
NAMES = ("ann", "ben", "cy")
SECONDS = 120.0
"""Seconds that a service may take to come up."""


def ports() -> dict[str, int]:
    """A free port for each."""
    with ExitStack() as stack:
        bound = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in NAMES]
        return {name: one.getsockname()[1] for name, one in zip(NAMES, bound, strict=True)}


def served(name: str, places: dict[str, int], token: str, folder: Path) -> subprocess.Popen[bytes]:
    """The service of one of them, in a process of its own."""
    command = [sys.executable, "-m", "coterie", "serve", f"{TEAM}:work", f"{TEAM}:news"]
    options = ["--port", str(places[name]), "--store", str(folder / name / "runs.db"), "--token", token]
    where = " ".join(f"{name}={port}" for name, port in places.items())
    return subprocess.Popen(  # noqa: S603 - our own command
        [*command, *options],
        env={**os.environ, "WHO": name, "PLACES": where, "APART_KEY": token},
        stderr=subprocess.DEVNULL,
    )


async def up(port: int) -> None:
    """Wait until a service answers."""
    async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(SECONDS):
        while True:
            try:
                await http.get(f"http://127.0.0.1:{port}/healthz")
            except httpx.HTTPError:
                await asyncio.sleep(0.1)
            else:
                return


async def asked(places: dict[str, int], token: str) -> None:
    """Ask any of them for anything: it does not matter whom."""
    for name, team, text in (
        ("ann", "work", "What is 6 * 7?"),
        ("ben", "work", "Is that law?"),
        ("cy", "news", "Rain"),
    ):
        remote = Remote(f"http://127.0.0.1:{places[name]}/a2a/{team}", name=name, key=lambda: token)
        result = await remote.run(text)
        print(f"{text} -> {name}: {result.text or result.failure}")


async def main() -> None:
    """Start them, ask them, stop them."""
    places, token, begun = ports(), secrets.token_urlsafe(), []
    with tempfile.TemporaryDirectory() as folder:
        try:
            begun = [served(name, places, token, Path(folder)) for name in NAMES]
            await asyncio.gather(*map(up, places.values()))
            await asked(places, token)
        finally:
            for process in begun:
                process.terminate()
            for process in begun:
                process.wait()


if __name__ == "__main__":
    asyncio.run(main())
