"""Read by every Python that a test starts: no socket of it leaves the machine, and whoever tries is written down.

It stands on its own, because it is imported at the start of programs that know nothing of us. pip is let through: it is
how tests get what they need.
"""

import os
import sys

WATCHED = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo")
LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")  # noqa: S104
WITNESS = os.environ.get("COTERIE_TESTS_SOCKETS", "")


def audit(event, args):
    if event not in WATCHED:
        return
    address = args[0] if event == "socket.getaddrinfo" else args[1]
    if event != "socket.getaddrinfo":
        if not isinstance(address, tuple):
            return  # a socket of the file system, or of the kernel
        address = address[0]
    if isinstance(address, bytes):
        address = address.decode(errors="replace")
    if str(address or "localhost").startswith(LOOPBACK):
        return
    said = f"{event} to {address!r} by {' '.join(sys.orig_argv)[:200]}"
    with open(WITNESS, "a") as file:  # noqa: PTH123 - the less is imported here the better
        file.write(said + "\n")
    raise AssertionError(f"{said}: no process of a test leaves the machine")


if WITNESS and not any(word == "pip" or word.endswith("/pip") for word in sys.orig_argv[:4]):
    sys.addaudithook(audit)
