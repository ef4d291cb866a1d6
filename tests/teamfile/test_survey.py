import asyncio
import importlib
import math
from collections import Counter
from pathlib import Path

import pytest

from coterie import Agent, Limits, Message, Team
from coterie.errors import CoterieError
from coterie.kernel.story import graph
from coterie.models import scripted
from coterie.patterns import blackboard, debate, events, handoff, hub, on, pipeline, workqueue
from coterie.patterns.blackboard import Source
from coterie.stores import MemoryStore
from coterie.teamfile import load, opened
from coterie.teamfile.findings import findings
from coterie.teamfile.survey import bound, spend, survey, walk
from coterie.teamfile.templates import FOLDER
from coterie.testing import rehearse, simulate
from coterie.tools import as_tool, restricted
from coterie.words.task import Task
from tests.teamfile.pairs import PAIRS

SPECIMENS = sorted(
    path.stem
    for path in (Path(__file__).parents[1] / "patterns/specimens").glob("*.py")
    if path.stem != "__init__"
)
A, B, C = (Agent(name) for name in "abc")


async def listen(task):
    return Message(sender="", text="heard")


@pytest.mark.parametrize("name", SPECIMENS)
@pytest.mark.parametrize("seed", range(5))
def test_no_run_makes_more_calls_than_its_bound(name, seed):
    """Whatever members answer, nobody is called more often than the pattern says."""
    specimen = importlib.import_module(f"tests.patterns.specimens.{name}")
    team = specimen.build([Agent("a"), Agent("fails"), Agent("c")], name=name)
    run = simulate(
        team, "go", seed=seed, script=lambda think: CoterieError("down") if think.actor == "fails" else "x"
    )
    most, _ = bound(team)
    assert run.usage.requests <= most


@pytest.mark.parametrize(("name", "team"), [(name, team) for name, (_, team) in sorted(PAIRS.items())])
def test_members_are_called_no_more_often_than_said(name, team):
    """Each frame of a member counts against what its team says of it, one by one or together."""

    async def journal():
        store = MemoryStore()
        task = Task("go", data=["x", "y"]) if name != "handoff" else Task("go")
        await team.run(
            task, model=scripted(lambda think: "yes"), store=store, id="r", limits=Limits(requests=300)
        )
        return await store.read("r")

    times = Counter()
    for (caller, called), count in graph(asyncio.run(journal())).items():
        if caller != called and caller == team.name:
            times[called] += count
    for said in team.calls:
        counts = [times[one.name] for one in said.actors]
        others = [one for one in team.calls if one is not said and set(one.actors) & set(said.actors)]
        if not others:
            assert (sum(counts) if said.together else max(counts, default=0)) <= said.most


@pytest.mark.parametrize(
    ("team", "calls"),
    [
        (debate(A, B, judge=C, rounds=2), 7),
        (debate(A, B, judge=C, rounds=0), 3),
        (PAIRS["supervisor"][1], 11 + 4 + 4),
        (hub(A, B), math.inf),
        (workqueue(A, tasks=["x"], tries=2, max_added=1), 4),
        (pipeline(debate(A, B, judge=C, rounds=1), A), 6),
        (Agent("d", output=int, repairs=1), 2),
        (Agent("d"), 1),
    ],
)
def test_bounds(team, calls):
    """Members times rounds, by each pattern's own settings, and the product where teams nest."""
    assert bound(team)[0] == calls


def test_limits_cut_bounds_off():
    """A team whose requests are limited makes no more, whatever its pattern says."""
    team = hub(A, B)
    team.limits = Limits(requests=9)
    assert [bound(team)[0], findings(team)] == [9, []]


def test_a_play_that_says_nothing_is_unknown():
    """Nobody knows what a plain play asks, so its bound is for the rest."""
    team = pipeline(Team("ear", (), listen), A)
    assert [bound(team), findings(team)] == [(1, True), []]


def test_spend():
    """Calls by prompts and answers, by the prices of the models that have any."""
    one = Agent("one", model="big", settings={"max_tokens": 100})
    team = debate(one, Agent("two"), judge=one, rounds=0)
    most = spend(team, {"big": (1.0, 10.0)}, prompt=1000)
    assert [most.calls, most.output_tokens, most.unpriced] == [3, 100 + 4096 + 100, ("default",)]
    assert most.usd == pytest.approx(2 * (1000 * 1.0 + 100 * 10.0) / 1e6)


