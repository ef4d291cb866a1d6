import os
import socket
import subprocess
import sys
from contextlib import suppress

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


def test_what_was_refused_is_told_even_if_somebody_caught_it():
    """So a program that shrugs off its errors is found as well."""
    with block_sockets(loopback=True) as refused, suppress(AssertionError):
        socket.getaddrinfo("example.invalid", 80)
    assert refused == ["socket.getaddrinfo to 'example.invalid'"]


def test_p22_no_program_that_a_test_starts_leaves_the_machine(tmp_path):
    """A Python that a test starts is audited as the test is, and what it tried is written down."""
    witness = tmp_path / "refused.txt"
    program = "import socket; socket.create_server(('127.0.0.1', 0)).close(); socket.getaddrinfo('example.invalid', 80)"
    environment = {**os.environ, "COTERIE_TESTS_SOCKETS": str(witness)}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, "leaves the machine" in ended.stderr) == (1, True)
    assert witness.read_text().startswith("socket.getaddrinfo to 'example.invalid' by ")
