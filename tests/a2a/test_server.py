"""Teams as A2A agents, by the Python SDK's client: what it is told, by either binding."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import httpx
import pytest
from a2a.client.errors import A2AClientError
from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import (
    InvalidParamsError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from a2a.utils.signing import InvalidSignaturesError, create_signature_verifier
from jwt import PyJWKSet
from msgspec.structs import replace

from coterie.doors.a2a.cards import FRESH, Look
from coterie.doors.http.settings import Settings
from tests.a2a.receiving import free_port, keys
from tests.a2a.talking import ALL, client_of, kinds, said, sent, text_of
from tests.http.serving import TEAMS, served, service_at


def talked(tmp_path, talk, **options):
    """What `talk` gives, which is called with the address of a service and the service itself."""

    async def performed():
        settings = options.pop("settings", None) or Settings()
        if not settings.grpc:
            settings = replace(settings, grpc=f"127.0.0.1:{free_port()}")
        service = service_at(tmp_path, settings=settings, **options)
        async with served(service) as http:
            return await talk(str(http.base_url).rstrip("/"), service)

    return asyncio.run(performed())


@pytest.mark.parametrize("binding", ALL)
def test_a_team_answers(tmp_path, binding):
    """The answer is an artifact, and the task has what was said and what it cost."""

    async def talk(base, _):
        async with client_of(base, "panel", binding, streaming=False) as client:
            return (await sent(client, said("Rust?", context="c1"))).task

    task = talked(tmp_path, talk)
    assert (task.status.state, task.context_id) == (pb.TASK_STATE_COMPLETED, "c1")
    assert [text_of(one) for one in task.artifacts] == ["judge has read 7"]
    assert [part.text for part in task.history[0].parts] == ["Rust?"]
    assert task.metadata["usage"]["requests"] == 5


@pytest.mark.parametrize("binding", ALL)
def test_a_stream_opens_with_the_task_and_ends_with_its_end(tmp_path, binding):
    """Between them is what each member has said; the answer comes whole at the end."""

    async def talk(base, _):
        async with client_of(base, "panel", binding) as client:
            return [one async for one in client.send_message(said("Rust?"))]

    stream = talked(tmp_path, talk)
    assert kinds(stream) == ["task", *["status_update"] * 5, "artifact_update", "status_update"]
    assert [one.status_update.status.message.metadata["agent"] for one in stream[1:6]] == [
        "hope",
        "doubt",
        "hope",
        "doubt",
        "judge",
    ]
    assert text_of(stream[-2].artifact_update.artifact) == "judge has read 7"
    assert stream[-1].status_update.status.state == pb.TASK_STATE_COMPLETED


@pytest.mark.parametrize("binding", ALL)
def test_a_question_is_input_required_and_an_answer_goes_on(tmp_path, binding):
    """The same task goes on; answers that are none are refused, and the question stays."""

    async def talk(base, _):
        async with client_of(base, "two", binding, streaming=False) as client:
            asked = (await sent(client, said("Go"))).task
            with pytest.raises(InvalidParamsError, match="perhaps"):
                await sent(client, said("perhaps", task=asked.id))
            more = (await sent(client, said("yes", task=asked.id, context=asked.context_id))).task
            done = (await sent(client, said("Ada", task=asked.id))).task
            with pytest.raises(UnsupportedOperationError):
                await sent(client, said("again", task=asked.id))
            return asked, more, done

    asked, more, done = talked(tmp_path, talk)
    assert asked.status.state == more.status.state == pb.TASK_STATE_INPUT_REQUIRED
    assert asked.status.message.parts[0].text == "Pay 3? (yes / no)\nTo whom?"
    assert more.status.message.parts[0].text == "To whom?"
    assert (done.status.state, done.id) == (pb.TASK_STATE_COMPLETED, asked.id)
    assert text_of(done.artifacts[0]) == "yes, Ada"
    assert [one.parts[0].text for one in done.history] == ["Go", "Pay 3?", "yes", "To whom?", "Ada"]


@pytest.mark.parametrize("binding", ALL)
def test_a_task_is_cancelled_once(tmp_path, binding):
    """It ends as canceled; a second time there is nothing to cancel."""

    async def talk(base, _):
        async with client_of(base, "slow", binding, streaming=False) as client:
            task = (await sent(client, said("Sleep", now=True))).task
            ended = await client.cancel_task(pb.CancelTaskRequest(id=task.id))
            with pytest.raises(TaskNotCancelableError):
                await client.cancel_task(pb.CancelTaskRequest(id=task.id))
            return task.status.state, ended.status.state

    assert talked(tmp_path, talk) == (pb.TASK_STATE_WORKING, pb.TASK_STATE_CANCELED)


@pytest.mark.parametrize("binding", ALL)
def test_who_comes_back_to_a_stream_sees_the_rest(tmp_path, binding):
    """A dropped stream stops nothing; the next one opens with the task and goes to its end."""

    async def talk(base, _):
        async with client_of(base, "slow", binding) as client:
            stream = client.send_message(said("Sleep"))
            task = (await anext(stream)).task
            await stream.aclose()
            again = client.subscribe(pb.SubscribeToTaskRequest(id=task.id))
            first = (await anext(again)).task
            await client.cancel_task(pb.CancelTaskRequest(id=task.id))
            rest = [one async for one in again]
            with pytest.raises(UnsupportedOperationError):
                await anext(client.subscribe(pb.SubscribeToTaskRequest(id=task.id)))
            return task.id, first, rest

    id, first, rest = talked(tmp_path, talk)
    assert (first.id, first.status.state) == (id, pb.TASK_STATE_WORKING)
    assert [one.status_update.status.state for one in rest] == [pb.TASK_STATE_CANCELED]


def test_the_same_message_begins_the_same_task(tmp_path):
    """A client that lost an answer asks again, and nothing is done twice."""

    async def talk(base, service):
        async with client_of(base, "panel", streaming=False) as client:
            one, other = [(await sent(client, said("Rust?", id="m1"))).task for _ in range(2)]
            another = (await sent(client, said("Go?", id="m1"))).task
        return one == other, another.id == one.id, len(await service.host("default").runs())

    assert talked(tmp_path, talk) == (True, False, 2)


@pytest.mark.parametrize("binding", ALL)
def test_tasks_are_listed_a_page_at_a_time(tmp_path, binding):
    """The newest first, those of a context or a state alone if wanted, artifacts only if asked for."""

    async def talk(base, _):
        async with client_of(base, "panel", binding, streaming=False) as client:
            for n in range(3):
                await sent(client, said(f"{n}?", context="odd" if n % 2 else "even"))
            first = await client.list_tasks(pb.ListTasksRequest(page_size=2, include_artifacts=True))
            then = await client.list_tasks(pb.ListTasksRequest(page_size=2, page_token=first.next_page_token))
            odd = await client.list_tasks(pb.ListTasksRequest(context_id="odd"))
            none = await client.list_tasks(pb.ListTasksRequest(status=pb.TASK_STATE_CANCELED))
            return first, then, odd, none

    first, then, odd, none = talked(tmp_path, talk)
    assert [task.history[0].parts[0].text for task in [*first.tasks, *then.tasks]] == ["2?", "1?", "0?"]
    assert [len(task.artifacts) for task in [*first.tasks, *then.tasks]] == [1, 1, 0]
    assert (first.total_size, then.next_page_token, len(odd.tasks), len(none.tasks)) == (3, "", 1, 0)


def test_a_context_is_a_conversation(tmp_path):
    """The next task of a context is told what was said in those before."""

    async def talk(base, _):
        async with client_of(base, "panel", streaming=False) as client:
            first = (await sent(client, said("Why?"))).task
            then = (await sent(client, said("Why?", context=first.context_id))).task
            both = await client.list_tasks(pb.ListTasksRequest(context_id=first.context_id))
            return [text_of(task.artifacts[0]) for task in (first, then)], len(both.tasks)

    assert talked(tmp_path, talk) == (["judge has read 7", "judge has read 9"], 2)


@pytest.mark.parametrize("binding", ALL)
def test_another_owners_task_does_not_exist(tmp_path, binding):
    """Neither to another principal, nor in another tenant, nor to another team; nor does a random id."""

    async def talk(base, service):
        keys = [service.keys.make("eve", tenant=tenant)[0] for tenant in ("default", "other")]
        async with client_of(base, "slow", streaming=False) as client:
            task = (await sent(client, said("Sleep", now=True))).task
        seen = []
        for token, team, id in [
            (keys[0], "slow", task.id),
            (keys[1], "slow", task.id),
            (keys[0], "panel", task.id),
            (keys[0], "slow", "nothing"),
        ]:
            async with client_of(base, team, binding, token=token, streaming=False) as client:
                for ask in (
                    client.get_task(pb.GetTaskRequest(id=id)),
                    client.cancel_task(pb.CancelTaskRequest(id=id)),
                ):
                    with pytest.raises(TaskNotFoundError) as error:
                        await ask
                    seen.append(str(error.value).replace(id, "ID"))
                with pytest.raises(TaskNotFoundError):
                    await sent(client, said("Mine now", task=id))
                seen.append(str((await client.list_tasks(pb.ListTasksRequest())).total_size))
        return set(seen)

    assert talked(tmp_path, talk) == {"there is no task 'ID'", "0"}


@pytest.mark.parametrize("binding", ALL)
def test_who_has_no_key_comes_nowhere(tmp_path, binding):
    """By any binding: a wrong one begins nothing, and is said to be wrong."""

    async def talk(base, service):
        async with client_of(base, "panel", binding, token="wrong", streaming=False) as client:  # noqa: S106
            with pytest.raises(A2AClientError, match=r"401|UNAUTHENTICATED"):
                await sent(client, said("Rust?"))
        return len(await service.host("default").runs())

    assert talked(tmp_path, talk) == 0


@pytest.mark.parametrize("binding", ALL)
def test_who_wants_a_signed_card_gets_one_and_speaks_to_the_agent(tmp_path, binding):
    """The signature is that of the service's key; a card that another key is wanted for is refused."""
    path, trusted = keys(tmp_path)
    (tmp_path / "other").mkdir()
    _, others = keys(tmp_path / "other")

    def verifier(ring):
        return create_signature_verifier(lambda *_: PyJWKSet.from_dict(ring).keys[0], ["ES256"])

    async def talk(base, _):
        async with client_of(base, "panel", binding, streaming=False, verify=verifier(trusted)) as client:
            task = (await sent(client, said("Rust?"))).task
        with pytest.raises(InvalidSignaturesError):
            async with client_of(base, "panel", binding, verify=verifier(others)):
                pass
        return text_of(task.artifacts[0])

    assert talked(tmp_path, talk, settings=Settings(card_key=path)) == "judge has read 7"


