"""Runs over HTTP: begun, listed, watched, answered, stopped, forked."""

from __future__ import annotations

import asyncio
import json

from coterie.doors.events import event_data
from coterie.doors.http.settings import Settings
from coterie.kernel.values import to_plain
from coterie.policy import Rule, rules
from coterie.wire.export import problems, read
from coterie.words.delta import Delta
from coterie.words.message import Message
from coterie.words.quota import Quota
from tests.http.serving import served, service_at


def over_http(tmp_path, scene, **options):
    async def performed():
        async with served(service_at(tmp_path, **options)) as client:
            return await scene(client)

    return asyncio.run(performed())


async def begun(client, team="panel", **more):
    answer = await client.post("/v1/runs", json={"task": "Rust?", **more, "team": team})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def events(client, run, **options):
    """The events of a run as (number, type), from its stream."""
    seen = []
    async with client.stream("GET", f"/v1/runs/{run}/events", **options) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                data = json.loads(line[6:])
                if "seq" in data:  # and no piece of what a model is saying
                    seen.append((data["seq"], data["type"]))
    return seen


def test_a_run_is_begun_watched_and_read(tmp_path):
    """Its events come as they happen, numbered without gaps; afterwards the answer is there."""

    async def scene(client):
        run = await begun(client)
        return await events(client, run), (await client.get(f"/v1/runs/{run}")).json()

    seen, shown = over_http(tmp_path, scene)
    assert [number for number, _ in seen] == list(range(len(seen)))
    assert (seen[0][1], seen[-1][1]) == ("opened", "closed")
    assert (shown["status"], shown["text"], shown["usage"]["requests"]) == (
        "succeeded",
        "judge has read 7",
        5,
    )
    assert (shown["team"], shown["origin"]["by"], shown["events"]) == ("panel", "local", len(seen))


def test_a_stream_says_what_the_journal_says(tmp_path):
    """Every event as `event_data` has it, whatever its kind and whatever was said."""

    async def scene():
        service = service_at(tmp_path)
        async with served(service) as client:
            run = await begun(client, "two", task='"ä" \\ \u2028\n<b>')
            [one, other] = (await client.get("/v1/approvals")).json()
            await client.post(f"/v1/approvals/{one['id']}", json={"value": "yes"})
            await client.post(f"/v1/approvals/{other['id']}", json={"value": "Ada"})
            await client.get(f"/v1/runs/{run}/wait")
            text = (await client.get(f"/v1/runs/{run}/events")).text
            return text, await service.host("default").journal(run)

    text, records = asyncio.run(scene())
    said = [dict(line.split(": ", 1) for line in one.split("\n")) for one in text.strip().split("\n\n")]
    told = [event_data(record) for record in records]
    assert [json.loads(one["data"]) for one in said] == [
        json.loads(json.dumps(to_plain(one))) for one in told
    ]
    assert [(int(one["id"]), one["event"]) for one in said] == [(one["seq"], one["type"]) for one in told]
    assert {"opened", "asked", "settled", "noted", "signalled", "closed"} <= {one["type"] for one in told}


def test_a_stream_goes_on_where_it_was_left(tmp_path):
    """By `after`, or by the last event's id, as browsers do it; each event once."""

    async def scene(client):
        run = await begun(client)
        whole = await events(client, run)
        middle = len(whole) // 2
        by_query = await events(client, run, params={"after": middle})
        by_header = await events(client, run, headers={"Last-Event-ID": str(middle)})
        return whole[middle + 1 :], by_query, by_header

    rest, by_query, by_header = over_http(tmp_path, scene)
    assert by_query == by_header == rest


def test_questions_are_answered_over_http(tmp_path):
    """Each by its id; who answered is kept; what is no answer has its own status."""

    async def scene(client):
        run = await begun(client, "two")
        waiting = (await client.get(f"/v1/runs/{run}/wait")).json()
        one, other = (await client.get("/v1/approvals")).json()
        wrong = await client.post(f"/v1/approvals/{one['id']}", json={"value": "maybe"})
        unknown = await client.post("/v1/approvals/nobody.1", json={"value": "yes"})
        first = await client.post(f"/v1/approvals/{one['id']}", json={"value": "yes"})
        again = await client.post(f"/v1/approvals/{one['id']}", json={"value": "no"})
        await client.post(f"/v1/approvals/{other['id']}", json={"value": "bob"})
        done = (await client.get(f"/v1/runs/{run}/wait")).json()
        statuses = [answer.status_code for answer in (wrong, unknown, first, again)]
        return waiting, statuses, first.json(), done

    waiting, statuses, first, done = over_http(tmp_path, scene)
    assert (waiting["status"], len(waiting["questions"])) == ("waiting", 2)
    assert statuses == [422, 404, 200, 409]
    assert (first["state"], first["by"]) == ("answered", "local")
    assert done["text"] == "yes, bob"


