"""Signing in to MCP servers: a real authorization server on loopback; a browser that is a request."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest

from coterie import Agent
from coterie.errors import BadInput, ToolFailed
from coterie.models import scripted
from coterie.shell.run import journal
from coterie.stores import MemoryStore
from coterie.tools import Credentials, SignIn, mcp
from coterie.words.message import ToolCall

PROGRAM = [sys.executable, str(Path(__file__).with_name("guarded.py"))]


class Guarded:
    """The server, and what it has said."""

    def __init__(self, port: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}/mcp"
        self.log = log

    def said(self) -> list[str]:
        return self.log.read_text().split()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """One server for all, since it takes a second to begin."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("guarded") / "said"
    env = {**os.environ, "LOG": str(log)}
    quiet = subprocess.DEVNULL
    with subprocess.Popen([*PROGRAM, str(port)], env=env, stdout=quiet, stderr=quiet) as process:
        try:
            until = time.monotonic() + 60
            with socket.socket() as line:
                while line.connect_ex(("127.0.0.1", port)) and time.monotonic() < until:
                    threading.Event().wait(0.05)
            yield Guarded(port, log)
        finally:
            process.kill()


@pytest.fixture
def server(served: Guarded) -> Guarded:
    """The server, of whom nothing is known yet."""
    served.log.write_text("")
    return served


def visited(url: str) -> None:
    """Be the browser and the person in it."""
    with urlopen(url) as page:  # noqa: S310 - our own server
        assert b"can be closed" in page.read()


def once(think):
    told = [message.text for message in think.thread if message.answers]
    return told[0] if told else ToolCall("1", "secret", {})


def nobody(url: str) -> None:
    raise AssertionError("somebody was asked to sign in")


def test_a_person_signs_in_once_and_the_next_process_need_not(server: Guarded, tmp_path: Path) -> None:
    """The client registers, the browser comes back, and what was got is in a file that only its owner can read."""
    keep, store = tmp_path / "tokens" / "mcp.json", MemoryStore()
    with mcp(server.url, auth=SignIn(show=visited, keep=keep)) as tools:
        result = asyncio.run(Agent("a", tools=tools).run("go", model=scripted(once), store=store, id="r"))
    with mcp(server.url, auth=SignIn(show=nobody, keep=keep)) as tools:
        again = asyncio.run(Agent("a", tools=tools).run("go", model=scripted(once)))
    assert server.said() == ["registered", "shown", "exchanged"]
    assert (result.text, again.text) == ("the tide", "the tide")
    assert stat.S_IMODE(keep.stat().st_mode) == 0o600
    token = json.loads(keep.read_text())[server.url]["tokens"]["access_token"]
    assert token not in repr(asyncio.run(journal(store, "r")))


def test_a_token_that_ran_out_is_renewed_without_a_person(server: Guarded, tmp_path: Path) -> None:
    """The next process knows when it ran out and where it is renewed."""
    keep = tmp_path / "mcp.json"
    with mcp(server.url, auth=SignIn(show=visited, keep=keep)):
        pass
    kept = json.loads(keep.read_text())
    kept[server.url]["until"] = time.time() - 1
    keep.write_text(json.dumps(kept))
    with mcp(server.url, auth=SignIn(show=nobody, keep=keep)) as tools:
        assert asyncio.run(Agent("a", tools=tools).run("go", model=scripted(once))).text == "the tide"
    assert server.said()[3:] == ["refreshed"]


def refused(url: str) -> None:
    with urlopen(url) as page:  # noqa: S310 - our own server
        assert b"That was a no." in page.read()


def test_a_no_is_the_answer_and_is_not_asked_again(server: Guarded) -> None:
    """The person is shown one page; the toolset says why there is nothing, at once."""
    no = server.log.with_name("said.no")
    no.touch()
    try:
        with (
            pytest.raises(ToolFailed, match=r"refuses: .*access_denied"),
            mcp(server.url, auth=SignIn(show=refused)),
        ):
            pass
        assert server.said() == ["registered", "shown"]
    finally:
        no.unlink()


def test_who_does_not_come_back_is_waited_for_and_then_given_up(server: Guarded) -> None:
    """Longer than a server is waited for, and no longer than there is patience."""
    with (
        pytest.raises(ToolFailed, match=r"nobody signed in within 4 s"),
        mcp(server.url, auth=SignIn(show=lambda url: None, patience=4), connecting=2),
    ):
        pass


def test_only_the_browser_that_was_sent_is_listened_to(server: Guarded) -> None:
    """Whoever else finds the port, and knows no state, is sent away; the sign-in goes on."""
    seen: list[int] = []

    def strangers_first(url: str) -> None:
        back = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        for path in ("/callback?code=mine&state=guessed", "/callback?error=access_denied", "/else?state="):
            with socket.create_connection(("127.0.0.1", urlsplit(back).port)) as line:
                line.sendall(f"GET {path} HTTP/1.1\r\n\r\n".encode())
                seen.append(int(line.recv(99).split()[1]))
        visited(url)

    with mcp(server.url, auth=SignIn(show=strangers_first)) as tools:
        assert [tool.name for tool in tools] == ["secret"]
    assert seen == [404, 404, 404]


def test_a_server_that_is_not_ours_gets_no_secret(server: Guarded) -> None:
    """A program's credentials go to the issuer that they are from; a server that names another gets none."""
    ours = Credentials(client="me", secret="s", issuer="https://ours.example.org")  # noqa: S106 - no secret
    with (
        pytest.raises(ToolFailed, match=r"refuses: .*https://ours\.example\.org"),
        mcp(server.url, auth=ours),
    ):
        pass
    assert server.said() == []


@pytest.mark.parametrize(
    ("server", "auth", "why"),
    [
        (["program"], SignIn(), "gets its secrets by `env`"),
        ("http://127.0.0.1:9/mcp", SignIn(document="http://x/"), "HTTPS URL"),
    ],
)
def test_what_cannot_be_is_said(server, auth, why: str) -> None:
    """A command has nobody to sign in to; a description is at a URL that cannot be forged."""
    with pytest.raises((BadInput, ToolFailed), match=why), mcp(server, auth=auth, connecting=2):
        pass
