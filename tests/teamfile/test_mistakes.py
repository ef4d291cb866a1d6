import pytest

from coterie.teamfile import BadFile, load, opened
from coterie.teamfile.source import MOST

AGENTS = "agents: {rob: You are rob., ann: You are ann.}\n"


def refused(tmp_path, text, name=""):
    """Everything that is said to be wrong with a file."""
    path = tmp_path / "team.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadFile) as caught:
        load(path, name)
    folder = f"{tmp_path}/"
    return [str(problem).replace(folder, "") for problem in caught.value.problems]


def test_every_mistake_is_said_at_once(tmp_path):
    """All errors of a file come in one go, in the order of their lines."""
    text = AGENTS + "modle: x\nteam:\n  debate: [rob, bob]\n  judge: ann\n  rounds: many\n  stpo: ann\n"
    assert refused(tmp_path, text) == [
        "team.yaml:2: a team file has no 'modle'; did you mean 'model'?",
        "team.yaml:4: member 'bob' is not defined; did you mean 'rob'?",
        "team.yaml:6: 'rounds': expected int, got str",
        "team.yaml:7: 'debate' has no option 'stpo'; did you mean 'stop'?",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", "team.yaml:1: says nothing"),
        (b"a: [", "team.yaml:1: not YAML: expected the node content, but found '<stream end>' (while parsing a flow node)"),
        (b"agents:\n\ta: x\n", "team.yaml:2: a tab stands where YAML wants spaces"),
        (b"agents:\n  a: \xff\xfe\n", "team.yaml:2: is not UTF-8 text: byte 0xff; save it as UTF-8"),
        (b"agents:\n  a: x\x07y\n", "team.yaml:2: '\\x07' cannot be in a file"),
        (b"agents:\n  a: x\n  b: y\n  a: z\n", "team.yaml:4: 'a' is here twice; the first is on line 2"),
        (b"- a\n", "team.yaml:1: a team file is a mapping, not a list"),
        (b"agents: {a: x}\n---\nagents: {b: y}\n", "team.yaml:2: a second document begins here; there may be one a file"),
        (b"agents: {a: x}\nteam: !!python/object:os.system {}\n", "team.yaml:2: the tag 'tag:yaml.org,2002:python/object:os.system' is not allowed: values are plain data"),
        (b"agents: {a: x}\nteam: *b\n", "team.yaml:2: the alias *b names no value above it"),
        (b"agents: &a {a: *a}\n", "team.yaml:1: the alias *a names no value above it"),
        (b"agents: {1: x, [a]: y}\n", "team.yaml:1: a key is a text, not a list"),
        (b"team: " + b"[" * 100, "team.yaml:1: values are more than 64 deep in one another"),
        (b"agents: x\n", "team.yaml:1: 'agents' is a mapping from names to agents, not 'x'"),
        (b"agents: {a: [x]}\nteam: a\n", "team.yaml:1: agent 'a' is its instructions, or a mapping; not a list"),
        (b"agents: {'a b': x}\nteam: a b\n", "team.yaml:1: 'a b' cannot name an actor: no slash, dot or white space, and not empty"),
        (b"agents: {a: x, b: y}\n", "team.yaml: which of them is 'team.yaml'? Say `team: NAME` in it, or FILE:NAME; there are a, b"),
        (b"agents: {a: {role: critik}}\n", "team.yaml:1: there is no role 'critik'; did you mean 'critic'?"),
        (b"agents: {a: {role: [critic]}}\n", "team.yaml:1: a role is a name of the library, or a mapping with that `name` and parts"),
        (b"agents: {a: {role: {name: critic, duty: x}}}\n", "team.yaml:1: role 'critic': Object contains unknown field `duty`; its parts are who, does, does_not and answer"),
        (b"agents: {a: {tools: [nope]}}\n", "team.yaml:1: the tool 'nope': say module:function, or name a `registry: module:name` at the top of the file"),
        (b"agents: {a: {tools: ['gone:f']}}\n", "team.yaml:1: the module 'gone' cannot be imported: ModuleNotFoundError: No module named 'gone'"),
        (b"agents: {a: {output: {type: object, propertys: {}}}}\n", "team.yaml:1: 'output': JSON schemas of team files know no 'propertys'; did you mean 'properties'?"),
        (b"agents: {a: {output: Vot}}\n", "team.yaml:1: 'output': there is no type 'Vot'; say a JSON schema, or module:Type; did you mean 'Vote'?"),
        (b"agents: {a: {limits: {usdd: 1}}}\n", "team.yaml:1: 'limits' has no 'usdd'; did you mean 'usd'?"),
    ],
)  # fmt: skip
def test_what_is_no_team_file(text, expected, tmp_path):
    """One clear message with its line for whatever cannot be read."""
    assert refused(tmp_path, text) == [expected]


