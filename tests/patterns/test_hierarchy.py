import pytest

from coterie import Agent, collect_all, fail_fast, quorum
from coterie.errors import BadInput, BranchesFailed, ModelFailed
from coterie.patterns import Assignment, Assignments, hierarchy
from coterie.testing import crash_everywhere, rehearse, simulate

lead = Agent("lead")
web, db, ops = (
    Agent("web", "You build pages."),
    Agent("db", "You build tables."),
    Agent("ops", "You run servers."),
)
TEAM = hierarchy(lead, [web, db, ops])


def given(*pairs):
    return Assignments(tuple(Assignment(team, task) for team, task in pairs))


def script(first, *more, **others):
    return {"lead": [first, *more], "*": lambda think: f"{think.actor}: {think.thread[-1].text}", **others}


def test_each_team_that_is_needed_gets_its_own_subtask():
    """Not the same task to everyone, and nothing to whom it does not concern."""
    said, asked = rehearse(TEAM, "a shop", script(given(("web", "a page"), ("db", "a table")), "the shop"))
    assert [(think.actor, think.thread[-1].text) for think in asked[1:3]] == [
        ("web", "a page"),
        ("db", "a table"),
    ]
    assert "ops" not in [think.actor for think in asked]
    assert (said.text, [part.text for part in said.parts]) == ("the shop", ["web: a page", "db: a table"])


def test_the_lead_synthesizes_from_what_came_of_it():
    """It reads its own assignments and the results."""
    _, asked = rehearse(TEAM, "a shop", script(given(("web", "a page")), "x"))
    assert [message.text for message in asked[-1].thread][-2:] == [
        "web: a page",
        "These are the teams' results. Answer the task from them.",
    ]


def test_teams_work_at_once():
    """In the time of the slowest."""
    plan = given(("web", "1"), ("db", "2"), ("ops", "3"))
    assert simulate(TEAM, "go", script=script(plan, "x"), latency=2).elapsed == 6


def test_the_lead_is_held_to_the_teams_that_there_are():
    """By a schema, where it is an agent; it is told what each team is for."""
    _, asked = rehearse(TEAM, "go", script(given(("web", "a")), "x"))
    assert "'enum': ['db', 'ops', 'web']" in str(asked[0].brief.output)
    assert "- db: You build tables." in asked[0].thread[-1].text


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (given(("art", "a logo")), "'art' is not eligible; eligible are ['web', 'db', 'ops']"),
        (given(), "0 assignments; there have to be 1 to 16"),
        (given(("web", " ")), "'web' is given no task"),
        ("I would ask the web team.", 'this is not {"assignments": [...]}'),
    ],
)
def test_what_cannot_be_honoured_goes_back_once(wrong, why):
    """With what is wrong with it."""
    said, asked = rehearse(TEAM, "go", script(wrong, given(("db", "a table")), "x"))
    assert why in asked[1].thread[-1].text
    assert ([part.sender for part in said.parts], said.missing) == (["db"], ())


def test_of_a_second_wrong_answer_what_is_right_is_kept():
    """And what was dropped is in `missing`."""
    half = given(("art", "a logo"), ("db", "a table"))
    said, _ = rehearse(TEAM, "go", script(half, half, "x"))
    assert [part.text for part in said.parts] == ["db: a table"]
    assert "by rule only 'db' got a task, after two wrong answers of 'lead'" in said.missing[0].message


def test_if_nothing_is_right_the_nearest_team_gets_all_of_it():
    """The one whose name and instructions have most words in common with the task."""
    said, _ = rehearse(TEAM, "Set up two servers", script("hm", "hm", "x"))
    assert [part.text for part in said.parts] == ["ops: Set up two servers"]


def test_there_is_a_bound_to_what_is_given_out():
    """One assignment too many goes back."""
    team = hierarchy(lead, [web, db], most=1)
    _, asked = rehearse(team, "go", script(given(("web", "a"), ("db", "b")), given(("db", "b")), "x"))
    assert "2 assignments; there have to be 1 to 1" in asked[1].thread[-1].text


def test_teams_of_teams_to_any_depth():
    """A team is any actor, so also a hierarchy."""
    inner = hierarchy(Agent("chief"), [db, ops], name="back")
    team = hierarchy(lead, [web, inner])
    chief = [given(("ops", "a server")), "served"]
    said, _ = rehearse(team, "go", script(given(("web", "a page"), ("back", "the rest")), "x", chief=chief))
    assert [part.text for part in said.parts] == ["web: a page", "served"]
    assert [part.text for part in said.parts[1].parts] == ["ops: a server"]


def test_a_team_that_fails_is_missing_or_ends_it():
    """As the policy says; nobody at all is an error."""
    plan, down = given(("web", "a"), ("db", "b")), lambda think: ModelFailed("down")
    with pytest.raises(ModelFailed):
        rehearse(TEAM, "go", script(plan, "x", db=down))
    for policy in (collect_all, quorum(1)):
        said, _ = rehearse(hierarchy(lead, [web, db], on_failure=policy), "go", script(plan, "x", web=down))
        assert [part.sender for part in said.parts] == ["db"]
        assert [one.message for one in said.missing] == ["down"]
    with pytest.raises(BranchesFailed, match="none of 2 answered"):
        rehearse(hierarchy(lead, [web, db], on_failure=collect_all), "go", script(plan, web=down, db=down))


def test_it_survives_a_crash():
    """No subtask is done twice."""

    def line(think):
        if think.actor != "lead":
            return think.actor
        return "x" if "results" in think.thread[-1].text else given(("web", "a"), ("db", "b"))

    assert crash_everywhere(TEAM, "go", script=line).text == "x"


def test_bad_input_is_refused():
    """At the door."""
    for teams, most in [([], 1), ([web, Agent("web")], 1), ([web], 0)]:
        with pytest.raises(BadInput, match="hierarchy 'hierarchy'"):
            hierarchy(lead, teams, most=most, on_failure=fail_fast)
