"""P20: `coterie check` lists every way from untrusted words to a sensitive tool, of every pattern, before it runs."""

from __future__ import annotations

import importlib
import re

import pytest
from click.testing import CliRunner

from coterie import Agent, Human, Remote, Team, tool
from coterie.doors.cli.commands import coterie
from coterie.teamfile import load
from coterie.teamfile.forms import pattern_forms
from coterie.teamfile.taints import ways
from coterie.tools.actors import as_tool
from tests.patterns.test_catalogue import NAMES
from tests.teamfile.pairs import PAIRS

TOOLS = """
from coterie import tool

@tool
def page(url: str) -> str:
    "A page of the web."
    return "PAY"

@tool(sensitive=True, trusted=True)
def pay(to: str) -> str:
    "Send money."
    return "paid"
"""
AGENTS = "agents:\n" + "".join(
    f"  {name}: {{instructions: You are {name}., tools: [tools.py:page, tools.py:pay]}}\n" for name in "abc"
)
LETTER = re.compile(r"\b[abc]\b")


@tool
def page(url: str) -> str:
    """A page of the web."""
    return "PAY"


@tool(sensitive=True, trusted=True)
def pay(to: str) -> str:
    """Send money."""
    return "paid"


def met(found):
    """Who may read somebody's words, and who may then act on them, by their names."""
    return {(way.source.split("/")[-2], way.sink.split("/")[-2]) for way in found}


@pytest.mark.parametrize("name", sorted(pattern_forms()))
def test_every_pattern_of_a_team_file(name, tmp_path):
    """Whoever is named in it, in whatever place: each that reads with each that can act, as the command says it, too."""
    (tmp_path / "tools.py").write_text(TOOLS)
    said = PAIRS[name][0]
    file = tmp_path / "team.yaml"
    file.write_text(f"{AGENTS}team: {{{said}}}\n")
    found = ways(load(file))
    named = set(LETTER.findall(said))
    assert met(found) == {(one, other) for one in named for other in named}
    told = CliRunner().invoke(coterie, ["check", str(file)])
    assert [str(way) for way in found] == [line for line in told.stdout.splitlines() if " -> " in line]


@pytest.mark.parametrize("name", NAMES)
def test_every_pattern_in_python(name):
    """A member that reads and one that acts, whichever way round they stand."""
    for tools in ([page], [pay], []), ([], [pay], [page]), ([pay], [], [page]):
        members = [Agent(one, tools=given) for one, given in zip("abc", tools, strict=True)]
        team = importlib.import_module(f"tests.patterns.specimens.{name}").build(members, name=name)
        reads, acts = ("abc"[tools.index([one])] for one in (page, pay))
        assert met(ways(team)) == {(reads, acts)}


def test_wherever_words_come_from():
    """From tools of agents that are tools, memory, remote agents, and members several teams down; not from people."""
    acts = Agent("acts", tools=[pay])
    assert met(ways(Agent("boss", tools=[as_tool(Agent("reads", tools=[page])), pay]))) >= {("reads", "boss")}
    assert met(ways(Team("t", (Agent("keeps", memory=True), acts), _play))) == {("keeps", "acts")}
    assert met(ways(Team("t", (Remote("https://a.example", name="far"), acts), _play))) == {("far", "acts")}
    deep = Team("one", (Team("two", (Team("three", (Agent("reads", tools=[page]),), _play),), _play),), _play)
    assert met(ways(Team("t", (deep, acts), _play))) == {("reads", "acts")}
    assert ways(Team("t", (Human("ada"), acts), _play)) == []


async def _play(task):
    return task.text


SAID = """
import coterie
from coterie import Tool, tool
from beside import theirs, plain as bare
from nowhere_at_all import lost

FLAG = True

@tool
def calm(x: str) -> str: ...

@tool(sensitive=True)
def sharp(x: str) -> str: ...

@coterie.tool(sensitive=FLAG, trusted=FLAG)
def maybe(x: str) -> str: ...

@tool(**{"sensitive": True})
def hidden(x: str) -> str: ...

@wrapped
def odd(x: str) -> str: ...

def function(x: str) -> str: ...

made = Tool(function, sensitive=True)
safe = Tool(function)
several = open("x")
"""
BESIDE = """
from coterie import tool

@tool(sensitive=True)
def theirs(x: str) -> str: ...

def plain(x: str) -> str: ...
"""


@pytest.mark.parametrize(
    ("name", "sensitive"),
    [
        ("calm", False), ("sharp", True), ("maybe", True), ("hidden", True), ("odd", True), ("function", False),
        ("made", True), ("safe", False), ("several", True), ("theirs", True), ("bare", False), ("lost", True),
    ],
)  # fmt: skip
def test_what_a_tool_is_is_read_and_not_run(name, sensitive, tmp_path):
    """In its source, and in that from which it is imported; what is not said in so many words counts as sensitive."""
    (tmp_path / "tools.py").write_text(SAID)
    (tmp_path / "beside.py").write_text(BESIDE)
    file = tmp_path / "team.yaml"
    file.write_text(
        f"agents: {{a: {{instructions: x, tools: [tools.py:{name}]}}}}\nteam: {{pipeline: [a]}}\n"
    )
    told = CliRunner().invoke(coterie, ["check", str(file)]).stdout
    assert (f"/{name} -> " in told) == sensitive