def test_survey_marks_who_is_there_twice():
    """The same agent in two places is one agent, drawn twice."""
    root = survey(pipeline(debate(A, B, judge=C), A))
    assert [(node.path, node.again) for node in walk(root)] == [
        ("pipeline", False),
        ("pipeline/debate", False),
        ("pipeline/debate/a", False),
        ("pipeline/debate/b", False),
        ("pipeline/debate/c", False),
        ("pipeline/a", True),
    ]


@pytest.mark.parametrize(
    ("team", "expected"),
    [
        (handoff(A, B, C, edges={"a": ["b"]}), "handoff: control never comes to 'c': no edge leads to it from 'a'"),
        (blackboard(A, Source(B, ("x",))), "blackboard: 'b' never works: nobody adds 'x'"),
        (
            blackboard(A, Source(B, ("c",)), Source(C, ("b",))),
            "blackboard: 'b' never works: members wait for each other to add 'c'",
        ),
        (
            events(on("task", A, then="x"), on("y.>", B)),
            "events: 'b' waits for 'y.>', and what is published is 'task', 'x'",
        ),
        (pipeline(hub(A, B)), "pipeline/hub: may call 'b' without end: give it, or a team above it, `limits: {requests: N}`"),
    ],
)  # fmt: skip
def test_findings(team, expected):
    """Who is never reached, and what nothing bounds, by where it is in the team."""
    assert expected in [str(one) for one in findings(team)]


def look() -> str:
    """Look."""
    return "x"


def test_tools_that_nobody_granted_are_findings():
    """By the grants of everybody above, and of who calls an actor as a tool; a tool that is denied is meant so."""
    scout = Agent("scout", tools=[look])
    boss = Agent("boss", tools=[as_tool(scout)])
    lacking = (
        "its tools 'look' are not granted: add them to `grant: {allow: [...]}` here and above, or remove them"
    )
    given = Agent("boss", tools=[as_tool(scout, edge=["look"])])
    assert [str(one) for one in findings(boss) if one.kind == "grants"] == [f"boss/scout: {lacking}"]
    assert [one.kind for one in findings(given)] == ["unbounded"]
    assert [str(one) for one in findings(restricted(pipeline(scout), "other"))] == [
        f"pipeline/scout: {lacking}"
    ]
    assert (
        findings(restricted(pipeline(scout), "l*"))
        == findings(restricted(pipeline(scout), deny=["look"]))
        == []
    )


def test_grants_of_a_file_are_checked_by_what_its_tools_are_called(tmp_path):
    """Nothing is imported, so a tag may mean any tool; a name that is not there is found."""
    (tmp_path / "mine.py").write_text("def look(): ...\n")
    path = tmp_path / "team.yaml"
    for allow, kinds in (("look", []), ("'#read'", []), ("write", ["grants"])):
        path.write_text(f"agents: {{a: {{tools: ['mine.py:look'], grant: {{allow: [{allow}]}}}}}}\n")
        assert [one.kind for one in findings(opened(path).actor)] == kinds


def test_a_team_in_itself_is_a_finding():
    """A cycle that was made by hand is named, and drawing it ends."""

    class Loop(Team):
        pass

    team = pipeline(A, name="outer")
    team._members = (A, Team("inner", (team,), listen))
    assert "outer/inner/outer: it is a member of itself: outer -> inner -> outer" in map(str, findings(team))
    assert survey(team).calls == math.inf or survey(team).members


def beginner(think):
    """What a model might say to any of the templates."""
    if think.brief.output is None:
        return f"{think.actor} says so."
    if "steps" in str(think.brief.output):
        return {"steps": [{"id": "s1", "worker": "finder", "task": "look", "depends_on": []}]}
    return {"choice": "yes"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_templates_run(path):
    """Each comes to an answer, within its bound."""
    team = load(path)
    message, asked = rehearse(team, "Is the invoice wrong?", beginner)
    assert [message.unverified, bool(message.text), len(asked) <= bound(team)[0]] == ["", True, True]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_templates_have_no_findings(path):
    """What `coterie new` writes is in order, and bounded."""
    team = load(path)
    assert [findings(team), bound(team)[0] < 100] == [[], True]