def test_an_answer_that_comes_too_late_is_gone(tmp_path):
    """Nobody waits for it any more: 410."""

    async def scene(client):
        run = await begun(client, "person")
        await client.get(f"/v1/runs/{run}/wait")
        [asked] = (await client.get("/v1/approvals")).json()
        await client.post(f"/v1/runs/{run}/cancel", json={})
        return await client.post(f"/v1/approvals/{asked['id']}", json={"value": "yes"})

    assert over_http(tmp_path, scene).status_code == 410


def test_a_run_is_stopped_and_gone_on_with(tmp_path):
    """What was stopped is resumed; what is under way is not begun a second time."""

    async def scene(client):
        run = await begun(client, "slow")
        busy = await client.post(f"/v1/runs/{run}/resume", json={})
        stopped = (await client.post(f"/v1/runs/{run}/cancel", json={"reason": "enough"})).json()
        resumed = (await client.post(f"/v1/runs/{run}/resume", json={})).json()
        return busy.status_code, stopped["status"], stopped["failure"]["message"], resumed["status"]

    assert over_http(tmp_path, scene) == (409, "cancelled", "enough", "running")


def test_a_fork_takes_from_the_journal_what_does_not_change(tmp_path):
    """With another answer of one model call, only what depends on it is asked again."""

    async def scene(client):
        run = await begun(client)
        seen = await events(client, run)
        tree = (await client.get(f"/v1/runs/{run}/tree")).json()
        at = next(number for number, kind in seen if kind == "settled")
        fork = await client.post(f"/v1/runs/{run}/fork", json={"at": at, "value": "No.", "changed": "value"})
        id = fork.json()["id"]
        return fork.status_code, tree["name"], (await client.get(f"/v1/runs/{id}/wait")).json()

    status, name, forked = over_http(tmp_path, scene)
    assert (status, name, forked["status"]) == (201, "debate", "succeeded")
    assert forked["usage"]["requests"] < 5
    assert forked["origin"]["fork"]["change"] == {"value": "No."}


def test_a_fork_with_another_prompt_is_shown_beside_the_run_reported_on_and_exported(tmp_path):
    """Over HTTP: new instructions for the judge, both runs side by side, who began it, and a file that is checked."""

    async def scene(client):
        run = await begun(client)
        await client.get(f"/v1/runs/{run}/wait")
        change = {"set": {"judge.instructions": "Be brief."}}
        id = (await client.post(f"/v1/runs/{run}/fork", json=change)).json()["id"]
        await client.get(f"/v1/runs/{id}/wait")
        bad = await client.post(f"/v1/runs/{run}/fork", json={"set": {"nobody.model": "x"}})
        diff = (await client.get(f"/v1/runs/{run}/diff/{id}")).json()
        report = (await client.get(f"/v1/runs/{id}/report")).json()
        data = (await client.get(f"/v1/runs/{id}/export")).content
        gone = [
            (await client.get(f"/v1/runs/nobody/{what}")).status_code
            for what in ("export", "report", f"diff/{run}")
        ]
        return diff, report, data, bad.status_code, gone

    diff, report, data, bad, gone = over_http(tmp_path, scene)
    assert (diff["first"]["path"], diff["there"]["usage"]["requests"]) == ("debate/judge/think.1", 1)
    assert (report["by"], report["origin"]["set"]) == ("local", {"judge.instructions": "Be brief."})
    assert (problems(data), read(data).header.run) == ([], report["run"])
    assert (bad, gone) == (422, [404, 404, 404])


