"""The teams behind the task fixtures: what a task does is a run."""

from __future__ import annotations

from mcp import MCPError

from coterie import Ask, Sleep, Task, Team, gather
from coterie.errors import Denied


async def _slow(task: Task) -> str:
    await Sleep(float(task.text))
    return f"computed for {task.text} s"


async def _failing(task: Task) -> str:
    await Sleep(1)
    raise Denied("this job fails, whoever asks")


async def _broken(task: Task) -> str:
    raise MCPError(-32603, "the protocol broke")


async def _confirmed(task: Task) -> str:
    return f"deleted {task.text}: {await Ask('Delete it?')}"


async def _twice(task: Task) -> str:
    one, other = await gather(Ask("The first?"), Ask("The second?"))
    return f"{one}, {other}"


async def _greeting(task: Task) -> str:
    return f"Hello, {task.text}!"


slow = Team("slow", (), _slow)
failing = Team("failing", (), _failing)
broken = Team("broken", (), _broken)
confirmed = Team("confirmed", (), _confirmed)
twice = Team("twice", (), _twice)
greeting = Team("greeting", (), _greeting)
