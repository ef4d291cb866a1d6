"""Push notifications: who asks to be told is told of every change, in order, whatever is lost on the way."""

from __future__ import annotations

import asyncio

import pytest
from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import InvalidParamsError, TaskNotFoundError

from coterie.doors.a2a.pushes import PUSHES, Pushes
from coterie.doors.http.rows import rows_at
from coterie.doors.http.settings import Settings
from tests.a2a.receiving import Receiver, receiving, states
from tests.a2a.talking import ALL, client_of, said, sent
from tests.a2a.test_server import talked

HERE = Settings(private=("127.0.0.1",))
WORKING, ASKS, DONE = "TASK_STATE_WORKING", "TASK_STATE_INPUT_REQUIRED", "TASK_STATE_COMPLETED"


def to(url, task="", id="", **more):
    return pb.TaskPushNotificationConfig(url=url, task_id=task, id=id, **more)


def told_at(url, text, **more):
    """A request whose sender wants to be told at `url`."""
    request = said(text, now=True, **more)
    request.configuration.task_push_notification_config.CopyFrom(
        to(
            url,
            token="t0",  # noqa: S106 - a test's
            authentication=pb.AuthenticationInfo(scheme="Bearer", credentials="secret"),
        )
    )
    return request


@pytest.mark.parametrize("binding", ALL)
def test_configs_are_made_shown_listed_and_deleted(tmp_path, binding):
    """Under the id that the client gives, or the task's; another one of that id takes its place."""

    async def talk(base, _):
        async with client_of(base, "person", binding, streaming=False) as client:
            task = (await sent(client, said("Go"))).task
            first = await client.create_task_push_notification_config(to("http://127.0.0.1:9/a", task.id))
            for id in ("b", "c", "b"):
                last = await client.create_task_push_notification_config(
                    to("http://127.0.0.1:9/b", task.id, id)
                )
            listed = pb.ListTaskPushNotificationConfigsRequest(task_id=task.id)
            three = (await client.list_task_push_notification_configs(listed)).configs
            one = pb.GetTaskPushNotificationConfigRequest(task_id=task.id, id="b")
            shown = await client.get_task_push_notification_config(one)
            await client.delete_task_push_notification_config(
                pb.DeleteTaskPushNotificationConfigRequest(task_id=task.id, id="b")
            )
            with pytest.raises(TaskNotFoundError):
                await client.get_task_push_notification_config(one)
            two = (await client.list_task_push_notification_configs(listed)).configs
        return first.id == task.id, shown == last, sorted(c.id for c in three), [c.id == "b" for c in two]

    same, shown, three, left = talked(tmp_path, talk, settings=HERE)
    assert (same, shown, three[1:], left) == (True, True, ["b", "c"], [False, False])


@pytest.mark.parametrize("binding", ALL)
def test_every_change_is_told_in_order_and_with_what_the_client_gave(tmp_path, binding):
    """The token, the credentials, each question, the answer, the end; each has a key of its own."""

    async def talk(base, _):
        receiver = Receiver()
        async with receiving(receiver) as url, client_of(base, "two", binding, streaming=False) as client:
            task = (await sent(client, told_at(url, "Go"))).task
            for n, answer in enumerate(("yes", "Ada"), 2):
                await receiver.until(lambda told, n=n: states(told).count(ASKS) >= n - 1)
                await sent(client, said(answer, task=task.id))
            await receiver.ended()
            return receiver.told

    told = talked(tmp_path, talk, settings=HERE)
    headers, bodies = zip(*told, strict=True)
    assert [state for state in states(told) if state != WORKING] == [ASKS, ASKS, DONE]
    assert bodies[-2]["artifactUpdate"]["artifact"]["parts"][0]["text"] == "yes, Ada"
    assert {one["x-a2a-notification-token"] for one in headers} == {"t0"}
    assert {one["authorization"] for one in headers} == {"Bearer secret"}
    assert len({one["idempotency-key"] for one in headers}) == len(told)


def test_who_does_not_take_it_is_told_again_before_the_next(tmp_path):
    """Nothing is skipped, and nothing overtakes."""

    async def talk(base, _):
        receiver = Receiver(refusals=2)
        async with receiving(receiver) as url, client_of(base, "panel", streaming=False) as client:
            await sent(client, told_at(url, "Rust?"))
            await receiver.ended()
            return receiver

    receiver = talked(tmp_path, talk, settings=HERE)
    assert states(receiver.told) == [WORKING, DONE]
    assert [body for _, body in receiver.refused] == [receiver.told[0][1]] * 2


