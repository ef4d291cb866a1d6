"""The SDK's own client, at a service on a real port."""

from __future__ import annotations

from contextlib import asynccontextmanager

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.http.serving import TOKEN, served, service_at

MODES = ("legacy", "auto")
"""The revision with sessions (2025-11-25), and the stateless one (2026-07-28)."""


@asynccontextmanager
async def called(folder, mode="auto", *, token=TOKEN, service=None, **options):
    """A client of the teams in `folder`, that negotiates as `mode`."""
    async with served(service or service_at(folder)) as plain:
        url = str(plain.base_url.join("/mcp"))
        headers = {"authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=20, trust_env=False) as http,
            Client(streamable_http_client(url, http_client=http), mode=mode, **options) as client,
        ):
            client.plain = plain
            yield client
