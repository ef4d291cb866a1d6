"""Teams written over HTTP: kept in versions, checked, drawn and run; and patterns written out for one run."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from coterie.client import AsyncClient
from coterie.doors.cli.hosts import Hosts, Rules
from coterie.doors.http.keys import KeyRing
from coterie.doors.http.library import Library
from coterie.errors import BadInput, Busy, Changed, Denied
from coterie.memory import SqliteKnowledge
from coterie.models import scripted
from coterie.policy.rules import Rule, rules
from coterie.teamfile.closed import Offered, Written
from coterie.teamfile.forms import pattern_forms
from coterie.teamfile.source import parsed, plain
from coterie.tool import tool_of
from tests.http.serving import TOKEN, clock, served, service_at
from tests.teamfile.pairs import PAIRS

TWO = """
description: Two who speak after each other.
agents:
  hope: You see the good.
team: {pipeline: [hope, doubt]}
"""


def with_client(tmp_path, scene, **options):
    async def performed():
        service = service_at(tmp_path, **options)
        async with served(service) as http, AsyncClient(str(http.base_url), TOKEN) as client:
            return await scene(client)

    return asyncio.run(asyncio.wait_for(performed(), 60))


def test_a_team_is_kept_in_versions_and_run(tmp_path):
    """With members that are agents of the same tenant; listed after what is offered, drawn, changed and deleted."""

    async def scene(client):
        await client.create_agent("doubt", "You see the bad.", memory=False)
        made = await client.write_team("duo", TWO)
        run = await client.wait((await client.start("duo", "Rust?")).id)
        listed = [(one.name, one.members, one.written) for one in await client.teams()][-1]
        drawn = await client.graph("duo")
        with pytest.raises(Changed):
            await client.change_team("duo", made.version + 1, TWO)
        changed = await client.change_team("duo", made.version, {"team": {"parallel": ["doubt"]}})
        with pytest.raises(Busy, match="is there already"):
            await client.write_team("doubt", TWO)
        with pytest.raises(Busy, match="offers a team"):
            await client.write_team("panel", TWO)
        await client.delete_team("duo", changed.version)
        with pytest.raises(BadInput, match="no team is called"):
            await client.start("duo", "x")
        return made, run, listed, drawn, changed

    made, run, listed, drawn, changed = with_client(tmp_path, scene)
    assert (made.document, changed.version > made.version) == (TWO, True)
    assert (run.status, run.team, run.text) == ("succeeded", "duo", "doubt has read 1")
    assert listed == ("duo", ["hope", "doubt"], True)
    assert ("pipeline" in drawn.text, drawn.mermaid.startswith("flowchart"), "<svg" in drawn.svg) == (
        True,
    ) * 3


def test_a_run_goes_on_with_what_it_began_with(tmp_path):
    """Whatever becomes of its team and of the agents that it names, after a restart too."""
    document = {"agents": {"one": "First."}, "team": {"pipeline": ["one", "two", "person"]}}

    async def begin(client):
        await client.create_agent("bob", memory=False)
        await client.write_team(
            "trio", msgspec.json.decode(msgspec.json.encode(document).replace(b"two", b"bob"))
        )
        run = await client.wait((await client.start("trio", "Rust?")).id)
        await client.delete_team("trio")
        await client.delete_agent("bob")
        return run.id, run.status

    async def answer(client):
        [asked] = await client.approvals()
        await client.answer(asked.id, "yes")
        return (await client.wait(asked.run)).text

    run, status = with_client(tmp_path, begin)
    assert (bool(run), status, with_client(tmp_path, answer)) == (True, "waiting", "yes")


@pytest.mark.parametrize("name", sorted(pattern_forms()))
def test_every_pattern_can_be_written_out_for_one_run(tmp_path, name):
    """By its name, its members and its options, as a team file would; the run begins."""
    said = plain(parsed(f"{{{PAIRS[name][0].replace('matches: ', 'equals: ')}}}".encode(), "pair"))
    members = said.pop(name, None)
    agents = {one: f"You are {one}." for one in "abc"}
    said.pop("name", None)

    async def scene(client):
        limits = {"requests": 30}
        run = await client.start_pattern(name, members, "x", options=said, agents=agents, limits=limits)
        await client.cancel(run.id)
        return run.origin["written"]["document"]["team"]

    team = with_client(tmp_path, scene)
    assert name in team


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {"pattern": "debate", "members": ["a", "b"], "options": {"judge": "nobody"}},
            "'nobody' is not defined",
        ),
        ({"pattern": "argue", "members": []}, "there is no pattern 'argue'"),
        ({"pattern": "parallel", "members": [{"agent": "a", "tools": ["os:system"]}]}, "is code"),
        ({"pattern": "parallel", "members": [{"agent": "a", "model": "openai:gpt-5"}]}, "no model"),
        ({"pattern": "parallel", "members": [{"use": "team.yaml"}]}, "names no files"),
        ({"pattern": "parallel", "members": [{"python": "os:system"}]}, "is code"),
        ({"pattern": "parallel", "members": ["panel"], "model": "openai:gpt-5"}, "no model 'openai:gpt-5'"),
        ({"team": "panel", "pattern": "parallel", "members": ["panel"]}, "say one of them"),
        ({}, "say one of them"),
    ],
)
def test_what_is_written_out_names_nothing_of_the_machine(tmp_path, body, said):
    """No code, file, or model that is not offered; every mistake is said, and nothing is begun."""
    if "members" in body and "options" in body:
        body["agents"] = {"a": "x", "b": "y"}

    async def performed():
        async with served(service_at(tmp_path)) as http:
            answer = await http.post("/v1/runs", json={"task": "x", **body})
            return answer.status_code, answer.json()["detail"], (await http.get("/v1/runs")).json()["runs"]

    status, detail, runs = asyncio.run(performed())
    assert (status, said in detail, runs) == (422, True, []), detail


def test_a_document_is_checked_before_it_is_kept(tmp_path):
    """What is wrong, each with its line, and what it may cost at most; nothing is kept."""

    async def scene(client):
        bad = await client.check("agents: {a: x}\nteam: {pipeline: [a, nobody, {python: 'os:system'}]}")
        good = await client.check({"agents": {"a": "x", "b": "y"}, "team": {"pipeline": ["a"]}})
        with pytest.raises(BadInput, match="'nobody' is not defined"):
            await client.write_team("bad", "team: {pipeline: [nobody]}")
        return (
            [one.message for one in bad.findings],
            good,
            [one for one in await client.teams() if one.written],
        )

    bad, good, kept = with_client(tmp_path, scene)
    assert (len(bad), good.kind, good.calls, kept) == (2, "pipeline", 1, [])
    assert [one.message for one in good.findings] == ["agent 'b' is in no team"]


def test_lists_are_read_a_page_at_a_time(tmp_path):
    """Teams that are offered, then those that were written; questions, too. A link says where the next page is."""

    async def performed():
        async with served(service_at(tmp_path)) as http:
            for name in ("alpha", "beta"):
                document = {"agents": {"a": "x"}}
                assert (
                    await http.post("/v1/teams", json={"name": name, "document": document})
                ).status_code == 201
            pages, path = [], "/v1/teams?limit=3"
            while path:
                answer = await http.get(path)
                pages.append([one["name"] for one in answer.json()])
                path = answer.links["next"]["url"] if "next" in answer.links else ""
            known = await http.get("/v1/teams?limit=3")
            same = await http.get("/v1/teams?limit=3", headers={"if-none-match": known.headers["etag"]})
            for _ in range(3):
                run = (await http.post("/v1/runs", json={"team": "two", "task": "x"})).json()["id"]
                await http.get(f"/v1/runs/{run}/wait")
            asked, path = [], "/v1/approvals?limit=4"
            while path:
                answer = await http.get(path)
                asked.append([one["id"] for one in answer.json()])
                path = answer.links["next"]["url"] if "next" in answer.links else ""
            assert (list(map(len, asked)), len({id for page in asked for id in page})) == ([4, 2], 6)
            bad = [(await http.get(f"/v1/teams?limit={limit}")).status_code for limit in (0, 501, "x")]
            return pages, same.status_code, bad

    pages, same, bad = asyncio.run(performed())
    assert pages == [["panel", "person", "two"], ["slow", "nap", "listening"], ["alpha", "beta"]]
    assert (same, bad) == (304, [422] * 3)


def test_a_policy_is_asked_about_runs_of_what_was_written(tmp_path):
    """By the name of the team's actor, as of any other."""
    policy = rules(Rule(decision="deny", actions=("run",), resources=("pipeline",)), default="allow")

    async def scene(client):
        await client.write_team("duo", {"agents": {"a": "x"}, "team": {"pipeline": ["a"]}})
        with pytest.raises(Denied, match="does not let"):
            await client.start("duo", "x")
        return (await client.wait((await client.start("panel", "x")).id)).status

    assert with_client(tmp_path, scene, policy=policy) == "succeeded"


