"""Sockets off: proof that something needs no network."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

_WATCHED = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind", "socket.getaddrinfo")
_LOOPBACK = ("127.", "::1", "localhost")


class _Block(NamedTuple):
    loopback: bool
    refused: list[str]


_blocks: list[_Block] = []
_installed: list[bool] = []


@contextmanager
def block_sockets(*, loopback: bool = False) -> Generator[list[str]]:
    """Refuse every connection, name lookup and datagram of this process inside the block.

    With `loopback`, this machine may still be reached; sockets of the file system always may. The block is given a list
    of what was refused in it, also where somebody has caught the error.

    Raises:
        AssertionError: inside the block, from whatever tried; the message names the address.
    """
    if not _installed:  # an audit hook cannot be taken out again, so there is one, and it asks `_blocks`
        sys.addaudithook(_audit)
        _installed.append(True)
    block = _Block(loopback, [])
    _blocks.append(block)
    try:
        yield block.refused
    finally:
        _blocks.pop()


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if not _blocks or event not in _WATCHED:
        return
    address: Any = args[0] if event == "socket.getaddrinfo" else args[1]
    if event != "socket.getaddrinfo":
        if isinstance(address, (str, bytes)):
            return  # a socket of the file system
        address = address[0]
    block = _blocks[-1]
    if block.loopback and str(address or "localhost").startswith(_LOOPBACK):
        return
    block.refused.append(f"{event} to {address!r}")
    raise AssertionError(f"{event} to {address!r} while sockets are blocked")
