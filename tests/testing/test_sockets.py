import socket

import pytest

from coterie.testing import block_sockets


def test_p22_every_connection_is_refused_inside():
    """The message names the address; afterwards everything is as before."""
    server = socket.create_server(("127.0.0.1", 0))
    address = server.getsockname()
    with server, block_sockets(), pytest.raises(AssertionError, match=r"127\.0\.0\.1"):
        socket.create_connection(address)
    with socket.create_server(("127.0.0.1", 0)) as again:
        socket.create_connection(again.getsockname()).close()


def test_p22_names_are_not_looked_up_inside():
    """A lookup leaves the machine as well."""
    with block_sockets(loopback=True), pytest.raises(AssertionError, match="getaddrinfo"):
        socket.getaddrinfo("example.invalid", 80)


def test_loopback_may_be_let_through():
    """This machine is reached, another is not."""
    with socket.create_server(("127.0.0.1", 0)) as server, block_sockets(loopback=True):
        socket.create_connection(server.getsockname()).close()
        with socket.socket() as far, pytest.raises(AssertionError, match=r"192\.0\.2\.1"):
            far.connect(("192.0.2.1", 80))
