"""The official JavaScript client, by both bindings: send, stream, come back, answer, cancel, be refused."""

from __future__ import annotations

import json

import pytest

from coterie.doors.http.settings import Settings
from tests.a2a.receiving import Receiver, keys, receiving, states
from tests.a2a.talking import BINDINGS, client_of, said, sent
from tests.a2a.test_push import ASKS, DONE, HERE
from tests.a2a.test_server import talked
from tests.http.node import told
from tests.http.serving import TEAMS, TOKEN

BREATH = """
async def _breath(task):
    await Sleep(0.7)
    return "rested"

breath = Team("breath", (), _breath)
"""


def by_client(tmp_path, team, binding, *steps, token=TOKEN, settings=None):
    """What the client is told in each of `steps`."""
    file = tmp_path / "team.py"
    file.write_text(TEAMS + BREATH)

    async def talk(base, service):
        service.library.offer(f"breath={file}:breath")
        return await told("a2a.mjs", f"{base}/a2a/{team}/", token, binding, *steps)

    return talked(tmp_path, talk, settings=settings)


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


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_wrong_token_is_told(tmp_path, binding):
    """By an error, and nothing is begun."""
    [refused] = by_client(tmp_path, "panel", binding, "send:Rust?", token="wrong")  # noqa: S106
    assert "401" in refused["error"]


@pytest.mark.parametrize("binding", BINDINGS)
def test_push_notifications_are_managed_and_come(tmp_path, binding):
    """To an address of the client's, with its token and its credentials."""
    (tmp_path / "team.py").write_text(TEAMS)

    async def talk(base, _):
        receiver = Receiver()
        async with receiving(receiver) as url:
            steps = ("send:Go", "pushes", f"push:{url}", "send:yes")
            seen = await told("a2a.mjs", f"{base}/a2a/person/", TOKEN, binding, *steps)
            await receiver.ended()
            return seen, receiver.told

    (_, managed, _, _), pushed = talked(tmp_path, talk, settings=HERE)
    assert (managed["error"], managed["kinds"]) == (None, ["a", "t0", "b"])
    assert (states(pushed)[0], states(pushed)[-1]) == (ASKS, DONE)
    assert {one["x-a2a-notification-token"] for one, _ in pushed} == {"t0"}
    assert {one["authorization"] for one, _ in pushed} == {"Bearer secret"}


@pytest.mark.parametrize("binding", BINDINGS)
def test_another_owners_task_does_not_exist(tmp_path, binding):
    """Not to be cancelled, listened to, or told of."""
    (tmp_path / "team.py").write_text(TEAMS)

    async def talk(base, service):
        eve, _ = service.keys.make("eve")
        async with client_of(base, "person", binding, streaming=False) as client:
            task = (await sent(client, said("Go"))).task
        return await told("a2a.mjs", f"{base}/a2a/person/", eve, binding, f"of:{task.id}", f"get:{task.id}")

    refused, none = talked(tmp_path, talk, settings=HERE)
    assert (refused["error"], refused["kinds"]) == (None, ["TaskNotFoundError"] * 3)
    assert "TaskNotFound" in none["error"]


def test_a_signed_card_is_verified(tmp_path):
    """By the key that signed it, and by no other."""
    path, trusted = keys(tmp_path)
    (tmp_path / "other").mkdir()
    _, others = keys(tmp_path / "other")
    rings = [json.dumps(ring["keys"][0]) for ring in (trusted, others)]
    good, bad = by_client(
        tmp_path, "panel", "JSONRPC", *(f"verify:{ring}" for ring in rings), settings=Settings(card_key=path)
    )
    assert (good["error"], good["kinds"]) == (None, ["panel"])
    assert bad["error"] is not None
