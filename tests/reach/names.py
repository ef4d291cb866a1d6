"""Names that lead where a test says, and a small site that counts who comes."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from coterie.reach import screen


class Site(http.server.ThreadingHTTPServer):
    """Answers any request with its `Host`, or redirects where `/to?URL` says; `asked` has every request's path."""

    asked: list[str]

    @property
    def port(self) -> int:
        return self.server_address[1]


class _Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        onward = self.path.partition("/to?")[2]
        self.send_response(307 if onward else 200)
        if onward:
            self.send_header("Location", onward)
        said = self.headers["Host"].encode()
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_POST = do_GET

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def site() -> Iterator[Site]:
    with Site(("127.0.0.1", 0), _Pages) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def lead(monkeypatch: pytest.MonkeyPatch, **names: list[str]) -> list[str]:
    """Have names (`a_example` for a.example) lead to addresses, one a look-up and then the last; what is looked up."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host, port, *args, **options):
        known = names.get(str(host).replace(".", "_"))
        if known is None:
            return real(host, port, *args, **options)
        asked.append(host)
        address = known.pop(0) if len(known) > 1 else known[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


def taken_for_public(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Have an address of this machine pass for one of the internet, which no test reaches."""
    real = screen.is_public
    monkeypatch.setattr(screen, "is_public", lambda one: one == address or real(one))


def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no name lead anywhere."""

    def lost(*args, **options):
        raise OSError("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", lost)
