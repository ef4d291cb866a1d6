"""Schedules over HTTP: made, read, changed in versions, paused, run at once and ended, by who may."""

from __future__ import annotations

import asyncio

import pytest

from coterie.client import AsyncClient, Client
from coterie.errors import BadInput, Busy, Changed, UnknownRun
from coterie.policy.rules import Rule, rules
from coterie.shell.schedule import SCHEDULE
from tests.http.serving import TOKEN, served, service_at


def with_client(tmp_path, scene, **options):
    async def performed():
        async with (
            served(service_at(tmp_path, **options)) as http,
            AsyncClient(str(http.base_url), TOKEN) as client,
        ):
            return await scene(client, http)

    return asyncio.run(asyncio.wait_for(performed(), 60))


def test_a_schedule_from_its_first_day_to_its_last(tmp_path):
    """Made, listed, changed, paused, resumed, begun at once and ended, each as the client says it."""

    async def scene(client, _):
        made = await client.create_schedule(
            "news", "30 7 * * mon-fri", "panel", "Rust?", zone="Europe/Berlin", limits={"usd": 0.5}
        )
        with pytest.raises(Busy, match="already"):
            await client.create_schedule("news", "@daily", "panel")
        times = await client.schedule_times("news", count=3, after=1_800_000_000)
        paused = await client.pause_schedule("news")
        changed = await client.change_schedule("news", made.version, task="C?", missed="once")
        with pytest.raises(Changed):
            await client.change_schedule("news", made.version, task="Go?")
        resumed = await client.resume_schedule("news")
        run = await client.run_schedule("news")
        said = await client.wait(run.id)
        listed = await client.schedules()
        await client.delete_schedule("news")
        with pytest.raises(UnknownRun):
            await client.schedule("news")
        return made, times, paused, changed, resumed, said, listed, await client.schedules()

    made, times, paused, changed, resumed, said, listed, after = with_client(tmp_path, scene)
    assert (made.version, made.status, made.by, made.limits) == (1, "running", "local", {"usd": 0.5})
    assert times == [
        1_800_253_800,
        1_800_340_200,
        1_800_426_600,
    ]  # Monday the 18th at half past six UTC, and on
    assert (paused.status, paused.due) == ("paused", None)
    assert (changed.version, changed.status, changed.task, changed.cron) == (2, "paused", "C?", made.cron)
    assert (resumed.status, resumed.missed, resumed.due is not None) == ("running", "once", True)
    assert (said.status, said.task, said.team) == ("succeeded", "C?", "panel")
    assert ([one.name for one in listed], after) == (["news"], [])


def test_a_schedule_of_a_team_that_was_written_here(tmp_path):
    """It runs as it was when the schedule was written; another team is told nothing of what this one was."""

    async def scene(client, _):
        await client.write_team("duo", {"agents": {"hope": "Good."}, "team": {"pipeline": ["hope"]}})
        made = await client.create_schedule("duo-daily", "@daily", "duo", "Rust?")
        named = await client.change_schedule("duo-daily", made.version, model="embedded")
        await client.change_schedule("duo-daily", named.version, model=None)
        await client.delete_team("duo")
        said = await client.run_schedule("duo-daily")
        other = await client.change_schedule("duo-daily", 3, team="panel")
        with pytest.raises(BadInput, match="no team"):
            await client.change_schedule("duo-daily", other.version, team="duo")
        with pytest.raises(BadInput, match="no model"):
            await client.change_schedule("duo-daily", other.version, model="gold")
        return named, said, other

    named, said, other = with_client(tmp_path, scene)
    assert (named.team, named.model, said.team) == ("duo", "embedded", "duo")
    assert (other.team, other.model, other.version) == ("panel", None, 4)


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"cron": "* *"}, 422),
        ({"zone": "Nowhere"}, 422),
        ({"team": "nobody"}, 404),
        ({"options": {"x": 1}}, 422),
        ({"limits": {"usd": -1}}, 422),
        ({"name": "a/b"}, 422),
    ],
)
def test_what_cannot_be_kept_is_a_problem(tmp_path, wrong, status):
    """Said as one, before anything is written."""

    async def scene(client, http):
        answer = await http.post(
            "/v1/schedules", json={"name": "a", "cron": "@daily", "team": "panel", **wrong}
        )
        return answer.status_code, answer.headers["content-type"], await client.schedules()

    assert with_client(tmp_path, scene) == (status, "application/problem+json", [])


def test_versions_are_named_and_tags_tell_what_moved(tmp_path):
    """428 without `If-Match`, 412 with another; a pause changes the tag, and not the version that it names."""

    async def scene(client, http):
        await client.create_schedule("a", "@daily", "panel")
        one = await http.get("/v1/schedules/a")
        tag = one.headers["etag"]
        same = await http.get("/v1/schedules/a", headers={"if-none-match": tag})
        missing = [await http.patch("/v1/schedules/a", json={}), await http.delete("/v1/schedules/a")]
        await client.pause_schedule("a")
        moved = await http.get("/v1/schedules/a", headers={"if-none-match": tag})
        changed = await http.patch("/v1/schedules/a", json={"task": "x"}, headers={"if-match": tag})
        late = await http.delete("/v1/schedules/a", headers={"if-match": tag})
        gone = await http.delete("/v1/schedules/a", headers={"if-match": changed.headers["etag"]})
        answers = [same, *missing, moved, changed, late, gone]
        return [one.status_code for one in answers], changed.json()["version"]

    assert with_client(tmp_path, scene) == ([304, 428, 428, 200, 200, 412, 204], 2)


