"""MCP servers as toolsets: real ones from the registries, killed in the middle; questions, doubts, cancels."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from coterie import Agent, Message
from coterie.errors import BadInput, ToolFailed
from coterie.models import scripted
from coterie.shell.run import resume
from coterie.stores import MemoryStore
from coterie.team import manifest
from coterie.tools import McpTool, filtered, mcp
from coterie.words.message import ToolCall
from tests.http import node

SMALL = [sys.executable, str(Path(__file__).with_name("server.py"))]
LINK = "https://example.org/open"
TOKYO = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
TIME = [sys.executable, "-m", "mcp_server_time", "--local-timezone", "UTC"]


def everything() -> list[str]:
    """The reference server from npm."""
    node.installed()
    package = node.FOLDER / "node_modules" / "@modelcontextprotocol" / "server-everything"
    return ["node", str(package / "dist" / "index.js")]


def children() -> list[int]:
    """The living processes that this one has begun."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread may end meanwhile, and so may a child
            pids = task.joinpath("children").read_text().split()
            found += [int(pid) for pid in pids if _state(pid) != "Z"]
    return sorted(found)


def _state(pid: str) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return "Z"


def left(before: Any, look: Any) -> Any:
    """What `look` sees once it sees what was there `before`, or after five seconds."""
    until = time.monotonic() + 5
    while look() != before and time.monotonic() < until:
        threading.Event().wait(0.02)
    return look()


def told(tool: McpTool, **arguments: Any) -> str:
    """What a model reads of one call, made from a loop of its own."""
    try:
        return tool.told(asyncio.run(tool.function(**arguments)))
    except ToolFailed as error:
        return f"error: {error}"


def by_name(tools) -> dict[str, McpTool]:
    return {tool.name: tool for tool in tools}


def once(*calls: ToolCall):
    """A model that makes `calls`, then repeats what came of them."""

    def line(think: Any) -> Any:
        told = [message.text for message in think.thread if message.answers]
        return " | ".join(told) if told else Message(sender=think.actor, calls=calls)

    return scripted(line)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory):
    """One server for all that do not need their own: it starts again where it dies."""
    log = tmp_path_factory.mktemp("mcp") / "log"
    server = mcp(SMALL, prefix="small_", env={"LOG": str(log)}, timeout=20)
    with server as tools:
        yield server, tools, log


@pytest.fixture
def log(shared) -> Path:
    """What the server has written down since the test began."""
    shared[2].write_text("")
    return shared[2]


@pytest.fixture
def tools(shared, log):
    return shared[1]


@pytest.mark.parametrize(
    ("command", "call", "answer"),
    [
        (TIME, ToolCall("1", "x_convert_time", TOKYO), "T21:00:00+09:00"),
        (everything, ToolCall("1", "x_get-sum", {"a": 2, "b": 3}), "The sum of 2 and 3 is 5."),
    ],
    ids=["PyPI: mcp-server-time", "npm: server-everything"],
)  # fmt: skip
def test_a_real_server_is_killed_in_the_middle_of_a_run(command: Any, call: ToolCall, answer: str) -> None:
    """An agent uses it, it is killed, and the agent uses it again: a new process answers; then none is left."""
    server = mcp(command() if callable(command) else command, prefix="x_")
    before, seen = children(), []

    def line(think: Any) -> Any:
        results = [message.text for message in think.thread if message.answers]
        now = [pid for pid in children() if pid not in before]
        seen.append(now)
        if len(results) == 1:
            os.kill(now[0], signal.SIGKILL)
        return " | ".join(results) if len(results) == 2 else call

    with server as tools:
        result = asyncio.run(Agent("a", tools=tools).run("go", model=scripted(line)))
        assert result.text.count(answer) == 2
        assert server.connection.connects == 2
    first, _, last = seen
    assert first != last
    assert left(before, children) == before


def test_names_schemas_and_promises_are_the_server_s(tools) -> None:
    """A tool has the server's schema and description, our prefix, and what its annotations promise."""
    known = by_name(tools)
    assert known["small_fail"].spec.parameters["properties"]["why"]["description"] == "the reason"
    assert known["small_die_once"].spec.description.startswith("Say a word")
    assert [known["small_die_once"].idempotent, known["small_pay_and_die"].idempotent] == [True, False]
    assert {tool.name for tool in filtered(tools, "#mcp", deny=["small_[a-o]*"])} == {
        "small_pid", "small_slow", "small_paint", "small_pay_and_die", "small_varnish"
    }  # fmt: skip


def test_results_errors_and_bad_arguments(tools) -> None:
    """Structured values and text come back; what fails is an error; bad arguments never reach the server."""
    known = by_name(tools)
    assert told(known["small_pid"]).isdigit()
    result = asyncio.run(
        Agent("a", tools=tools).run(
            "go",
            model=once(
                ToolCall("1", "small_fail", {"why": "rain"}), ToolCall("2", "small_slow", {"seconds": "x"})
            ),
        )
    )
    first, second = result.text.split(" | ")
    assert first.startswith("error: ")
    assert "rain" in first
    assert second == "error: bad arguments: 'x' is not of type 'number' (at $.seconds)"