def test_a_worker_goes_on_with_what_was_written(tmp_path):
    """From the journal alone: documents, offered members by where they are, tools that it has, and the same memory."""

    def tells(think):
        return f"{[one.name for one in think.brief.tools]} {think.thread[0].text}"

    async def performed():
        async with served(service_at(tmp_path)) as http, AsyncClient(str(http.base_url), TOKEN) as client:
            await client.remember("The heron nests in March")
            agents = {"ada": {"tools": ["clock"], "memory": True}}
            begun = await client.start_pattern("pipeline", ["person", "ada"], "heron", agents=agents)
            run = await client.wait(begun.id)
        rules = Rules(
            offered=Offered(tools={"clock": tool_of(clock)}, models=None),
            knowledge=SqliteKnowledge(tmp_path / "memory.db", None),
        )
        hosts = Hosts(str(tmp_path / "runs.db"), None, rules)
        host = hosts.host_of("default")
        host._model = lambda _: scripted(tells)
        [asked] = await host.questions()
        await host.answer(asked.id, "yes")
        said = await host.wait(run.id)
        await hosts.close()
        return run.status, said.status, said.text

    before, status, text = asyncio.run(asyncio.wait_for(performed(), 60))
    assert (before, status) == ("waiting", "succeeded"), text
    assert text.startswith("['clock', 'search_memory', 'keep_in_memory']")


