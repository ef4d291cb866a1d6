import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from coterie import Agent, Limits, patterns
from coterie.calls import Calls
from coterie.context import Last
from coterie.recollect import Recollect
from coterie.roles import role
from coterie.team import Team, manifest
from coterie.teamfile import load, schema
from coterie.teamfile.forms import agent_form, form_of, pattern_forms
from coterie.teamfile.kinds import APolicy, Either, Kind, Named, Several
from coterie.teamfile.schema import text
from coterie.testing import rehearse
from coterie.words.grant import Grant
from tests.teamfile.pairs import AGENTS, PAIRS

VALIDATOR = jsonschema.Draft202012Validator(schema())
SHIPPED = Path(__file__).parents[2] / "src/coterie/teamfile/team.schema.json"


def written(tmp_path, text):
    path = tmp_path / "team.yaml"
    path.write_text(text)
    return path


def core(text):
    """What YAML 1.2 makes of a file: PyYAML's own scalars are those of 1.1, in which `yes` is true."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {
        key: [(tag, regexp) for tag, regexp in found if "bool" not in tag or key in "tTfF"]
        for key, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return yaml.load(text, Loader)  # noqa: S506 - a safe loader, but for its booleans


@pytest.mark.parametrize("name", sorted(pattern_forms()))
def test_every_public_pattern_can_be_named(name, tmp_path):
    """With all its plain options a pattern is the same team in YAML as in Python, and the schema knows it."""
    said, expected = PAIRS[name]
    text = f"{AGENTS}team: {{{said}}}\n"
    actual = load(written(tmp_path, text))
    versions = {path: version for path, version in manifest(actual).items() if path != "team.yaml"}
    assert versions == manifest(expected)
    assert list(VALIDATOR.iter_errors(core(text))) == []


@pytest.mark.parametrize("name", sorted(pattern_forms()))
def test_every_option_that_is_plain_data_is_tried(name):
    """The pairs above leave out nothing but functions, which only Python has."""
    functions = {("cached", "key"), ("resilient", "simplify"), ("resilient", "retry_on")}
    form, said = pattern_forms()[name], PAIRS[name][0]
    common = {"name", "on_failure"}
    options = {option for option in form.others if (name, option) not in functions} - common
    assert [option for option in options if f"{option}:" not in said] == []


def test_the_table_is_the_catalogue():
    """What `coterie.patterns` exports and what builds a team is in the table, and nothing else."""
    assert set(pattern_forms()) == set(PAIRS)
    assert set(PAIRS) <= set(patterns.__all__)


def test_a_new_pattern_appears_by_being_exported(tmp_path, monkeypatch):
    """A function that builds a team, once it is exported, is in the reader, the schema and the graph."""
    namespace = dict(
        vars(patterns.debate.__globals__ and __import__("coterie.patterns.debate", fromlist=["x"]))
    )
    exec(  # noqa: S102 - a pattern as a user would write one
        "def duel(*fighters: Actor, referee: Actor, bouts: int = 2, name: str = 'duel') -> 'Team':\n"
        "    'A team that fights.'\n"
        "    async def play(task): return await referee(task)\n"
        "    return Team(name, [*fighters, referee], play, settings={'bouts': bouts})\n",
        namespace,
    )
    duel = namespace["duel"]
    duel.__module__, duel.__annotations__["return"] = "coterie.patterns.debate", "Team"
    duel.__annotations__ |= {"fighters": "Actor", "referee": "Actor", "bouts": "int", "name": "str"}
    monkeypatch.setattr(patterns, "duel", duel, raising=False)
    monkeypatch.setattr(patterns, "__all__", [*patterns.__all__, "duel"])
    pattern_forms.cache_clear()
    try:
        said = "team: {duel: [a, b], referee: c, bouts: 3}\n"
        team = load(written(tmp_path, AGENTS + said))
        fresh = jsonschema.Draft202012Validator(schema())
        assert [team.pattern, team.settings] == ["duel", {"bouts": 3}]
        assert list(fresh.iter_errors(core(AGENTS + said))) == []
        assert list(fresh.iter_errors(core(AGENTS + said.replace("bouts", "bouhts")))) != []
    finally:
        pattern_forms.cache_clear()


def test_the_shipped_schema_is_of_today():
    """The file that editors use is what the table makes."""
    assert SHIPPED.read_text() == text(), "run: coterie schema > src/coterie/teamfile/team.schema.json"
    jsonschema.Draft202012Validator.check_schema(json.loads(SHIPPED.read_text()))


def test_a_debate_in_ten_lines(tmp_path):
    """Agents by name with their instructions, and a pattern with its members."""
    lines = [
        "agents:",
        "  hope: Argue for the proposal.",
        "  doubt: Argue against it.",
        "  judge: Weigh both sides and decide.",
        "team:",
        "  debate: [hope, doubt]",
        "  judge: judge",
        "  rounds: 1",
    ]
    team = load(written(tmp_path, "\n".join(lines)))
    message, asked = rehearse(team, "Rust?", lambda think: f"{think.actor} {len(think.thread)}")
    assert [message.text, len(asked)] == ["judge 7", 5]


def test_nesting(tmp_path):
    """Teams stand where agents do, by name or written out, to any depth, and one object is one member."""
    text = AGENTS + (
        "teams:\n  inner: {parallel: [a, b]}\n"
        "team:\n  pipeline:\n    - inner\n    - {debate: [inner, {agent: d, instructions: x}], judge: c}\n"
    )
    team = load(written(tmp_path, text))
    inner, fight = team.members
    assert [inner.name, fight.members[0] is inner, fight.members[1].name] == ["inner", True, "d"]


def test_an_agent_has_all_that_an_agent_has(tmp_path):
    """Model, role, output, limits, settings, checks: each is in the agent that comes of it."""
    text = """
