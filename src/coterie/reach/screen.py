"""The screen: public addresses of the internet may be reached, and of others those that were allowed by name.

1. A name is resolved once, and every address that it has is judged. The one that passed is the one to connect to, so a
   name cannot lead elsewhere between the two (DNS rebinding).
2. What is allowed by a host's name may be on this machine or in a private network. Link-local addresses and those where
   clouds keep their metadata have to be allowed as what they are: `169.254.10.1`, never by a name that leads there.
3. Every redirect is another address that somebody has named.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from msgspec import Struct

from coterie.errors import BadInput, OffLimits

PORTS = {"http": 80, "https": 443}
EMBEDDED = {  # IPv6 networks that have an IPv4 address in them, and the bits to its right
    ipaddress.IPv6Network("::ffff:0:0/96"): 0,
    ipaddress.IPv6Network("::/96"): 0,
    ipaddress.IPv6Network("64:ff9b::/96"): 0,
    ipaddress.IPv6Network("2002::/16"): 80,
}
METADATA = frozenset({"169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"})
"""Where clouds answer their own machines; whoever reaches one is often given its credentials."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Place(Struct, frozen=True):
    """Where a URL leads: as it is written, not yet resolved."""

    secure: bool
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Screen(Struct, frozen=True):
    """What may be reached: all that is public, and of the rest what `private` allows.

    `private` has hosts (`localhost`, `localhost:8080`, `*.internal`), addresses and networks (`10.0.0.0/8`).
    """

    private: tuple[str, ...] = ()

    def trusting(self, url: str) -> Screen:
        """This screen, and what `url` itself names may be reached too: an operator wrote it."""
        return Screen((*self.private, str(place(url))))

    def address(self, there: Place) -> str:
        """The address to connect to, looked up now. Blocks; `found` does not.

        Raises:
            OffLimits: if it may not be reached.
            OSError: if the name is nowhere.
        """
        rows = socket.getaddrinfo(there.host, there.port, type=socket.SOCK_STREAM)
        return self._judged(there, (str(row[4][0]) for row in rows))

    async def found(self, there: Place) -> str:
        """The same, beside a loop; raises as `address` does."""
        loop = asyncio.get_running_loop()
        rows = await loop.getaddrinfo(there.host, there.port, type=socket.SOCK_STREAM)
        return self._judged(there, (str(row[4][0]) for row in rows))

    async def check(self, url: str) -> None:
        """Refuse a URL before anything is kept of it; what connects later asks again.

        Raises:
            BadInput: if it is no http or https URL, or has a user or a password in it.
            OffLimits: if it may not be reached, or its name is nowhere.
        """
        there = place(url)
        try:
            await self.found(there)
        except OSError as error:
            raise OffLimits(f"{there.host!r} is nowhere: {error}") from error

    def _judged(self, there: Place, addresses: Iterable[str]) -> str:
        """The first of the addresses, if every one of them may be reached."""
        found = list(dict.fromkeys(addresses))
        for one in found:
            if not is_public(one) and not self._allows(there, one):
                raise OffLimits(
                    f"{there.host!r} is at {one}, which is no public address; "
                    f"if it is meant to be reached, allow {str(there)!r} or {one!r} as private"
                )
        return found[0]

    def _allows(self, there: Place, address: str) -> bool:
        bare = _bare(address)
        if any(_within(bare, one) for one in self.private):
            return True
        if bare.is_link_local or bare.is_multicast or bare.is_unspecified or str(bare) in METADATA:
            return there.host == str(bare) and str(there) in self.private
        return any(_fits(there, one) for one in self.private)


def place(url: str) -> Place:
    """Where a URL leads.

    Raises:
        BadInput: if it is no http or https URL, or has a user or a password in it.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadInput(f"{url!r} is no URL: {error}") from error
    if parts.scheme not in PORTS or not host:
        raise BadInput(f"{url!r} is no http or https URL")
    if parts.username or parts.password:
        raise BadInput(f"a URL of {host!r} with a user or a password in it is not used")
    return Place(parts.scheme == "https", host.rstrip("."), PORTS[parts.scheme] if port is None else port)


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet, and not one that has another inside it."""
    found = _bare(address)
    return found.is_global and not found.is_multicast and str(found) not in METADATA


def _bare(address: str) -> Address:
    """An address without its zone, and the IPv4 one that an IPv6 one stands for."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and not found.is_loopback and not found.is_unspecified:
        for network, right in EMBEDDED.items():
            if found in network:
                return ipaddress.IPv4Address(int(found) >> right & 0xFFFFFFFF)
    return found


def _within(address: Address, pattern: str) -> bool:
    try:
        return address in ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return False  # it is a host


def _fits(there: Place, pattern: str) -> bool:
    if pattern in (there.host, str(there)):
        return True
    return "[" not in pattern and any(fnmatchcase(name, pattern) for name in (there.host, str(there)))
