"""P19: delegation never widens rights. What is not granted is neither shown nor run, at every depth."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from coterie import Agent, Ask, Begin, Message, Start, Team, do, gather, resume, tool
from coterie.errors import NotGranted
from coterie.kernel.audit import report
from coterie.kernel.machine import Machine
from coterie.kernel.story import ENDED
from coterie.models import scripted
from coterie.shell.host import Host
from coterie.stores import MemoryStore
from coterie.testing import rehearse
from coterie.testing.still import StillWorld
from coterie.tool import Tool
from coterie.tools import as_tool, filtered, restricted
from coterie.words.event import Noted
from coterie.words.grant import Grant, exactly
from coterie.words.message import ToolCall
from coterie.words.task import Task

TAGS = {
    "read_a": ["safe"],
    "read_b": ["safe", "web"],
    "write_a": ["disk"],
    "write_b": ["disk", "web"],
    "pay": [],
}
PATTERNS = ["read_*", "write_*", "*_a", "pay", "#safe", "#disk", "#web", "*", "#w*", "none"]
MEANS = {  # what each pattern fits, by hand
    "read_*": {"read_a", "read_b"},
    "write_*": {"write_a", "write_b"},
    "*_a": {"read_a", "write_a"},
    "pay": {"pay"},
    "#safe": {"read_a", "read_b"},
    "#disk": {"write_a", "write_b"},
    "#web": {"read_b", "write_b"},
    "*": set(TAGS),
    "#w*": {"read_b", "write_b"},
    "none": set(),
}


DEPTH = 4
CASES = {
    *(f"depth {n}" for n in range(DEPTH + 1)), "grant", "deny", "nothing left", "parallel branches", "lost tools",
    "all tools lost", "delegation", "edge", "edge that widens", "edge that a ceiling holds",
}  # fmt: skip
"""What trees are made of, and what becomes of tools in them: each has to be among those that are tried."""


def grants(grant: Grant) -> set[str]:
    """The tools that a grant names, by hand."""
    return set().union(*map(MEANS.get, grant.allow)) - set().union(*map(MEANS.get, grant.deny))


class Forest:
    """Random trees of teams and agents; beside each, by plain sets, what its agents may use."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.ran: set[tuple[str, str]] = set()
        self.may: dict[str, set[str]] = {}
        self.own: dict[str, set[str]] = {}
        self.drawn: Counter[str] = Counter()
        self.count = 0
        self.root = self.grow(DEPTH, set(TAGS))

    def grow(self, depth: int, ceiling: set[str]):
        self.count += 1
        self.drawn[f"depth {DEPTH - depth}"] += 1
        name = f"n{self.count}"
        patterns = tuple(self.dice.sample(PATTERNS, self.dice.randint(1, 3)))
        deny = tuple(self.dice.sample(PATTERNS[:-1], self.dice.random() < 0.2))
        grant = Grant(patterns, deny) if self.dice.random() < 0.4 else None
        if grant is not None:
            self.drawn["grant"] += 1
            self.drawn["deny"] += bool(deny)
            self.drawn["nothing left"] += not ceiling & grants(grant)
            ceiling = ceiling & set().union(*map(MEANS.get, patterns)) - set().union(*map(MEANS.get, deny))
        if depth and self.dice.random() < 0.4:
            return self.team(name, grant, depth, ceiling)
        return self.agent(name, grant, depth, ceiling)

    def team(self, name, grant, depth, ceiling):
        members = [self.grow(depth - 1, ceiling) for _ in range(self.dice.randint(1, 2))]
        self.drawn["parallel branches"] += len(members) > 1

        async def play(task: Task) -> Message:
            return (await gather(*(member(task) for member in members)))[0]

        return Team(name, members, play, grant=grant)

    def agent(self, name, grant, depth, ceiling):
        own = set(self.dice.sample(sorted(TAGS), self.dice.randint(0, 4)))
        self.own[name], self.may[name] = own, own & ceiling
        self.drawn["lost tools"] += own > own & ceiling
        self.drawn["all tools lost"] += bool(own) and not own & ceiling
        tools: list[Tool] = [self.tool(name, one) for one in sorted(own)]
        if depth and self.dice.random() < 0.5:
            edge = tuple(self.dice.sample(PATTERNS, self.dice.random() < 0.4))
            handed = own | set().union(*map(MEANS.get, edge))
            self.drawn["delegation"] += 1
            self.drawn["edge"] += bool(edge)
            self.drawn["edge that widens"] += handed > own and bool(ceiling & handed - own)
            self.drawn["edge that a ceiling holds"] += bool(handed - own - ceiling)
            below = self.grow(depth - 1, ceiling & handed)
            tools.append(as_tool(below, name=f"give_{below.name}", edge=edge))
        return Agent(name, tools=tools, grant=grant, turns=8)

    def tool(self, agent: str, name: str) -> Tool:
        def used() -> str:
            self.ran.add((agent, name))
            return "done"

        return Tool(used, name=name, tags=TAGS[name])