def test_pages_of_schedules_say_where_the_next_one_is(tmp_path):
    """By name, with a link."""

    async def scene(client, http):
        for name in ("c", "a", "b"):
            await client.create_schedule(name, "@daily", "panel")
        first = await http.get("/v1/schedules", params={"limit": 2})
        rest = await http.get(first.links["next"]["url"])
        return [[one["name"] for one in page.json()] for page in (first, rest)], "next" in rest.links

    assert with_client(tmp_path, scene) == ([["a", "b"], ["c"]], False)


def test_schedules_of_another_tenant_are_unknown_and_viewers_change_nothing(tmp_path):
    """The same 404 as for what never was; a viewer reads, and is refused the rest."""

    async def scene(client, http):
        await client.create_schedule("a", "@daily", "panel")
        keys = service.keys
        other, _ = keys.make("eve", tenant="acme", role="admin")
        viewer, _ = keys.make("vic", role="viewer")
        deeds = [
            ("GET", ""),
            ("GET", "/times"),
            ("PATCH", ""),
            ("DELETE", ""),
            ("POST", "/pause"),
            ("POST", "/resume"),
            ("POST", "/run"),
        ]
        said = {}
        for who, key in (("other", other), ("viewer", viewer)):
            headers = {"authorization": f"Bearer {key}", "if-match": "*"}
            answers = [
                await http.request(
                    method,
                    f"/v1/schedules/a{part}",
                    headers=headers,
                    json={} if method == "PATCH" else None,
                )
                for method, part in deeds
            ]
            said[who] = [one.status_code for one in answers]
        listed = await http.get("/v1/schedules", headers={"authorization": f"Bearer {other}"})
        return said, listed.json(), [one.status for one in await client.schedules()]

    service = service_at(tmp_path)

    async def performed():
        async with served(service) as http, AsyncClient(str(http.base_url), TOKEN) as client:
            return await scene(client, http)

    said, listed, states = asyncio.run(performed())
    assert said == {"other": [404] * 7, "viewer": [200, 200, 403, 403, 403, 403, 403]}
    assert (listed, states) == ([], ["running"])


def test_a_policy_says_whose_teams_are_scheduled(tmp_path):
    """Who may not run a team has nobody else run it."""
    policy = rules(Rule(decision="deny", actions=("run",), resources=("two",)), default="allow")

    async def scene(_, http):
        both = [
            await http.post("/v1/schedules", json={"name": team, "cron": "@daily", "team": team})
            for team in ("two", "panel")
        ]
        return [one.status_code for one in both]

    assert with_client(tmp_path, scene, policy=policy) == [403, 201]


def test_what_is_asked_for_twice_with_one_key_is_run_once(tmp_path):
    """A client that heard no answer asks again, and has the same run."""

    async def scene(client, http):
        await client.create_schedule("a", "@daily", "panel")
        headers = {"idempotency-key": "k"}
        both = [await http.post("/v1/schedules/a/run", headers=headers) for _ in range(2)]
        return [one.status_code for one in both], len({one.json()["id"] for one in both})

    assert with_client(tmp_path, scene) == ([201, 201], 1)


def test_a_team_of_the_same_name_is_no_schedule(tmp_path):
    """What somebody calls `schedule` is a team like any other."""

    async def scene(client, _):
        document = {"agents": {"hope": "Good."}, "team": {"pipeline": ["hope"]}}
        await client.write_team(SCHEDULE.name, document)
        await client.wait((await client.start(SCHEDULE.name, "x")).id)
        await client.create_schedule("a", "@daily", "panel")
        return [one.name for one in await client.schedules()]

    assert with_client(tmp_path, scene) == ["a"]


def test_programs_without_a_loop_have_the_same(tmp_path):
    """Each method waits."""

    def scene(url):
        with Client(url, TOKEN) as client:
            made = client.create_schedule("a", "@daily", "panel", "Rust?")
            states = [client.pause_schedule("a").status, client.resume_schedule("a").status]
            changed = client.change_schedule("a", made.version, cron="@hourly")
            ran = client.wait(client.run_schedule("a").id).status
            seen = client.schedule("a"), client.schedules(), client.schedule_times("a", count=2)
            client.delete_schedule("a", changed.version)
            return states, ran, seen, client.schedules()

    async def performed():
        async with served(service_at(tmp_path)) as http:
            return await asyncio.to_thread(scene, str(http.base_url))

    states, ran, (one, listed, times), after = asyncio.run(performed())
    assert (states, ran, after) == (["paused", "running"], "succeeded", [])
    assert (one.cron, [other.name for other in listed], len(times)) == ("@hourly", ["a"], 2)