@pytest.mark.parametrize(
    ("team", "options", "named"),
    [
        ("research", {"docs": "/etc"}, "docs"),
        ("research", {"beside": "/x.db", "docs": "/etc"}, "beside"),
        ("software", {"out": "/etc/cron.d"}, "out"),
        ("notify", {"feed": "http://169.254.169.254/", "outbox": "x", "polls": 1}, "feed"),
    ],
)
def test_offered_teams_are_told_no_files_by_documents(tmp_path, team, options, named):
    """Unless the service says that they may be; a team that is not offered is not there at all."""
    said = Written(document={"team": {"use": team, "options": options}})
    with pytest.raises(BadInput, match=f"is not told '{named}' here"):
        _ = Library([team]).read(said, "x").actor
    with pytest.raises(BadInput, match=f"there is no ready-made team '{team}'"):
        _ = Library(["decision"], folders=[tmp_path]).read(said, "x").actor


def test_a_service_may_let_documents_name_files(tmp_path):
    """Those below the folders that it names."""
    (tmp_path / "a.md").write_text("Tides follow the moon.")
    said = Written(document={"team": {"use": "research", "options": {"docs": str(tmp_path)}}})
    assert Library(["research"], folders=[tmp_path]).read(said, "x").actor.members


def test_a_service_knows_the_tenants_that_have_keys(tmp_path):
    """So that one on PostgreSQL, where no folder names them, looks after their agents when it starts."""
    ring = KeyRing(tmp_path / "keys.db")
    for tenant in ("bolt", "acme", "acme"):
        ring.make("ada", tenant=tenant)
    assert ring.tenants() == ["acme", "bolt"]
