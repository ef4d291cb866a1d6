"""Networks that can be cut: relays on loopback, or a network namespace for each worker."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import Protocol

from tests.chaos.relay import Connect, Relay


class Cables(Protocol):
    """What joins one worker to the servers."""

    prefix: tuple[str, ...]
    """The words before the command of the worker."""
    places: dict[str, str]
    """Where it finds each server, as `host:port`."""

    async def lay(self) -> None:
        """Be there."""
        ...

    def cut(self) -> None:
        """Carry nothing any more, and say nothing."""
        ...

    def mend(self) -> None:
        """Carry again."""
        ...

    async def close(self) -> None:
        """Be gone."""
        ...


class Loopback:
    """Relays in this process, one a server, which carry nothing when they are cut."""

    prefix: tuple[str, ...] = ()

    def __init__(self, servers: Mapping[str, Connect], host: str = "127.0.0.1") -> None:
        self.places: dict[str, str] = {}
        self._host = host
        self._relays = {name: Relay(connect) for name, connect in servers.items()}

    async def lay(self) -> None:
        """Listen, a port a server."""
        for name, relay in self._relays.items():
            await relay.start(self._host)
            self.places[name] = f"{self._host}:{relay.port}"

    def cut(self) -> None:
        """Carry nothing any more."""
        for relay in self._relays.values():
            relay.cut()

    def mend(self) -> None:
        """Carry again; what was open before is gone."""
        for relay in self._relays.values():
            relay.mend()

    async def close(self) -> None:
        """Listen no more."""
        for relay in self._relays.values():
            await relay.close()


class Namespace:
    """A network namespace and a name of its own for a worker, whose only way out is one link that can be down.

    The relays stand at the other end of the link, whole: a cut is the kernel's.
    """

    def __init__(self, number: int, servers: Mapping[str, Connect]) -> None:
        self._name = f"chaos{os.getpid()}-{number}"
        self._link = f"ch{os.getpid()}-{number}"
        self._net = f"10.231.{number}"
        self._inner = Loopback(servers, f"{self._net}.1")
        self._laid = False
        named = f'hostname {self._name} && exec "$@"'
        self.prefix = (
            *("ip", "netns", "exec", self._name),
            *("unshare", "--uts", "sh", "-c", named, "sh"),
        )

    @property
    def places(self) -> dict[str, str]:
        """Where the servers are, seen from within."""
        return self._inner.places

    async def lay(self) -> None:
        """Make the namespace and its link."""
        name, link = self._name, self._link
        _ip("netns", "add", name)
        self._laid = True
        _ip("link", "add", link, "type", "veth", "peer", "name", "out", "netns", name)
        _ip("addr", "add", f"{self._net}.1/24", "dev", link)
        _ip("link", "set", link, "up")
        _ip("-n", name, "addr", "add", f"{self._net}.2/24", "dev", "out")
        for device in ("lo", "out"):
            _ip("-n", name, "link", "set", device, "up")
        await self._inner.lay()

    def cut(self) -> None:
        """Have the link down; what is sent is lost, and nobody is told."""
        _ip("link", "set", self._link, "down")

    def mend(self) -> None:
        """Have the link up again; connections that lived through it go on."""
        _ip("link", "set", self._link, "up")

    async def close(self) -> None:
        """Take the namespace away, if it was made, and its link with it."""
        await self._inner.close()
        if self._laid:
            _ip("netns", "del", self._name)


def namespaces_missing() -> str:
    """Why there can be no network namespaces here; empty if there can."""
    if sys.platform != "linux" or shutil.which("ip") is None or shutil.which("unshare") is None:
        return "network namespaces need Linux, with `ip` (iproute2) and `unshare` (util-linux)"
    if os.geteuid() != 0:
        return "network namespaces need root; without it, the cables are relays on loopback"
    try:
        _ip("netns", "add", name := f"chaos{os.getpid()}")
        _ip("netns", "del", name)
    except subprocess.CalledProcessError as error:
        return f"no network namespace can be made here: {error.stderr.strip()}"
    return ""


def _ip(*words: str) -> None:
    subprocess.run([shutil.which("ip") or "ip", *words], check=True, capture_output=True, text=True)
