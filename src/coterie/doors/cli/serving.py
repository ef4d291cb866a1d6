"""What a service is started with: one value, made of what the command line says."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Self

import click
from msgspec import Struct
from msgspec.structs import replace

from coterie.doors.cli.doubts import doubts_said
from coterie.doors.cli.governance import policy_called
from coterie.doors.cli.keys import key_ring
from coterie.doors.cli.quotas import quotas_said
from coterie.doors.teams import tools_called
from coterie.errors import BadInput
from coterie.stores.places import home_of, ledgers_at, store_at, tenants_at
from coterie.words.place import is_shared
from coterie.words.retention import Retention

if TYPE_CHECKING:
    from coterie.doors.http.service import Service
    from coterie.doors.http.settings import Jwt, Settings

folder_option = click.option(
    "--allow-folder",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False),
    help="A folder that clients may name in the options of teams, with what is below it; none.",
)
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Serving(Struct, frozen=True, kw_only=True):
    """What a service was told when it was started: a field for every option of `coterie serve`, by its name."""

    store: str
    teams: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    model: str | None = None
    engine: str | None = None
    memory: str | None = None
    log: bool = False
    host: str = LOOPBACK[0]
    port: int = 8700
    tls_cert: str | None = None
    tls_key: str | None = None
    token: str = ""
    names: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    rate: int | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    jwt_keys: str | None = None
    url: str = ""
    publish: tuple[str, ...] = ()
    card_key: str | None = None
    a2a_grpc: int | None = None
    policy: str | None = None
    doubts: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    retention: Retention | None = None

    def with_token(self) -> Self:
        """The same with a token, if none was said: of this machine, made once and kept beside the store."""
        return self if self.token else replace(self, token=_kept(home_of(self.store) / "token"))

    def settings(self) -> Settings:
        """How the service is to behave.

        Raises:
            BadInput: if what was said of quotas, of steps in doubt or of an identity provider is none.
        """
        from coterie.doors.http.settings import Settings

        defaults = Settings()
        return Settings(
            hosts=(*defaults.hosts, *self.names),
            origins=self.origins,
            url=self.url,
            published=self.publish,
            card_key=self.card_key or "",
            private=self.private,
            grpc=f"{self.host}:{self.a2a_grpc}" if self.a2a_grpc else "",
            grpc_tls=(self.tls_cert, self.tls_key) if self.tls_cert and self.tls_key else None,
            rate=self.rate or defaults.rate,
            in_doubt=doubts_said(self.doubts),
            quotas=quotas_said(self.days),
            jwt=self._provider(),
            retention=self.retention,
        )

    def service(self) -> Service:
        """The service of the store, whose keys and secrets lie beside it.

        Raises:
            BadInput: if what was said makes none.
        """
        from coterie.doors.http.library import Library
        from coterie.doors.http.service import Service
        from coterie.engines.places import engine_at, share_gates
        from coterie.memory.places import knowledge_at
        from coterie.telemetry.observers import observers

        ring = key_ring(self.store)
        tenants = [*tenants_at(self.store), *(ring.tenants() if is_shared(self.store) else ())]
        dispatcher = None if self.engine is None else engine_at(self.engine)
        share_gates(dispatcher)
        return Service(
            Library(self.teams, tools=tools_called(self.tools), models=self.models, folders=self.folders),
            ring,
            lambda tenant: store_at(self.store, tenant),
            settings=self.settings(),
            model=self.model,
            tenants=tuple(dict.fromkeys(tenants)),
            engine=dispatcher,
            secret=self._secret(),
            policy=policy_called(self.policy),
            observers=observers(log=self.log),
            ledgers=lambda tenant: ledgers_at(self.store, tenant),
            knowledge=lambda: knowledge_at(self.memory or self._remembers()),
        )

    def _remembers(self) -> str | Path:
        """Where is remembered what nobody says another place for: where the store is."""
        return self.store if is_shared(self.store) else home_of(self.store) / "memory.db"

    def _provider(self) -> Jwt | None:
        """The identity provider whose tokens are good here, if one is named.

        Raises:
            BadInput: if only a part of it is said.
        """
        from coterie.doors.http.settings import Jwt

        issuer, audience, keys = self.jwt_issuer, self.jwt_audience, self.jwt_keys
        if not (issuer or audience or keys):
            return None
        if not (issuer and audience and keys):
            raise BadInput("an identity provider is --jwt-issuer, --jwt-audience and --jwt-keys, all three")
        return Jwt(issuer=issuer, audience=audience, jwks=keys)

    def _secret(self) -> bytes:
        """What seals the texts that clients carry for the service: the same for all replicas of one store."""
        if is_shared(self.store):
            from coterie.doors.http.keys import secret_at

            return secret_at(self.store, "seal").encode()
        return _kept(home_of(self.store) / "secret").encode()


def _kept(path: Path) -> str:
    """A token in a file: made once, whoever else comes in the same moment, and readable by nobody else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        with NamedTemporaryFile("w", dir=path.parent) as made:
            made.write(secrets.token_urlsafe(32) + "\n")
            made.flush()
            with suppress(FileExistsError):
                os.link(made.name, path)
    return path.read_text().strip()
