"""Attacks that a service meets, and what becomes of them: none passes (P22)."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from click.testing import CliRunner
from msgspec.structs import asdict

from coterie.doors.cli.commands import coterie
from coterie.doors.cli.serve import serve
from coterie.doors.cli.serving import Serving
from coterie.doors.http.keys import KeyRing
from coterie.doors.http.settings import Settings
from coterie.errors import BadInput
from coterie.words.principal import Principal
from tests.http.serving import TOKEN, served, service_at
from tests.stores.servers import postgres


def asked(tmp_path, *requests, settings=None):
    """The answers to some requests, each a tuple of a method, an address and options."""

    async def performed():
        async with served(service_at(tmp_path, settings=settings)) as client:
            return [await client.request(method, url, **more) for method, url, more in requests]

    return asyncio.run(performed())


def statuses(answers):
    return [answer.status_code for answer in answers]


NOBODY = {"headers": {"authorization": ""}}


def test_nobody_comes_in_without_a_key(tmp_path):
    """Nothing, a wrong token, another scheme, or a key that is none: 401, and what to send instead."""
    wrong = [
        "",
        "Bearer",
        "Bearer wrong",
        f"Basic {TOKEN}",
        "Bearer ck_abc_def",
        "Bearer ck__",
        f"bearer  {TOKEN}x",
    ]
    answers = asked(tmp_path, *(("GET", "/v1/runs", {"headers": {"authorization": one}}) for one in wrong))
    assert statuses(answers) == [401] * len(wrong)
    assert answers[0].headers["www-authenticate"] == "Bearer"


def test_only_health_is_for_everybody(tmp_path):
    """Whatever else there is needs a key, also the document of the API."""
    paths = [
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/v1/runs",
        "/v1/keys",
        "/v1/teams",
        "/v1/approvals",
        "/",
    ]
    answers = asked(tmp_path, *(("GET", path, NOBODY) for path in paths))
    assert statuses(answers) == [200, 200, *[401] * 6]


def test_a_name_that_is_not_ours_is_refused(tmp_path):
    """DNS rebinding: the browser calls us by the attacker's name, with whatever port, and even with the token."""
    names = ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "localhost.", "[::2]"]
    answers = asked(tmp_path, *(("GET", "/v1/runs", {"headers": {"host": name}}) for name in names))
    assert statuses(answers) == [421] * len(names)


def test_pages_of_others_are_refused(tmp_path):
    """Whatever a page of another origin sends, also one that hides where it is from, or whose port differs."""
    origins = ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost", "file://"]
    answers = asked(
        tmp_path,
        *(("POST", "/v1/runs", {"headers": {"origin": one}, "json": {}}) for one in origins),
        *(("GET", "/v1/runs/x/events", {"headers": {"origin": one}}) for one in origins),
    )
    assert statuses(answers) == [403] * 10


def test_a_cookie_alone_changes_nothing(tmp_path):
    """CSRF: a form of another page sends the cookie, but not where it is from, or another place."""
    cookie = {"cookie": f"coterie={TOKEN}", "authorization": ""}
    evil = {**cookie, "origin": "https://evil.example"}
    answers = asked(
        tmp_path,
        ("POST", "/v1/runs", {"headers": cookie, "json": {"team": "panel", "task": "x"}}),
        ("POST", "/v1/runs", {"headers": evil, "json": {"team": "panel", "task": "x"}}),
        ("GET", "/v1/runs", {"headers": cookie}),
    )
    assert statuses(answers) == [403, 403, 200]
    assert answers[2].json()["runs"] == []


def test_a_token_in_an_address_is_refused(tmp_path):
    """Addresses end up in logs and histories; the right token there opens nothing either."""
    answers = asked(
        tmp_path,
        ("GET", f"/v1/runs?token={TOKEN}", NOBODY),
        ("GET", f"/v1/runs?access_token={TOKEN}", {}),
        ("GET", "/v1/runs?API_KEY=x", {}),
    )
    assert statuses(answers) == [400, 400, 400]


def test_what_is_too_large_is_refused(tmp_path):
    """By what it says of itself, and by what really comes where it says nothing."""
    settings = Settings(body=1000)

    async def chunks():
        for _ in range(100):
            yield b"x" * 100

    answers = asked(
        tmp_path,
        ("POST", "/v1/runs", {"content": b"x" * 2000}),
        ("POST", "/v1/runs", {"content": chunks()}),
        settings=settings,
    )
    assert statuses(answers) == [413, 413]


