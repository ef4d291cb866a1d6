"""P21: tenants are walls. Random operations of two tenants on one service; what is another's is not there."""

from __future__ import annotations

import asyncio
import random
import secrets

import httpx
import msgspec
import pytest

from coterie.doors.http.app import application
from coterie.doors.http.settings import Settings
from tests.http.serving import TOKEN, service_at

OPERATIONS = 10_000
TENANTS = ("acme", "bolt")
LOOKS = ("", "/transcript", "/tree", "/wait", "/report", "/events", "/diff/nothing")
DEEDS = (
    ("cancel", {"reason": "x"}),
    ("resume", {}),
    ("fork", {}),
    ("messages", {"topic": "t", "message": "m"}),
)


KEPT = (
    ("GET", "/v1/agents/{id}", None),
    ("GET", "/v1/agents/{id}/state", None),
    ("GET", "/v1/agents/{id}/messages", None),
    ("GET", "/v1/agents/{id}/messages/0", None),
    ("POST", "/v1/agents/{id}/messages", {"text": "x"}),
    ("PATCH", "/v1/agents/{id}", {"description": "x"}),
    ("DELETE", "/v1/agents/{id}", None),
    ("GET", "/v1/teams/{id}", None),
    ("GET", "/v1/teams/{id}/document", None),
    ("GET", "/v1/teams/{id}/graph", None),
    ("PUT", "/v1/teams/{id}/document", {"document": {"team": {"parallel": ["panel"]}}}),
    ("DELETE", "/v1/teams/{id}", None),
    ("POST", "/v1/runs", {"team": "{id}", "task": "x"}),
    ("POST", "/v1/runs", {"pattern": "parallel", "members": ["{id}"], "task": "x"}),
    ("POST", "/v1/check", {"document": {"team": {"parallel": ["{id}"]}}}),
    ("POST", "/v1/teams", {"name": "new", "document": {"team": {"parallel": ["{id}"]}}}),
    ("GET", "/v1/memory?of={id}", None),
    ("POST", "/v1/memory/forget", {"everything": True, "of": "{id}"}),
    ("POST", "/v1/memory/forget", {"keys": ["{id}"]}),
    ("GET", "/v1/memory?source={id}", None),
    ("GET", "/v1/topics/{id}/messages", None),
    ("GET", "/v1/boards/{id}/entries", None),
    ("GET", "/v1/boards/{id}/entries/{id}", None),
    ("GET", "/v1/boards/{id}/entries/{id}/history", None),
    ("DELETE", "/v1/boards/{id}/entries/{id}", None),
    ("GET", "/v1/runs/{mine}/diff/{id}", None),
    ("GET", "/v1/runs/{id}/diff/{mine}", None),
    ("GET", "/v1/approvals/{id}", None),
    ("POST", "/v1/approvals/{id}", {"value": "yes"}),
    ("POST", "/v1/runs/{id}/fork", {"at": 1, "set": {"hope.instructions": "{id}"}}),
    ("POST", "/v1/runs/{id}/fork", {"at": 1, "value": "{id}", "changed": "value"}),
)
"""What is done to what is kept under a name: an agent, a team, a topic, a board and a memory of that name."""
LISTS = (
    "/v1/runs",
    "/v1/approvals",
    "/v1/keys",
    "/v1/usage",
    "/v1/agents",
    "/v1/teams",
    "/v1/memory",
    "/v1/topics",
    "/v1/boards",
)


def _canary(tenant: str) -> str:
    return f"canary-of-{tenant}"


