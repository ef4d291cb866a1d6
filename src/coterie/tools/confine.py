"""Ways into a sandbox, the strongest first: bubblewrap, namespaces, and what a process can give up itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from coterie.errors import BadInput

WAYS = ("bubblewrap", "namespaces", "limits")
"""The ways there are; `docs/tools.md` says which protects from what."""
JAIL = str(Path(__file__).with_name("jail.py"))
PYTHON = os.path.realpath(sys.executable)
PREFIX = os.path.realpath(sys.base_prefix)
SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/localtime",
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
DOOR = "/run/jail.py"
"""Where the jail is, as bubblewrap shows it."""
INSIDE = "/work"
"""Where a command works, as it sees it in bubblewrap."""
PROBE_SECONDS = 20


class Cell(Struct, frozen=True, kw_only=True):
    """What a command is confined to: a folder, which it may write or not, and resource limits by name.

    `scratch` is an empty folder outside that nobody else uses; `room` are the bytes of the memory disk in its
    place, where there is one. `shared` says that `folder` is somebody's own, and not the scratch.
    """

    folder: str
    scratch: str
    shared: bool
    writable: bool
    room: int
    limits: dict[str, int]
    user: int = 0


def command(way: str, cell: Cell, argv: list[str]) -> list[str]:
    """What is to be started so that `argv` runs confined to `cell`."""
    if way == "bubblewrap":
        return [*_bubblewrap(cell), *_jail(cell, argv, INSIDE, own=True)]
    jailed = _jail(cell, argv, cell.folder, own=False)
    return [*_UNSHARE, *jailed] if way == "namespaces" else jailed


def way_of(need: str = "") -> str:
    """The strongest way that works here, or `need`.

    Raises:
        BadInput: if `need` does not work here; the message says how to get it.
    """
    if need and need not in WAYS:
        raise BadInput(f"no sandbox {need!r}; there are {', '.join(WAYS)}")
    for way in [need] if need else WAYS:
        if not why_not(way):
            return way
    wanted = need or WAYS[-1]
    raise BadInput(f"no sandbox {wanted!r} on this machine: {why_not(wanted)}")


@cache
def why_not(way: str) -> str:
    """Why a way does not work on this machine; empty if it does. It is tried once."""
    if sys.platform != "linux":
        return "sandboxes need Linux"
    program = {"bubblewrap": "bwrap", "namespaces": "unshare"}.get(way)
    if program and shutil.which(program) is None:
        return f"there is no {program}: install the package {'bubblewrap' if program == 'bwrap' else 'util-linux'}"
    cell = Cell(folder="/", scratch="/tmp", shared=False, writable=False, room=1 << 20, limits={})  # noqa: S108
    try:
        tried = subprocess.run(  # noqa: S603 - our own command
            command(way, cell, ["/bin/true"]), capture_output=True, timeout=PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (
        "" if tried.returncode == 0 else tried.stderr.decode(errors="replace").strip() or "it does not start"
    )


def drops_user(way: str) -> bool:
    """Whether the commands of root run as another user, so that a limit on processes counts for them."""
    return os.geteuid() == 0 and (way == "bubblewrap" or (way == "limits" and _open_to_all(PYTHON)))


def _open_to_all(path: str) -> bool:
    """Whether any user can reach and read a file."""
    below = Path(path)
    return all(folder.stat().st_mode & 0o001 for folder in below.parents) and bool(
        below.stat().st_mode & 0o004
    )


_UNSHARE = [
    "unshare", "--user", "--map-root-user", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child=KILL", "--",
]  # fmt: skip


def _bubblewrap(cell: Cell) -> list[str]:
    made = [
        "bwrap",
        "--unshare-pid",
        "--unshare-net",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
    ]
    made += ["--die-with-parent", "--new-session", "--clearenv", "--proc", "/proc", "--dev", "/dev"]
    if os.geteuid() == 0:
        made += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        made.append("--unshare-user")
    for folder in reversed(Path(PREFIX).parents[:-1]):  # its user may be one who could not pass here outside
        made += ["--perms", "0755", "--dir", str(folder)]
    for path in (*SYSTEM, PREFIX):
        if Path(path).is_symlink():
            made += ["--symlink", str(Path(path).readlink()), path]
        else:
            made += ["--ro-bind-try", path, path]
    made += ["--ro-bind", JAIL, DOOR]
    made += ["--size", str(cell.room), "--perms", "1777", "--tmpfs", "/tmp"]  # noqa: S108 - the sandbox's own
    if cell.shared:
        made += ["--bind" if cell.writable else "--ro-bind", cell.folder, INSIDE]
    else:
        made += ["--size", str(cell.room), "--perms", "1777", "--tmpfs", INSIDE]
    return [*made, "--remount-ro", "/dev", "--remount-ro", "/", "--"]


def _jail(cell: Cell, argv: list[str], folder: str, *, own: bool) -> list[str]:
    """The command that goes into the jail. `own` says that it has a file system and a network of its own."""
    home = "/tmp" if own else cell.scratch  # noqa: S108 - the sandbox's own
    config: dict[str, Any] = {
        "reads": None if own else [*SYSTEM, PREFIX, JAIL, *DEVICES, cell.folder],
        "writes": [cell.scratch, "/dev/null", *([cell.folder] if cell.writable else [])],
        "user": cell.user,
        "filter": not own,
        "folder": folder,
        "limits": cell.limits,
        "env": {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": home, "TMPDIR": home},
    }
    return [PYTHON, "-I", "-S", DOOR if own else JAIL, json.dumps(config), *argv]
