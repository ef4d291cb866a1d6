"""An AG-UI agent that shows every event Coterie has, selected by the first word that it is told.

`python -m examples.conformance.agui --port N` prints its URL and serves it, to anybody on this machine. It
knows `text`, `tools`, `state`, `steps`, `subagents`, `interrupt`, `approval`, `retry`, `nap` (to be cancelled),
`failing` and `error`.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import tempfile
from pathlib import Path

import uvicorn

from coterie import Agent, Ask, Human, Message, Put, Sleep, Task, Team, collect_all, do, gather, tool
from coterie.doors.agui.door import agui_routes
from coterie.errors import BadInput, ModelUnavailable
from coterie.models import scripted
from coterie.words.delta import AGAIN, Delta, Tell
from coterie.words.effect import Think
from coterie.words.message import ToolCall
from examples.conformance.trusting import agent

TEAM = "show=examples.conformance.agui:show"
PAUSE = 0.3
"""Seconds between what the hesitant model says, so that a client is shown each."""


@tool(idempotent=True)
def forecast(city: str) -> str:
    """The weather in a city."""
    return f"{city}: sun"


@tool(needs_approval=True)
def send(text: str) -> str:
    """Send a text to everybody."""
    return f"sent: {text}"


class Hesitant:
    """A model that takes back what it said first."""

    async def __call__(self, think: Think) -> Message:
        """Its second answer."""
        return Message(sender=think.actor, text="Right.")

    async def stream(self, think: Think, tell: Tell) -> Message:
        """Its first answer, taken back, and its second; each is shown."""
        for delta in (Delta("Wrong."), AGAIN, Delta("Right.")):
            tell(delta)
            await asyncio.sleep(PAUSE)
        return await self(think)


def calls(name: str, **arguments: str) -> list[ToolCall | str]:
    """What a model says that uses a tool once."""
    return [ToolCall("1", name, arguments), "Done."]


def _using(think: Think, said: list[ToolCall | str]) -> ToolCall | str:
    return said[sum(1 for message in think.thread if message.calls)]


async def down(think: Think) -> Message:
    """A model that is not reached."""
    raise ModelUnavailable("the provider is not reached")


writer = Agent("writer", model=scripted(lambda think: f"You said: {think.thread[-1].text}"))
clerk = Agent(
    "clerk", model=scripted(lambda think: _using(think, calls("forecast", city="Oslo"))), tools=[forecast]
)
postman = Agent(
    "postman", model=scripted(lambda think: _using(think, calls("send", text="Hi"))), tools=[send]
)
hesitant = Agent("hesitant", model=Hesitant())
unwell = Agent("unwell", model=down)
ada = Human("ada", choices=("yes", "no"))


def counted(text: str) -> int:
    """How many words a text has."""
    return len(text.split())


async def _state(task: Task) -> str:
    await Put("draft", {"words": 1})
    await Put("draft", {"words": 2})
    return "The board has a draft."


async def _steps(task: Task) -> str:
    return f"{await do(counted, task.text)} words"


async def _subagents(task: Task) -> str:
    said = await gather(writer(task), clerk(task))
    return " ".join(message.text for message in said)


async def _failing(task: Task) -> str:
    said = await gather(writer(task), unwell(task), on_failure=collect_all)
    return "; ".join(map(str, said))


async def _interrupt(task: Task) -> str:
    decided, reason = await gather(ada("Ship it?"), Ask("Why?"))
    return f"{decided}: {reason}"


async def _retry(task: Task) -> Message:
    await Sleep(PAUSE)  # pieces are shown of calls that begin while somebody watches
    return await hesitant(task)


async def _nap(task: Task) -> str:
    await Sleep(3600)
    return "It was a long nap."


nap = Team("nap", (), _nap)
panel = Team("panel", (writer, clerk), _subagents)
half = Team("half", (writer, unwell), _failing)
MEMBERS = {
    "text": writer,
    "tools": clerk,
    "state": Team("state", (), _state),
    "steps": Team("steps", (), _steps),
    "subagents": panel,
    "interrupt": Team("interrupt", (ada,), _interrupt),
    "approval": postman,
    "retry": Team("retry", (hesitant,), _retry),
    "nap": nap,
    "failing": half,
    "error": unwell,
}


async def _show(task: Task) -> Message:
    word = task.text.split(maxsplit=1)[0].rstrip(":.,")
    if word not in MEMBERS:
        raise BadInput(f"{word!r} is nothing that can be shown; there are {', '.join(MEMBERS)}")
    return await MEMBERS[word](task.text)


show = Team("show", tuple(MEMBERS.values()), _show)


def main() -> None:
    """Read the port, print the URL, and serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m examples.conformance.agui")
    parser.add_argument("--port", type=int, default=0, help="0, the default, for any that is free")
    with socket.create_server(("127.0.0.1", parser.parse_args().port)) as listening, _folder() as folder:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}/ag-ui/show", flush=True)
        app = agent(Path(folder), TEAM, agui_routes)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[listening])


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="coterie-agui-")


if __name__ == "__main__":
    main()
