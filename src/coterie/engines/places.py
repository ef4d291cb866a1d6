"""From where runs are dispatched to the engine that does it."""

from __future__ import annotations

from coterie.errors import BadInput, MissingExtra
from coterie.ports import Engine


def engine_at(place: str, queue: str = "default") -> Engine:
    """The engine at an address: `nats://...`, or `tls://...` for NATS with TLS.

    Raises:
        BadInput: if there is no engine of that kind.
        MissingExtra: if its client is not installed.
    """
    if not place.startswith(("nats://", "tls://")):
        raise BadInput(f"no engine is at {place!r}; an engine is nats://HOST:PORT")
    try:
        from coterie.engines.nats import NatsEngine
    except ModuleNotFoundError as error:
        raise MissingExtra.of("nats", f"the engine {place!r}") from error
    return NatsEngine(place, queue=queue)