def test_a_viewer_looks_and_begins_nothing(tmp_path):
    """Sending and cancelling need the role of an operator."""

    async def talk(base, service):
        token, _ = service.keys.make("ann", role="viewer")
        async with client_of(base, "panel", token=token, streaming=False) as client:
            with pytest.raises(UnsupportedOperationError, match="operator"):
                await sent(client, said("Rust?"))
            return (await client.list_tasks(pb.ListTasksRequest())).total_size

    assert talked(tmp_path, talk) == 0


def test_a_wrong_token_comes_nowhere_and_cards_are_for_everybody(tmp_path):
    """Every call needs a key; who has none can read how to come by one."""

    async def talk(base, _):
        async with httpx.AsyncClient(base_url=base, trust_env=False) as nobody:
            wrong = {"authorization": "Bearer wrong"}
            body = {"jsonrpc": "2.0", "id": 1, "method": "ListTasks"}
            codes = [
                (await nobody.post("/a2a/panel/rpc/", json=body, headers=wrong)).status_code,
                (await nobody.get("/a2a/panel/rest/tasks", headers=wrong)).status_code,
                (await nobody.get("/a2a/nobody/.well-known/agent-card.json")).status_code,
            ]
            first = await nobody.get("/.well-known/agent-card.json")
            same = await nobody.get(
                "/.well-known/agent-card.json", headers={"if-none-match": first.headers["etag"]}
            )
            return codes, first.json(), first.headers, same.status_code, base

    codes, card, headers, same, base = talked(tmp_path, talk)
    assert (codes, same) == ([401, 401, 404], 304)
    assert (card["name"], "last-modified" in headers) == ("panel", True)
    assert card["supportedInterfaces"][0]["url"] == f"{base}/a2a/panel/rpc/"
    assert [skill["id"] for skill in card["skills"]] == [
        "panel",
        "panel/hope",
        "panel/doubt",
        "panel/judge",
    ]
    assert card["securitySchemes"]["key"]["httpAuthSecurityScheme"]["scheme"] == "Bearer"


