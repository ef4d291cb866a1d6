"""Tokens of an identity provider, checked with keys from a file and from an address."""

from __future__ import annotations

import asyncio
import functools
import http.server
import json
import threading
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from coterie.doors.http.jwt import Tokens
from coterie.doors.http.settings import Jwt, Settings
from coterie.errors import BadInput, ServiceFailed
from coterie.words.principal import Principal
from tests.http.serving import served, service_at

US = {"issuer": "https://id.example", "audience": "coterie"}


@pytest.fixture(scope="module")
def private():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def keys(private, tmp_path):
    """The file of a provider's published keys."""
    key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key()))
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [{**key, "kid": "k1", "use": "sig", "alg": "RS256"}]}))
    return file


def signed(private, *, kid="k1", **claims):
    said = {
        "iss": US["issuer"],
        "aud": US["audience"],
        "exp": time.time() + 60,
        "sub": "ada",
        "tenant": "acme",
    }
    said = {name: value for name, value in {**said, **claims}.items() if value is not None}
    return jwt.encode(said, private, algorithm="RS256", headers={"kid": kid})


def test_a_good_token_says_who_comes(private, keys):
    """Name, tenant and role are claims; without a role it is a viewer."""
    tokens = Tokens(Jwt(**US, jwks=str(keys)))
    assert tokens.opened_by(signed(private)) == Principal("ada", "acme", role="viewer")
    assert tokens.opened_by(signed(private, role="admin")) == Principal("ada", "acme", role="admin")


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1},
        {"exp": None},
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": None},
        {"role": "root"},
        {"tenant": None},
        {"tenant": "../default"},
        {"tenant": 7},
        {"sub": None},
        {"sub": "*"},
        {"kid": "k2"},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_us_opens_nothing(private, keys, claims):
    """Expired, by or for somebody else, with a key, a role, a tenant or a name that is none."""
    assert Tokens(Jwt(**US, jwks=str(keys))).opened_by(signed(private, **claims)) is None


def test_a_forged_token_opens_nothing(private, keys):
    """Signed with another key, with none, or with the public key as if it were a secret; or no token at all."""
    tokens = Tokens(Jwt(**US, jwks=str(keys)))
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    claims = {
        "iss": US["issuer"],
        "aud": US["audience"],
        "exp": time.time() + 60,
        "sub": "a",
        "tenant": "acme",
    }
    unsigned = jwt.encode(claims, None, algorithm="none", headers={"kid": "k1"})
    shared = jwt.encode(claims, "s" * 32, algorithm="HS256", headers={"kid": "k1"})
    changed = signed(private)[:-8] + "AAAAAAAA"
    for token in (signed(stranger), unsigned, shared, changed, "a.b.c", ""):
        assert tokens.opened_by(token) is None


def test_keys_come_from_an_address(private, keys):
    """The provider publishes them over HTTP; one that does not answer is named."""
    handler = functools.partial(Quiet, directory=str(keys.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"http://127.0.0.1:{server.server_port}/jwks.json"
        assert Tokens(Jwt(**US, jwks=address)).opened_by(signed(private)) is not None
        server.shutdown()
    with pytest.raises(ServiceFailed, match="cannot be had"):
        Tokens(Jwt(**US, jwks=address))


def test_settings_that_would_let_anybody_in_are_refused(keys, tmp_path):
    """A shared secret is no published key, and what is no set of keys is said."""
    with pytest.raises(BadInput, match="HS256"):
        Tokens(Jwt(**US, jwks=str(keys), algorithms=("RS256", "HS256")))
    (tmp_path / "none.json").write_text("[]")
    with pytest.raises(BadInput, match="no set of keys"):
        Tokens(Jwt(**US, jwks=str(tmp_path / "none.json")))


def test_a_service_lets_them_in_by_role_and_tenant(private, keys, tmp_path):
    """A viewer reads its tenant and starts nothing; usage is by team, day, agent, model and tenant."""

    async def scene():
        service = service_at(tmp_path, settings=Settings(jwt=Jwt(**US, jwks=str(keys))))
        async with served(service) as client:
            viewer = {"authorization": f"Bearer {signed(private)}"}
            operator = {"authorization": f"Bearer {signed(private, role='operator')}"}
            refused = await client.post("/v1/runs", json={"team": "panel", "task": "x"}, headers=viewer)
            begun = await client.post("/v1/runs", json={"team": "panel", "task": "x"}, headers=operator)
            await client.get(f"/v1/runs/{begun.json()['id']}/wait", headers=operator)
            spent = [
                (await client.get("/v1/usage", params={"by": by}, headers=viewer)).json()
                for by in ("team", "day", "agent", "model", "tenant")
            ]
            elsewhere = (await client.get("/v1/usage")).json()
            return refused.status_code, begun.json()["origin"]["by"], spent, elsewhere

    status, by, (teams, days, agents, *others), elsewhere = asyncio.run(scene())
    assert (status, by, elsewhere) == (403, "ada", [])
    assert [(one["name"], one["runs"], one["usage"]["requests"]) for one in teams] == [("panel", 1, 5)]
    assert days[0]["usage"] == teams[0]["usage"]
    assert {one["name"]: one["usage"]["requests"] for one in agents} == {"hope": 2, "doubt": 2, "judge": 1}
    assert [(one["name"], one["usage"]) for [one] in others] == [
        ("default", teams[0]["usage"]),
        ("acme", teams[0]["usage"]),
    ]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and says nothing of it."""

    def log_message(self, *words):
        pass