@pytest.mark.parametrize(
    ("team", "expected"),
    [
        ("{pipelin: [rob]}", "there is no pattern 'pipelin'; did you mean 'pipeline'?"),
        ("{debate: [rob]}", "'debate' needs 'judge'"),
        ("{debate: , judge: rob}", "'debate' of 'debate' says nothing: leave it out, or say what it is"),
        ("{debate: [rob], judge: rob, chat: [ann]}", "one team has two patterns here: debate and chat"),
        ("{debate: 3, judge: rob}", "'debate' is an actor: the name of a member, or one written out; not 3"),
        ("{debate: [rob], judge: rob, rounds: -1}", "debate 'debate' needs at least one debater, and rounds of 0 or more"),
        ("{parallel: [rob], join: mergee}", "'join' is concatenate, merge, merge_strict or `python: module:name` or an actor; not 'mergee'; did you mean 'merge'?"),
        ("{parallel: [rob], on_failure: quorm}", "'on_failure' is fail_fast, collect_all, quorum: 2 or best_effort: 30, not 'quorm'; did you mean 'quorum'?"),
        ("{parallel: [rob], on_failure: {quorum: 0}}", "'on_failure': a quorum needs at least 1, not 0"),
        ("{committee: [rob], choices: [yes, 3]}", "'choices': expected str, got int; put it in quotes"),
        ("{committee: [rob], rule: {at_lest: 2}}", "'rule' is majority, plurality, approval, borda, instant_runoff, unanimous or `weighted: ...` or `at_least: ...` or `first_declared: ...` or `python: module:name`; not a mapping with 'at_lest'"),
        ("{pipeline: [{actor: rob, chekc: ann}]}", "'Stage' has no option 'chekc'; did you mean 'check'?"),
        ("{pipeline: [{agent: x, instrucions: y}]}", "'agent' has no option 'instrucions'; did you mean 'instructions'?"),
        ("{pipeline: [{instructions: y}]}", "an agent that is written out here needs its name: `agent: NAME`"),
        ("{handoff: [rob, ann], edges: {rob: [ben]}}", "handoff 'handoff': 'ben' is no member; there are ['rob', 'ann']"),
        ("{parallel: [rob], join: {python: 'no'}}", "'no' names nothing in Python: say module:name, or FILE.py:name"),
        ("{use: gone.yaml}", None),
        ("{use: nobody}", "there is no ready-made team 'nobody'; a file ends with .yaml"),
        ("{use: research}", "the team 'research' needs 'docs'; its options are docs, beside"),
        ("research", "the team 'research' needs 'docs'; its options are docs, beside"),
        ("{use: research, options: {dcos: x}}", "the team 'research' has no option 'dcos'; its options are docs, beside"),
        ("{cascade: [rob], good_enough: {matches: '('}}", "'good_enough': matches is a regular expression: missing ), unterminated subpattern at position 0"),
    ],
)  # fmt: skip
def test_what_is_no_team(team, expected, tmp_path):
    """Unknown patterns, options and members say what is near; wrong values say what may stand there."""
    found = refused(tmp_path, f"{AGENTS}team: {team}\n")
    if expected is None:
        expected, line = (
            "'gone.yaml' cannot be used: see there",
            "gone.yaml: there is no such file: check the path",
        )
        assert found[0] == line
        found = found[1:]
    assert [one.removeprefix("team.yaml:2: ").replace("'handoff'", "'handoff'") for one in found] == [
        expected
    ]