def greedy(shown: dict[str, set[str]]):
    """A model that asks for every tool it can think of, shown or not, and for every delegation."""

    def line(think):
        names = {spec.name for spec in think.brief.tools}
        shown.setdefault(think.actor, set()).update(names)
        if len(think.thread) > 1:
            return "enough"
        wanted = sorted(names | set(TAGS))
        return Message(
            sender=think.actor,
            calls=tuple(
                ToolCall(str(n), one, {"task": "go"} if one.startswith("give_") else {})
                for n, one in enumerate(wanted)
            ),
        )

    return line


def lived(actor, line):
    """What a machine noted while it lived through a run in which every effect ends at once."""
    world, machine = StillWorld(line), Machine(actor, Task("go"))
    while not machine.done:
        for asked in machine.wants():
            if asked.path in machine.parked:
                machine.settle(world.perform(asked))
    assert machine.error is None
    return [note for note in machine.notes() if isinstance(note, Noted)]


@pytest.mark.parametrize("block", range(10))
def test_no_call_outside_the_grant_in_10000_trees(block: int) -> None:
    """Own and granted at each depth, by sets: exactly that is shown, exactly that runs, the rest is reported lost."""
    drawn: Counter[str] = Counter()
    reported = 0
    for seed in range(block * 1000, block * 1000 + 1000):
        forest = Forest(seed)
        drawn += forest.drawn
        shown: dict[str, set[str]] = {}
        notes = lived(forest.root, greedy(shown))
        reached = set(shown)
        expected = {(agent, name) for agent in reached for name in forest.may[agent]}
        assert forest.ran == expected, seed
        assert {agent: names & set(TAGS) for agent, names in shown.items()} == {
            agent: forest.may[agent] for agent in reached
        }, seed
        lost = {
            note.path.rpartition("/")[2]: set(note.about.split(", ")) for note in notes if note.fact == "lost"
        }
        reported += len(lost)
        for agent in reached:
            assert lost.get(agent, set()) & set(TAGS) == forest.own[agent] - forest.may[agent], seed
    assert {case for case in CASES if drawn[case] < 20} == set()
    assert reported >= 100


@tool
def look() -> str:
    """Look."""
    return "seen"


@tool(tags=["disk"])
def write() -> str:
    """Write."""
    return "written"


def test_a_use_outside_the_grant_is_refused_before_the_world_sees_it() -> None:
    """A play that uses a tool itself gets `NotGranted`; the journal has the refusal, and no ask."""

    async def play(task: Task) -> str:
        return await do(write)

    store = MemoryStore()

    async def run():
        result = await Team("t", (), play, grant=Grant.of("look")).run("go", store=store, id="r")
        return result, await store.read("r")

    result, records = asyncio.run(run())
    assert result.failure is not None
    assert result.failure.kind == NotGranted.__name__
    assert [type(one.event).__name__ for one in records] == ["Opened", "Noted", "Noted", "Noted", "Closed"]
    assert [one.event.fact for one in records[1:4]] == ["entered", "refused", "failed"]


def test_a_step_of_the_play_is_no_tool() -> None:
    """A grant is about tools: a function that a play calls itself needs none."""

    async def play(task: Task) -> str:
        return await do(len, "four")

    with pytest.raises(NotGranted):
        rehearse(Team("t", (), lambda task: do(write), grant=Grant()))
    assert rehearse(Team("t", (), lambda task: _text(play(task)), grant=Grant()))[0].text == "4"


async def _text(work) -> str:
    return str(await work)


def test_what_is_lost_is_in_the_journal_and_not_in_the_prompt() -> None:
    """A team that grants `look` loses `write` for its member, at the moment when that is called."""
    shown: list[str] = []

    def line(think):
        shown.extend(spec.name for spec in think.brief.tools)
        return "done"

    notes = lived(restricted(Agent("a", tools=[look, write]), "look"), line)
    assert shown == ["look"]
    assert [(note.path, note.about) for note in notes if note.fact == "lost"] == [("a", "write")]


def test_a_wider_grant_needs_a_declared_edge_and_is_noted() -> None:
    """An agent that has `look` alone gives no `write` to whom it calls, unless the edge was declared."""
    worker = Agent("worker", tools=[write])
    script = {"boss": [ToolCall("1", "worker", {"task": "write it"}), "done"]}

    def line(think):
        if think.actor == "boss":
            return script["boss"][len(think.thread) > 1]
        return ",".join(spec.name for spec in think.brief.tools) or "nothing"

    def told(*edge: str):
        boss = Agent("boss", tools=[look, as_tool(worker, edge=edge)])
        _, asked = rehearse(boss, "go", line)
        granted = [(note.path, note.about) for note in lived(boss, line) if note.fact == "granted"]
        return asked[-1].thread[-1].text, granted

    assert told() == ("nothing", [])
    assert told("#disk") == ("write", [("boss/worker", "#disk")])