def test_a_picture_is_named_in_the_prompt_and_kept_in_the_journal(tools) -> None:
    """A model reads what it is and its digest; the bytes are in the step's value."""
    value = asyncio.run(by_name(tools)["small_dot"].function())
    assert by_name(tools)["small_dot"].told(value).startswith("[image image/png, 70 bytes, ")
    assert value["content"][0]["data"].startswith("iVBORw0KGgo")


def test_a_call_under_way_when_the_server_dies(tools, log: Path) -> None:
    """One that is idempotent is made again on the new process; the model notices nothing."""
    result = asyncio.run(
        Agent("a", tools=tools).run("go", model=once(ToolCall("1", "small_die_once", {"word": "hi"})))
    )
    assert result.text == "hi"
    assert log.read_text() == "hi\nhi\n"


@pytest.mark.parametrize(
    ("answer", "said", "done"), [("again", "hi", 2), ("give up", "error: a person gave", 1)]
)
def test_a_call_in_doubt_waits_for_a_person(tools, log: Path, answer: str, said: str, done: int) -> None:
    """One that is not idempotent is not repeated: the run parks with the question, and does what is answered."""
    store, model = MemoryStore(), once(ToolCall("1", "small_pay_and_die", {"word": "hi"}))
    agent = Agent("a", tools=tools)
    parked = asyncio.run(agent.run("go", model=model, store=store, id="r"))
    assert (parked.status, log.read_text()) == ("waiting", "hi\n")
    assert "nobody can tell whether it happened" in parked.waiting["a/ask.1"].question
    result = asyncio.run(resume(agent, "r", store=store, model=model, answers={"a/ask.1": answer}))
    assert result.text.startswith(said)
    assert log.read_text().count("hi") == done


def test_one_that_died_long_ago_leaves_no_doubt(tools) -> None:
    """A server that is found dead before a call has not seen it: the call is simply made on the new one."""
    pid = int(told(by_name(tools)["small_pid"]))
    os.kill(pid, signal.SIGKILL)
    assert int(told(by_name(tools)["small_pid"])) != pid


async def answering(path: str, ask: Any) -> Any:
    return {"fence": {"colour": "red"}, "door": "blue", "roof": "decline"}[
        ask.question.partition("the ")[2].split("?")[0]
    ]


def test_what_a_server_asks_a_person_is_asked_by_the_run(tools) -> None:
    """Several at once, each with its own answer: an object, a bare value where there is one field, or a no."""
    calls = [ToolCall(thing, "small_paint", {"thing": thing}) for thing in ("fence", "door", "roof")]
    result = asyncio.run(Agent("a", tools=tools).run("go", model=once(*calls), ask=answering))
    assert result.text == "fence: red | door: blue | roof: decline"


def test_what_is_left_out_is_as_the_server_proposes(tools) -> None:
    """A field without an answer has the form's default; a null where a model means nothing is left out of the call."""
    call = ToolCall("1", "small_varnish", {"thing": "door", "kind": None})

    async def answer(path: str, ask: Any) -> Any:
        return {"coats": 3}

    result = asyncio.run(Agent("a", tools=tools).run("go", model=once(call), ask=answer))
    assert result.text == "door: clear, 3 coats, gloss"


def test_a_schema_elsewhere_is_not_fetched(tools) -> None:
    """What a server's schema refers to at a URL is asked for by nobody; the server checks that itself."""
    known = by_name(tools)["small_fail"]
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        line.listen()
        line.settimeout(0.2)
        known.schema = {"$ref": f"http://127.0.0.1:{line.getsockname()[1]}/schema.json"}
        assert known.checked({"why": "rain"}) == {"why": "rain"}
        with pytest.raises(TimeoutError):
            line.accept()


def test_the_reference_server_asks_in_the_middle_of_an_older_session() -> None:
    """Revisions before 2026-07-28 ask over the open connection: forms and links, accepted or declined."""
    calls = [
        ToolCall("1", "trigger-elicitation-request", {}),
        ToolCall("2", "trigger-url-elicitation", {"url": LINK}),
    ]

    async def answer(path: str, ask: Any) -> Any:
        return "decline" if LINK in ask.question else {"name": "Ada", "check": True}

    with mcp(everything()) as own:
        result = asyncio.run(Agent("a", tools=own).run("go", model=once(*calls), ask=answer))
    form, link = result.text.split(" | ")
    assert "- Name: Ada" in form
    assert "User declined to open the URL" in link


