"""`coterie redact` and `coterie prune`, as a person gives them; and whose runs they are about."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from coterie.doors.cli.commands import coterie
from coterie.doors.cli.retention import seconds_in
from coterie.errors import BadInput

TEAM = """
from coterie import Agent
from coterie.models import scripted

clerk = Agent("clerk", model=scripted(lambda think: "Ada lives at 7 Elm Street"))
"""


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "team.py").write_text(TEAM)


def say(*args):
    done = CliRunner().invoke(coterie, args)
    return done.exit_code, done.stdout, done.stderr


def begun(id, *more):
    assert say("run", "team.py:clerk", "Where is Ada?", "--id", id, *more)[0] == 0


def test_what_was_said_is_taken_out_and_verify_says_so():
    """Of a store and of an export; show still reads it, and resume and fork say why they do not."""
    begun("r")
    assert say("redact", "r", "--text", "Elm", "--by", "dan", "--why", "she asked")[:2] == (
        0,
        "taken out of r: what events 3, 5 said\n",
    )
    code, out, _ = say("verify", "r")
    assert (code, out.splitlines()[-1]) == (0, "1 runs are what was written")
    assert out.startswith("run r: what events 3, 5 said was taken out by dan, 20")
    assert out.splitlines()[0].endswith("Z, she asked")
    assert say("export", "r")[0] == 0
    code, out, _ = say("verify", "r.coterie")
    assert (code, "what events 3, 5 said was taken out by dan" in out) == (0, True)
    code, out, _ = say("show", "r")
    assert (code, "Elm" in out, "[redacted " in out, "Where is Ada?" in out) == (0, False, True, True)
    code, _, err = say("fork", "r", "--at", "2")
    assert (code, "taken out by dan (she asked)" in err) == (1, True)


def test_what_says_that_something_was_redacted_cannot_be_left_out_of_an_export():
    """Nothing else vouches for what the redacted events have now."""
    begun("r")
    say("redact", "r", "--all")
    code, _, err = say("export", "r", "--redact", "6")
    assert (code, "cannot be taken out" in err) == (2, True)
    assert say("export", "r", "--redact", "3")[0] == 0
    code, out, _ = say("verify", "r.coterie")
    assert (code, "were taken out" in out) == (0, True)


def test_runs_are_let_go_of_by_rule():
    """First it is said which; then they are gone, and what is left is who let go of them, when and why."""
    for n in range(3):
        begun(f"r{n}")
    assert say("prune", "--older-than", "1d", "--dry-run") == (0, "", "")
    code, out, _ = say("prune", "--older-than", "0s", "--keep", "1", "--dry-run")
    assert (code, [line.split()[0] for line in out.splitlines()]) == (0, ["r1", "r0"])
    assert say("prune", "--older-than", "0s", "--status", "failed")[1] == "let go of 0 runs\n"
    assert say("prune", "--older-than", "0s", "--keep", "1", "--by", "dan", "--why", "tidy")[1] == (
        "let go of 2 runs\n"
    )
    lines = say("prune", "--log")[1].splitlines()
    assert [line.split()[2] for line in lines] == ["r1", "r0"]
    assert all(line.endswith("by dan: tidy") for line in lines)
    assert say("show", "r0")[0] != 0
    assert say("prune")[0] == 2


def test_a_command_is_about_the_runs_of_one_tenant(monkeypatch):
    """Another's are as unknown as what never was, whatever is done to them; they stay as they are."""
    begun("mine")
    begun("theirs", "--tenant", "acme")
    nowhere = say("show", "nobody")
    for command in (
        ("show",), ("report",), ("export",), ("verify",), ("cancel",), ("pause",), ("resume",), ("redact", "--all"),
        ("fork", "--at", "1"), ("replay",), ("diff", "mine"),
    ):  # fmt: skip
        verb, *options = command
        mine = say(verb, "theirs", *options)
        other = say(verb, "nobody", *options)
        assert [one.replace("theirs", "nobody") if isinstance(one, str) else one for one in mine] == list(
            other
        )
        assert mine[0] != 0, verb
    assert nowhere[0] != 0
    say("prune", "--older-than", "0s")
    assert [line.split()[0] for line in say("runs", "--tenant", "acme")[1].splitlines()] == ["theirs"]
    assert say("prune", "--log", "--tenant", "acme")[1] == ""
    monkeypatch.setenv("COTERIE_TENANT", "acme")
    assert say("show", "theirs")[0] == 0
    code, _, err = say("runs", "--tenant", "../acme")
    assert (code, "cannot name a tenant" in err) == (2, True)
    code, _, err = say("runs", "--tenant", "nobody")
    assert (code, "of tenant 'nobody'" in err) == (2, True)


def test_times_are_numbers_with_a_unit():
    """Of seconds, minutes, hours, days or weeks."""
    assert [seconds_in(one) for one in ("90d", "1.5h", "2w", "3min", "0s")] == [
        7776000,
        5400,
        1209600,
        180,
        0,
    ]
    for one in ("90", "d", "1y", "-1d", ""):
        with pytest.raises(BadInput, match="is no time"):
            seconds_in(one)
