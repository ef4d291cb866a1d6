"""An MCP server that lets nobody in without a token, and the authorization server beside it: run with a port.

What happens there is said in the file `LOG`, a word a line. While there is a file `LOG.no`, everybody is refused.
"""

import os
import secrets
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

warnings.simplefilter("ignore")
PORT = int(sys.argv[1])
SECONDS = 3600


def say(word: str) -> None:
    with Path(os.environ["LOG"]).open("a") as log:
        log.write(f"{word}\n")


class Issuer:
    """Gives tokens to whoever comes by with a code, and remembers everything in memory."""

    def __init__(self) -> None:
        self.known: dict[str, OAuthClientInformationFull] = {}
        self.codes: dict[str, AuthorizationCode] = {}
        self.tokens: dict[str, AccessToken] = {}
        self.refresh: dict[str, RefreshToken] = {}

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.known.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        say("registered")
        self.known[client_info.client_id] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        say("shown")
        back = str(params.redirect_uri)
        if Path(os.environ["LOG"] + ".no").exists():
            return construct_redirect_uri(back, error="access_denied", state=params.state)
        code = secrets.token_hex(16)
        self.codes[code] = AuthorizationCode(
            code=code,
            client_id=client.client_id,
            scopes=params.scopes or [],
            expires_at=time.time() + 60,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=True,
            resource=params.resource,
        )
        return construct_redirect_uri(back, code=code, state=params.state)

    async def load_authorization_code(self, client: Any, code: str) -> AuthorizationCode | None:
        return self.codes.get(code)

    async def exchange_authorization_code(self, client: Any, code: AuthorizationCode) -> OAuthToken:
        say("exchanged")
        return self._given(client.client_id, code.resource)

    async def load_refresh_token(self, client: Any, token: str) -> RefreshToken | None:
        return self.refresh.get(token)

    async def exchange_refresh_token(self, client: Any, token: RefreshToken, scopes: list[str]) -> OAuthToken:
        say("refreshed")
        return self._given(client.client_id, token.resource)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.tokens.get(token)

    async def revoke_token(self, token: Any) -> None:
        self.tokens.pop(token.token, None)

    async def exchange_identity_assertion(self, client: Any, params: Any) -> OAuthToken:
        return self._given(client.client_id, params.resource)

    def _given(self, client: str, resource: str | None) -> OAuthToken:
        token, refresh = f"secret-{secrets.token_hex(16)}", secrets.token_hex(16)
        until = int(time.time()) + SECONDS
        self.tokens[token] = AccessToken(
            token=token, client_id=client, scopes=[], expires_at=until, resource=resource
        )
        self.refresh[refresh] = RefreshToken(token=refresh, client_id=client, scopes=[], resource=resource)
        return OAuthToken(access_token=token, refresh_token=refresh, expires_in=SECONDS)


at = f"http://127.0.0.1:{PORT}"
server = MCPServer(
    "guarded",
    auth_server_provider=Issuer(),
    auth=AuthSettings(
        issuer_url=at,
        resource_server_url=f"{at}/mcp",
        client_registration_options=ClientRegistrationOptions(enabled=True),
        validate_token_resource=True,
    ),
)


@server.tool()
def secret() -> str:
    """What only those with a token are told."""
    return "the tide"


if __name__ == "__main__":
    server.run("streamable-http", host="127.0.0.1", port=PORT)
