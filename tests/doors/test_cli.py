"""The command line, as people use it: what it prints, where, and with which exit code."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import asdict

from coterie.doors.cli.commands import COMMANDS, coterie
from coterie.doors.cli.perform import chosen
from coterie.doors.cli.run import resume, run
from coterie.doors.cli.running import Resuming, Running
from coterie.doors.spending import BY
from coterie.shell.run import journal
from coterie.stores.sqlite import SqliteStore
from coterie.words.event import Opened

PLAY = Path(__file__).with_name("play.py")
SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test has a folder of its own, with a team file in it and no store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COTERIE_STORE", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(SOURCE), prepend=os.pathsep)
    (tmp_path / "team.py").write_text(PLAY.read_text())
    path = list(sys.path)
    yield
    sys.path[:] = path


def say(*args: str) -> Result:
    """What `coterie args` does, in this process."""
    return CliRunner().invoke(coterie, args, catch_exceptions=False)


@contextmanager
def started(*args: str) -> Iterator[subprocess.Popen[str]]:
    """`coterie args` in a process of its own, which is gone afterwards whatever happens."""
    command = [sys.executable, "-m", "coterie", *args]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, stdin=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def until(process: subprocess.Popen[str], words: str) -> None:
    """Read what a process says on stderr until it has said `words`."""
    assert process.stderr is not None
    said = next((line for line in process.stderr if words in line), "")
    assert words in said


def test_the_answer_is_on_stdout_and_the_story_on_stderr() -> None:
    """Only the answer is on stdout, so it can be piped; every event is a line on stderr."""
    result = say("run", "team.py:panel", "Rust?", "--id", "r")
    assert [result.exit_code, result.stdout] == [0, "judge has read 4\n"]
    assert "0.00 s  debate  opened: Rust?" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("succeeded: 3 model calls, ")


def test_quiet_says_the_answer_alone() -> None:
    """With --quiet a run that goes well says nothing else."""
    result = say("run", "team.py:made", "Hm?", "--quiet")
    assert [result.stdout, result.stderr] == ["made has read 1\n", ""]


def test_json_is_the_journal() -> None:
    """With --json stdout has every event once, in order, as `show --json` has them later."""
    live = say("run", "team.py:panel", "Rust?", "--id", "r", "--json").stdout.splitlines()
    later = say("show", "r", "--json").stdout.splitlines()
    events = [[json.loads(line)[key] for key in ("seq", "time", "type")] for line in live]
    assert [seq for seq, _, _ in events] == list(range(16))
    assert [[json.loads(line)[key] for key in ("seq", "time", "type")] for line in later] == events


def test_a_run_remembers_its_team(tmp_path: Path) -> None:
    """The opening of a run has what `resume` needs to find the team, wherever it is typed."""
    say("run", "team.py:panel", "Rust?", "--id", "r", "--store", "runs.db")

    async def began() -> Opened:
        store = SqliteStore("runs.db")
        records = await journal(store, "r")
        await store.close()
        assert isinstance(records[0].event, Opened)
        return records[0].event

    assert asyncio.run(began()).origin == {"team": f"{tmp_path / 'team.py'}:panel"}


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["run", "nope", "x"], 2, "there is no team 'nope': say one of 'code-review', "),
        (["run", "gone.py:panel", "x"], 2, "gone.py': check the path"),
        (["run", "team.py", "x"], 2, "Name it, as in 'team.py:panel'"),
        (["run", "team.yaml", "x"], 2, "team.yaml: there is no such file"),
        (["run", "team.toml", "x"], 2, "'team.toml' is no team file: they are YAML"),
        (["run", "team.py:nobody", "x"], 2, "the actors there are ['never', 'panel']"),
        (["run", "team.py:seven", "x"], 2, "an actor is an Actor or an async function, not int"),
        (["run", "team.py:unwell", "x"], 2, "cannot be built with {}: tell me more"),
        (["run", "broken.py:panel", "x"], 2, "SyntaxError"),
        (["run", "raises.py:panel", "x"], 2, "ZeroDivisionError: division by zero (line 2)"),
        (["run", "no.such.module:panel", "x"], 2, "the module 'no.such.module' cannot be imported"),
        (["run", "team.py:panel", "x", "--model", "nobody"], 2, "no model is called 'nobody'"),
        (["run", "team.py:panel"], 2, "Missing argument 'TASK'"),
        (["run", "research", "x"], 2, "Missing option '--docs'"),
        (["run", "research", "x", "--docs", "gone"], 2, "'gone' does not exist"),
        (["run", "research", "x", "--docs", "empty"], 2, "has no text to read"),
        (["run", "team.py:panel", "x", "--docs", "empty"], 2, "No such option '--docs'"),
        (["run", "team.py:panel", "x", "--store", "team.py"], 1, "is damaged or not a store"),
        (["run", "team.py:panel", "x", "--store", "other.db"], 1, "is another program's database"),
        (
            ["run", "team.py:panel", "x", "--store", "team.py/runs.db"],
            1,
            "the store 'team.py/runs.db' failed",
        ),
        (["run", "team.py:fails", "x"], 1, "ToolFailed at 'fails/boom.1': ValueError: no luck"),
        (["runs"], 2, "there is no store '.coterie/runs.db': nothing was run here yet"),
        (["show", "nope", "--store", "runs.db"], 2, "no run 'nope' in this store"),
        (["resume", "nope", "--store", "runs.db"], 2, "no run 'nope' in this store"),
        (["resume", "r", "--store", "runs.db", "--answer", "yes"], 2, "an answer is PATH=VALUE, not 'yes'"),
        (["fork", "r", "--store", "runs.db", "--set", "yes"], 2, "a change is KEY=VALUE, not 'yes'"),
        (["fork", "r", "--store", "runs.db", "--set", "made.age=3"], 2, "cannot set 'made.age'"),
        (["fork", "r", "--store", "runs.db", "--at", "99"], 2, "at is 1 to"),
        (["cancel", "nope", "--store", "runs.db"], 2, "no run 'nope' in this store"),
        (["verify", "nope", "--store", "runs.db"], 1, "no run 'nope'"),
        (["fly"], 2, "No such command 'fly'"),
    ],
)
def test_a_mistake_is_one_clear_message(args: list[str], code: int, words: str, tmp_path: Path) -> None:
    """Whatever is wrong is said on stderr, with no traceback, and the exit code is not 0."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.py").write_text("def (")
    (tmp_path / "raises.py").write_text("\n1 / 0\n")
    with sqlite3.connect("other.db") as db:
        db.execute("create table theirs (id)")
    db.close()
    assert say("run", "team.py:made", "x", "--id", "r", "--store", "runs.db").exit_code == 0
    result = say(*args)
    assert [result.exit_code, words in result.stderr, result.stdout] == [code, True, ""], result.stderr
    assert "Traceback" not in result.stderr


