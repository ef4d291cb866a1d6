"""`python -m bench.peers [PEER...] [--write FILE]`: the same work in other frameworks, each alone on the machine.

Each framework is installed into an environment of its own (`.ci/peers`); each figure is from a fresh process. The
workloads of a framework are in the module of its name, written as its own documents would have it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PEERS = {
    "ours": ("Coterie", "coterie", "from coterie import Agent"),
    "langgraph": ("LangGraph", "langgraph", "from langgraph.prebuilt import create_react_agent"),
    "agent_framework": ("MS Agent Framework", "agent-framework-core", "from agent_framework import Agent"),
    "crewai": ("CrewAI", "crewai", "from crewai import Agent"),
    "adk": ("Google ADK", "google-adk", "from google.adk.agents import LlmAgent"),
    "openai_agents": ("OpenAI Agents SDK", "openai-agents", "from agents import Agent"),
    "pydantic_ai": ("Pydantic AI", "pydantic-ai-slim", "from pydantic_ai import Agent"),
}
"""What each is called, the package whose version is told, and how one gets an agent of it."""
WORKLOADS = {
    "call": "one agent, one call (ms)",
    "use_tool": "one agent, one tool (ms)",
    "pipeline": "pipeline of five (ms)",
    "fan": "1,000 agents at once on a model of 20 ms (ms)",
    "chat": "chat of four, 100 turns each (ms)",
    "steps": "100 steps kept on SQLite (ms)",
}
TOOLS = ("pip", "setuptools", "_distutils_hack", "pkg_resources", "wheel")
"""What an environment has before anything is installed."""
PATIENCE = 300
STARTS = 5
BEGIN, END = "<!-- peers -->", "<!-- end of peers -->"


def main() -> None:
    """Measure what the command line names, or everybody, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="PEER", help=f"any of {', '.join(PEERS)}")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table between FILE's markers")
    parser.add_argument("--python", default=sys.executable, help="what the environments are made of")
    given = parser.parse_args()
    names = [name for name in PEERS if name in {"ours", *given.names} or not given.names]
    if unknown := sorted(set(given.names) - set(PEERS)):
        parser.error(f"there is no {unknown[0]!r}; there are {', '.join(PEERS)}")
    found = {name: measured(name, given.python) for name in names}
    said = table(found)
    print(said)
    if given.write is not None:
        before, begin, rest = given.write.read_text().partition(BEGIN)
        given.write.write_text(f"{before}{begin}\n\n{said}\n\n{END}{rest.partition(END)[2]}")


def measured(peer: str, python: str) -> dict[str, float | str]:
    """What a peer takes for each of the workloads that it has, and how large it is."""
    subprocess.run([ROOT / ".ci" / "peers", python, peer], cwd=ROOT, check=True)
    own = ROOT / ".peers" / peer / "bin" / "python"
    found: dict[str, float | str] = {"version": _version(own, PEERS[peer][1])}
    for workload in WORKLOADS:
        if lap := _lap(own, peer, workload):
            found[workload] = lap["ms"]
            if workload == "fan":
                found["mb"] = lap["mb"]
    found["start"] = min(_start(own, PEERS[peer][2]) for _ in range(STARTS))
    found["size"], found["packages"] = _size(own)
    print(f"{peer}: {json.dumps(found)}", file=sys.stderr, flush=True)
    return found


def _lap(python: Path, peer: str, workload: str) -> dict[str, float]:
    """One process; nothing where the peer has no such workload or cannot do it in time."""
    if (
        workload == "steps"
        and "async def steps(" not in (ROOT / "bench" / "peers" / f"{peer}.py").read_text()
    ):
        return {}
    command = [python, "-W", "ignore", "-m", "bench.peers.lap", peer, workload]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        print(f"{peer} {workload}: not done in {PATIENCE} s", file=sys.stderr)
        return {"ms": float("inf"), "mb": float("inf")}
    if done.returncode:
        print(f"{peer} {workload}: {done.stderr[-800:]}", file=sys.stderr)
        return {}
    said: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return said


def _start(python: Path, statement: str) -> float:
    """Milliseconds that an import takes in a fresh process."""
    code = f"from time import perf_counter as now; begun = now(); {statement}; print((now() - begun) * 1e3)"
    command = [python, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def _version(python: Path, package: str) -> str:
    code = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _size(python: Path) -> tuple[float, float]:
    """Megabytes that are installed, and in how many packages; the tools of the environment are not counted."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    place = Path(
        subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    )
    own = [one for one in place.iterdir() if not one.name.startswith(TOOLS)]
    files = [file for one in own for file in ([one] if one.is_file() else one.rglob("*")) if file.is_file()]
    size = sum(file.stat().st_size for file in files if "__pycache__" not in file.parts)
    return size / 1e6, sum(one.name.endswith(".dist-info") for one in own)


def table(found: dict[str, dict[str, float | str]]) -> str:
    """The figures with how often ours goes into each, a column a framework."""
    ours = found["ours"]
    rows = {
        **WORKLOADS,
        "mb": "the same, peak memory added (MB)",
        "start": "import (ms)",
        "size": "installed (MB)",
        "packages": "packages",
    }
    order = ["call", "use_tool", "pipeline", "fan", "mb", "chat", "steps", "start", "size", "packages"]
    heads = [f"{PEERS[name][0]} {values['version']}" for name, values in found.items()]
    lines = ["| | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for key in order:
        cells = [_cell(values.get(key), ours.get(key)) for values in found.values()]
        lines.append(f"| {rows[key]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: float | str | None, ours: float | str | None) -> str:
    if not isinstance(value, float | int):
        return ""
    if value == float("inf"):
        return f"not done in {PATIENCE} s"
    said = f"{value:,.2f}" if value < 10 else f"{value:,.0f}"
    if not isinstance(ours, float | int) or value == ours:
        return said
    return f"{said} ({value / ours:.1f}x)"


if __name__ == "__main__":
    main()