def test_who_asks_later_is_told_where_the_task_stands_and_then_goes_on(tmp_path):
    """Even if it has ended meanwhile."""

    async def talk(base, _):
        waiting, over = Receiver(), Receiver()
        async with (
            receiving(waiting) as url,
            receiving(over) as other,
            client_of(base, "person", streaming=False) as client,
        ):
            task = (await sent(client, said("Go"))).task
            await client.create_task_push_notification_config(to(url, task.id))
            await waiting.until(bool)
            await client.cancel_task(pb.CancelTaskRequest(id=task.id))
            await waiting.ended()
            await client.create_task_push_notification_config(to(other, task.id, "other"))
            await over.ended()
            return states(waiting.told), states(over.told)

    assert talked(tmp_path, talk, settings=HERE) == (
        [ASKS, "TASK_STATE_CANCELED"],
        ["TASK_STATE_CANCELED"],
    )


def test_what_is_not_told_when_the_service_stops_is_told_by_the_next(tmp_path):
    """Configs and what is left to tell are on the disk."""
    receiver_port = []

    async def before(base, _):
        async with receiving(Receiver()) as url:
            receiver_port.append(int(url.rpartition(":")[2].partition("/")[0]))
        async with client_of(base, "panel", streaming=False) as client:
            request = told_at(url, "Rust?")
            request.configuration.return_immediately = False
            await sent(client, request)

    async def after(_, __):
        receiver = Receiver()
        async with receiving(receiver, receiver_port[0]):
            await receiver.ended()
        return states(receiver.told)

    talked(tmp_path, before, settings=HERE)
    assert talked(tmp_path, after, settings=HERE) == [WORKING, DONE]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://localhost:9/", "ftp://a/", "nothing"])
def test_an_address_that_may_not_be_reached_is_refused(tmp_path, url):
    """Before anything is begun or kept."""

    async def talk(base, service):
        async with client_of(base, "person", streaming=False) as client:
            with pytest.raises(InvalidParamsError, match="nobody can be told there"):
                await sent(client, told_at(url, "Go"))
            begun = len(await service.host("default").runs())
            task = (await sent(client, said("Go"))).task
            with pytest.raises(InvalidParamsError, match="nobody can be told there"):
                await client.create_task_push_notification_config(to(url, task.id))
            listed = pb.ListTaskPushNotificationConfigsRequest(task_id=task.id)
            return begun, len((await client.list_task_push_notification_configs(listed)).configs)

    assert talked(tmp_path, talk) == (0, 0)


def test_another_owners_configs_do_not_exist(tmp_path):
    """They have credentials in them: nobody else is shown one, or makes one."""

    async def talk(base, service):
        eve, _ = service.keys.make("eve")
        async with client_of(base, "person", streaming=False) as client:
            task = (await sent(client, said("Go"))).task
            await client.create_task_push_notification_config(to("http://127.0.0.1:9/", task.id))
        async with client_of(base, "person", token=eve, streaming=False) as client:
            for ask in (
                client.create_task_push_notification_config(to("http://127.0.0.1:9/", task.id)),
                client.get_task_push_notification_config(
                    pb.GetTaskPushNotificationConfigRequest(task_id=task.id, id=task.id)
                ),
                client.list_task_push_notification_configs(
                    pb.ListTaskPushNotificationConfigsRequest(task_id=task.id)
                ),
                client.delete_task_push_notification_config(
                    pb.DeleteTaskPushNotificationConfigRequest(task_id=task.id, id=task.id)
                ),
            ):
                with pytest.raises(TaskNotFoundError):
                    await ask
        return True

    assert talked(tmp_path, talk, settings=HERE)


def test_configs_go_where_their_tasks_go(tmp_path):
    """What a service has let go of, it keeps no tokens for."""

    async def before(base, service):
        receiver = Receiver()
        async with receiving(receiver) as url, client_of(base, "panel", streaming=False) as client:
            kept, gone = [(await sent(client, told_at(url, text))).task.id for text in ("Rust?", "Go?")]
            await receiver.until(lambda told: states(told).count(DONE) == 2)
        host = service.host("default")
        lease = await host.store.claim(gone)
        await host.store.prune([lease], "ada", "a test", 0.0)
        return kept

    async def after(_, __):
        await asyncio.sleep(0)

    kept = talked(tmp_path, before, settings=HERE)
    talked(tmp_path, after, settings=HERE)
    pushes = Pushes(rows_at(tmp_path / "pushes.db", PUSHES))
    assert [one.config.task_id for one in asyncio.run(pushes.ended())] == [kept]
    pushes.close()


def test_the_file_of_configs_is_nobody_elses_to_read(tmp_path):
    """It has tokens of clients in it."""

    async def talk(_, __):
        await asyncio.sleep(0)

    talked(tmp_path, talk)
    assert (tmp_path / "pushes.db").stat().st_mode & 0o077 == 0
