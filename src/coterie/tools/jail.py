"""The last step into a sandbox: a program of its own that gives up what it can, then becomes the command.

It is run by its path, with no package beside it: `python -I -S jail.py CONFIG COMMAND...`, where CONFIG
is JSON. In order: Landlock rules for files, another user (for root), no capabilities, no new privileges, a seccomp
filter, resource limits, `exec`. What cannot be had and was asked for ends it with status 120.

Sources: landlock(7), seccomp(2) with the classic BPF of <linux/filter.h>, prctl(2), setrlimit(2).
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import resource
import signal
import struct
import sys
from pathlib import Path
from typing import Any

FAILED = 120
"""The status that says that the sandbox could not be made."""
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
READ = 0b1101  # execute, read files, read folders
DEVICES = 1 << 6 | 1 << 11  # making them
ON_FILES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14
BY_VERSION = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
"""Rights over files that each version of Landlock knows; from the fifth on there is one for devices."""
NO_NEW_PRIVILEGES, SECCOMP, ON_PARENTS_DEATH, DROP_CAPABILITY = 38, 22, 1, 24
CAPABILITIES = 64
MACHINES = {
    # audit name of the machine; socket, setsid, setpgid, ptrace, unshare, setns, io_uring_setup
    "x86_64": (0xC000003E, (41, 112, 109, 101, 272, 308, 425)),
    "aarch64": (0xC00000B7, (198, 157, 154, 117, 97, 268, 425)),
}
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | 1  # the last gives EPERM


def main(given: list[str]) -> None:
    """Go into the sandbox, and become the command."""
    config: dict[str, Any] = json.loads(given[0])
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if config["reads"] is not None:
            confine_files(libc, config["reads"], config["writes"])
        if config["user"]:
            os.setgroups([])
            os.setgid(config["user"])
            os.setuid(config["user"])
        for capability in range(CAPABILITIES):
            libc.prctl(DROP_CAPABILITY, capability, 0, 0, 0)  # for whoever has any: `exec` gives none back
        libc.prctl(ON_PARENTS_DEATH, signal.SIGKILL, 0, 0, 0)
        call(libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
        if config["filter"]:
            refuse_calls(libc)
        os.chdir(config["folder"])
        os.closerange(3, 1 << 16)
        if os.getpid() == 1:
            stay_behind()
        for name, most in config["limits"].items():
            kind = getattr(resource, name)
            hard = resource.getrlimit(kind)[1]
            cap = most if hard == resource.RLIM_INFINITY else min(most, hard)
            # What works too long is told so by the soft limit, and killed by the hard one.
            soft = cap - 1 if name == "RLIMIT_CPU" else cap
            resource.setrlimit(kind, (soft, cap))
        os.execve(given[1], given[1:], config["env"])  # noqa: S606 - becoming it is what this is for
    except (OSError, MemoryError) as error:
        sys.stderr.write(f"the sandbox could not be made: {error}\n")
        sys.stderr.flush()
        os._exit(FAILED)


def stay_behind() -> None:
    """Go on as a child of the first process of a namespace, which ignores signals that would end others."""
    child = os.fork()
    if child == 0:
        return
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def call(result: int) -> int:
    """The result of a call of the C library.

    Raises:
        OSError: if it failed.
    """
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def confine_files(libc: ctypes.CDLL, reads: list[str], writes: list[str]) -> None:
    """From here on, files below `reads` can be read and run, and those below `writes` written too."""
    version = call(libc.syscall(LANDLOCK_CREATE, None, 0, 1))
    rights = BY_VERSION.get(version, (1 << 16) - 1)
    network, scopes = (3 if version >= 4 else 0), (3 if version >= 6 else 0)
    attributes = struct.pack("=QQQ", rights, network, scopes)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = call(libc.syscall(LANDLOCK_CREATE, attributes, size, 0))
    for path in reads:
        allow(libc, rules, path, READ)
    for path in writes:
        allow(libc, rules, path, rights & ~DEVICES)
    call(libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    call(libc.syscall(LANDLOCK_RESTRICT, rules, 0))


def allow(libc: ctypes.CDLL, rules: int, path: str, rights: int) -> None:
    """Add a path to the rules; one that is not there is nothing to allow."""
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not Path(path).is_dir():
        rights &= ON_FILES
    call(libc.syscall(LANDLOCK_ADD, rules, 1, struct.pack("=Qi", rights, fd), 0))
    os.close(fd)


def refuse_calls(libc: ctypes.CDLL) -> None:
    """From here on: no sockets, no new session or process group, no tracing, no namespaces.

    Raises:
        OSError: if the kernel has no filters, or this machine's calls are not known.
    """
    if platform.machine() not in MACHINES:
        raise OSError(f"no list of system calls for {platform.machine()}")
    audit, refused = MACHINES[platform.machine()]
    lines = [(0x20, 0, 0, 4), (0x15, 1, 0, audit), (0x06, 0, 0, KILL), (0x20, 0, 0, 0)]
    if audit == MACHINES["x86_64"][0]:
        lines += [(0x35, 0, 1, 0x40000000), (0x06, 0, 0, KILL)]  # the 32-bit names of the same calls
    for number in refused:
        lines += [(0x15, 0, 1, number), (0x06, 0, 0, REFUSE)]
    lines.append((0x06, 0, 0, ALLOW))
    code = b"".join(struct.pack("=HBBI", *line) for line in lines)
    program = ctypes.create_string_buffer(code)
    address = ctypes.addressof(program)
    head = ctypes.create_string_buffer(struct.pack("@HP", len(lines), address))
    call(libc.prctl(SECCOMP, 2, ctypes.byref(head), 0, 0))


if __name__ == "__main__":
    main(sys.argv[1:])
