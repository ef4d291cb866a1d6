"""P21: tenants are walls. Random operations of two tenants on one service; what is another's is not there."""

from __future__ import annotations

import asyncio
import random

import httpx
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


def _canary(tenant: str) -> str:
    return f"canary-of-{tenant}"


def _operation(die: random.Random, id: str) -> tuple[str, str, dict[str, object] | None]:
    """Something that can be done to the run, question or key of an id, in a path, a query or a body."""
    kind = die.randrange(6)
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
                head = {"authorization": f"Bearer {keys[who]}"}
                answer = await client.request(method, path, headers=head, json=body)
                own.append(_canary(who) in answer.text)
                leaks.extend([path] * (_canary(TENANTS[TENANTS[0] == who]) in answer.text))
                return answer

            for one in TENANTS:
                for team in ("panel", "two", "person"):
                    body = {"team": team, "task": _canary(one)}
                    ids[one].append((await ask(one, "POST", "/v1/runs", body)).json()["id"])
                    ids[one].append((await ask(one, "GET", "/v1/keys")).json()[0]["id"])
            while done < OPERATIONS:
                who = die.choice(TENANTS)
                other = TENANTS[TENANTS[0] == who]
                if die.random() < 0.2:
                    path = die.choice(("/v1/runs", "/v1/approvals", "/v1/keys", "/v1/usage"))
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
                    method, path, body = _operation(die, id)
                    answer = await ask(who, method, path, body)
                    answers.append((answer.status_code, answer.text.replace(id, "ID")))
                    done += 1
                differs.extend([path] * (answers[0] != answers[1]))
        return leaks, differs, done >= OPERATIONS, any(own)

    assert asyncio.run(scene()) == ([], [], True, True)
