"""Cards: what others can know of a team before they ask it anything."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import msgspec
from a2a.types import a2a_pb2 as pb

from coterie.actor import Actor
from coterie.agent import Agent
from coterie.doors.a2a.stream import LIVE
from coterie.doors.http.library import Library
from coterie.doors.http.settings import Settings
from coterie.errors import BadInput
from coterie.team import Team, manifest
from coterie.words.digest import digest_of

TEXT, JSON = "text/plain", "application/json"
VERSION = "1.0"
Sign: TypeAlias = Callable[[pb.AgentCard], pb.AgentCard]
FRESH = 300
"""Seconds that a card may be kept."""
DEEPEST = 4
"""Levels of members that a card tells of."""


class Look:
    """The teams of a library as cards tell of them: built once in `FRESH` seconds, however often anybody asks.

    Building a team may run a file of the operator's, and cards are for people without a key.
    """

    def __init__(self, library: Library, clock: Callable[[], float] = time.monotonic) -> None:
        self._library = library
        self._clock = clock
        self._seen: dict[str, tuple[float, Actor | None]] = {}

    def at(self, team: str) -> Actor | None:
        """The team called `team`; None where it needs options."""
        since, actor = self._seen.get(team, (-math.inf, None))
        if self._clock() - since >= FRESH:
            actor = self._library.built(team)
            self._seen[team] = (self._clock(), actor)
        return actor


def card_of(actor: Actor | None, team: str, at: str, settings: Settings) -> pb.AgentCard:
    """The card of the team called `team`, which answers below the address `at`."""
    card = pb.AgentCard(
        name=team,
        description=described(actor) if actor is not None else f"The team {team!r}",
        version=digest_of(manifest(actor)).hex()[:16] if actor is not None else "0",
        supported_interfaces=list(_interfaces(team, at, settings)),
        capabilities=pb.AgentCapabilities(
            streaming=True,
            push_notifications=True,
            extensions=[pb.AgentExtension(uri=LIVE, description="Shows what members are saying")],
        ),
        default_input_modes=[TEXT, JSON],
        default_output_modes=[TEXT, JSON],
        skills=list(_skills(team, actor)),
    )
    _secure(card, settings)
    return card


def _interfaces(team: str, at: str, settings: Settings) -> Iterator[pb.AgentInterface]:
    """Where a team is spoken to; by gRPC, which has no paths, it is the tenant of an address that all teams share."""
    yield pb.AgentInterface(url=f"{at}/rpc/", protocol_binding="JSONRPC", protocol_version=VERSION)
    yield pb.AgentInterface(url=f"{at}/rest", protocol_binding="HTTP+JSON", protocol_version=VERSION)
    if settings.grpc:
        port, name = settings.grpc.rpartition(":")[2], urlsplit(at).hostname or "localhost"
        host = f"[{name}]" if ":" in name else name
        yield pb.AgentInterface(
            url=f"{host}:{port}", protocol_binding="GRPC", tenant=team, protocol_version=VERSION
        )


def signer(path: str) -> Sign | None:
    """What signs cards (JWS over RFC 8785 JSON) with the private JSON Web Key in a file; None without one.

    Raises:
        BadInput: if the file has no such key.
    """
    if not path:
        return None
    from a2a.utils.signing import ProtectedHeader, create_agent_card_signer
    from jwt import PyJWK
    from jwt.exceptions import PyJWTError

    try:
        given: dict[str, Any] = msgspec.json.decode(Path(path).read_bytes(), type=dict[str, Any])
        key = PyJWK.from_dict(given)
    except (OSError, msgspec.DecodeError, PyJWTError) as error:
        raise BadInput(f"{path!r} is no JSON Web Key: {error}") from error
    if "d" not in given:
        raise BadInput(f"{path!r} is a public key; cards are signed with a private one")
    protected = ProtectedHeader(kid=str(given.get("kid", "")), alg=key.algorithm_name, jku=None, typ="JOSE")
    return create_agent_card_signer(key, protected)


def described(actor: Actor) -> str:
    """What an actor is for, in a sentence or two: an agent's instructions, a play's own words, or its pattern."""
    if isinstance(actor, Agent) and actor.instructions:
        return actor.instructions
    if isinstance(actor, Team):
        members = ", ".join(member.name for member in actor.members)
        return actor.purpose or (f"{actor.pattern} of {members}" if members else f"The team {actor.name!r}")
    return f"{type(actor).__name__} {actor.name!r}"


def _skills(team: str, actor: Actor | None) -> Iterator[pb.AgentSkill]:
    if actor is None:
        yield pb.AgentSkill(id=team, name=team, description=f"The team {team!r}", tags=["team"])
        return
    yield _skill(team, actor, team)
    yield from _members(team, actor, 1)


def _members(path: str, actor: Actor, depth: int) -> Iterator[pb.AgentSkill]:
    if depth > DEEPEST:
        return
    for member in actor.members:
        below = f"{path}/{member.name}"
        yield _skill(below, member, member.name)
        yield from _members(below, member, depth + 1)


def _skill(id: str, actor: Actor, name: str) -> pb.AgentSkill:
    tags = [actor.pattern if isinstance(actor, Team) else type(actor).__name__.lower(), actor.name]
    return pb.AgentSkill(id=id, name=name, description=described(actor), tags=list(dict.fromkeys(tags)))


def _secure(card: pb.AgentCard, settings: Settings) -> None:
    """Say how one comes in: by a key as a bearer token, and by tokens of the identity provider if there is one."""
    bearer = pb.HTTPAuthSecurityScheme(scheme="Bearer", description="A key of this service")
    card.security_schemes["key"].CopyFrom(pb.SecurityScheme(http_auth_security_scheme=bearer))
    names = ["key"]
    if settings.jwt is not None:
        where = settings.jwt.issuer.rstrip("/") + "/.well-known/openid-configuration"
        oidc = pb.OpenIdConnectSecurityScheme(open_id_connect_url=where)
        card.security_schemes["oidc"].CopyFrom(pb.SecurityScheme(open_id_connect_security_scheme=oidc))
        names.append("oidc")
    for name in names:
        card.security_requirements.append(pb.SecurityRequirement(schemes={name: pb.StringList()}))
