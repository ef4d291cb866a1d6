"""Agents are found by what they can do, and cards are checked, at the command line."""

from __future__ import annotations

import asyncio

import httpx
from click.testing import CliRunner

from coterie.doors.cli.commands import coterie
from tests.a2a.test_server import talked


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
