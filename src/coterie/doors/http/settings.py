"""What a service is set up with. Every default protects."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from coterie.words.doubt import Doubt
from coterie.words.quota import Quota
from coterie.words.retention import Retention

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Jwt(Struct, frozen=True, kw_only=True):
    """Bearer tokens of an identity provider: who signs them, for whom, and which claims say who comes in."""

    issuer: str
    audience: str
    jwks: str
    """The address of the provider's keys, or a file with them."""
    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")
    name: str = "sub"
    tenant: str = "tenant"
    role: str = "role"


class Settings(Struct, frozen=True, kw_only=True):
    """How a service behaves. Sizes are in bytes, times in seconds, rates a minute and caller."""

    hosts: tuple[str, ...] = LOOPBACK
    """Names that the service is called by, without the port: anything else is somebody's rebinding."""
    origins: tuple[str, ...] = ()
    """Pages of other origins that may call it; none."""
    url: str = ""
    """Where others reach it, as https://agents.example: for what is published. Empty: where they asked."""
    published: tuple[str, ...] = ()
    """Teams that other agents are told of and may speak to by A2A; none: all that are offered."""
    card_key: str = ""
    """A file with the private JSON Web Key that signs the cards of agents; empty: they are not signed."""
    private: tuple[str, ...] = ()
    """Hosts, addresses and networks that clients may name though they are not public: where they are told of events."""
    grpc: str = ""
    """Where A2A is spoken by gRPC, as 127.0.0.1:8701; empty: nowhere."""
    grpc_tls: tuple[str, str] | None = None
    """The files of the certificate and the key for gRPC; none: in the clear."""
    body: int = 4 * 1024 * 1024
    slow: float = 30.0
    """How long a client may take to send what it has begun."""
    rate: int = 1_200
    watchers: int = 1_000
    """Event streams that may be open at once."""
    at_once: int = 1_000
    in_doubt: dict[str, Doubt] = {}
    """What becomes of tools, by patterns of their names, that were under way at a crash."""
    quotas: dict[str, Quota] = {}
    """What all runs of a tenant may use up in a day, by tenant; `*` is for every other one."""
    jwt: Jwt | None = None
    retention: Retention | None = None
    """Which runs every tenant's store lets go of, looked at every hour; none."""
    options: dict[str, Any] = {}
