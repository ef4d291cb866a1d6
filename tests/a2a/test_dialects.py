"""Clients of other times, and cards that can be checked."""

from __future__ import annotations

import json

import httpx
import pytest

from coterie import Remote
from coterie.doors.http.settings import Settings
from coterie.errors import BadInput
from tests.a2a.receiving import keys
from tests.a2a.test_server import talked
from tests.http.serving import TOKEN

HEADERS = {"authorization": f"Bearer {TOKEN}"}


def called(base, method, params, path="/a2a/panel/rpc/"):
    async def call():
        async with httpx.AsyncClient(base_url=base, headers=HEADERS, trust_env=False, timeout=20) as client:
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            return (await client.post(path, json=body)).json()

    return call()


def test_a_client_of_0_3_is_served(tmp_path):
    """At the same address, in its own words, and with no version header."""

    async def talk(base, _):
        message = {
            "kind": "message",
            "messageId": "m1",
            "role": "user",
            "parts": [{"kind": "text", "text": "Rust?"}],
        }
        return await called(base, "message/send", {"message": message})

    result = talked(tmp_path, talk)["result"]
    assert (result["kind"], result["status"]["state"]) == ("task", "completed")
    assert result["artifacts"][0]["parts"][0]["text"] == "judge has read 7"


def test_a_client_of_0_3_is_served_over_rest(tmp_path):
    """Below `/v1`, in its own words: it sends, streams, looks, cancels, and is told of changes."""
    message = {"messageId": "m1", "role": "ROLE_USER", "content": [{"text": "Rust?"}]}
    wish = {"id": "p", "url": "http://127.0.0.1:9/"}

    async def talk(base, _):
        async with httpx.AsyncClient(headers=HEADERS, trust_env=False, timeout=20) as client:
            at, person = (f"{base}/a2a/{team}/rest/v1" for team in ("panel", "person"))
            done = (await client.post(f"{at}/message:send", json={"request": message})).json()["task"]
            again = (await client.get(f"{at}/tasks/{done['id']}")).json()
            streamed = await client.post(
                f"{at}/message:stream", json={"request": message | {"messageId": "m2"}}
            )
            asks = (await client.post(f"{person}/message:send", json={"request": message})).json()["task"]
            name = f"tasks/{asks['id']}"
            named = {"name": f"{name}/pushNotificationConfigs/p", "pushNotificationConfig": wish}
            wanted = {"parent": name, "configId": "p", "config": named}
            made = (await client.post(f"{person}/{name}/pushNotificationConfigs", json=wanted)).json()
            over = (await client.post(f"{person}/tasks/{asks['id']}:cancel", json={})).json()
        return done, again, streamed.text, asks["status"]["state"], made, over["status"]["state"]

    done, again, streamed, asks, made, over = talked(
        tmp_path, talk, settings=Settings(private=("127.0.0.1",))
    )
    assert (done["status"]["state"], again["id"]) == ("TASK_STATE_COMPLETED", done["id"])
    assert done["artifacts"][0]["parts"][0]["text"] == "judge has read 7"
    assert (streamed.count("data:") > 2, "TASK_STATE_COMPLETED" in streamed) == (True, True)
    assert (asks, over) == ("TASK_STATE_INPUT_REQUIRED", "TASK_STATE_CANCELLED")
    assert made["pushNotificationConfig"]["url"] == wish["url"]


def test_the_dialect_of_the_guides_is_accepted_and_labelled(tmp_path):
    """A task is created at once and its result is asked for; the card does not speak of it."""

    async def talk(base, service):
        made = await called(base, "agents/tasks/create", {"message": "Rust?", "contextId": "c"})
        id = made["result"]["id"]
        await service.host("default").wait(id)
        done = await called(base, "agents/tasks/result", {"taskId": id})
        none = await called(base, "agents/tasks/result", {"taskId": "nothing"})
        empty = await called(base, "agents/tasks/create", {})
        async with httpx.AsyncClient(trust_env=False) as client:
            card = (await client.get(f"{base}/.well-known/agent-card.json")).text
        return made["result"], done["result"], none["error"]["code"], empty["error"]["code"], card

    made, done, none, empty, card = talked(tmp_path, talk)
    assert (made["status"], made["contextId"], made["dialect"]) == ("working", "c", done["dialect"])
    assert (done["status"], done["output"]) == ("completed", "judge has read 7")
    assert (none, empty, "agents/tasks" in card) == (-32001, -32602, False)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"jsonrpc": "2.0"}', b"\xff\xfe", b'{"method": 3}'])
def test_what_is_no_request_is_answered_with_an_error(tmp_path, body):
    """One of JSON-RPC's own, whatever the bytes."""

    async def talk(base, _):
        headers = HEADERS | {"content-type": "application/json"}
        async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as client:
            return (await client.post("/a2a/panel/rpc/", content=body)).json()

    assert talked(tmp_path, talk)["error"]["code"] in (-32700, -32600, -32603)


def test_a_signed_card_is_verified_and_a_changed_one_is_not(tmp_path):
    """By the keys that the user trusts, not by those that a card names."""
    path, trusted = keys(tmp_path)
    (tmp_path / "other").mkdir()
    _, others = keys(tmp_path / "other")

    async def talk(base, _):
        def remote(verify):
            return Remote(f"{base}/a2a/panel", key=lambda: TOKEN, verify=verify)

        return [(await remote(ring).run("Rust?")) for ring in (trusted, others)]

    good, bad = talked(tmp_path, talk, settings=Settings(card_key=path))
    assert (good.status, good.text) == ("succeeded", "judge has read 7")
    assert (bad.status, bad.failure.kind) == ("failed", "RemoteFailed")
    assert "none of the keys" in bad.failure.message


def test_an_unsigned_card_is_not_verified(tmp_path):
    """Whoever wants signatures takes no card without one."""
    _, trusted = keys(tmp_path)

    async def talk(base, _):
        return await Remote(f"{base}/a2a/panel", key=lambda: TOKEN, verify=trusted).run("Rust?")

    assert "none of the keys" in talked(tmp_path, talk).failure.message


def test_a_key_that_cannot_sign_is_refused_at_the_start(tmp_path):
    """A service that is told to sign signs, or does not start."""
    _, trusted = keys(tmp_path)
    public = tmp_path / "public.jwk"
    public.write_text(json.dumps(trusted["keys"][0]))
    for bad in (public, tmp_path / "nothing"):
        with pytest.raises(BadInput, match=r"public key|no JSON Web Key"):
            talked(tmp_path, None, settings=Settings(card_key=str(bad)))