def _operation(die: random.Random, id: str, mine: str) -> tuple[str, str, dict[str, object] | None]:
    """Something that can be done to the run, question or key of an id, in a path, a query or a body."""
    kind = die.randrange(9)
    if kind >= 6:
        method, path, body = die.choice(KEPT)
        said = (
            None
            if body is None
            else msgspec.json.decode(msgspec.json.encode(body).replace(b"{id}", id.encode()))
        )
        return method, path.replace("{id}", id).replace("{mine}", mine), said
    if kind == 0:
        deed, body = die.choice(DEEDS)
        return "POST", f"/v1/runs/{id}/{deed}", body
    if kind == 1:
        return "GET", f"/v1/approvals/{id}.{die.randrange(9)}", None
    if kind == 2:
        return "DELETE", f"/v1/keys/{id}", None
    if kind == 3:
        return "GET", f"/v1/runs?before={id}", None
    return "GET", f"/v1/runs/{id}{die.choice(LOOKS)}", None


@pytest.mark.slow
def test_p21_ten_thousand_operations_leak_nothing(tmp_path):
    """No answer holds a word of the other tenant's, and its ids are answered as ids that nobody has."""

    async def scene():
        service = service_at(tmp_path, settings=Settings(rate=10**9))
        app = application(service, token=TOKEN)
        keys = {one: service.keys.make(one, tenant=one, role="admin")[0] for one in TENANTS}
        ids = {one: [] for one in TENANTS}
        die, leaks, differs, own, done = random.Random(21), [], [], [], 0
        transport = httpx.ASGITransport(app)
        async with service, httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:

            async def ask(who, method, path, body=None):
                head = {"authorization": f"Bearer {keys[who]}", "if-match": "*"}
                answer = await client.request(method, path, headers=head, json=body)
                own.append(_canary(who) in answer.text)
                leaks.extend([path] * (_canary(TENANTS[TENANTS[0] == who]) in answer.text))
                return answer

            for one in TENANTS:
                for team in ("panel", "two", "person"):
                    body = {"team": team, "task": _canary(one)}
                    ids[one].append((await ask(one, "POST", "/v1/runs", body)).json()["id"])
                    ids[one].append((await ask(one, "GET", "/v1/keys")).json()[0]["id"])
                for kind in ("agent", "team"):
                    name = f"{kind}-of-{secrets.token_hex(8)}"
                    ids[one].append(name)
                    text = {"name": name, "instructions": _canary(one), "memory": False}
                    team = {
                        "name": name,
                        "document": {"team": {"parallel": ["panel"]}, "description": _canary(one)},
                    }
                    made = await ask(one, "POST", f"/v1/{kind}s", text if kind == "agent" else team)
                    assert made.status_code == 201, made.text
                    if kind == "agent":
                        await ask(
                            one, "POST", f"/v1/agents/{name}/messages", {"text": _canary(one), "wait": 20}
                        )
                    await ask(one, "POST", f"/v1/topics/{name}/messages", {"message": _canary(one)})
                    await ask(one, "PUT", f"/v1/boards/{name}/entries/{name}", {"value": _canary(one)})
                    await ask(one, "POST", "/v1/memory", {"text": _canary(one), "key": name, "shared": ["*"]})
            for one in TENANTS:
                ids[one] += [asked["id"] for asked in (await ask(one, "GET", "/v1/approvals")).json()]
            while done < OPERATIONS:
                who = die.choice(TENANTS)
                other = TENANTS[TENANTS[0] == who]
                if die.random() < 0.2:
                    path = die.choice(LISTS)
                    leaked = [id for id in ids[other] if id in (await ask(who, "GET", path)).text]
                    leaks.extend(leaked)
                    done += 1
                    continue
                theirs = die.choice(ids[other])
                nobodys = "".join(die.sample(theirs, len(theirs)))
                state = die.getstate()
                answers = []
                for id in (theirs, nobodys):
                    die.setstate(state)
                    method, path, body = _operation(die, id, ids[who][0])
                    answer = await ask(who, method, path, body)
                    answers.append((answer.status_code, answer.text.replace(id, "ID")))
                    done += 1
                differs.extend([path] * (answers[0] != answers[1]))
        return leaks, differs, done >= OPERATIONS, any(own)

    assert asyncio.run(scene()) == ([], [], True, True)