def test_an_older_session_that_asks_about_one_call_as_another_ends_has_both_answered() -> None:
    """Such a session does not say which call a question is about: no question waits behind another's."""
    calls = [ToolCall(thing, "paint", {"thing": thing}) for thing in ("fence", "door")]

    async def answer(path: str, ask: Any) -> Any:
        return "red" if "fence" in ask.question else "blue"

    with mcp([sys.executable, str(Path(__file__).with_name("older_server.py"))]) as own:
        result = asyncio.run(Agent("a", tools=own).run("go", model=once(*calls), ask=answer))
    assert result.text == "fence: red | door: blue"


def test_a_question_waits_in_the_store_and_its_call_begins_anew(tools, log: Path) -> None:
    """The run parks with the server's question. Its call cannot wait as long: a person is asked about that, too."""
    store, model = MemoryStore(), once(ToolCall("1", "small_paint", {"thing": "fence"}))
    agent = Agent("a", tools=tools)

    def go_on(n: int, answer: str):
        return asyncio.run(resume(agent, "r", store=store, model=model, answers={f"a/ask.{n}": answer}))

    parked = asyncio.run(agent.run("go", model=model, store=store, id="r"))
    assert "What colour for the fence?" in parked.waiting["a/ask.1"].question
    assert "nobody can tell" in go_on(1, "red").waiting["a/ask.2"].question
    assert "What colour for the fence?" in go_on(2, "again").waiting["a/ask.3"].question
    assert log.read_text() == ""


def test_progress_is_heard_and_a_cancel_reaches_the_server(log: Path) -> None:
    """Who cancels the run has the server stop working on the call."""
    heard = threading.Event()
    server = mcp(SMALL, prefix="small_", env={"LOG": str(log)}, progress=lambda *said: heard.set())

    async def scene(own) -> str:
        run = Agent("a", tools=own).start("go", model=once(ToolCall("1", "small_slow", {"seconds": 60})))
        assert await asyncio.to_thread(heard.wait, 10)
        return (await run.cancel()).status

    with server as own:
        assert asyncio.run(scene(own)) == "cancelled"
        until = time.monotonic() + 5
        while "cancelled" not in log.read_text() and time.monotonic() < until:
            threading.Event().wait(0.01)
    assert log.read_text() == "begun\ncancelled\n"


def test_a_call_that_takes_too_long_is_stopped(log: Path) -> None:
    """Its seconds are the connection's; the server goes on with others."""
    with mcp(SMALL, prefix="small_", env={"LOG": str(log)}, timeout=0.3) as hasty:
        result = asyncio.run(
            Agent("a", tools=hasty).run("go", model=once(ToolCall("1", "small_slow", {"seconds": 60})))
        )
        assert result.text == "error: tool 'slow' took longer than 0.3 s"
        assert told(by_name(hasty)["small_pid"]).isdigit()


def test_over_http_a_server_is_killed_and_comes_back(log: Path) -> None:
    """By its URL: tools are used, it dies and is started again by whoever runs it, and they go on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def begun() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*SMALL, str(port)], env={**os.environ, "LOG": str(log)}, stderr=subprocess.DEVNULL
        )

    served = begun()
    try:
        with mcp(f"http://127.0.0.1:{port}/mcp", prefix="small_", connecting=20) as tools:
            first = told(by_name(tools)["small_pid"])
            served.kill()
            served.wait()
            served = begun()
            second = told(by_name(tools)["small_pid"])
        assert (first.isdigit(), second.isdigit(), first != second) == (True, True, True)
    finally:
        served.kill()
        served.wait()


@pytest.mark.parametrize(
    ("server", "why"),
    [
        (["/no/such/program"], "No such file"),
        ([sys.executable, "-c", "import sys; sys.exit('I am no server')"], "I am no server"),
        ("http://127.0.0.1:9/mcp", "could not be reached"),
    ],
)
def test_a_server_that_cannot_be_had(server: Any, why: str) -> None:
    """It is one error, with what the server said; no thread and no process is left."""
    before = threading.active_count(), children()
    with pytest.raises(ToolFailed, match=why), mcp(server, connecting=1.5):
        pass
    assert left(before, lambda: (threading.active_count(), children())) == before


@pytest.mark.parametrize("server", ["time", "", []])
def test_what_is_no_server_is_told_at_the_door(server: Any) -> None:
    """Neither a URL nor a command."""
    with pytest.raises(BadInput):
        mcp(server)


def test_outside_its_with_a_tool_says_so() -> None:
    """Tools of a server that was left are an error that says what to do."""
    before = children()
    with mcp(TIME) as tools:
        tool = by_name(tools)["get_current_time"]
    assert "inside its `with`" in told(tool, timezone="UTC")
    assert left(before, children) == before


def test_an_agent_is_tied_to_the_server_s_schemas(tools) -> None:
    """What a server offers is part of an agent's version: a changed one parks a run instead of misleading it."""
    with mcp(TIME) as others:
        one, other = Agent("a", tools=tools), Agent("a", tools=others)
        assert manifest(one) != manifest(other)
        assert manifest(one) == manifest(Agent("a", tools=tools))