def test_what_never_comes_is_not_waited_for(tmp_path):
    """A client that sends half a request holds nobody up, and is told so."""

    async def performed():
        async with served(service_at(tmp_path, settings=Settings(slow=0.05))) as client:
            host, port = client.base_url.host, client.base_url.port
            reader, writer = await asyncio.open_connection(host, port)
            head = f"POST /v1/runs HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {TOKEN}\r\n"
            writer.write(f"{head}Content-Length: 10\r\n\r\n{{".encode())
            slow = await reader.readline()
            writer.close()
            return slow, (await client.get("/v1/runs")).status_code

    assert asyncio.run(performed()) == (b"HTTP/1.1 408 Request Timeout\r\n", 200)


def test_who_comes_too_often_waits(tmp_path):
    """And is told for how long."""
    answers = asked(tmp_path, *[("GET", "/v1/runs", {})] * 4, settings=Settings(rate=3))
    assert statuses(answers) == [200, 200, 200, 429]
    assert 1 <= int(answers[3].headers["retry-after"]) <= 21


def test_the_command_says_how_often_a_caller_may_come(tmp_path):
    """`--rate`, which is what the guard counts by."""
    store = str(tmp_path / "runs.db")
    rates = [Serving(store=store, rate=rate).settings().rate for rate in (7, None)]
    assert rates == [7, 1_200]
    said = CliRunner().invoke(coterie, ["serve", "--rate", "0", "--store", store])
    assert (said.exit_code, "--rate" in said.stderr) == (2, True)


def test_what_the_command_says_is_one_value():
    """Every option of `coterie serve` is a field, with the same default."""
    said = serve.make_context("serve", ["--store", "runs.db"]).params
    assert said == asdict(Serving(store="runs.db"))


def test_no_path_leads_out(tmp_path):
    """Dots, slashes and what they are written as lead nowhere."""
    (tmp_path / "secret").write_text("canary")
    paths = ["/static/../secret", "/static/%2e%2e/secret", "/static/..%2fsecret", "/v1/runs/..%2f..%2fsecret"]
    answers = asked(tmp_path, *(("GET", path, {}) for path in paths))
    assert {answer.status_code for answer in answers} <= {400, 404}
    assert not any("canary" in answer.text for answer in answers)


def test_no_header_can_be_smuggled_in(tmp_path):
    """Line ends in what is said back stay in the body, as JSON."""
    answers = asked(
        tmp_path,
        ("GET", "/v1/runs/x%0d%0aset-cookie:%20a=b", {}),
        ("GET", "/v1/runs/x/events", {"headers": {"last-event-id": "1"}}),
    )
    assert statuses(answers) == [404, 404]
    assert all("set-cookie" not in answer.headers for answer in answers)


def test_every_answer_is_dressed(tmp_path):
    """Nothing is sniffed, framed, cached or sent on as a referrer, also where it is refused."""
    answers = asked(tmp_path, ("GET", "/v1/runs", {}), ("GET", "/v1/runs", NOBODY), ("GET", "/nothing", {}))
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


def test_roles_hold(tmp_path):
    """A viewer changes nothing, an operator manages no keys, an admin may both."""

    async def performed():
        service = service_at(tmp_path)
        keys = {role: service.keys.make(role, role=role)[0] for role in ("viewer", "operator", "admin")}
        async with served(service) as client:
            tried = []
            for key in keys.values():
                headers = {"authorization": f"Bearer {key}"}
                run = await client.post("/v1/runs", json={"team": "panel", "task": "x"}, headers=headers)
                read = await client.get("/v1/runs", headers=headers)
                made = await client.post("/v1/keys", json={"name": "n"}, headers=headers)
                tried.append((run.status_code, read.status_code, made.status_code))
            return tried

    assert asyncio.run(performed()) == [(403, 200, 403), (201, 200, 403), (201, 200, 201)]


