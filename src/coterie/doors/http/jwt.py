"""Bearer tokens of an identity provider: JSON Web Tokens (RFC 7519), checked with the provider's published keys."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import jwt

from coterie.doors.http.settings import Jwt
from coterie.errors import BadInput, ServiceFailed
from coterie.stores.places import DEFAULT, TENANT
from coterie.words.principal import ROLES, Principal

FRESH = 3_600.0
"""Seconds after which the provider's keys are fetched anew."""
AGAIN = 60.0
"""Seconds between two fetches at least, however many tokens name keys that are not known."""
PATIENCE = 5.0
"""Seconds that a provider has to answer."""
LARGEST = 1_000_000
"""Bytes of keys that are read at most."""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Nobody is followed elsewhere: the address was written by an operator, where it leads was not."""

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any) -> None:
        """There is no next request, so the redirect is the answer."""


_STRAIGHT = urllib.request.build_opener(_Stay)


class Tokens:
    """Knows whose a token is. Keys are fetched once at the start, and then beside the requests, never within one.

    Raises:
        BadInput: if an algorithm is one with a shared secret, or the keys are none.
        ServiceFailed: if the provider does not give its keys.
    """

    def __init__(self, settings: Jwt) -> None:
        shared = [name for name in settings.algorithms if name.startswith("HS") or name.lower() == "none"]
        if shared or not settings.algorithms:
            raise BadInput(
                f"tokens are signed with published keys: {', '.join(shared) or 'nothing'} is no such way"
            )
        self._settings = settings
        self._fetching = threading.Lock()
        self._fetched = time.monotonic()
        self._keys = keys_at(settings.jwks)

    def opened_by(self, token: str) -> Principal | None:
        """Whose a token is; None for one that is not signed, not for us, expired, or says no role or tenant of ours."""
        if token.count(".") != 2:
            return None  # a key of ours, or nothing at all
        try:
            claims = self._claims(token)
        except jwt.InvalidTokenError:
            return None
        return self._principal(claims)

    def _claims(self, token: str) -> dict[str, Any]:
        settings = self._settings
        kid = jwt.get_unverified_header(token).get("kid", "")
        key = self._keys.get(kid)
        self._refresh(AGAIN if key is None else FRESH)
        if key is None and not kid and len(self._keys) == 1:
            [key] = self._keys.values()
        if key is None:
            raise jwt.InvalidTokenError(f"no key {kid!r}")
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(settings.algorithms),
            audience=settings.audience,
            issuer=settings.issuer,
            options={"require": ["exp", "iss", "aud"]},
        )
        return claims

    def _principal(self, claims: dict[str, Any]) -> Principal | None:
        settings = self._settings
        name, role = claims.get(settings.name), claims.get(settings.role, "viewer")
        tenant = claims.get(settings.tenant) if settings.tenant else DEFAULT
        if role not in ROLES or not isinstance(tenant, str) or not TENANT.fullmatch(tenant):
            return None
        try:
            return Principal(str(name or ""), tenant, role=role)
        except ValueError:
            return None  # a name that means somebody else here

    def _refresh(self, age: float) -> None:
        """Have the keys fetched beside the requests, if they are older than `age` seconds."""
        if time.monotonic() - self._fetched >= age and self._fetching.acquire(blocking=False):
            self._fetched = time.monotonic()
            threading.Thread(target=self._fetch, name="coterie-jwks", daemon=True).start()

    def _fetch(self) -> None:
        try:
            self._keys = keys_at(self._settings.jwks)
        except (BadInput, ServiceFailed):
            pass  # what was known stays good; the next fetch is due in a minute
        finally:
            self._fetching.release()


def keys_at(place: str) -> dict[str, jwt.PyJWK]:
    """The keys of a file or an address, by their id.

    Raises:
        BadInput: if there are none.
        ServiceFailed: if nobody gives them.
    """
    try:
        if place.startswith(("https://", "http://")):
            with _STRAIGHT.open(place, timeout=PATIENCE) as answer:
                body = answer.read(LARGEST)
        else:
            body = Path(place).read_bytes()
    except OSError as error:
        raise ServiceFailed(f"the keys at {place!r} cannot be had: {error}") from error
    try:
        found = jwt.PyJWKSet.from_dict(json.loads(body))
    except (ValueError, AttributeError, TypeError, jwt.PyJWTError) as error:
        raise BadInput(f"what is at {place!r} is no set of keys (RFC 7517): {error}") from error
    return {key.key_id or "": key for key in found.keys}
