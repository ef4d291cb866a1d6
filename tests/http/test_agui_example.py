"""The AG-UI agent of the examples, started by its one command and driven by the protocol's own client."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.http.node import told

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def url():
    """Where the agent is."""
    command = [sys.executable, "-m", "examples.conformance.agui", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


@pytest.fixture(scope="module")
def shown(url):
    """What the client is told of everything that ends by itself, by its first word."""
    words = ("text", "tools", "state", "steps", "subagents", "retry", "failing", "error")
    said = [asyncio.run(told("agui.mjs", url, "none", f"ask:{word} please")) for word in words]
    return {word: one[0] for word, one in zip(words, said, strict=True)}


def kinds(said):
    return [event["type"] for event in said["events"]]


def test_every_kind_of_event_is_shown(shown):
    """The client refuses what is out of order or out of shape, and refuses none of it."""
    seen = {kind for said in shown.values() for kind in kinds(said)}
    assert seen == set(
        "RUN_STARTED RUN_FINISHED RUN_ERROR STATE_SNAPSHOT STATE_DELTA STEP_STARTED STEP_FINISHED "
        "SUBAGENT_STARTED SUBAGENT_FINISHED SUBAGENT_ERROR TEXT_MESSAGE_START TEXT_MESSAGE_CONTENT "
        "TEXT_MESSAGE_END TOOL_CALL_START TOOL_CALL_ARGS TOOL_CALL_END TOOL_CALL_RESULT CUSTOM".split()
    )
    assert [said["error"] for word, said in shown.items() if word != "error"] == [None] * 7


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("text", "You said: text please"),
        ("tools", "Done."),
        ("steps", "2 words"),
        ("retry", "Right."),
    ],
)
def test_the_answer_is_the_agents_last_message(shown, word, answer):
    """Whatever its members said before."""
    assert (shown[word]["outcome"]["type"], shown[word]["messages"][-1]["content"]) == ("success", answer)


def test_the_board_is_the_state(shown):
    """As the client has put it together from a snapshot and two deltas."""
    assert shown["state"]["state"] == {"board": {"draft": {"words": 2}}}
    assert kinds(shown["state"]).count("STATE_DELTA") == 2


def test_a_tool_is_shown_with_its_result(shown):
    """The result names the call."""
    events = {event["type"]: event for event in shown["tools"]["events"]}
    assert events["TOOL_CALL_RESULT"]["content"] == "Oslo: sun"
    assert events["TOOL_CALL_RESULT"]["toolCallId"] == events["TOOL_CALL_START"]["toolCallId"]


def test_a_member_may_fail_and_a_run_may(shown):
    """The one ends a subagent, the other the run, with what went wrong."""
    assert "SUBAGENT_ERROR" in kinds(shown["failing"])
    assert shown["failing"]["outcome"]["type"] == "success"
    assert kinds(shown["error"])[-1] == "RUN_ERROR"
    assert shown["error"]["events"][-1]["code"] == "ModelUnavailable"


def test_an_interrupt_is_answered(url):
    """Two questions at once; the run goes on with both answers."""
    asked, done = asyncio.run(told("agui.mjs", url, "none", "ask:interrupt me", "answer:yes"))
    assert sorted(one["message"] for one in asked["outcome"]["interrupts"]) == ["Ship it?", "Why?"]
    assert (done["outcome"]["type"], done["messages"][-1]["content"]) == ("success", "yes: yes")


def test_an_approval_is_an_interrupt(url):
    """The tool runs once a person has said so."""
    asked, done = asyncio.run(told("agui.mjs", url, "none", "ask:approval", "answer:approve"))
    assert [one["reason"] for one in asked["outcome"]["interrupts"]] == ["approval"]
    assert (done["outcome"]["type"], done["messages"][-1]["content"]) == ("success", "Done.")


def test_a_run_is_cancelled_by_going_away(url):
    """And the agent is there for the next one."""
    gone, after = asyncio.run(told("agui.mjs", url, "none", "abort:nap", "ask:text again"))
    assert "RUN_FINISHED" not in kinds(gone)
    assert after["messages"][-1]["content"] == "You said: text again"


def test_an_unknown_word_is_an_error_that_says_what_there_is(url):
    """In one event."""
    [said] = asyncio.run(told("agui.mjs", url, "none", "ask:dance"))
    assert said["events"][-1]["type"] == "RUN_ERROR"
    assert "there are text, tools, state" in said["events"][-1]["message"]
