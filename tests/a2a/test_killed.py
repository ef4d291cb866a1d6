"""Two services that speak A2A with each other, in processes of their own, each killed in the middle of the work."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest
from a2a.types import a2a_pb2 as pb
from a2a.utils.signing import create_signature_verifier
from jwt import PyJWKSet

from tests.a2a.receiving import Receiver, free_port, keys, receiving, states
from tests.a2a.talking import client_of, said, sent, text_of
from tests.a2a.test_push import told_at
from tests.http.serving import TOKEN

STEPS = 6
TEAMS = '''
import os
from coterie import Remote, Sleep, Team, do

def note(n: int) -> None:
    """Do something that must not be done twice."""
    with open(os.environ["NOTES"], "a") as file:
        file.write(f"{{n}}\\n")

async def _work(task):
    for n in range({steps}):
        await do(note, n)
        await Sleep(0.4)
    return f"done: {{task.text}}"

work = Team("work", (), _work)
far = Remote("http://127.0.0.1:{port}/a2a/work", name="far", key="FAR_KEY")

async def _front(task):
    return await far(task)

front = Team("front", (far,), _front)
'''


class Served:
    """A service of ours in a process of its own, which can be killed and started again."""

    def __init__(self, folder, team, port, far):
        self.folder, self.team, self.port = folder / team, team, port
        self.folder.mkdir()
        self.file = folder / "teams.py"
        self.file.write_text(TEAMS.format(steps=STEPS, port=far))
        self.environment = {**os.environ, "NOTES": str(folder / "notes"), "FAR_KEY": TOKEN}
        self.base = f"http://127.0.0.1:{port}"
        self.process = None

    async def start(self, *more):
        command = [sys.executable, "-m", "coterie", "serve", f"{self.file}:{self.team}", *more]
        options = ["--port", str(self.port), "--token", TOKEN, "--store", str(self.folder / "runs.db")]
        self.process = subprocess.Popen([*command, *options], env=self.environment, stderr=subprocess.DEVNULL)
        async with httpx.AsyncClient(trust_env=False) as http:
            for _ in range(600):
                try:
                    await http.get(f"{self.base}/healthz")
                except httpx.HTTPError:
                    await asyncio.sleep(0.05)
                else:
                    return
        raise AssertionError("the service does not come up")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    async def runs(self):
        headers = {"authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
            return (await http.get(f"{self.base}/v1/runs")).json()["runs"]


def free_ports():
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


@pytest.mark.slow
@pytest.mark.parametrize("killed", ["near", "far"])
def test_one_of_two_services_is_killed_in_the_middle(tmp_path, killed):
    """The task comes to its end, every step is done once, and there is one run on each side."""

    async def performed():
        near_port, far_port = free_ports()
        near = Served(tmp_path, "front", near_port, far_port)
        far = Served(tmp_path, "work", far_port, far_port)
        victim = near if killed == "near" else far
        try:
            await near.start()
            await far.start()
            async with client_of(near.base, "front", streaming=False) as client:
                task = (await sent(client, said("dig", now=True))).task
                notes = tmp_path / "notes"
                while not notes.exists() or len(notes.read_text().split()) < 2:
                    await asyncio.sleep(0.02)
                await asyncio.sleep(0.15)  # it sleeps now: no step is in doubt
                victim.kill()
                await victim.start()
                while task.status.state == pb.TASK_STATE_WORKING:
                    await asyncio.sleep(0.1)
                    task = await client.get_task(pb.GetTaskRequest(id=task.id))
            return task, notes.read_text().split(), len(await near.runs()), len(await far.runs())
        finally:
            for one in (near, far):
                if one.process is not None:
                    one.kill()

    task, notes, *runs = asyncio.run(asyncio.wait_for(performed(), 90))
    assert (task.status.state, text_of(task.artifacts[0])) == (pb.TASK_STATE_COMPLETED, "done: dig")
    assert (notes, runs) == ([str(n) for n in range(STEPS)], [1, 1])


@pytest.mark.slow
def test_what_a_client_wants_to_be_told_survives_a_kill(tmp_path):
    """Killed in the middle, with nobody there to be told: the next life tells of every change, in order."""

    async def performed():
        port, receiver = free_port(), Receiver()
        service = Served(tmp_path, "work", *free_ports())
        try:
            await service.start("--private", "127.0.0.1")
            async with client_of(service.base, "work", streaming=False) as client:
                await sent(client, told_at(f"http://127.0.0.1:{port}/told", "dig"))
            notes = tmp_path / "notes"
            while not notes.exists() or len(notes.read_text().split()) < 2:
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.15)  # it sleeps now: no step is in doubt
            service.kill()
            await service.start("--private", "127.0.0.1")
            while len(notes.read_text().split()) < STEPS:
                await asyncio.sleep(0.05)
            async with receiving(receiver, port):
                await receiver.ended()
            return states(receiver.told), {one["authorization"] for one, _ in receiver.told}
        finally:
            if service.process is not None:
                service.kill()

    told, keys = asyncio.run(asyncio.wait_for(performed(), 90))
    assert (told, keys) == (["TASK_STATE_WORKING", "TASK_STATE_COMPLETED"], {"Bearer secret"})


@pytest.mark.slow
def test_what_a_service_publishes_is_said_at_the_command_line(tmp_path):
    """Which of its teams are agents, at which address, signed with which key, and by gRPC."""
    path, trusted = keys(tmp_path)
    verify = create_signature_verifier(lambda *_: PyJWKSet.from_dict(trusted).keys[0], ["ES256"])

    async def performed():
        service, grpc = Served(tmp_path, "work", *free_ports()), free_port()
        said_so = ("--card-key", path, "--a2a-grpc", str(grpc), "--publish", "front", "--url", service.base)
        try:
            await service.start(f"{service.file}:front", *said_so)
            async with httpx.AsyncClient(trust_env=False) as http:
                hidden = await http.get(f"{service.base}/a2a/work/.well-known/agent-card.json")
                card = (await http.get(f"{service.base}/.well-known/agent-card.json")).json()
            async with client_of(service.base, "front", "GRPC", streaming=False, verify=verify) as client:
                listed = await client.list_tasks(pb.ListTasksRequest())
            return hidden.status_code, card["name"], card["supportedInterfaces"], listed.total_size, grpc
        finally:
            service.kill()

    hidden, name, interfaces, tasks, grpc = asyncio.run(asyncio.wait_for(performed(), 60))
    assert (hidden, name, tasks) == (404, "front", 0)
    assert [one["protocolBinding"] for one in interfaces] == ["JSONRPC", "HTTP+JSON", "GRPC"]
    assert (interfaces[2]["url"], interfaces[2]["tenant"]) == (f"127.0.0.1:{grpc}", "front")
