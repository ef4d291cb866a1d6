"""A small MCP server for the tests: run as a program, over stdio, or with a port, over streamable HTTP."""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import anyio
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resolve import Elicit, ElicitationResult, Resolve
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080600000"
    "01f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
server = MCPServer("small")


class Colour(BaseModel):
    colour: str


def log(word: str) -> None:
    """Leave a line for the test to read."""
    with Path(os.environ["LOG"]).open("a") as file:
        file.write(f"{word}\n")


def times(word: str) -> int:
    path = Path(os.environ["LOG"])
    return path.read_text().split().count(word) if path.exists() else 0


class Finish(BaseModel):
    gloss: bool = True
    coats: int = 2


async def which(thing: str) -> Elicit[Colour]:
    return Elicit(f"What colour for the {thing}?", Colour)


@server.tool(annotations=ToolAnnotations(idempotent_hint=True))
def die_once(word: str) -> str:
    """Say a word; the first time the server dies under it."""
    log(word)
    if times(word) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return word


@server.tool()
def pay_and_die(word: str) -> str:
    """As `die_once`, but not to be repeated unawares."""
    return die_once(word)


@server.tool()
def pid() -> int:
    """The server's process."""
    return os.getpid()


@server.tool()
async def slow(seconds: float, ctx: Context) -> str:
    """Take some time, and say how far it is."""
    log("begun")
    try:
        await ctx.report_progress(0.5, 1.0, "half")
        await anyio.sleep(seconds)
    except BaseException:
        log("cancelled")
        raise
    return "done"


@server.tool()
async def gate() -> str:
    """Wait until there is a file `LOG.open`."""
    log("begun")
    while not Path(os.environ["LOG"] + ".open").exists():
        await anyio.sleep(0.02)
    return "done"


@server.tool()
def paint(thing: str, answer: Annotated[ElicitationResult[Colour], Resolve(which)]) -> str:
    """Paint a thing in a colour that somebody is asked for."""
    log(f"painted-{thing}")
    return f"{thing}: {answer.data.colour if answer.action == 'accept' else answer.action}"


async def how() -> Elicit[Finish]:
    return Elicit("How shall it look?", Finish)


@server.tool()
def varnish(
    answer: Annotated[ElicitationResult[Finish], Resolve(how)], thing: str, kind: str = "clear"
) -> str:
    """Varnish a thing."""
    return f"{thing}: {kind}, {answer.data.coats} coats, {'gloss' if answer.data.gloss else 'matt'}"


@server.tool()
def fail(why: Annotated[str, Field(description="the reason")]) -> str:
    """Fail."""
    raise ToolError(why)


@server.tool()
def dot() -> Image:
    """A picture of one point."""
    return Image(data=DOT, format="png")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run("stdio")