def test_questions_wait_for_their_answer() -> None:
    """Where nobody sits at a terminal, a run with a question parks, and says how to answer."""
    waiting = say("run", "team.py:asks", "x", "--id", "r")
    assert waiting.exit_code == 3
    assert "answer it: coterie resume r --answer asks/ask.1=..." in waiting.stderr
    assert "waiting, at event 2" in say("show", "r").stdout
    refused = say("resume", "r", "--answer", "asks/ask.1=maybe")
    assert [refused.exit_code, "none of the choices" in refused.stderr] == [1, True]
    assert say("resume", "r", "--answer", "asks/ask.1=yes").stdout == "you said yes\n"


@pytest.mark.parametrize(("line", "expected"), [("2", "no"), ("YES", "yes"), ("3", None), ("maybe", None)])
def test_a_choice_by_number_or_in_words(line: str, expected: str | None) -> None:
    """A choice is taken by its number or its words; anything else is asked again."""
    assert chosen(line, ("yes", "no")) == expected


def test_a_fork_does_only_what_depends_on_the_change() -> None:
    """With another instruction for the judge, the two debaters are not asked again."""
    say("run", "team.py:panel", "Rust?", "--id", "r")
    forked = say("fork", "r", "--set", "judge.instructions=Be brief.", "--id", "f")
    assert [forked.exit_code, forked.stdout] == [0, "judge has read 4\n"]
    assert "succeeded: 1 model calls" in forked.stderr
    assert say("fork", "r", "--at", "4", "--set", "value=My own words.", "--id", "g").exit_code == 0
    assert "My own words." in say("show", "g", "--transcript").stdout


