"""Cards of remote agents: fetched, screened, verified.

What a user names is trusted as an address; what a card names is not, nor where anybody redirects to. An address of
another host than the card's has to be public or allowed (`coterie.reach`), and is never reached in the clear where the
card was not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from a2a.client.card_resolver import parse_agent_card
from a2a.types import a2a_pb2 as pb
from google.protobuf.json_format import ParseError

from coterie.errors import BadInput, ModelUnavailable, NoAccess, OffLimits, RemoteFailed
from coterie.reach.pinned import client
from coterie.reach.screen import Screen, place

CARD = "/.well-known/agent-card.json"
LARGEST = 1 << 20
"""Bytes that a card may have."""
SECONDS = 10.0
"""Seconds to fetch a card."""
ALGORITHMS = ("ES256", "ES384", "RS256", "EdDSA")


def card_at(url: str) -> str:
    """Where the card of an agent lies that is named by its host, its address, or the card itself."""
    return url if url.endswith(".json") else url.rstrip("/") + CARD


async def fetched(http: httpx.AsyncClient, url: str, screen: Screen) -> pb.AgentCard:
    """The card at `url`, whose interfaces may all be reached.

    Raises:
        ModelUnavailable: if it cannot be fetched.
        NoAccess: if it is not for us.
        OffLimits: if it may not be reached itself.
        RemoteFailed: if it is no card, or names addresses that it may not.
    """
    where = card_at(url)
    try:
        answer = await http.get(where)
    except httpx.HTTPError as error:
        raise ModelUnavailable(f"{where}: {str(error) or type(error).__name__}") from error
    if answer.status_code in (401, 403):
        raise NoAccess(f"{where} wants to know who asks ({answer.status_code})")
    if answer.status_code != 200:
        busy = answer.status_code == 429 or answer.status_code >= 500
        raise (ModelUnavailable if busy else RemoteFailed)(f"{where} answers {answer.status_code}")
    card = read(answer.content, where)
    for interface in card.supported_interfaces:
        await screened(interface.url, where, screen)
    return card


async def at_address(
    url: str, private: tuple[str, ...] = (), *, screen: Screen | None = None
) -> pb.AgentCard:
    """The card at `url`, which is trusted unless there is a `screen` for it; raises as `fetched` does."""
    screen = Screen(private).trusting(url) if screen is None else screen
    async with client(screen, timeout=SECONDS) as http:
        return await fetched(http, url, screen)


async def text_at(url: str, screen: Screen) -> str:
    """A text at an address.

    Raises:
        ModelUnavailable: if it cannot be fetched.
        OffLimits: if it may not be reached.
        RemoteFailed: if it is no text, or too long.
    """
    try:
        async with client(screen, timeout=SECONDS) as http:
            answer = await http.get(url)
    except httpx.HTTPError as error:
        raise ModelUnavailable(f"{url}: {str(error) or type(error).__name__}") from error
    if answer.status_code != 200 or len(answer.content) > LARGEST:
        raise RemoteFailed(f"{url} answers {answer.status_code}, with {len(answer.content):,} bytes")
    text: str = answer.text
    return text


def in_file(path: Path) -> pb.AgentCard:
    """The card in a file.

    Raises:
        BadInput: if it cannot be read.
        RemoteFailed: if it is no card.
    """
    try:
        return read(path.read_bytes(), str(path))
    except OSError as error:
        raise BadInput(f"{str(path)!r} cannot be read: {error}") from error


def read(data: bytes, where: str) -> pb.AgentCard:
    """The card that these bytes are.

    Raises:
        RemoteFailed: if they are none.
    """
    if len(data) > LARGEST:
        raise RemoteFailed(f"{where}: a card of {len(data):,} bytes; {LARGEST:,} are allowed")
    try:
        given = json.loads(data)
        card: pb.AgentCard = parse_agent_card(given)
    except (ParseError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise RemoteFailed(f"{where}: is no agent card: {error}") from error
    if not card.name or not card.supported_interfaces:
        raise RemoteFailed(f"{where}: a card says at least a name and an interface")
    return card


async def screened(url: str, card: str, screen: Screen) -> None:
    """Refuse an address that a card may not send anybody to.

    Raises:
        RemoteFailed: if it is one.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        return  # another binding, which we do not speak
    try:
        there, here = place(url), place(card)
        if there == here:
            return
        if here.secure and not there.secure:
            raise RemoteFailed(f"{card} leads from https to http, at {url!r}")
        await screen.found(there)
    except OSError as error:
        raise RemoteFailed(f"{card} names {url!r}, which is nowhere: {error}") from error
    except (BadInput, OffLimits) as error:
        raise RemoteFailed(f"{card} names {url!r}: {error.message}") from error


def verified(card: pb.AgentCard, keys: Mapping[str, Any] | str, where: str) -> None:
    """Check that one of `keys`, a JSON Web Key Set or a file of one, has signed a card (JWS over RFC 8785 JSON).

    Raises:
        RemoteFailed: if none has.
        BadInput: if they are no keys.
    """
    from a2a.utils.signing import SignatureVerificationError, create_signature_verifier
    from jwt import PyJWKSet
    from jwt.exceptions import PyJWTError

    try:
        given = json.loads(Path(keys).read_bytes()) if isinstance(keys, str) else dict(keys)
        ring = {key.key_id: key for key in PyJWKSet.from_dict(given).keys}
    except (OSError, ValueError, PyJWTError) as error:
        raise BadInput(f"{keys!r} is no JSON Web Key Set: {error}") from error

    def key(kid: str | None, _: str | None) -> Any:
        if kid not in ring:
            raise PyJWTError(f"no key is called {kid!r}")
        return ring[kid]

    try:
        create_signature_verifier(key, list(ALGORITHMS))(card)
    except SignatureVerificationError as error:
        raise RemoteFailed(f"{where}: none of the keys has signed this card: {error}") from error
