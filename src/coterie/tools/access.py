"""Access to MCP servers that ask who comes (OAuth 2.1): who one is to them, and the tokens that say so.

The SDK does the protocol: discovery, registration, PKCE, and wider scopes when a server asks for them. A connection
that is made anew goes on with the tokens of the one before; with `keep`, so does the next process.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from msgspec import Struct

from coterie.errors import BadInput
from coterie.tools.browser import Browser, shown

if TYPE_CHECKING:
    import httpx2
    from mcp.client.auth import OAuthClientProvider
    from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

Assertion: TypeAlias = Callable[[str, str], Awaitable[str]]
"""Fetches what an identity provider says of a user (an ID-JAG), for an issuer and a server."""


class SignIn(Struct, frozen=True, kw_only=True):
    """A person signs in, in a browser, where there is no token yet (authorization code with PKCE).

    `show` is given the page to open. The client registers itself where the authorization server lets it; `document` is
    the URL of its description, for servers that take one; `client` and `secret` are those of one registered before.
    The browser comes back to `port` of this machine, or to any that is free.
    """

    show: Callable[[str], Any] = shown
    client: str = ""
    secret: str = ""
    document: str = ""
    name: str = "Coterie"
    port: int = 0
    patience: float = 300.0
    keep: str | Path | None = None


class Credentials(Struct, frozen=True, kw_only=True):
    """A program signs in by itself, with a secret, or with a key that it signs with (client credentials).

    They are sent to `issuer` and to nobody else, wherever the server may point.
    """

    client: str
    issuer: str
    secret: str = ""
    key: str = ""
    algorithm: str = "ES256"
    scope: str = ""
    keep: str | Path | None = None


class Vouched(Struct, frozen=True, kw_only=True):
    """An identity provider vouches for a user (SEP-990): `assertion` fetches what it says, for `issuer`."""

    client: str
    secret: str
    issuer: str
    assertion: Assertion
    scope: str = ""
    keep: str | Path | None = None


Access: TypeAlias = "SignIn | Credentials | Vouched | httpx2.Auth"
"""How one comes in."""


class Entrance:
    """How one comes in at a URL, with what was learnt there: it outlives connections."""

    def __init__(self, url: str, access: Access) -> None:
        self._url = url
        self._access: Any = access
        self._kept = Kept(url, getattr(access, "keep", None))
        self._browser = Browser()

    @property
    def asks_a_person(self) -> bool:
        """Whether a person is signing in just now."""
        return self._browser.open

    def auth(self) -> httpx2.Auth:
        """What a connection brings along.

        Raises:
            BadInput: if the URL of the client's description is none that may be one.
        """
        match self._access:
            case SignIn() as person:
                return self._by_a_person(person)
            case Credentials() as program:
                return self._learning(self._by_itself(program))
            case Vouched() as user:
                return self._vouched(user)
            case made:
                return cast("httpx2.Auth", made)

    def _by_a_person(self, person: SignIn) -> httpx2.Auth:
        from mcp.client.auth import OAuthClientProvider
        from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata

        back: list[Any] = [self._browser.back_to(person.port or self._kept.port)]
        self._browser.show, self._browser.patience = person.show, person.patience
        if person.client and self._kept.client is None:
            how = "client_secret_basic" if person.secret else "none"
            self._kept.client = OAuthClientInformationFull(
                client_id=person.client,
                client_secret=person.secret or None,
                redirect_uris=back,
                token_endpoint_auth_method=how,
            )
        try:
            made = OAuthClientProvider(
                self._url,
                OAuthClientMetadata(client_name=person.name, redirect_uris=back),
                self._kept,
                self._browser.shows,
                self._browser.comes_back,
                person.document or None,
            )
        except ValueError as error:
            raise BadInput(str(error)) from error
        return self._learning(made)

    def _by_itself(self, program: Credentials) -> OAuthClientProvider:
        from mcp.client.auth.extensions import client_credentials as kit

        scope, issuer = program.scope or None, program.issuer
        if not program.key:
            return kit.ClientCredentialsOAuthProvider(
                self._url, self._kept, program.client, program.secret, "client_secret_basic", scope, issuer
            )
        signed = kit.SignedJWTParameters(
            issuer=program.client,
            subject=program.client,
            signing_key=program.key,
            signing_algorithm=program.algorithm,
        )
        provider = signed.create_assertion_provider()
        return kit.PrivateKeyJWTOAuthProvider(
            self._url, self._kept, program.client, provider, scope, issuer=issuer
        )

    def _vouched(self, user: Vouched) -> httpx2.Auth:
        from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider

        return IdentityAssertionOAuthProvider(
            self._url,
            self._kept,
            user.client,
            user.secret,
            user.issuer,
            user.assertion,
            user.scope or None,
            "client_secret_basic",
        )

    def _learning(self, provider: OAuthClientProvider) -> OAuthClientProvider:
        """A provider that knows what others before it learnt, and teaches those after it."""
        self._kept.taught(provider)
        return provider


class Kept:
    """Tokens, and what goes with them: in memory, and in a file that nobody else may read where there is one."""

    def __init__(self, url: str, path: str | Path | None) -> None:
        self.client: OAuthClientInformationFull | None = None
        self._url = url
        self._path = None if path is None else Path(path)
        self._tokens: OAuthToken | None = None
        self._until: float | None = None
        self._context: Any = None
        self._servers: dict[str, Any] = {}
        self._read()

    @property
    def port(self) -> int:
        """The port that the client was registered with, or 0."""
        uris = None if self.client is None else self.client.redirect_uris
        return (uris[0].port or 0) if uris else 0

    def taught(self, provider: OAuthClientProvider) -> None:
        """Tell a provider which servers are asked for tokens, and until when it has one."""
        from mcp.shared.auth import OAuthMetadata, ProtectedResourceMetadata

        self._context = provider.context
        self._context.token_expiry_time = self._until
        if self._servers:
            self._context.oauth_metadata = OAuthMetadata.model_validate(self._servers["issuer"])
            resource = self._servers["resource"]
            self._context.protected_resource_metadata = resource and ProtectedResourceMetadata.model_validate(
                resource
            )
            self._context.auth_server_url = self._servers["at"]

    async def get_tokens(self) -> OAuthToken | None:
        """The tokens there are."""
        return self._tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Keep tokens, with the servers that they are from."""
        self._tokens = tokens
        self._until = None if tokens.expires_in is None else time.time() + tokens.expires_in
        if self._context is not None and self._context.oauth_metadata is not None:
            self._servers = {
                "issuer": _plain(self._context.oauth_metadata),
                "resource": _plain(self._context.protected_resource_metadata),
                "at": self._context.auth_server_url,
            }
        self._write()

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """Who the client is to the authorization server."""
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Keep who the client is."""
        self.client = client_info
        self._write()

    def _all(self) -> dict[str, Any]:
        if self._path is None or not self._path.exists():
            return {}
        with suppress(ValueError):
            read: Any = json.loads(self._path.read_text())
            return cast("dict[str, Any]", read) if isinstance(read, dict) else {}
        return {}

    def _read(self) -> None:
        mine = self._all().get(self._url)
        if mine is None:
            return
        from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

        self.client = mine["client"] and OAuthClientInformationFull.model_validate(mine["client"])
        self._tokens = mine["tokens"] and OAuthToken.model_validate(mine["tokens"])
        self._until, self._servers = mine["until"], mine["servers"]

    def _write(self) -> None:
        if self._path is None:
            return
        mine = {
            "client": _plain(self.client),
            "tokens": _plain(self._tokens),
            "until": self._until,
            "servers": self._servers,
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_name(f"{self._path.name}.new")
        new.touch(mode=0o600)
        new.write_text(json.dumps({**self._all(), self._url: mine}))
        new.replace(self._path)


def _plain(model: Any) -> Any:
    return None if model is None else model.model_dump(mode="json", exclude_none=True)
