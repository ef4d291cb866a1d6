"""Figures that a process shows to Prometheus on a port of its own, where it serves nothing else over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from coterie.errors import BadInput, MissingExtra
from coterie.telemetry.observers import figures
from coterie.words.cluster import Hand

if TYPE_CHECKING:
    from coterie.telemetry.figures import Figures

LOOPBACK = "127.0.0.1"


class Shown:
    """The figures of a worker, on a port from when they are shown until it is closed."""

    def __init__(self, figures: Figures, host: str, port: int) -> None:
        self.figures = figures
        self._place = (host, port)
        self._serving: Any = None

    def show(self, hand: Callable[[], Hand]) -> str:
        """Begin to show them, with what a worker says of itself; the address.

        Raises:
            BadInput: if nobody can listen there.
        """
        from prometheus_client import start_http_server

        host, port = self._place
        self.figures.of_worker(hand)
        try:
            self._serving, _ = start_http_server(port, host, self.figures.registry)
        except OSError as error:
            raise BadInput(f"figures cannot be shown on {host}:{port}: {error.strerror}") from error
        return f"http://{host}:{self._serving.server_port}/metrics"

    def close(self) -> None:
        """Show them no more."""
        if self._serving is not None:
            self._serving.shutdown()
            self._serving.server_close()


def counted(place: str | None) -> Shown | None:
    """What shows figures at `PORT` of this machine, or at `HOST:PORT`; None where nobody asks for it.

    Raises:
        BadInput: if that is no port.
        MissingExtra: if Prometheus' client is not installed.
    """
    if place is None:
        return None
    host, _, port = place.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise BadInput(f"{place!r} is no port to show figures on: write PORT or HOST:PORT")
    made = figures()
    if made is None:
        raise MissingExtra.of("otel", "`coterie worker --metrics`")
    return Shown(made, host.strip("[]") or LOOPBACK, int(port))
