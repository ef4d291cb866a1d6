import pytest

from coterie import Agent, best_effort, collect_all, quorum
from coterie.errors import BadInput, BranchesFailed, ModelFailed
from coterie.patterns import agreed, debate
from coterie.testing import crash_everywhere, rehearse, simulate

hope, mia, sol, judge = Agent("hope"), Agent("mia"), Agent("sol"), Agent("judge")


def turn(think):
    """Whoever speaks says who and in which round."""
    return f"{think.actor}{sum(message.sender == think.actor for message in think.thread)}"


def said_in(think):
    return [message.text.split(":")[0] for message in think.thread]


def test_the_judge_reads_everything_and_decides():
    """The verdict is the answer; `parts` is each debater's latest position, in declared order."""
    said, asked = rehearse(debate(hope, mia, judge=judge, rounds=1), "red or blue?", turn)
    assert said_in(asked[-1]) == [
        "red or blue?", "hope0", "mia0", "Round 1", "hope1", "mia1", "The debate is over. Give your verdict."
    ]  # fmt: skip
    assert (said.sender, said.text) == ("debate", "judge0")
    assert [part.text for part in said.parts] == ["hope1", "mia1"]


@pytest.mark.parametrize("seed", range(20))
def test_all_positions_of_a_round_see_the_same_previous_round(seed):
    """Whatever the schedule, the prompts of one round are one prompt."""
    run = simulate(debate(hope, mia, sol, judge=judge, rounds=3), "go", script=turn, seed=seed)
    rounds = [run.asked[n : n + 3] for n in range(0, 12, 3)]
    assert all(len({think.thread.digest for think in thinks}) == 1 for thinks in rounds)
    assert said_in(rounds[2][0])[-4:] == ["hope1", "mia1", "sol1", "Round 2"]


def test_p16_prompts_grow_linearly_and_nothing_is_in_one_twice():
    """Each round adds one message a debater and one line; 20 rounds of 5 add 6 messages each."""
    crew = [Agent(f"d{n}") for n in range(5)]
    _, asked = rehearse(debate(*crew, judge=judge, rounds=20), "go", turn)
    lengths = [len(think.thread) for think in asked[::5]]
    assert lengths == [1 + 6 * n for n in range(21)] + [127]
    assert all(len(set(said_in(think))) == len(think.thread) for think in asked)


def test_without_rounds_there_are_openings_and_a_verdict():
    """`rounds=0` is a panel with a judge."""
    said, asked = rehearse(debate(hope, mia, judge=judge, rounds=0), "go", turn)
    assert (len(asked), said.text) == (3, "judge0")


def test_it_stops_early_when_the_positions_agree():
    """The rounds that are left are not held."""
    script = {"hope": ["red", "blue"], "mia": "Blue ", "judge": "blue"}
    _, asked = rehearse(debate(hope, mia, judge=judge, rounds=9, stop=agreed), "go", script)
    assert len(asked) == 5


def test_an_actor_may_say_whether_they_agree():
    """It reads the debate, and `yes` ends it."""
    team = debate(hope, mia, judge=judge, rounds=3, stop=sol)
    script = {"hope": "red", "mia": "blue", "sol": ["no", "Yes."], "judge": "red"}
    _, asked = rehearse(team, "go", script)
    assert [think.actor for think in asked] == ["hope", "mia", "sol", "hope", "mia", "sol", "judge"]


def test_one_debater_debates_too():
    """The same holds for one as for many."""
    said, asked = rehearse(debate(hope, judge=judge, rounds=1), "go", turn)
    assert ([part.text for part in said.parts], len(asked)) == (["hope1"], 3)


def test_p14_who_misses_a_round_is_asked_again():
    """A failure is never part of the transcript, and the latest position stays."""
    team = debate(hope, mia, judge=judge, rounds=2, on_failure=collect_all)
    script = {"hope": ["h0", ModelFailed("down"), "h2"], "mia": ["m0", "m1", "m2"], "judge": "end"}
    said, asked = rehearse(team, "go", script)
    assert said_in(asked[-1])[:-1] == ["go", "h0", "m0", "Round 1", "m1", "Round 2", "h2", "m2"]
    assert [part.text for part in said.parts] == ["h2", "m2"]
    assert said.missing == ()


def test_p14_who_misses_the_last_round_is_missing():
    """Its latest position is there, and why there is no later one."""
    team = debate(hope, mia, judge=judge, rounds=1, on_failure=collect_all)
    said, _ = rehearse(team, "go", {"hope": ["h0", ModelFailed("down")], "mia": "m", "judge": "end"})
    assert [part.text for part in said.parts] == ["h0", "m"]
    assert [failure.message for failure in said.missing] == ["down"]


@pytest.mark.parametrize("policy", [collect_all, quorum(2), best_effort(within=9)])
def test_p14_a_round_without_positions_ends_the_debate(policy):
    """A judge never decides on nothing."""
    with pytest.raises(BranchesFailed):
        rehearse(debate(hope, mia, judge=judge, on_failure=policy), "go", lambda think: ModelFailed("down"))


def test_a_debate_of_nobody_is_refused():
    """There have to be positions to judge."""
    with pytest.raises(BadInput, match="at least one debater"):
        debate(judge=judge)
    with pytest.raises(BadInput, match="rounds of 0 or more"):
        debate(hope, judge=judge, rounds=-1)


def test_p01_a_debate_survives_a_crash_anywhere():
    """The verdict is the same after a cut at any event."""
    team = debate(hope, mia, sol, judge=judge, rounds=2, on_failure=collect_all)
    assert crash_everywhere(team, "go", script=turn).text == "judge0"
