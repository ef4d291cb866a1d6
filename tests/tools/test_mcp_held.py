"""Tools of MCP servers are held by all that holds tools: grants, taint, approvals, limits, and the journal."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from coterie import Agent, Limits, resume, run, tool
from coterie.models import scripted
from coterie.patterns import pipeline
from coterie.shell.run import journal
from coterie.stores import MemoryStore, SqliteStore
from coterie.tools import approved, mcp, restricted
from coterie.words.event import Asked
from coterie.words.message import ToolCall

ROOT = Path(__file__).parents[2]
SMALL = [sys.executable, str(Path(__file__).with_name("server.py"))]
SAY = ToolCall("1", "small_fail", {"why": "rain"})


def begin(folder: str) -> None:
    """What the process that is killed does: a finished call, then one under way."""
    asyncio.run(_begun(Path(folder)))


async def _begun(folder: Path) -> None:
    async with mcp(SMALL, prefix="small_", env={"LOG": str(folder / "log")}) as tools:
        await run(working(tools), "go", model=scripted(line), store=SqliteStore(folder / "runs.db"), id="r")


def working(tools: Any):
    """An agent that looks once, then waits, and one that says what came of it."""
    return pipeline(Agent("worker", tools=tools), Agent("last"))


def line(think: Any) -> Any:
    told = [message.text for message in think.thread if message.answers]
    if think.actor == "last":
        return think.thread[-1].text
    if len(told) == 2:
        return " | ".join(told)
    return ToolCall("2", "small_gate", {}) if told else SAY


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory):
    log = tmp_path_factory.mktemp("held") / "log"
    with mcp(SMALL, prefix="small_", env={"LOG": str(log)}) as tools:
        yield tools


@tool(sensitive=True)
def wire(to: str) -> str:
    """Send money."""
    return f"sent to {to}"


def calls(*wanted: ToolCall):
    """A model that makes one call after the other, then repeats what came of them."""

    def line(think: Any) -> Any:
        told = [message.text for message in think.thread if message.answers]
        return wanted[len(told)] if len(told) < len(wanted) else " | ".join(told)

    return scripted(line)


def test_what_a_server_says_taints(tools) -> None:
    """A harmful tool that is used after an MCP server has spoken is asked about; by itself it is not."""
    agent = Agent("a", tools=[*tools, wire])
    own = asyncio.run(agent.run("go", model=calls(ToolCall("1", "wire", {"to": "Ada"}))))
    led = asyncio.run(agent.run("go", model=calls(SAY, ToolCall("2", "wire", {"to": "Eve"}))))
    assert (own.text, led.status) == ("sent to Ada", "waiting")
    assert "small_fail" in led.waiting["a/ask.1"].question


def test_grants_hold(tools) -> None:
    """A tool that is not granted is not shown, and a model that asks for it all the same does not get it."""
    shown: list[list[str]] = []

    def line(think: Any) -> Any:
        shown.append([one.name for one in think.brief.tools])
        told = [message.text for message in think.thread if message.answers]
        return told[0] if told else SAY

    result = asyncio.run(run(restricted(Agent("a", tools=tools), "small_pid"), "go", model=scripted(line)))
    assert shown[0] == ["small_pid"]
    assert "no tool" in result.text


def test_limits_count_its_calls(tools) -> None:
    """A call beyond the limit is not made."""
    result = asyncio.run(
        Agent("a", tools=tools).run(
            "go",
            model=calls(*(ToolCall(str(n), "small_pid", {}) for n in range(3))),
            limits=Limits(tool_calls=2),
        )
    )
    assert (result.failure.kind, result.usage.tool_calls) == ("OverLimit", 2)


def test_a_person_approves_it(tools) -> None:
    """The call waits for a yes, in the store, and is made with the arguments that were approved."""
    agent, store = Agent("a", tools=approved(tools, "small_fail")), MemoryStore()
    model = calls(SAY)
    parked = asyncio.run(agent.run("go", model=model, store=store, id="r"))
    assert (parked.status, [*parked.waiting]) == ("waiting", ["a/ask.1"])
    done = asyncio.run(resume(agent, "r", model=model, store=store, answers={"a/ask.1": {"why": "snow"}}))
    assert "snow" in done.text


def test_the_journal_has_each_call_before_it_is_made(tools) -> None:
    """One ask and one outcome for each, with the tool's name and its arguments."""
    store = MemoryStore()
    asyncio.run(Agent("a", tools=tools).run("go", model=calls(SAY), store=store, id="r"))
    asked = [one.event.effect for one in asyncio.run(journal(store, "r")) if isinstance(one.event, Asked)]
    assert [(one.tool, one.arguments) for one in asked if hasattr(one, "tool")] == [
        ("small_fail", {"why": "rain"})
    ]


def test_a_killed_run_goes_on(tmp_path) -> None:
    """With another process and another server: what was finished is not done again, what was under way is in doubt."""
    script = f"from tests.tools.test_mcp_held import begin; begin({str(tmp_path)!r})"
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    env = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=env) as process:
        log = tmp_path / "log"
        while process.poll() is None and not (log.exists() and "begun" in log.read_text()):
            asyncio.run(asyncio.sleep(0.02))
        process.send_signal(signal.SIGKILL)
    (tmp_path / "log.open").touch()

    async def gone_on() -> tuple[Any, Any]:
        store = SqliteStore(tmp_path / "runs.db")
        async with mcp(SMALL, prefix="small_", env={"LOG": str(tmp_path / "log")}) as tools:
            team = working(tools)
            doubt = await resume(team, "r", model=scripted(line), store=store)
            done = await resume(
                team, "r", model=scripted(line), store=store, answers=dict.fromkeys(doubt.waiting, "again")
            )
        await store.close()
        return doubt, done

    doubt, done = asyncio.run(gone_on())
    assert (doubt.status, done.status) == ("waiting", "succeeded"), done.failure
    assert done.text.endswith("done")
    assert log.read_text().count("begun") == 2