def test_a_fork_remembers_what_was_set_and_diff_shows_it_beside_the_other() -> None:
    """The fork is replayed with its own instructions; side by side, both part at the judge."""
    say("run", "team.py:panel", "Rust?", "--id", "r")
    say("fork", "r", "--set", "judge.instructions=Be brief.", "--id", "f")
    assert say("replay", "f").stdout == "identical: 16 events, succeeded\n"
    shown = say("diff", "r", "f")
    assert shown.exit_code == 0
    assert "other versions of debate/judge\nthey part at debate/judge/think.1; 1 steps" in shown.stdout
    assert "the outcome is the same" in shown.stdout
    found = json.loads(say("diff", "r", "f", "--json").stdout)
    assert [found["here"]["usage"]["requests"], found["there"]["usage"]["requests"]] == [3, 1]
    assert [found["first"]["how"], found["there"]["reused"]] == ["asked otherwise", 2]
    assert "every step is the same" in say("diff", "r", "r").stdout
    assert say("diff", "r", "nobody").exit_code == 2


def test_a_fork_can_change_what_a_tool_and_a_person_said() -> None:
    """A result of a tool is given as JSON, an answer as it is given; what it cannot be is refused."""
    say("run", "team.py:counts", "go", "--id", "c")
    records = [json.loads(line) for line in say("show", "c", "--json").stdout.splitlines()]
    at = {one["path"]: str(one["seq"]) for one in records if one["type"] == "settled"}
    assert say("fork", "c", "--at", at["counts/count.1"], "--set", 'value={"n": 5}').stdout == "5\n"
    bad = say("fork", "c", "--at", at["counts/count.1"], "--set", "value=many")
    assert [bad.exit_code, "came out as JSON" in bad.stderr] == [2, True]
    assert "say which with --at N" in say("fork", "c", "--set", "value=1").stderr
    say("run", "team.py:asks", "go", "--id", "a")
    say("resume", "a", "--answer", "asks/ask.1=yes")
    asked = [json.loads(line) for line in say("show", "a", "--json").stdout.splitlines()]
    answer = next(str(one["seq"]) for one in asked if one["type"] == "settled")
    assert say("fork", "a", "--at", answer, "--set", "value=no").stdout == "you said no\n"


def test_replay_says_whether_it_is_the_same(tmp_path: Path) -> None:
    """The journal of a run is identical to its team's, until the team is changed."""
    say("run", "team.py:panel", "Rust?", "--id", "r")
    assert say("replay", "r").stdout == "identical: 16 events, succeeded\n"
    (tmp_path / "team.py").write_text(PLAY.read_text().replace("Be for it.", "Be against it."))
    changed = say("replay", "r")
    assert [changed.exit_code, changed.stdout] == [1, ""]
    assert changed.stderr.startswith("different: the play asks something else than its journal.")


def test_a_run_is_shown_in_every_way() -> None:
    """`runs` and `show` read the same journal: the row, the tree, what was said, cost, times and events."""
    say("run", "team.py:panel", "Rust?", "--id", "r")
    assert say("runs").stdout.split()[:2] == ["r", "succeeded"]
    assert "└─ " in say("show", "r").stdout or "`- " in say("show", "r").stdout
    assert "    hope has read 1" in say("show", "r", "--transcript").stdout
    assert "the whole run" in say("show", "r", "--usage").stdout
    assert len(say("show", "r", "--timeline").stdout.splitlines()) == 4
    assert len(say("show", "r", "--events").stdout.splitlines()) == 16


