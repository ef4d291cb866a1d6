"""A client for the official MCP suite: `python -m examples.conformance.client URL`, once for each scenario.

The suite says by its environment which scenario it is, and what a client may know beforehand. An agent uses the tools
that the server has; its run answers whatever the server asks with what the server proposes.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from coterie import Agent, Ask, Message
from coterie.models import scripted
from coterie.tools import Credentials, McpTool, SignIn, Vouched, mcp
from coterie.words.effect import Think
from coterie.words.message import ToolCall

SCENARIO = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
CONTEXT: dict[str, Any] = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
DOCUMENT = "https://conformance-test.local/client-metadata.json"
"""Where the suite takes the description of a client to be."""
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - the name of a kind of token
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


def access(url: str) -> SignIn | Credentials | Vouched | None:
    """How this scenario comes in."""
    client, secret = CONTEXT.get("client_id", ""), CONTEXT.get("client_secret", "")
    if not SCENARIO.startswith("auth/"):
        return None
    if SCENARIO.startswith("auth/client-credentials"):
        key = CONTEXT.get("private_key_pem", "")
        return Credentials(client=client, secret=secret, key=key, issuer=issuer_of(url))
    if SCENARIO == "auth/enterprise-managed-authorization":
        return Vouched(client=client, secret=secret, issuer=issuer_of(url), assertion=vouched)
    return SignIn(show=visited, document=DOCUMENT, client=client, secret=secret)


def issuer_of(url: str) -> str:
    """Whom the server has for its tokens; anybody else would know it beforehand."""
    with urlopen(url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")) as said:
        return str(json.load(said)["authorization_servers"][0])


async def vouched(issuer: str, resource: str) -> str:
    """What the identity provider says of a user for a server (RFC 8693)."""
    return await asyncio.to_thread(exchanged, issuer, resource)


def exchanged(issuer: str, resource: str) -> str:
    """The user's token of the identity provider, exchanged for one that is for a server."""
    wanted = {
        "grant_type": EXCHANGE,
        "client_id": CONTEXT["idp_client_id"],
        "subject_token": CONTEXT["idp_id_token"],
        "subject_token_type": ID_TOKEN,
        "requested_token_type": ID_JAG,
        "audience": issuer,
        "resource": resource,
    }
    with urlopen(CONTEXT["idp_token_endpoint"], urlencode(wanted).encode()) as said:
        return str(json.load(said)["access_token"])


def visited(url: str) -> None:
    """Be the browser and the person in it: follow the page to where it leads."""
    with urlopen(url) as page:
        page.read()


async def proposed(path: str, ask: Ask) -> dict[str, Any]:
    """Whatever a server asks is answered with what it proposes."""
    return {}


def calls(tools: Sequence[McpTool]) -> Message:
    """The calls that the scenario wants; one of each tool where it does not say."""
    schemas = {tool.name: tool.schema for tool in tools}
    given: dict[str, dict[str, Any]] = {
        "add_numbers": {"a": 5, "b": 3},
        "valid_tool": {"region": "us-east1"},
        "json_schema_echo": {"schema": schemas.get("json_schema_2020_12_tool")},
    }
    wanted: list[dict[str, Any]] = CONTEXT.get("toolCalls") or [
        {"name": tool.name, "arguments": given.get(tool.name, {})} for tool in tools
    ]
    made = [ToolCall(str(n), one["name"], one["arguments"]) for n, one in enumerate(wanted)]
    return Message(sender="client", calls=tuple(made))


def main() -> None:
    """Use what the server has, and print what comes of it."""
    url = sys.argv[-1]
    with mcp(url, auth=access(url), private=["localhost", "127.0.0.1"]) as tools:

        def line(think: Think) -> Any:
            told = [message.text for message in think.thread if message.answers]
            return "\n".join(told) if told or not tools else calls(tools)

        agent = Agent("client", tools=tools)
        print(asyncio.run(agent.run("Use everything.", model=scripted(line), ask=proposed)).text)


if __name__ == "__main__":
    main()
