"""Agents are found by what they can do, and cards are checked, at the command line."""

from __future__ import annotations

import asyncio
import json

import httpx
import uvicorn
from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from coterie.doors.cli.commands import coterie
from tests.a2a.test_server import talked
from tests.http.serving import NAMES


def say(*args):
    result = CliRunner().invoke(coterie, args)
    return result.exit_code, result.stdout, result.stderr


def served_say(tmp_path, *args):
    """What a command says while a service is there, whose address is put for BASE."""

    async def talk(base, _):
        async with httpx.AsyncClient(trust_env=False) as http:
            card = await http.get(f"{base}/.well-known/agent-card.json")
            (tmp_path / "card.json").write_bytes(card.content)
        told = [one.replace("BASE", base).replace("TMP", str(tmp_path)) for one in args]
        (tmp_path / "agents.txt").write_text(f"# ours\n{base}/a2a/panel\n{base}/a2a/person # ada\n")
        return await asyncio.to_thread(say, *told)

    return talked(tmp_path, talk)


def test_agents_are_found_by_what_they_can_do(tmp_path):
    """Of those that a file lists; one that does not answer is told of, and keeps nobody from the rest."""
    code, out, err = served_say(
        tmp_path, "agents", "discover", "--list", "TMP/agents.txt", "BASE/a2a/nobody", "--can", "debate hope"
    )
    assert (code, out.splitlines()[0].split()[0], "person" in out) == (0, "panel", False)
    assert "can: hope" in out
    assert "nobody/.well-known/agent-card.json answers 404" in err


def test_a_service_lists_its_agents(tmp_path):
    """All that it publishes, to whoever asks; nobody has to know their addresses."""
    code, out, err = served_say(tmp_path, "agents", "discover", "--list", "BASE", "--can", "team listening")
    assert (code, out.split()[0], err) == (0, "listening", "")
    code, out, _ = served_say(
        tmp_path, "agents", "discover", "--list", "BASE/.well-known/agents.txt", "--json"
    )
    found = [json.loads(line) for line in out.splitlines()]
    assert (code, [one["name"] for one in found]) == (0, list(NAMES))
    assert found[0]["skills"][1]["name"] == "hope"


def test_cards_in_files_are_found_as_those_at_addresses_are(tmp_path):
    """Named at the command line, or beside the list that names them."""
    (tmp_path / "mine.txt").write_text("card.json\n")
    for place in (("TMP/card.json",), ("--list", "TMP/mine.txt")):
        code, out, err = served_say(tmp_path, "agents", "discover", *place, "--can", "debate")
        assert (code, out.split()[0], err) == (0, "panel", "")


def test_a_list_from_elsewhere_sends_nobody_into_private_networks(tmp_path):
    """What it names has to be public, or where the list is; unless one allows it."""

    async def talk(base, _):
        listed = Starlette(routes=[Route("/agents.txt", lambda _: PlainTextResponse(f"{base}/a2a/panel\n"))])
        server = uvicorn.Server(uvicorn.Config(listed, port=0, log_level="error"))
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        place = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/agents.txt"
        seen = [
            await asyncio.to_thread(say, "agents", "discover", "--list", place, *more)
            for more in ((), ("--private", "127.0.0.1"))
        ]
        server.should_exit = True
        await task
        return seen

    (refused, _, why), (allowed, out, _) = talked(tmp_path, talk)
    assert (refused, "no public address" in why) == (1, True)
    assert (allowed, out.split()[0]) == (0, "panel")


def test_nobody_who_can_is_exit_1(tmp_path):
    """And it is said."""
    assert served_say(tmp_path, "agents", "discover", "BASE", "--can", "cook")[0] == 1


def test_a_card_in_order_is_said_to_be(tmp_path):
    """At its address or in a file."""
    for place in ("BASE/a2a/panel", "TMP/card.json"):
        code, out, err = served_say(tmp_path, "card", "check", place)
        assert (code, out.splitlines()[-1], err) == (0, "the card is in order", "")


def test_what_is_wrong_with_a_card_is_said(tmp_path):
    """Each thing on a line; what is no card is said to be none."""
    bare = tmp_path / "bare.json"
    bare.write_text(
        '{"name": "x", "supportedInterfaces": [{"url": "http://a/rpc", "protocolBinding": "JSONRPC"}]}'
    )
    code, _, err = say("card", "check", str(bare))
    assert (code, err.count("\n- ") + err.startswith("- ")) == (1, 5)
    (tmp_path / "none.json").write_text("[1]")
    for place, words in (("none.json", "is no agent card"), ("nothing.json", "cannot be read")):
        code, _, err = say("card", "check", str(tmp_path / place))
        assert (code != 0, words in err) == (True, True)
