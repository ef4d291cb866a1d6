"""The keys of the tenant that asks."""

from __future__ import annotations

from msgspec.structs import asdict

from coterie.doors.http.api.shapes import KeyShown, NewKey
from coterie.doors.http.keys import Key
from coterie.doors.http.operations import Call, Operations
from coterie.doors.http.problems import Problem
from coterie.errors import BadInput

operations = Operations()


@operations.add("GET", "/v1/keys", needs="admin", gives=list[KeyShown])
async def list_keys(call: Call) -> list[KeyShown]:
    """The keys there are, without what opens anything."""
    return [_shown(key) for key in call.service.keys.all(call.by.tenant)]


@operations.add("POST", "/v1/keys", needs="admin", body=NewKey, gives=KeyShown, status=201)
async def make_key(call: Call) -> KeyShown:
    """Make a key; this is the one time that it is shown."""
    new: NewKey = call.body
    secret, key = call.service.keys.make(new.name, tenant=call.by.tenant, role=new.role, seconds=new.seconds)
    return _shown(key, secret)


@operations.add("POST", "/v1/keys/{id}/rotate", needs="admin", gives=KeyShown, status=201, problems=(404,))
async def rotate_key(call: Call) -> KeyShown:
    """Make a key in the place of another, which is good for an hour more."""
    try:
        secret, key = call.service.keys.rotate(call.path["id"], call.by.tenant)
    except BadInput as error:
        raise Problem(404, error.message) from error
    return _shown(key, secret)


@operations.add("DELETE", "/v1/keys/{id}", needs="admin", status=204, problems=(404,))
async def revoke_key(call: Call) -> None:
    """Let a key open nothing any more."""
    if not call.service.keys.revoke(call.path["id"], call.by.tenant):
        raise Problem(404, f"there is no key {call.path['id']!r}")


def _shown(key: Key, secret: str = "") -> KeyShown:
    known = {name: value for name, value in asdict(key).items() if name != "tenant"}
    return KeyShown(**known, key=secret)
