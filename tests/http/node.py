"""Node.js and the packages that drive our doors as real clients do, installed once a clone."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "node"


def installed():
    """Have the packages of `tests/node`; skip where there is no npm."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("there is no Node.js on this machine, so no real client from npm can be tried")
    mark = FOLDER / "node_modules" / ".package-lock.json"
    wanted = FOLDER / "package.json"
    if not mark.exists() or mark.stat().st_mtime < wanted.stat().st_mtime:
        subprocess.run(["npm", "install", "--no-fund", "--no-audit", "--silent"], cwd=FOLDER, check=True)  # noqa: S607
        mark.touch()


async def told(script, *args):
    """What a script of `tests/node` prints, each line as JSON."""
    installed()
    process = await asyncio.create_subprocess_exec(
        "node", FOLDER / script, *args, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    return [json.loads(line) for line in out.decode().splitlines()]