def test_verify_finds_what_was_changed() -> None:
    """A store that is what was written verifies; one changed byte of it does not."""
    say("run", "team.py:panel", "Rust?", "--id", "r")
    assert say("verify").stdout == "1 runs are what was written\n"
    with sqlite3.connect(".coterie/runs.db") as db:
        db.execute("update packs set body = cast(replace(body, x'72', x'73') as blob) where id = 1")
    db.close()
    broken = say("verify")
    assert [broken.exit_code, broken.stdout] == [1, ""]
    assert "run 'r': events 0 to" in broken.stderr


def test_the_doctor_sees_what_is_there() -> None:
    """A line a thing; a store that is no store is grave."""
    say("run", "team.py:made", "x")
    well = say("doctor")
    assert [well.exit_code, "1 runs at '.coterie/runs.db'" in well.stdout] == [0, True]
    ill = say("doctor", "--store", "team.py")
    assert [ill.exit_code, "FAIL  store" in ill.stdout] == [1, True]


def test_the_doctor_names_the_keys_that_are_set_and_never_shows_one() -> None:
    """Providers with a key are listed by the name of its variable; what a key lacks is said."""
    told = CliRunner().invoke(
        coterie,
        ["doctor"],
        env={"OPENAI_API_KEY": "sk-secret", "MISTRAL_API_KEY": "m-secret", "GROQ_API_KEY": ""},
    )
    (line,) = [line for line in told.stdout.splitlines() if " providers " in line]
    assert ["OPENAI_API_KEY" in line, "GROQ" in line, "secret" in told.stdout] == [True, False, False]
    assert "mistral (MISTRAL_API_KEY)" in line or "mistral has a key, and needs mistralai" in told.stdout


def test_what_was_spent_is_shown_with_its_money(tmp_path: Path) -> None:
    """`--usage` has tokens, those from a cache, and money, below each frame; the last line has the sum."""
    (tmp_path / "paid.py").write_text(
        "from coterie import Agent, Message, Usage\n"
        "async def model(think):\n"
        "    spent = Usage(1000, 50, 1, usd=0.0125, cache_read_tokens=200)\n"
        "    return Message(sender=think.actor, text='Yes.', usage=spent)\n"
        "paid = Agent('paid', model=model)\n"
    )
    ran = say("run", str(tmp_path / "paid.py:paid"), "x", "--id", "p")
    assert ran.stderr.splitlines()[-1] == "succeeded: 1 model calls, 1,050 tokens, $0.0125, run p"
    rows = [row.split() for row in say("show", "p", "--usage").stdout.splitlines()]
    assert rows[0] == ["tokens", "in", "cached", "out", "calls", "tools", "usd", "below"]
    assert rows[-1] == ["1,000", "200", "50", "1", "0", "0.0125", "paid"]


def test_every_command_explains_itself() -> None:
    """`--help` lists every command, and each has a help text of its own."""
    listed = say("--help").stdout
    assert [name for name in COMMANDS if f"\n  {name} " not in listed] == []
    assert [name for name in COMMANDS if say(name, "--help").exit_code != 0] == []
    assert "--docs FOLDER" in say("run", "research", "--help").stdout


def test_ctrl_c_cancels_and_the_run_goes_on_later() -> None:
    """The first Ctrl-C stops the run as `cancelled`, exits with 130, and says how to go on."""
    with started("run", "team.py:never", "x", "--id", "r") as process:
        until(process, "never/think.1  asks")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert [process.returncode, "Traceback" in said] == [130, False]
    assert "go on with it: coterie resume r" in said
    assert say("runs").stdout.split()[:2] == ["r", "cancelled"]


