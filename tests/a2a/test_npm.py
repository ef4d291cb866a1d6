"""The official JavaScript client, by both bindings: send, stream, come back, answer, cancel, be refused."""

from __future__ import annotations

import pytest

from tests.a2a.talking import BINDINGS
from tests.a2a.test_server import talked
from tests.http.node import told
from tests.http.serving import TEAMS, TOKEN

BREATH = """
async def _breath(task):
    await Sleep(0.7)
    return "rested"

breath = Team("breath", (), _breath)
"""


def by_client(tmp_path, team, binding, *steps, token=TOKEN):
    """What the client is told in each of `steps`."""
    file = tmp_path / "team.py"
    file.write_text(TEAMS + BREATH)

    async def talk(base, service):
        service.library.offer(f"breath={file}:breath")
        return await told("a2a.mjs", f"{base}/a2a/{team}/", token, binding, *steps)

    return talked(tmp_path, talk)


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_team_answers_and_streams(tmp_path, binding):
    """At once, or event by event."""
    sent, streamed = by_client(tmp_path, "panel", binding, "send:Rust?", "stream:Go?")
    assert (sent["error"], sent["state"]) == (None, "TASK_STATE_COMPLETED")
    assert sent["texts"] == ["judge has read 7"]
    assert (streamed["kinds"][0], streamed["kinds"][-1]) == ("task", "statusUpdate")
    assert streamed["texts"] == ["judge has read 9"]


@pytest.mark.parametrize("binding", BINDINGS)
def test_who_drops_a_stream_comes_back(tmp_path, binding):
    """To the same task, and its end."""
    [seen] = by_client(tmp_path, "breath", binding, "drop:Sleep")
    assert (seen["error"], seen["kinds"][:2]) == (None, ["task", "task"])
    assert (seen["state"], seen["texts"]) == ("TASK_STATE_COMPLETED", ["rested"])


@pytest.mark.parametrize("binding", BINDINGS)
def test_questions_are_answered(tmp_path, binding):
    """The same task goes on to its end."""
    asked, more, done = by_client(tmp_path, "two", binding, "send:Go", "send:yes", "stream:Ada")
    assert [one["state"] for one in (asked, more)] == ["TASK_STATE_INPUT_REQUIRED"] * 2
    assert (done["state"], done["texts"]) == ("TASK_STATE_COMPLETED", ["yes, Ada"])
    assert asked["id"] == more["id"] == done["id"]


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_waiting_task_is_cancelled_and_strangers_see_nothing(tmp_path, binding):
    """A cancelled one stays cancelled; an id of nobody's is none."""
    _, ended, none = by_client(tmp_path, "person", binding, "send:Go", "cancel", "get:nothing")
    assert ended["state"] == "TASK_STATE_CANCELED"
    assert "TaskNotFound" in none["error"]


def test_a_wrong_token_is_told(tmp_path):
    """By an error, and nothing is begun."""
    [refused] = by_client(tmp_path, "panel", "JSONRPC", "send:Rust?", token="wrong")  # noqa: S106
    assert "401" in refused["error"]