def test_laughs_are_refused(tmp_path):
    """Aliases that multiply are counted as often as they are used, before anything is made of them."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    found = refused(tmp_path, "\n".join(lines))
    assert found == [f"team.yaml:5: says more than {MOST:,} values, with its aliases followed"]


def test_a_large_file_is_refused(tmp_path):
    """A megabyte is enough for any team."""
    assert "allowed" in refused(tmp_path, b"#" * (1 << 21))[0]


def test_teams_in_themselves(tmp_path):
    """A circle of members is named."""
    text = AGENTS + "teams:\n  x: {pipeline: [y]}\n  y: {pipeline: [rob, x]}\nteam: x\n"
    assert "team.yaml:4: a team cannot be in itself: x -> y -> x" in refused(tmp_path, text)


def test_files_in_a_circle(tmp_path):
    """Files that use each other are refused, each with its line."""
    (tmp_path / "other.yaml").write_text("team:\n  pipeline:\n    - {use: team.yaml}\n")
    found = refused(tmp_path, AGENTS + "team:\n  pipeline: [rob, {use: other.yaml}]\n")
    assert found == ["other.yaml:3: files use each other in a circle: other.yaml -> team.yaml"]


def test_mistakes_of_a_used_file_name_that_file(tmp_path):
    """What is wrong in another file is said with its own name and line."""
    (tmp_path / "other.yaml").write_text("agents: {x: y}\nteam: {pipeline: [z]}\n")
    assert "other.yaml:2: member 'z' is not defined" in refused(tmp_path, "team: {use: other.yaml}\n")


def test_the_member_that_is_asked_for(tmp_path):
    """FILE:NAME is any agent or team of the file, and one that is not there is said with its neighbours."""
    path = tmp_path / "team.yaml"
    path.write_text(AGENTS + "teams: {x: {pipeline: [rob]}, y: {parallel: [rob, ann]}}\n")
    assert [load(path, "y").pattern, load(path, "ann").name] == ["parallel", "ann"]
    assert refused(tmp_path, path.read_text(), "z")[0].endswith("has no 'z'; there are rob, ann, x, y")


def test_nothing_is_imported_to_look(tmp_path):
    """What a file names in Python is found in its source, and only run when the team is built to run."""
    (tmp_path / "mine.py").write_text(
        "from pathlib import Path\nPath('ran').touch()\ndef f(x: int) -> int:\n    return x\n"
    )
    path = tmp_path / "team.yaml"
    path.write_text("agents: {a: {tools: ['mine.py:f']}}\n")
    assert list(opened(path).actor.tools) == ["f"]
    assert not (tmp_path / "ran").exists()
    path.write_text("agents: {a: {tools: ['mine.py:g']}}\n")
    with pytest.raises(BadFile, match=r"'mine\.py' has no 'g'"):
        assert opened(path).actor


def test_what_python_says_is_there_when_it_runs(tmp_path, monkeypatch):
    """Tools, types, functions, actors and registries of a Python file, each by its name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_too.py").write_text(
        "import msgspec\nfrom coterie import Agent, tool\n"
        "def near(x: int) -> int:\n    'Near.'\n    return x\n"
        "class Answer(msgspec.Struct):\n    good: bool\n"
        "def shortest(messages):\n    return min((m.text for m in messages), key=len)\n"
        "extra = Agent('extra')\nall_tools = {'look': tool(near)}\n"
    )
    (tmp_path / "team.yaml").write_text(
        "registry: mine_too.py:all_tools\n"
        "agents:\n  a: {tools: ['mine_too.py:near'], output: 'mine_too.py:Answer'}\n  b: {tools: [look]}\n"
        "team:\n  parallel: [a, b, {python: 'mine_too.py:extra'}]\n  join: {python: 'mine_too.py:shortest'}\n"
    )
    team = load("team.yaml")
    assert [member.name for member in team.members] == ["a", "b", "extra"]
    assert [list(team.members[0].tools), list(team.members[1].tools)] == [["near"], ["near"]]
    assert team.members[0].output.__name__ == "Answer"
    assert team.settings["join"] == "shortest"