def test_tenants_are_walls(tmp_path):
    """Another tenant's id is as unknown as one that never was, wherever it is said (P21)."""

    async def performed():
        service = service_at(tmp_path)
        mine, theirs = (service.keys.make(name, tenant=name, role="admin")[0] for name in ("acme", "umbra"))
        async with served(service) as client:
            one = {"authorization": f"Bearer {mine}"}
            other = {"authorization": f"Bearer {theirs}"}
            run = (await client.post("/v1/runs", json={"team": "two", "task": "canary"}, headers=one)).json()[
                "id"
            ]
            await client.get(f"/v1/runs/{run}/wait", headers=one)
            [asked_, _] = (await client.get("/v1/approvals", headers=one)).json()
            [key] = (await client.get("/v1/keys", headers=one)).json()
            reach = {"run": run, "approval": asked_["id"], "key": key["id"]}
            found = []
            for ids in (reach, dict.fromkeys(reach, "nobody.123")):
                answers = [
                    await client.get(f"/v1/runs/{ids['run']}", headers=other),
                    await client.get(f"/v1/runs/{ids['run']}/events", headers=other),
                    await client.get(f"/v1/runs/{ids['run']}/transcript", headers=other),
                    await client.get(f"/v1/runs/{ids['run']}/tree", headers=other),
                    await client.get(f"/v1/runs/{ids['run']}/wait", headers=other),
                    await client.post(f"/v1/runs/{ids['run']}/cancel", json={}, headers=other),
                    await client.post(f"/v1/runs/{ids['run']}/resume", json={}, headers=other),
                    await client.post(f"/v1/runs/{ids['run']}/fork", json={}, headers=other),
                    await client.get(f"/v1/approvals/{ids['approval']}", headers=other),
                    await client.post(
                        f"/v1/approvals/{ids['approval']}", json={"value": "yes"}, headers=other
                    ),
                    await client.delete(f"/v1/keys/{ids['key']}", headers=other),
                    await client.post(f"/v1/keys/{ids['key']}/rotate", headers=other),
                ]
                found.append([answer.status_code for answer in answers])
                assert not any("canary" in answer.text for answer in answers)
            lists = [(await client.get(path, headers=other)).text for path in ("/v1/runs", "/v1/approvals")]
            return found, lists

    found, lists = asyncio.run(performed())
    assert found == [[404] * 12] * 2
    assert lists == ['{"runs":[],"next":null}', "[]"]


@pytest.fixture(scope="module")
def database():
    with postgres() as url:
        yield url


def test_replicas_share_their_keys(database):
    """What one makes opens the doors of all, what one revokes opens none; a lost connection is opened again."""
    ours, theirs = KeyRing(database), KeyRing(database)
    secret, key = ours.make("ada", tenant="acme", role="viewer")
    assert theirs.opened_by(secret) == Principal(name="ada", tenant="acme", role="viewer")
    with psycopg.connect(database, autocommit=True) as admin:
        assert (
            secret.split("_", 2)[2].encode()
            not in admin.execute("select hash from service_keys").fetchone()[0]
        )
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")
    assert ours.revoke(key.id, "acme")
    assert (theirs.opened_by(secret), theirs.all("acme")) == (None, [])
    ours.close()
    theirs.close()


def test_keys_are_kept_as_hashes_expire_and_are_rotated(tmp_path):
    """The file never has what opens a door; a rotated key is good for a while, an expired one never again."""
    now = [1000.0]
    ring = KeyRing(tmp_path / "keys.db", clock=lambda: now[0])
    secret, key = ring.make("ada", role="viewer", seconds=100)
    assert ring.opened_by(secret) == Principal(name="ada", role="viewer")
    assert secret.split("_", 2)[2].encode() not in (tmp_path / "keys.db").read_bytes()
    fresh, _ = ring.rotate(key.id, "default", grace=10)
    now[0] += 9
    assert ring.opened_by(secret) == ring.opened_by(fresh) == Principal(name="ada", role="viewer")
    now[0] += 1
    assert (ring.opened_by(secret), ring.opened_by(fresh) is None) == (None, False)
    now[0] += 90
    assert ring.opened_by(fresh) is None
    with pytest.raises(BadInput, match="cannot name a tenant"):
        ring.make("ada", tenant="../etc")


def test_who_listens_for_others_says_by_which_name(tmp_path):
    """Without one, `coterie serve` on another address than loopback is a mistake in the command."""
    said = CliRunner().invoke(coterie, ["serve", "--host", "192.0.2.1", "--store", str(tmp_path / "runs.db")])
    assert (said.exit_code, "--host-name" in said.stderr) == (2, True)