def test_the_same_key_gives_the_same_run(tmp_path):
    """Asked twice with one Idempotency-Key, there is one run; for another request the key is refused."""

    async def scene(client):
        ask = {"team": "panel", "task": "Rust?"}
        headers = {"Idempotency-Key": "abc"}
        one, two = [await client.post("/v1/runs", json=ask, headers=headers) for _ in range(2)]
        other = await client.post("/v1/runs", json={**ask, "task": "C?"}, headers=headers)
        count = len((await client.get("/v1/runs")).json()["runs"])
        return one.json()["id"], two.json()["id"], other.status_code, count

    one, two, other, count = over_http(tmp_path, scene)
    assert (one, other, count) == (two, 409, 1)


def test_runs_are_listed_a_page_at_a_time(tmp_path):
    """The newest first, filtered, and the next page begins where one ended."""

    async def scene(client):
        made = [await begun(client) for _ in range(5)]
        for run in made:
            await client.get(f"/v1/runs/{run}/wait")
        await begun(client, "slow")
        first = (await client.get("/v1/runs", params={"limit": 2, "status": "succeeded"})).json()
        rest = (await client.get("/v1/runs", params={"before": first["next"], "status": "succeeded"})).json()
        return made, first, rest

    made, first, rest = over_http(tmp_path, scene)
    assert [one["id"] for one in first["runs"] + rest["runs"]] == made[::-1]
    assert (len(first["runs"]), rest["next"]) == (2, None)


def test_what_has_not_changed_is_not_sent_again(tmp_path):
    """The tag of a run is its number of events."""

    async def scene(client):
        run = await begun(client)
        await client.get(f"/v1/runs/{run}/wait")
        first = await client.get(f"/v1/runs/{run}")
        again = await client.get(f"/v1/runs/{run}", headers={"If-None-Match": first.headers["etag"]})
        return again.status_code, again.content

    assert over_http(tmp_path, scene) == (304, b"")


def test_messages_reach_a_run(tmp_path):
    """On the topic that it listens to."""

    async def scene(client):
        run = await begun(client, "listening")
        sent = await client.post(f"/v1/runs/{run}/messages", json={"topic": "news", "message": "rain"})
        return sent.status_code, (await client.get(f"/v1/runs/{run}/wait")).json()["text"]

    assert over_http(tmp_path, scene) == (204, "heard rain")


def test_a_service_that_stops_parks_and_the_next_goes_on(tmp_path):
    """Nothing is lost: the run is under way again when the next one has started."""

    async def first(client):
        return await begun(client, "slow")

    run = over_http(tmp_path, first)

    async def second(client):
        before = (await client.get(f"/v1/runs/{run}")).json()
        await client.post(f"/v1/runs/{run}/cancel", json={})
        return before["status"], (await client.get(f"/v1/runs/{run}")).json()["status"]

    assert over_http(tmp_path, second) == ("running", "cancelled")


def test_what_cannot_be_begun_is_said(tmp_path):
    """Unknown team, unknown option, unknown field, no JSON, no body: a problem with a status of its own."""

    async def scene(client):
        wrong = [
            {"team": "nobody", "task": "x"},
            {"team": "panel", "task": "x", "options": {"docs": "/"}},
            {"team": "panel", "task": "x", "surprise": 1},
            {"team": "panel"},
            {"team": "../panel", "task": "x"},
        ]
        answers = [await client.post("/v1/runs", json=one) for one in wrong]
        answers.append(await client.post("/v1/runs", content=b"{"))
        answers.append(await client.post("/v1/runs"))
        answers.append(await client.get("/v1/runs/nobody"))
        answers.append(await client.get("/v1/nothing"))
        answers.append(await client.put("/v1/runs"))
        return answers

    answers = over_http(tmp_path, scene)
    assert [one.status_code for one in answers] == [404, 422, 422, 422, 422, 400, 400, 404, 404, 405]
    assert {one.headers["content-type"] for one in answers} == {"application/problem+json"}
    assert all(one.json()["detail"] for one in answers)