model: embedded
agents:
  a:
    role: critic
    instructions: Be kind.
    output: {type: object, properties: {score: {type: number, minimum: 0}}, required: [score]}
    turns: 3
    repairs: 0
    settings: {temperature: 0, max_tokens: 9}
    limits: {requests: 4, prices: {embedded: [1, 2]}}
    context: {last: {n: 3, budget: 4000}}
    grant: {allow: ["#read", look]}
    done_when: {contains: good}
"""
    agent = load(written(tmp_path, text))
    assert isinstance(agent, Agent)
    assert [agent.model_name, agent.turns, agent.repairs] == ["embedded", 3, 0]
    assert agent.context == Last(n=3, budget=4000)
    assert agent.grant == Grant.of("#read", "look")
    assert agent.instructions == f"{role('critic').instructions}\n\nBe kind."
    assert agent.limits == Limits(requests=4, prices={"embedded": (1, 2)})
    assert agent.brief.output["required"] == ["score"]
    assert agent.brief.settings == {"temperature": 0, "max_tokens": 9}
    with pytest.raises(Exception, match="score is less than 0"):
        rehearse(agent, "x", '{"score": -1}')
    assert rehearse(agent, "x", '{"score": 1, "why": "good"}')[0].output == {"score": 1, "why": "good"}


def test_a_role_with_parts_of_its_own(tmp_path):
    """Parts stand in the place of the library's, as in Python; the schema knows them."""
    text = "agents: {a: {role: {name: judge, does: [Decide.], answer: One word.}}}\n"
    agent = load(written(tmp_path, text))
    assert agent.instructions == role("judge", does=("Decide.",), answer="One word.").instructions
    assert list(VALIDATOR.iter_errors(core(text))) == []
    assert list(VALIDATOR.iter_errors(core(text.replace("judge", "nobody")))) != []


def test_an_agent_with_memory(tmp_path):
    """What an agent uses of the memory of its run is a mapping, or just true."""
    text = "agents: {a: {memory: {first: 2, tags: [x]}}, b: {memory: true}}\nteam: {parallel: [a, b]}\n"
    one, other = load(written(tmp_path, text)).members
    assert [one.memory, other.memory] == [Recollect(first=2, tags=("x",)), Recollect()]


def test_limits_and_checks_of_any_team(tmp_path):
    """Every pattern takes limits and a done-when, whether its own function has them or not."""
    text = AGENTS + "team: {debate: [a, b], judge: c, limits: {requests: 9}, done_when: {contains: end}}\n"
    team = load(written(tmp_path, text))
    assert team.limits == Limits(requests=9)
    assert rehearse(team, "x", "no")[0].unverified == "the answer lacks 'end'"


def test_choices_stay_words(tmp_path):
    """`yes`, `no`, `on` and `off` are texts in YAML 1.2, and so they are here."""
    team = load(written(tmp_path, AGENTS + "team: {committee: [a, b], choices: [yes, no, on, off]}"))
    assert team.settings["choices"] == ["yes", "no", "on", "off"]


def test_every_kind_says_what_it_may_be():
    """Whatever a form takes can be said in words, so no message about it fails."""
    from coterie.teamfile.wording import may_be

    def kinds(kind: Kind):
        yield kind
        for one in kind.of if isinstance(kind, Either) else ():
            yield from kinds(one)
        if isinstance(kind, (Several, Named)):
            yield from kinds(kind.of)

    forms = [*pattern_forms().values(), agent_form(), form_of(Calls)]
    said = [may_be(one) for form in forms for param in form.params for one in kinds(param.kind)]
    assert all(said)
    assert any(isinstance(param.kind, APolicy) for form in forms for param in form.params)


def test_all_teams_tell_how_often_they_call():
    """Every pattern gives its worst case from its own settings."""
    assert [
        name for name, (_, team) in PAIRS.items() if not isinstance(team, Team) or team.calls is None
    ] == []