def test_who_asks_for_a_card_runs_no_file(tmp_path):
    """Cards are for people without a key: a team is built for them once in five minutes."""
    (tmp_path / "team.py").write_text(
        TEAMS + f"\nwith open({str(tmp_path / 'ran')!r}, 'a') as ran:\n    ran.write('x')\n"
    )

    async def talk(base, _):
        async with httpx.AsyncClient(base_url=base, trust_env=False) as nobody:
            before = (tmp_path / "ran").stat().st_size
            for _ in range(5):
                assert (await nobody.get("/a2a/panel/.well-known/agent-card.json")).status_code == 200
            return (tmp_path / "ran").stat().st_size - before

    assert talked(tmp_path, talk) == 1


def test_a_team_is_looked_at_again_after_a_while():
    """So that a card tells of what there is now."""
    now, built = [0.0], []
    library = SimpleNamespace(built=built.append)
    look = Look(library, clock=lambda: now[0])
    for at in (0.0, FRESH - 1, FRESH, FRESH + 1):
        now[0] = at
        look.at("panel")
    assert built == ["panel", "panel"]


def test_a_body_of_another_type_is_refused(tmp_path):
    """With the protocol's own code, by either binding."""

    async def talk(base, _):
        headers = {"content-type": "text/plain", "authorization": "Bearer the-token-of-this-machine"}
        async with httpx.AsyncClient(base_url=base, trust_env=False, headers=headers) as client:
            rpc = await client.post("/a2a/panel/rpc/", content=b"{}")
            rest = await client.post("/a2a/panel/rest/message:send", content=b"{}")
            return rpc.json()["error"]["code"], rest.status_code

    assert talked(tmp_path, talk) == (-32005, 415)


def test_a_task_outlives_the_service(tmp_path):
    """After a restart it is there, asks what it asked, and goes on when it is answered."""

    async def before(base, _):
        async with client_of(base, "person", streaming=False) as client:
            return (await sent(client, said("Go"))).task

    async def after(base, _):
        async with client_of(base, "person") as client:
            task = await client.get_task(pb.GetTaskRequest(id=asked.id))
            return task, [one async for one in client.send_message(said("yes", task=asked.id))]

    asked = talked(tmp_path, before)
    task, stream = talked(tmp_path, after)
    assert task == asked
    assert stream[-1].status_update.status.state == pb.TASK_STATE_COMPLETED