def test_no_edge_is_wider_than_the_grant_above_it() -> None:
    """A ceiling holds whatever is declared below it."""
    boss = Agent("boss", tools=[as_tool(Agent("w", tools=[write]), name="give_w", edge=["*"])])
    shown: dict[str, set[str]] = {}
    lived(restricted(boss, "look", "give_w"), greedy(shown))
    assert shown == {"boss": {"give_w"}, "w": set()}


def test_a_changed_grant_is_another_version() -> None:
    """A run that waits is not gone on with under another grant unawares: it parks."""

    async def play(task: Task) -> str:
        return await Ask("Well?")

    team, store = Team("t", (), play), MemoryStore()

    async def run():
        await team.run("go", store=store, id="r")
        return await resume(restricted(team, "look"), "r", store=store, answers={"t/ask.1": "on"})

    assert asyncio.run(run()).status == "needs_migration"


def test_without_a_grant_nothing_is_allowed() -> None:
    """The empty grant denies every tool; an agent without tools has none."""
    assert filtered([look, write], deny=["*"]) == ()
    assert not Grant().allows(look)
    assert Agent("a").tools == {}


@pytest.mark.parametrize("name", ["a*", "#disk", "[ab]", "a?"])
def test_no_name_is_magic(name: str) -> None:
    """A tool whose name looks like a pattern hands on that name, and nothing that it would fit."""
    grant = Grant((exactly(name),))
    assert grant.allows(Tool(lambda: 1, name=name))
    assert not any(
        grant.allows(Tool(lambda: 1, name=other, tags=["disk"])) for other in ("ab", "a", "b", "disk")
    )


def test_two_grants_allow_what_both_do() -> None:
    """Narrowing is an intersection, whatever the order, and the same grant twice is the same."""
    reads, disk = Grant.of("read_*"), Grant.of("#disk", deny=["pay"])
    both, turned = reads & disk, disk & reads
    tools = [Tool(lambda: 1, name=name, tags=tags) for name, tags in TAGS.items()]
    assert [both.allows(one) for one in tools] == [turned.allows(one) for one in tools]
    assert both & disk == both


def test_what_a_member_loses_is_told_when_it_is_called_and_in_the_report() -> None:
    """Before it thinks, once a call, with the path where it happened; a compliance report has it, too."""
    store = MemoryStore()
    inner = Agent("inner", tools=[look, write], model=scripted(lambda think: "done"))

    async def play(task: Task) -> Message:
        return (await gather(inner(task), inner(task)))[0]

    async def scene():
        await Team("outer", (inner,), play, grant=Grant.of("look")).run("go", store=store, id="r")
        return await store.read("r")

    records = asyncio.run(scene())
    told = [(one.event.path, one.event.about) for one in records if getattr(one.event, "fact", "") == "lost"]
    assert told == [("outer/inner", "write"), ("outer/inner.2", "write")]
    kinds = [
        (one.event.path, type(one.event).__name__)
        for one in records
        if "inner" in getattr(one.event, "path", "")
    ]
    for path, _ in told:
        mine = [kind for at, kind in kinds if at == path or at.startswith(f"{path}/")]
        assert mine.index("Asked") > 1  # entered and lost are noted before anything is asked
    assert [(fact, about) for _, fact, about in report("r", records).rights] == [("lost", "write")] * 2


@pytest.mark.parametrize("effect", [Start, Begin])
def test_a_run_that_is_begun_may_use_no_more_than_whoever_began_it(effect) -> None:
    """A grant is a ceiling for child runs, and for theirs, whether they are waited for or not."""
    ran: list[str] = []
    shown: list[list[str]] = []

    @tool
    def write() -> str:
        """Write."""
        ran.append("write")
        return "written"

    def says(think):
        shown.append([spec.name for spec in think.brief.tools])
        return "done" if len(think.thread) > 1 else ToolCall("1", "write", {})

    worker = Agent("worker", tools=[look, write], model=scripted(says))

    async def begins(task: Task) -> str:
        return str(await effect(worker, "write it"))

    middle = Team("middle", (worker,), begins)

    async def play(task: Task) -> str:
        return str(await effect(middle, "go on"))

    async def scene():
        store = MemoryStore()
        stage = Host(store, actor_of=lambda began: made[began.actor])
        async with stage:
            await stage.begin(made["top"], "go", id="r")
            while not shown or any(one.status not in ENDED for one in await store.runs()):
                await asyncio.sleep(0.001)
        return [report(one.id, await store.read(one.id)) for one in await store.runs()]

    made = {"top": Team("top", (middle,), play, grant=Grant.of("look")), "middle": middle, "worker": worker}
    reports = asyncio.run(scene())
    assert (ran, set(map(tuple, shown))) == ([], {("look",)})
    assert [right for one in reports for right in one.rights] == [("worker", "lost", "write")]
    assert len(reports) == 3
