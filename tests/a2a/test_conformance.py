"""What the official kit asks of an agent, asked of ours, by both bindings: it is started as anybody would start it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from a2a.client.card_resolver import A2ACardResolver
from a2a.client.client import ClientConfig
from a2a.client.client_factory import ClientFactory
from a2a.types import a2a_pb2 as pb

from tests.a2a.talking import BINDINGS, kinds, said, text_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def address():
    """The address that the agent prints."""
    command = [sys.executable, "-m", "examples.conformance.a2a", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().strip()
        process.terminate()


@asynccontextmanager
async def client_at(address, binding, *, streaming=False):
    """A client of the agent."""
    async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
        card = await A2ACardResolver(http, address).get_agent_card()
        config = ClientConfig(
            httpx_client=http,
            streaming=streaming,
            supported_protocol_bindings=[binding],
            use_client_preference=True,
        )
        yield ClientFactory(config).create(card)


def asked(address, binding, id, *, streaming=False):
    """What the agent answers to a message whose id begins with `id`."""

    async def asking():
        async with client_at(address, binding, streaming=streaming) as client:
            request = said("hello", id=f"{id}-{binding}-{streaming}")
            return [one async for one in client.send_message(request)]

    return asyncio.run(asking())


@pytest.mark.parametrize("binding", BINDINGS)
@pytest.mark.parametrize(
    ("id", "kind", "content"),
    [
        ("tck-complete-task", "text", "Hello from TCK: hello"),
        ("tck-artifact-text", "text", "Generated text content"),
        ("tck-artifact-file", "raw", b"file content"),
        ("tck-artifact-file-url", "url", "https://example.com/output.txt"),
        ("tck-artifact-data", "data", {"key": "value", "count": 42}),
    ],
)
def test_artifacts_are_of_every_kind(address, binding, id, kind, content):
    """Text, bytes, an address, and data: one part of an artifact of a completed task."""
    [answer] = asked(address, binding, id)
    [part] = answer.task.artifacts[0].parts
    found = getattr(part, kind)
    assert answer.task.status.state == pb.TASK_STATE_COMPLETED
    assert part.WhichOneof("content") == kind
    assert (dict(found.struct_value) if kind == "data" else found) == content


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_message_is_answered_with_a_message(address, binding):
    """No task is told of."""
    [answer] = asked(address, binding, "tck-message-response")
    assert (kinds([answer]), answer.message.parts[0].text) == (["message"], "Direct message response")


@pytest.mark.parametrize("binding", BINDINGS)
@pytest.mark.parametrize(
    ("id", "state"),
    [
        ("tck-input-required", pb.TASK_STATE_INPUT_REQUIRED),
        ("tck-reject-task", pb.TASK_STATE_REJECTED),
    ],
)
def test_a_task_can_wait_or_be_rejected(address, binding, id, state):
    """The state says which, and the message why."""
    [answer] = asked(address, binding, id)
    assert answer.task.status.state == state
    assert answer.task.status.message.parts[0].text


@pytest.mark.parametrize("binding", BINDINGS)
@pytest.mark.parametrize(
    "id", ["tck-stream-001", "tck-stream-002", "tck-stream-003", "tck-stream-ordering-001"]
)
def test_a_stream_is_in_order(address, binding, id):
    """The task, its pieces, the whole answer, the end; nothing after it."""
    stream = asked(address, binding, id, streaming=True)
    assert (kinds(stream)[0], kinds(stream)[-1]) == ("task", "status_update")
    assert stream[-1].status_update.status.state == pb.TASK_STATE_COMPLETED
    assert {one.artifact_update.task_id for one in stream[1:-1]} == {stream[0].task.id}


@pytest.mark.parametrize("binding", BINDINGS)
def test_a_chunked_artifact_is_appended_to(address, binding):
    """Pieces add up to the answer, which comes whole as the last chunk."""
    stream = asked(address, binding, "tck-stream-artifact-chunked", streaming=True)
    pieces = [one.artifact_update for one in stream if one.HasField("artifact_update")]
    assert [piece.append for piece in pieces] == [False, *[True] * (len(pieces) - 2), False]
    assert "".join(text_of(piece.artifact) for piece in pieces[:-1]) == "chunk-1 chunk-2 chunk-3"
    assert (text_of(pieces[-1].artifact), pieces[-1].last_chunk) == ("chunk-1 chunk-2 chunk-3", True)


@pytest.mark.parametrize("binding", BINDINGS)
@pytest.mark.parametrize(
    ("id", "kind"), [("tck-stream-artifact-text", "text"), ("tck-stream-artifact-file", "raw")]
)
def test_an_artifact_comes_with_the_stream(address, binding, id, kind):
    """Before the task ends."""
    stream = asked(address, binding, id, streaming=True)
    [part] = stream[-2].artifact_update.artifact.parts
    assert part.WhichOneof("content") == kind


@pytest.mark.parametrize("binding", BINDINGS)
def test_what_it_waits_for_can_be_given(address, binding):
    """The same task goes on to its end."""

    async def answering():
        async with client_at(address, binding) as client:
            first = said("hello", id=f"tck-input-required-answered-{binding}")
            [asks] = [one async for one in client.send_message(first)]
            [done] = [one async for one in client.send_message(said("this", task=asks.task.id))]
            return asks.task.id == done.task.id, done.task.status.state, text_of(done.task.artifacts[0])

    assert asyncio.run(answering()) == (True, pb.TASK_STATE_COMPLETED, "Thank you: this")


@pytest.mark.parametrize("binding", BINDINGS)
def test_who_comes_back_to_a_task_hears_its_end(address, binding):
    """A task that goes on for a while is subscribed to a second time."""

    async def coming_back():
        async with client_at(address, binding, streaming=True) as client:
            stream = client.send_message(said("hello", id=f"test-resubscribe-message-id-{binding}"))
            task = (await anext(stream)).task
            await stream.aclose()
            again = [one async for one in client.subscribe(pb.SubscribeToTaskRequest(id=task.id))]
            return again[0].task.id == task.id, kinds(again), again[-1].status_update.status.state

    same, told, state = asyncio.run(coming_back())
    assert (same, told) == (True, ["task", "artifact_update", "status_update"])
    assert state == pb.TASK_STATE_COMPLETED