def test_a_second_ctrl_c_leaves_at_once() -> None:
    """Where something cannot be stopped, the second Ctrl-C does not wait for it; nothing is lost."""
    with started("run", "team.py:blocked", "x", "--id", "r") as process:
        until(process, "blocked/block.1  asks")
        process.send_signal(signal.SIGINT)
        until(process, "go on with it")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert [process.returncode, said] == [130, "left at once; everything that was finished is in the store\n"]
    assert say("verify").exit_code == 0


def test_a_run_of_another_process_is_cancelled() -> None:
    """`cancel` tells the process that works on a run to stop, and it does."""
    with started("run", "team.py:never", "x", "--id", "r") as process:
        until(process, "never/think.1  asks")
        busy = say("resume", "r")
        assert [busy.exit_code, "is held by" in busy.stderr] == [1, True]
        assert (
            say("cancel", "r", "--reason", "enough").stdout
            == "run r: told the process that works on it to stop\n"
        )
        _, said = process.communicate(timeout=30)
    assert [process.returncode, "cancelled: Cancelled at 'never': enough" in said] == [1, True]


def test_a_run_that_nobody_works_on_is_cancelled() -> None:
    """A run whose process was killed is `interrupted`; cancelling it is recorded at once."""
    with started("run", "team.py:never", "x", "--id", "r") as process:
        until(process, "never/think.1  asks")
        process.kill()
        process.communicate(timeout=30)
    assert say("runs").stdout.split()[:2] == ["r", "interrupted"]
    assert say("cancel", "r").stdout == "run r: cancelled; go on with it: coterie resume r\n"
    assert say("cancel", "r").stdout.startswith("run r: cancelled")


def test_a_full_disk_loses_nothing() -> None:
    """Where the store cannot grow, one message says so, and what was written before is whole."""
    say("run", "team.py:made", "x", "--id", "before")
    size = Path(".coterie/runs.db").stat().st_size // 512 + 8
    full = ["sh", "-c", f'ulimit -f {size}; exec "$@"', "sh", sys.executable, "-m", "coterie"]
    task = "x" * 100_000
    done = subprocess.run(
        [*full, "run", "team.py:made", task, "--quiet"], capture_output=True, text=True, check=False
    )
    assert [done.returncode, done.stdout, "Traceback" in done.stderr] == [1, "", False]
    assert "coterie: the store '.coterie/runs.db' failed" in done.stderr
    assert say("show", "before").exit_code == 0


