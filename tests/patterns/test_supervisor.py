from itertools import pairwise

import pytest

from coterie import Agent, Limits
from coterie.errors import BadInput, ModelFailed, NoProgress, OverLimit
from coterie.patterns import Decline, Turn, supervisor
from coterie.testing import crash_everywhere, rehearse, simulate

lead, ada, bob = Agent("lead"), Agent("ada", "You read."), Agent("bob", "You write.")
TEAM = supervisor(lead, [ada, bob])


def plan(*turns, **others):
    return {"lead": [*turns], "*": lambda think: f"{think.actor} did {think.thread[-1].text}", **others}


def test_the_lead_gives_out_work_step_by_step_and_answers():
    """It sees each result before it decides again; workers see the results so far."""
    said, asked = rehearse(
        TEAM, "goal", plan(Turn("ada", "read"), Turn("bob", "write"), Turn(answer="all done"))
    )
    assert (said.text, said.sender) == ("all done", "supervisor")
    assert [think.actor for think in asked] == ["lead", "ada", "lead", "bob", "lead"]
    assert [message.text for message in asked[3].thread] == ["goal", "ada did read", "write"]
    assert [part.text for part in said.parts] == ["ada did read", "bob did write"]


def test_the_lead_is_shown_who_there_is_and_held_to_it():
    """Names and what each is for; an agent's answer has a schema in which only the eligible occur."""
    _, asked = rehearse(TEAM, "goal", plan(Turn(answer="x")))
    assert "- ada: You read.\n- bob: You write." in asked[0].thread[-1].text
    assert "'enum': ['', 'ada', 'bob']" in str(asked[0].brief.output)


def test_a_wrong_choice_goes_back_once_and_then_a_rule_decides():
    """The eligible worker with the fewest turns, of equals the first; and that is said in `missing`."""
    said, asked = rehearse(TEAM, "goal", plan(Turn("eve", "spy"), Turn("ada", "read"), Turn(answer="x")))
    assert "'eve' is not eligible; eligible are ['ada', 'bob']" in asked[1].thread[-1].text
    assert not said.missing
    turns = [Turn("ada", "read"), Turn("eve", "spy"), Turn("eve", "spy"), Turn(answer="x")]
    said, _ = rehearse(TEAM, "goal", plan(*turns))
    assert [part.sender for part in said.parts] == ["ada", "bob"]
    assert "'bob' got the task by rule, after two wrong choices of 'lead'" in said.missing[0].message


def test_who_has_failed_twice_or_declined_is_not_eligible_any_more():
    """The schema does not offer them either, and a choice of them is a wrong one."""
    down = [ModelFailed("down"), ModelFailed("down")]
    turns = [
        Turn("ada", "read"),
        Turn("ada", "again"),
        Turn("ada", "once more"),
        Turn("bob", "go"),
        Turn(answer="x"),
    ]
    said, asked = rehearse(TEAM, "goal", plan(*turns, ada=down))
    leads = [think for think in asked if think.actor == "lead"]
    assert "'enum': ['', 'bob']" in str(leads[2].brief.output)
    assert "'ada' is not eligible; eligible are ['bob']" in leads[3].thread[-1].text
    assert [one.message for one in said.missing] == ["down", "down"]


def test_without_anybody_eligible_the_lead_can_only_answer():
    """It is told so, and that it is the last word."""
    team = supervisor(lead, [ada], tries=1)
    said, asked = rehearse(
        team, "goal", plan(Turn("ada", "read"), Turn(answer="nothing"), ada=[ModelFailed("down")])
    )
    assert said.text == "nothing"
    assert "No work can be given out any more" in asked[-1].thread[-1].text
    with pytest.raises(NoProgress, match="'lead' has no turn left, or no worker"):
        rehearse(team, "goal", plan(*[Turn("ada", "read")] * 3, ada=[ModelFailed("down")]))


def test_the_last_of_max_turns_can_only_be_an_answer():
    """A lead that still wants to give out work then ends as `NoProgress`."""
    team = supervisor(lead, [ada, bob], max_turns=3)
    said, asked = rehearse(team, "goal", plan(Turn("ada", "1"), Turn("bob", "2"), Turn(answer="enough")))
    assert (said.text, len(asked)) == ("enough", 5)
    with pytest.raises(NoProgress) as caught:
        rehearse(team, "goal", plan(*[Turn("ada", str(n)) for n in range(4)]))
    assert [part.text for part in caught.value.finished] == ["ada did 0", "ada did 1"]


def test_the_same_work_with_the_same_result_is_no_progress():
    """The third time, with the worker and the task."""
    with pytest.raises(NoProgress, match="ada: read"):
        rehearse(TEAM, "goal", plan(*[Turn("ada", "read")] * 9))


def test_a_done_when_is_put_to_the_worker_and_to_the_lead_and_checked():
    """What `verify` finds missing is told to the lead, and stands on the part."""
    team = supervisor(lead, [ada], verify=Agent("check"))
    turns = [Turn("ada", "list", done_when="three items"), Turn(answer="x")]
    said, asked = rehearse(team, "goal", plan(*turns, check=["only two"]))
    assert asked[1].thread[-1].text == "list\nDone when: three items"
    assert asked[2].thread[-2].text == "list\nDone when: three items"
    assert "(done when: three items): not done: only two" in asked[3].thread[-1].text
    assert said.parts[0].unverified == "only two"


def test_the_leads_context_grows_linearly():
    """Each prompt is the one before and a few messages more, none of them twice."""
    turns = [Turn("ada", f"step {n}") for n in range(60)]
    _, asked = rehearse(supervisor(lead, [ada], max_turns=61), "goal", plan(*turns, Turn(answer="x")))
    leads = [think.thread for think in asked if think.actor == "lead"]
    assert {len(later) - len(one) for one, later in pairwise(leads)} == {3}
    last = [(message.sender, message.text) for message in leads[-1]]
    assert len(set(last)) == len(last)


def test_a_typed_lead_gives_its_answer_in_its_type():
    """It is asked for it once more, at the end."""
    typed = Agent("lead", output=int)
    said, _ = rehearse(supervisor(typed, [ada]), "goal", plan(Turn(answer="seven"), "7"))
    assert said.output == 7


def test_a_refusal_is_enough_to_be_left_alone():
    """`NobodyCan` of a team below is one; who declined is not asked twice."""
    from coterie.patterns import peers

    crew = peers(ada, name="crew")
    turns = [Turn("crew", "read"), Turn(answer="x")]
    _, asked = rehearse(supervisor(lead, [crew, bob]), "goal", plan(*turns, ada=[Decline("no")]))
    assert "'enum': ['', 'bob']" in str(asked[-1].brief.output)


def test_a_limit_of_the_run_ends_it():
    """With what was finished."""
    run = simulate(TEAM, "goal", script=plan(Turn("ada", "1"), Turn("bob", "2")), limits=Limits(requests=2))
    assert isinstance(run.error, OverLimit)


def test_it_survives_a_crash():
    """No work is done twice."""

    def script(think):
        turn = sum(message.sender == "lead" for message in think.thread)
        return [Turn("ada", "1"), Turn("bob", "2"), Turn(answer="x")][turn] if think.actor == "lead" else "ok"

    assert crash_everywhere(TEAM, "goal", script=script).text == "x"


def test_bad_input_is_refused():
    """At the door."""
    for workers, options in [
        ([], {}),
        ([ada, Agent("ada")], {}),
        ([ada], {"max_turns": 0}),
        ([ada], {"tries": 0}),
    ]:
        with pytest.raises(BadInput, match="supervisor 'supervisor'"):
            supervisor(lead, workers, **options)
