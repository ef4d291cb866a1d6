"""The Python SDK's own client, talking to a service of ours."""

from __future__ import annotations

from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
from a2a.client.card_resolver import A2ACardResolver
from a2a.client.client import ClientConfig
from a2a.client.client_factory import ClientFactory
from a2a.types import a2a_pb2 as pb

from tests.http.serving import TOKEN

BINDINGS = ("JSONRPC", "HTTP+JSON")


@asynccontextmanager
async def client_of(base, team, binding="JSONRPC", *, token=TOKEN, streaming=True):
    """The client of a team, by its card."""
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(headers=headers, timeout=20, trust_env=False) as http:
        card = await A2ACardResolver(http, f"{base}/a2a/{team}").get_agent_card()
        config = ClientConfig(
            httpx_client=http,
            streaming=streaming,
            supported_protocol_bindings=[binding],
            use_client_preference=True,
        )
        yield ClientFactory(config).create(card)


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
