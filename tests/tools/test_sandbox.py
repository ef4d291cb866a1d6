"""The sandbox: whatever a program tries, it is contained, and what happened is told."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from coterie import Agent
from coterie.errors import BadInput, ToolFailed
from coterie.models import scripted
from coterie.tools import Sandbox, python, shell
from coterie.tools.confine import PYTHON, WAYS, why_not
from coterie.words.message import ToolCall

HERE = [
    pytest.param(way, marks=pytest.mark.skipif(bool(why_not(way)), reason=f"{way}: {why_not(way)}"))
    for way in WAYS
]


@pytest.fixture(params=HERE)
def box(request) -> Sandbox:
    """A sandbox made each way that works on this machine."""
    return Sandbox(need=request.param, seconds=10, cpu=1, memory=256 << 20, processes=16, disk=8 << 20)


def run(box: Sandbox, code: str) -> str:
    """What a program prints, or the error that a model reads."""
    try:
        return asyncio.run(python(box).function(code)).stdout
    except ToolFailed as error:
        return f"error: {error}"


def tries(code: str) -> str:
    """A program that tries each line of `code`, and says of each whether the system refused it."""
    attempt = "try:\n {}\n print('ESCAPED', {!r})\nexcept OSError: print('contained')"
    lines = [attempt.format(line, line) for line in code.strip().splitlines()]
    return "\n".join(["import os, socket", *lines])


def processes() -> list[str]:
    """The ids of all processes of this machine."""
    return [path.name for path in Path("/proc").iterdir() if path.name.isdigit()]


def alive(mark: str) -> list[str]:
    """The processes of this machine that still have `mark` in their command line after a moment."""
    found = processes()
    until = time.monotonic() + 2
    while found and time.monotonic() < until:
        found = [one for one in processes() if mark in _line(one)]
    return found


def _line(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def test_a_program_runs(box: Sandbox) -> None:
    """It can compute, write where it works, read that again, and start others."""
    code = "import subprocess as s\nopen('a','w').write('4')\nprint(s.run(['/bin/cat','a'],capture_output=True).stdout)"
    assert run(box, code) == "b'4'\n"


def test_the_result_says_which_sandbox_it_was(box: Sandbox) -> None:
    """So whoever reads it knows what it was protected from."""
    assert asyncio.run(box.run("/bin/echo", "hi")).sandbox == box.need
    assert "sandbox: " + box.need in run(box, "raise SystemExit(3)")


def test_no_network(box: Sandbox) -> None:
    """Not the world, not this machine, not a socket file of it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = run(
            box,
            tries(f"""
socket.create_connection(("127.0.0.1", {port}), 2)
socket.create_connection(("192.0.2.1", 80), 2)
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53))
socket.socket(socket.AF_UNIX).connect("/run/systemd/private")
socket.getaddrinfo("example.org", 80)
"""),
        )
        server.settimeout(0.05)
        with pytest.raises(TimeoutError):
            server.accept()
    assert said == "contained\n" * 5


def test_no_files_outside(box: Sandbox, tmp_path: Path) -> None:
    """Neither read, nor listed, nor written, nor removed."""
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    home = Path.home()
    said = run(
        box,
        tries(f"""
open({str(secret)!r}).read()
os.listdir({str(tmp_path)!r})
open({str(tmp_path / "new")!r}, "w")
os.unlink({str(secret)!r})
open("/etc/shadow").read()
open("/etc/new", "w")
open("/usr/new", "w")
open({str(home / ".bashrc")!r}, "a")
os.symlink({str(secret)!r}, "link"); open("link").read()
os.chdir({str(tmp_path)!r}); open("secret").read()
open("/proc/1/environ").read(0); open("/proc/1/root{secret}").read()
"""),
    )
    assert said == "contained\n" * 11
    assert (secret.read_text(), list(tmp_path.iterdir())) == ("s3cret", [secret])


def test_nothing_in_dev(box: Sandbox) -> None:
    """No device of this machine, and nothing new beside the harmless ones."""
    said = run(
        box,
        tries("""
open("/dev/new", "w")
open("/dev/mem", "rb")
open("/dev/kmsg", "wb")
open("/dev/sda", "rb")
open("/dev/vda", "rb")
open("/dev/shm/new", "w").write("x" * (64 << 20))
os.mknod("disk", 0o60600, os.makedev(8, 0))
"""),
    )
    assert said == "contained\n" * 7
    harmless = "open('/dev/null', 'w').write('x'); print(len(open('/dev/urandom', 'rb').read(4)))"
    assert run(box, harmless) == "4\n"


def test_no_environment_of_ours(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that this process has in its environment cannot be seen from inside."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-leaked")
    code = """
import glob, os
seen = str(dict(os.environ))
for path in glob.glob("/proc/*/environ"):
    try: seen += open(path).read()
    except OSError: pass
print("sk-leaked" in seen, sorted(os.environ))
"""
    assert run(box, code) == "False ['HOME', 'LANG', 'PATH', 'TMPDIR']\n"


