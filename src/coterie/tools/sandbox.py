"""A sandbox: runs a command that nobody trusts, without a network, within limits, and leaves nothing behind.

Theory of operation
===================

1. The command starts in a session of its own, by the strongest way that works here (`confine.py`). It sees
   the system's programs, one folder, and an environment of four harmless variables.
2. The kernel limits each of its processes; a guard beside it looks at all of them together every 50 ms,
   because memory and processes add up.
3. Whatever ends it (its end, a limit, a cancel), the whole group is killed before anything is told.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from coterie.errors import BadInput, ToolFailed
from coterie.tools.confine import Cell, command, drops_user, way_of
from coterie.tools.jail import FAILED
from coterie.tools.watched import Watched

USERS = 1_000_000_000
"""The first of the user ids that commands of root run as: beyond those that systems give out."""
OVERWORKED = (-signal.SIGXCPU, 128 + signal.SIGXCPU)
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
"""How a process ends that was stopped by a signal, as its parent or a program in between says it."""


class Outcome(Struct, frozen=True):
    """What a command wrote and how it ended, and the sandbox that it was in."""

    exit: int
    stdout: str
    stderr: str
    sandbox: str


class Sandbox(Struct, frozen=True, kw_only=True):
    """Limits for commands: `seconds` by the clock, `cpu` seconds of work, `memory` and `disk` and `output` in bytes.

    `memory` holds for each process and for all together, and `disk` for each file and, in bubblewrap, for all.
    `processes` counts threads too. `folder` is what a command can see of the disk beside the system's programs;
    it can change it if `writable`. Without a folder it has an empty one, which is gone afterwards. `need` names
    the least that will do: `bubblewrap`, `namespaces` or `limits`.
    """

    seconds: float = 30.0
    cpu: int = 20
    memory: int = 512 << 20
    processes: int = 64
    disk: int = 64 << 20
    output: int = 256 << 10
    folder: str = ""
    writable: bool = False
    need: str = ""

    def __post_init__(self) -> None:
        if self.seconds <= 0 or min(self.cpu, self.memory, self.processes, self.disk, self.output) < 1:
            raise BadInput("a sandbox has seconds, cpu, memory, processes, disk and output above 0")
        if self.folder and not Path(self.folder).is_dir():
            raise BadInput(f"sandbox: there is no folder {self.folder!r}")

    async def run(self, *argv: str, stdin: str = "") -> Outcome:
        """What `argv` comes to; its first part is the path of a program.

        Raises:
            ToolFailed: if it exceeds a limit, or cannot be started. Nothing of it is left then.
        """
        way = await asyncio.to_thread(way_of, self.need)
        scratch = tempfile.mkdtemp(prefix="coterie-sandbox-")
        try:
            cell = self._cell(way, scratch)
            return await _performed(self, way, command(way, cell, list(argv)), stdin)
        finally:
            try:
                os.rmdir(scratch)  # noqa: PTH106 - as it mostly is empty, and a second cancel must not keep it
            except OSError:
                await asyncio.shield(asyncio.to_thread(_remove, scratch))

    def _cell(self, way: str, scratch: str) -> Cell:
        folder = os.path.realpath(self.folder) if self.folder else scratch
        limits = {
            "RLIMIT_CPU": self.cpu + 1,
            "RLIMIT_AS": self.memory,
            "RLIMIT_NPROC": self.processes,
            "RLIMIT_FSIZE": self.disk,
            "RLIMIT_NOFILE": 256,
            "RLIMIT_CORE": 0,
        }
        user = _user(folder if self.folder else "") if drops_user(way) else 0
        if user:
            os.chown(scratch, user, user)
        if os.geteuid() and way != "bubblewrap":
            limits["RLIMIT_NPROC"] += (
                _tasks()
            )  # the kernel counts all that this user runs; the guard is exact
        return Cell(
            folder=folder,
            scratch=scratch,
            shared=bool(self.folder),
            writable=self.writable,
            room=self.disk,
            limits=limits,
            user=user,
        )


def _tasks() -> int:
    """The processes and threads that the user of this process has."""
    count = 0
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if path.stat().st_uid == os.getuid():
                count += len(list(path.joinpath("task").iterdir()))
    return count


def _user(folder: str) -> int:
    """Who a command of root runs as: the owner of its folder, or somebody who owns nothing at all."""
    return Path(folder).stat().st_uid if folder else USERS + secrets.randbelow(USERS)


async def _performed(box: Sandbox, way: str, argv: list[str], stdin: str) -> Outcome:
    with tempfile.TemporaryFile() as given:
        given.write(stdin.encode())
        given.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S603, ASYNC220 - confined; and starting waits for nothing
                argv,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env={"PATH": os.environ.get("PATH", "/usr/bin:/bin")},
                cwd="/",
            )
        except OSError as error:
            raise ToolFailed(f"sandbox {way!r} could not start: {error}") from error
    watched = Watched(process, box.output)
    try:
        await watched.to_the_end(box)
    finally:
        watched.end()
    return _told(box, watched, way)


def _told(box: Sandbox, watched: Watched, way: str) -> Outcome:
    """The outcome.

    Raises:
        ToolFailed: if a limit was broken, or the sandbox could not be made.
    """
    stdout, stderr = watched.wrote(0), watched.wrote(1)
    status = watched.process.returncode
    broken = watched.broken
    if not broken and status in OVERWORKED:
        broken = f"it worked for more than {box.cpu} s"
    elif not broken and status in KILLED:
        broken = "it was killed, most likely because no memory was left"
    if broken:
        tail = f". Its last words: {(stdout + stderr)[-1000:]}" if stdout or stderr else ""
        raise ToolFailed(f"stopped in the sandbox ({way}): {broken}{tail}")
    if status == FAILED:
        raise ToolFailed(f"sandbox {way!r}: {stderr.strip()[-1000:]}")
    return Outcome(status, stdout, stderr, way)


def _remove(folder: str) -> None:
    """Remove a folder that somebody else may have filled, and locked."""
    for path, folders, _ in os.walk(folder):
        for name in folders:
            below = Path(path, name)
            if not below.is_symlink():
                below.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
