"""P27 through the real SDKs: every mode, dialect and way of going wrong ends in a value or a typed failure."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from msgspec import Struct

from coterie import Agent, Result, run, tool
from coterie.models.hosted import Hosted
from tests.models.server import CannedServer, Reply, Sent, canned, tool_name
from tests.models.test_hosted import speaking

pytest.importorskip("pydantic_ai")
__all__ = ["canned"]
REPAIRS = 2


class Weather(Struct):
    """The typed answer."""

    city: str
    degrees: int


GOOD = '{"city": "Oslo", "degrees": 3}'
SAID = {
    "bare": (GOOD, True),
    "fenced": (f"```json\n{GOOD}\n```", True),
    "truncated": (GOOD[:-5], False),
    "wrong type": ('{"city": "Oslo", "degrees": "cold"}', False),
    "prose": ("It is cold in Oslo.", False),
}


@tool(idempotent=True)
async def look(city: str) -> str:
    """Look out of the window."""
    return f"snow in {city}"


def replying(text: str, mode: str, dialect: str, *, tools: bool) -> Callable[[Sent], Reply]:
    """A model that looks first if it can, and then always says `text`, in the way it was asked to answer."""

    def reply(sent: Sent) -> Reply:
        if tools and "snow in Oslo" not in json.dumps(sent):
            return Reply(calls=(("look", {"city": "Oslo"}),))
        finish = "length" if text == SAID["truncated"][0] else "stop"
        if mode != "tool":
            return Reply(text, finish=finish)
        name = next(name for name in map(tool_name, sent["tools"]) if name.startswith("final_answer"))
        if dialect != "anthropic":
            return Reply(calls=((name, text),), finish=finish)
        try:  # Anthropic's arguments are an object; what is none can only be said as text
            return Reply(calls=((name, json.loads(text)),))
        except json.JSONDecodeError:
            return Reply(text, finish=finish)

    return reply


def played(model: Hosted, mode: str, *, tools: bool, repairs: int = REPAIRS) -> Result:
    agent = Agent(
        "weather",
        output=Weather,
        repairs=repairs,
        tools=[look] if tools else [],
        settings={"output_mode": mode},
    )
    return asyncio.run(run(agent, "How is it?", model=model))


@pytest.mark.parametrize("kind", SAID)
@pytest.mark.parametrize("mode", ["native", "tool", "prompted"])
@pytest.mark.parametrize("tools", [True, False], ids=["tools", "none"])
@pytest.mark.parametrize("dialect", ["chat", "responses", "anthropic"])
def test_the_matrix_ends(
    dialect: str,
    tools: bool,
    mode: str,
    kind: str,
    canned: Callable[..., CannedServer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A usable answer is a value after one call; any other a `BadOutput` with its raw text after the repairs."""
    text, usable = SAID[kind]
    server = canned(replying(text, mode, dialect, tools=tools))
    result = played(speaking(dialect, server, monkeypatch), mode, tools=tools)
    if usable:
        assert (result.status, result.output) == ("succeeded", Weather("Oslo", 3))
        assert len(server.sent) == 1 + tools
        return
    assert result.failure is not None
    assert (result.status, result.failure.kind, result.failure.raw) == ("failed", "BadOutput", text)
    assert len(server.sent) == 1 + REPAIRS + tools


@pytest.mark.parametrize("mode", ["native", "tool", "prompted"])
@pytest.mark.parametrize("dialect", ["chat", "responses", "anthropic"])
def test_a_repair_is_told_what_is_wrong(
    dialect: str, mode: str, canned: Callable[..., CannedServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second request shows the first answer and the validator's message, in every dialect."""
    bad, good = (replying(SAID[kind][0], mode, dialect, tools=False) for kind in ("wrong type", "bare"))
    server = canned(bad, good)
    result = played(speaking(dialect, server, monkeypatch), mode, tools=False)
    sent = json.dumps(server.sent[1])
    assert (result.status, len(server.sent)) == ("succeeded", 2)
    assert "cold" in sent
    assert "Expected `int`" in sent