def test_a_fork_bomb(box: Sandbox) -> None:
    """It gets as many processes as it may have, and none is left."""
    mark = f"coterie-bomb-{os.getpid()}-{box.need}"
    code = "import os, time\nwhile True:\n try: os.fork()\n except OSError: time.sleep(0.01)"
    with pytest.raises(ToolFailed, match=r"more than 16 processes|worked for more|took longer"):
        asyncio.run(replace(box, seconds=3).run(PYTHON, "-c", f"{code} # {mark}"))
    assert alive(mark) == []


def test_too_much_memory(box: Sandbox) -> None:
    """One process with too much, and many with too much together."""
    assert "MemoryError" in run(box, "x = bytearray(1 << 30)")
    fork = "import os, time\nfor _ in range(6):\n if os.fork() == 0: break\n"
    together = fork + "x = b'x' * (100 << 20); time.sleep(9)"
    assert "bytes of memory" in run(box, together)


def test_endless_output(box: Sandbox) -> None:
    """It is stopped at its limit, and the error has what came first."""
    said = run(box, "while True: print('again and again')")
    assert "it wrote more than 262,144 bytes to stdout" in said
    assert "again and again" in said


def test_endless_work(box: Sandbox) -> None:
    """Its seconds of work are counted, whatever the clock says."""
    began = time.monotonic()
    assert "it worked for more than 1 s" in run(box, "while True: pass")
    assert time.monotonic() - began < 9


def test_endless_sleep() -> None:
    """The clock ends what does nothing."""
    assert "it took longer than 0.5 s" in run(Sandbox(seconds=0.5), "import time; time.sleep(60)")


def test_a_large_file(box: Sandbox) -> None:
    """A file can have as many bytes as the sandbox's disk, and the error says so."""
    said = run(box, "with open('big','wb') as f:\n while True: f.write(bytes(1<<20))")
    assert said.startswith("error:")
    assert "No space left" in said or "File too large" in said


def test_nothing_is_left_behind(box: Sandbox) -> None:
    """A process that was to outlive the program does not, however it hides."""
    mark = f"coterie-left-{os.getpid()}-{box.need}"
    code = f"""
import os, time, sys
for hide in (lambda: None, os.setsid, lambda: os.setpgid(0, 0)):
    if os.fork() == 0:
        try: hide()
        except OSError: pass
        if os.fork(): os._exit(0)
        os.close(0); os.close(1); os.close(2)
        os.execv(sys.executable, ["{mark}", "-c", "import time; time.sleep(60)"])
time.sleep(0.3); print("over")
"""
    assert run(box, code) == "over\n"
    assert alive(mark) == []


def test_signals_do_not_leave(box: Sandbox) -> None:
    """It cannot end a process of ours, or look into one."""
    code = tries(f"os.kill({os.getpid()}, 0)\nos.kill({os.getppid()}, 0)")
    assert run(box, code) == "contained\n" * 2


def test_a_cancel_ends_it(box: Sandbox) -> None:
    """Whoever cancels the call has no process left, and no thread."""
    mark = f"coterie-cancelled-{os.getpid()}-{box.need}"
    before = threading.active_count()

    async def scene() -> None:
        await box.run("/bin/true")
        task = asyncio.ensure_future(box.run(PYTHON, "-c", f"import time; '{mark}'; time.sleep(60)"))
        while not any(mark in _line(one) for one in processes()):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scene())
    assert alive(mark) == []
    assert threading.active_count() <= before + 1


def test_a_folder_is_shown_and_changed_only_if_it_may_be(box: Sandbox, tmp_path: Path) -> None:
    """The folder is read-only unless the sandbox says otherwise; it is where the command works."""
    tmp_path.joinpath("a").write_text("seen")
    closed = replace(box, folder=str(tmp_path))
    assert run(closed, "print(open('a').read())") == "seen\n"
    assert "error:" in run(closed, "open('b','w')")
    assert run(replace(closed, writable=True), "open('b','w').write('made'); print('yes')") == "yes\n"
    assert tmp_path.joinpath("b").read_text() == "made"


def test_a_shell_for_a_model() -> None:
    """The tool gives what was written; a status that is not 0 is an error with what was written."""

    def line(think):
        last = think.thread[-1]
        return (
            last.text
            if last.answers
            else ToolCall("1", "shell", {"command": "echo out; echo err >&2; exit 3"})
        )

    result = asyncio.run(Agent("a", tools=[shell()]).run("go", model=scripted(line)))
    assert result.text.startswith("error: the command ended with status 3 (sandbox: ")
    assert result.text.endswith("out\nerr")


def test_stdin_that_nobody_reads_does_not_hang() -> None:
    """A program may end without reading what it is given."""
    assert asyncio.run(Sandbox(seconds=5).run("/bin/true", stdin="x" * (1 << 20))).exit == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: Sandbox(seconds=0),
        lambda: Sandbox(memory=0),
        lambda: Sandbox(folder="/no/such/folder"),
        lambda: asyncio.run(Sandbox(need="magic").run("/bin/true")),
    ],
)
def test_mistakes_are_told(make) -> None:
    """What a sandbox cannot be is one clear error."""
    with pytest.raises(BadInput):
        make()


def test_a_program_that_is_not_there() -> None:
    """It is the tool's error, and names the program."""
    with pytest.raises(ToolFailed, match="No such file"):
        asyncio.run(Sandbox().run("/bin/no-such-program"))
