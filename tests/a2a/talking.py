"""The Python SDK's own client, talking to a service of ours."""

from __future__ import annotations

from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
from a2a.client.auth.credentials import CredentialService
from a2a.client.auth.interceptor import AuthInterceptor
from a2a.client.card_resolver import A2ACardResolver
from a2a.client.client import ClientConfig
from a2a.client.client_factory import ClientFactory
from a2a.types import a2a_pb2 as pb
from grpc.aio import insecure_channel

from tests.http.serving import TOKEN

BINDINGS = ("JSONRPC", "HTTP+JSON")
ALL = (*BINDINGS, "GRPC")


class Key(CredentialService):
    """Gives the client the key that it is known by, for whatever a card wants one for."""

    def __init__(self, token):
        self.token = token

    async def get_credentials(self, security_scheme_name, context):
        return self.token


@asynccontextmanager
async def client_of(
    base, team, binding="JSONRPC", *, token=TOKEN, streaming=True, verify=None, channel=insecure_channel
):
    """The client of a team, by its card; `verify` looks at the card's signatures."""
    async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
        card = await A2ACardResolver(http, f"{base}/a2a/{team}").get_agent_card(signature_verifier=verify)
        config = ClientConfig(
            httpx_client=http,
            grpc_channel_factory=channel,
            streaming=streaming,
            supported_protocol_bindings=[binding],
            use_client_preference=True,
        )
        client = ClientFactory(config).create(card, [AuthInterceptor(Key(token))])
        try:
            yield client
        finally:
            if binding == "GRPC":
                await client.close()


def said(text, *, id=None, task="", context="", now=False, **metadata):
    """A request that sends a text."""
    message = pb.Message(
        message_id=id or uuid4().hex,
        role=pb.ROLE_USER,
        parts=[pb.Part(text=text)],
        task_id=task,
        context_id=context,
    )
    if metadata:
        message.metadata.update(metadata)
    return pb.SendMessageRequest(
        message=message, configuration=pb.SendMessageConfiguration(return_immediately=now)
    )


async def sent(client, request):
    """The last thing that a request is answered with, where it is not streamed."""
    return [one async for one in client.send_message(request)][-1]


def kinds(stream):
    return [one.WhichOneof("payload") for one in stream]


def text_of(artifact):
    return "".join(part.text for part in artifact.parts)