def test_a_terminal_shows_the_tree_and_puts_questions() -> None:
    """At a terminal the tree is drawn in place, and a question is put until its answer is one of its choices."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "coterie", "run", "team.py:asks", "x", "--id", "r"]
    plain = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
    with subprocess.Popen(
        command, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True, env=plain
    ) as process:
        os.close(theirs)
        seen = _typed(ours, "> ", "maybe\n") + _typed(ours, "> ", "2\n")
        answer, _ = process.communicate(timeout=30)
    os.close(ours)
    assert [process.returncode, answer] == [0, "you said no\n"]
    assert ["asks/ask.1 asks: Go on?" in seen, "that is none of yes, no" in seen] == [True, True]


def _typed(terminal: int, prompt: str, line: str) -> str:
    """Wait for a prompt and type a line; what was shown."""
    seen = b""
    while not seen.endswith(prompt.encode()):
        seen += os.read(terminal, 4096)
    os.write(terminal, line.encode())
    return seen.decode()


def test_a_run_stops_at_its_limit_and_goes_on_with_a_raised_one() -> None:
    """Nothing that was done is done again."""
    stopped = say("run", "team.py:panel", "Rust?", "--id", "r", "--limit", "requests=2")
    assert stopped.exit_code == 1
    assert "coterie: OverLimit" in stopped.stderr
    raised = say("resume", "r", "--raise", "requests=3")
    assert [raised.exit_code, raised.stdout] == [0, "judge has read 4\n"]
    assert raised.stderr.splitlines()[-1].startswith("succeeded: 3 model calls, ")


def test_a_limit_that_there_is_not_is_refused() -> None:
    """The message names those that there are."""
    result = say("run", "team.py:panel", "Rust?", "--limit", "euro=2")
    assert result.exit_code == 2
    assert "there is no limit 'euro'; there are usd" in result.stderr


def test_show_messages_says_who_talked_to_whom() -> None:
    """Calls and messages alike."""
    say("run", "team.py:panel", "Rust?", "--id", "r")
    assert "debate -> judge" in say("show", "r", "--messages").stdout
    assert "judge" not in say("show", "r", "--agent", "nobody").stdout


def test_a_day_limit_counts_all_runs_of_a_store() -> None:
    """The second run finds nothing left, says when the day turns, and goes on under a higher limit."""
    first = say("run", "team.py:panel", "go", "--id", "a", "--day-limit", "requests=4")
    second = say("run", "team.py:panel", "go", "--id", "b", "--day-limit", "requests=4")
    assert [first.exit_code, second.exit_code] == [0, 1]
    assert "requests of tenant 'default'" in second.stderr
    assert "the day turns at 00:00 UTC" in second.stderr
    assert say("resume", "b", "--day-limit", "requests=6").exit_code == 0
    for wrong, words in [("acme", "is [TENANT:]NAME=VALUE"), ("euro=1", "no quota of 'euro'")]:
        refused = say("run", "team.py:panel", "go", "--day-limit", wrong)
        assert (refused.exit_code, words in refused.stderr) == (2, True)


def test_what_becomes_of_steps_in_doubt_is_said_by_known_words() -> None:
    """Any other is refused before anything is begun."""
    for wrong, words in [("pay", "is TOOL=WORD"), ("pay=again", "verify, retry, ask, skip")]:
        refused = say("run", "team.py:panel", "go", "--in-doubt", wrong)
        assert (refused.exit_code, words in refused.stderr) == (2, True)
    missing = say("worker", "--engine", "nats://127.0.0.1:1", "--policy", "none.yaml")
    assert (missing.exit_code, "no policy can be read at 'none.yaml'" in missing.stderr) == (2, True)


def test_usage_is_told_by_whatever_one_asks() -> None:
    """By team, agent, model, day and tenant it adds up to the same; `--since` and `--json` are as they say."""
    assert say("usage").exit_code == 2  # there is no store yet
    for id in ("a", "b"):
        say("run", "team.py:panel", "go", "--id", id)
    say("run", "team.py:made", "go", "--id", "c")
    found = {by: json.loads(say("usage", "--by", by, "--json").stdout) for by in BY}
    assert {by: sum(one["usage"]["requests"] for one in each) for by, each in found.items()} == dict.fromkeys(
        BY, 7
    )
    assert {one["name"]: one["runs"] for one in found["team"]} == {"debate": 2, "made": 1}
    assert {one["name"] for one in found["agent"]} == {"hope", "doubt", "judge", "made"}
    assert [(one["name"], one["runs"]) for one in found["tenant"]] == [("default", 3)]
    rows = say("usage", "--since", "all", "--team", "debate", "--by", "agent").stdout.splitlines()
    assert [row.split()[-1] for row in rows] == ["name", "judge", "doubt", "hope", "it"]
    assert say("usage", "--since", "2199-01-01").stdout == ""
    assert say("usage", "--since", "soon").exit_code == 2
    assert say("usage", "--tenant", "nobody").stdout == ""


def test_what_a_run_is_begun_and_gone_on_with_is_one_value():
    """Every option of the command is a field, with the same default; those of a ready-made team are beside them."""
    said = run.make_context("run", ["team.yaml", "go", "--store", "runs.db"]).params
    assert {**said, "options": {}} == asdict(Running(team="team.yaml", task="go", store="runs.db"))
    assert Running.of({**said, "docs": "a", "out": None}).options == {"docs": "a"}
    again = resume.make_context("resume", ["r", "--store", "runs.db"]).params
    assert again == asdict(Resuming(name="r", store="runs.db"))
