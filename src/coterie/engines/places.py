"""From where runs are dispatched to the engine that does it."""

from __future__ import annotations

from coterie.errors import BadInput, MissingExtra
from coterie.models.gate import share
from coterie.ports import Engine


def engine_at(place: str, queue: str = "default") -> Engine:
    """The engine at an address: `nats://...` or `temporal://...`; with TLS `tls://...` or `temporals://...`.

    Raises:
        BadInput: if there is no engine of that kind.
        MissingExtra: if its client is not installed.
    """
    kind = place.partition("://")[0]
    if kind not in ("nats", "tls", "temporal", "temporals"):
        raise BadInput(
            f"no engine is at {place!r}; an engine is nats://HOST:PORT or temporal://HOST:PORT/NAMESPACE"
        )
    extra = "nats" if kind in ("nats", "tls") else "temporal"
    try:
        return (_nats if extra == "nats" else _temporal)(place, queue)
    except ModuleNotFoundError as error:
        raise MissingExtra.of(extra, f"the engine {place!r}") from error


def _nats(place: str, queue: str) -> Engine:
    from coterie.engines.nats import NatsEngine

    return NatsEngine(place, queue=queue)


def _temporal(place: str, queue: str) -> Engine:
    from coterie.engines.temporal import TemporalEngine

    return TemporalEngine(place, queue=queue)


def share_gates(engine: Engine | None) -> None:
    """Have the gates of this process keep to the paces that all hosts of an engine share, if it knows any."""
    share(getattr(engine, "paces", None))
