"""Clients of a service: what its API offers, as typed Python; event streams that reconnect."""

from coterie.client.asynchronous import AsyncClient
from coterie.client.seen import Happened
from coterie.client.synchronous import Client

__all__ = ["AsyncClient", "Client", "Happened"]