def test_what_a_model_says_is_kept_for_who_comes_later(tmp_path):
    """Who begins to watch in the middle of an answer sees it from its beginning."""

    class Stalling:
        """Says something, and then nothing until `let` is set."""

        name = "stalling"

        def __init__(self):
            self.said, self.let = asyncio.Event(), asyncio.Event()

        async def __call__(self, think, /):
            return await self.stream(think, lambda _: None)

        async def stream(self, think, tell, /):
            tell(Delta("so far"))
            self.said.set()
            await self.let.wait()
            return Message(sender=think.actor, text="so far, so good")

    model = Stalling()

    async def scene(client):
        run = await begun(client)
        await model.said.wait()
        async with client.stream("GET", f"/v1/runs/{run}/events") as stream:
            async for line in stream.aiter_lines():
                if '"piece"' in line:
                    model.let.set()
                    return json.loads(line.removeprefix("data: "))["text"]
        return None

    assert over_http(tmp_path, scene, model=model) == "so far"


def test_a_team_whose_file_has_changed_is_the_new_one(tmp_path):
    """Each run has the team as its file says when it begins, though a file is compiled once."""

    async def scene(client):
        first = await begun(client, "panel")
        before = (await client.get(f"/v1/runs/{first}/wait")).json()["text"]
        file = tmp_path / "team.py"
        file.write_text(file.read_text().replace('judge=Agent("judge")', 'judge=Agent("chair")'))
        second = await begun(client, "panel")
        return before, (await client.get(f"/v1/runs/{second}/wait")).json()["text"]

    assert over_http(tmp_path, scene) == ("judge has read 7", "chair has read 7")


def test_the_questions_of_a_paused_run_are_listed(tmp_path):
    """With the run and in the inbox, marked; an answer is refused until the run is resumed."""

    async def scene(client):
        run = await begun(client, "person")
        await client.get(f"/v1/runs/{run}/wait")
        await client.post(f"/v1/runs/{run}/pause", json={})
        [asked] = (await client.get("/v1/approvals")).json()
        [own] = (await client.get(f"/v1/runs/{run}")).json()["questions"]
        refused = await client.post(f"/v1/approvals/{asked['id']}", json={"value": "yes"})
        await client.post(f"/v1/runs/{run}/resume", json={})
        await client.get(f"/v1/runs/{run}/wait")
        taken = await client.post(f"/v1/approvals/{asked['id']}", json={"value": "yes"})
        return asked, own, refused.status_code, taken.json()

    asked, own, refused, taken = over_http(tmp_path, scene)
    assert (asked["state"], asked["paused"], own) == ("open", True, asked)
    assert (refused, taken["state"], taken["paused"]) == (409, "answered", False)


def test_a_tenant_begins_no_more_runs_than_its_day_allows(tmp_path):
    """The one too many is a 429 that says which cap it is and when the day turns; a run at a cap fails, and says so."""
    quota = Quota(runs=2, requests=7)

    async def scene(client):
        ended = [await client.get(f"/v1/runs/{await begun(client)}/wait") for _ in range(2)]
        refused = await client.post("/v1/runs", json={"task": "Rust?", "team": "panel"})
        return [one.json() for one in ended], refused

    ended, refused = over_http(tmp_path, scene, settings=Settings(quotas={"*": quota}))
    assert [one["status"] for one in ended] == ["succeeded", "failed"]
    assert ended[1]["failure"]["kind"] == "OverLimit"
    assert sum(one["usage"]["requests"] for one in ended) == 7
    assert (refused.status_code, refused.json()["kind"]) == (429, "OverLimit")
    assert "runs of tenant 'default'" in refused.json()["detail"]
    assert 0 < int(refused.headers["Retry-After"]) <= 86_400
    assert "the day turns at 00:00 UTC" in refused.json()["detail"]


def test_why_a_policy_refuses_is_in_the_problem(tmp_path):
    """A rule's reason is read by whoever is refused, in the answer of the service."""
    policy = rules(Rule(decision="deny", actions=("run",), why="the panel is closed in December"))

    async def scene(client):
        return await client.post("/v1/runs", json={"task": "Rust?", "team": "panel"})

    refused = over_http(tmp_path, scene, policy=policy)
    assert refused.status_code == 403
    assert ": the panel is closed in December" in refused.json()["detail"]


def test_a_fork_with_another_task_says_which(tmp_path):
    """Without one it is a mistake of the client, and nothing is begun."""

    async def scene(client):
        run = (await client.post("/v1/runs", json={"team": "two", "task": "x"})).json()["id"]
        answer = await client.post(f"/v1/runs/{run}/fork", json={"changed": "task"})
        return answer.status_code, len((await client.get("/v1/runs")).json()["runs"])

    assert over_http(tmp_path, scene) == (422, 1)
