import pytest

from coterie import Agent
from coterie.errors import BadInput, ModelFailed, NobodyCan
from coterie.patterns import Decline, Route, Routing, peers, router, scored
from coterie.testing import crash_everywhere, rehearse, simulate
from coterie.words.event import Noted

ada = Agent("ada", "Answers questions about invoices and refunds.")
bob = Agent("bob", "Repairs servers and networks.")
cy = Agent("cy", "Writes poems.")
TEAM = router([ada, bob, cy])


def named(think):
    return think.actor


def route(team, task="go", script=named):
    """Who answered, and every choice as the journal has it."""
    run = simulate(team, task, script=script, journal=True)
    choices = [
        fact.value for fact in run.journal if isinstance(fact, Noted) and fact.about.endswith(".route")
    ]
    return run.message.text if run.message else run.error, choices


@pytest.mark.parametrize(
    ("task", "to"), [("My invoice is wrong", "ada"), ("The server is down", "bob"), ("A poem, please", "cy")]
)
def test_the_best_fit_gets_the_task_as_it_is(task, to):
    """Words in common with what each is for; nobody else is asked."""
    said, asked = rehearse(TEAM, task, named)
    assert (said.text, said.sender, len(asked)) == (to, "router", 1)
    assert asked[0].thread[-1].text == task
    assert [part.sender for part in said.parts] == [to]


def test_the_choice_is_explained_in_the_journal():
    """To whom, how, why, and how every route scored, the best first."""
    _, (choice,) = route(TEAM, "My invoice is wrong")
    assert (choice["to"], choice["how"]) == ("ada", "chosen")
    assert choice["why"].startswith("best score 0.")
    assert "words" in choice["why"]
    assert [one["name"] for one in choice["candidates"]] == ["ada", "bob", "cy"]


def test_ties_go_to_the_first_declared():
    """Whatever the schedule, and whatever the order of names."""
    assert rehearse(router([cy, ada, bob]), "go", named)[0].text == "cy"
    assert route(router([bob, ada]))[1][0]["why"] == "best score 0 (no term, so first declared)"


def test_who_declines_is_out_and_the_next_best_gets_it():
    """By a typed `Decline`, its JSON, or an error; the choice is made anew, and the reason is kept."""
    script = {"ada": [Decline("on leave")], "*": named}
    said, asked = rehearse(TEAM, "invoice", script)
    assert ([think.actor for think in asked], said.text) == (["ada", "bob"], "bob")
    assert [(one.kind, one.message) for one in said.missing] == [("Declined", "'ada': on leave")]
    assert [choice["to"] for choice in route(TEAM, "invoice", {"ada": [Decline("no")], "*": named})[1]] == [
        "ada",
        "bob",
    ]


def test_a_team_of_whom_nobody_can_declines():
    """`NobodyCan` is a refusal, like that of a single member."""
    crew = peers(ada, name="crew")
    said, _ = rehearse(router([crew, bob]), "go", {"ada": [Decline("no")], "bob": "mine"})
    assert said.text == "mine"


def test_an_answer_with_a_reason_is_no_refusal():
    """Only what says that it is one."""
    said, _ = rehearse(TEAM, "invoice", {"ada": [{"reason": "it was paid twice"}]})
    assert (said.text, said.missing) == ('{"reason":"it was paid twice"}', ())


def test_when_all_decline_nobody_can():
    """With every reason."""
    with pytest.raises(NobodyCan, match=r"nobody takes 'go': .*'ada': no.*'bob': no.*'cy': no"):
        rehearse(TEAM, "go", lambda think: Decline("no"))


def test_a_failure_is_no_refusal_unless_it_is_said_to_be():
    """With `past_failures` the next best gets the task."""
    script = {"ada": [ModelFailed("down")], "*": named}
    with pytest.raises(ModelFailed):
        rehearse(TEAM, "invoice", script)
    script = {"ada": [ModelFailed("down")], "*": named}
    assert rehearse(router([ada, bob], past_failures=True), "invoice", script)[0].text == "bob"


def test_a_model_chooses_from_what_is_left():
    """It sees names and what each is for, and its answer is held to the names."""
    lines = {
        "desk": [{"choice": "bob", "why": "it is technical"}, {"choice": "cy"}],
        "bob": [Decline("no")],
        "cy": "x",
    }
    said, asked = rehearse(router([ada, bob, cy], Agent("desk")), "go", lines)
    desk = [think for think in asked if think.actor == "desk"]
    assert "- bob: Repairs servers and networks." in desk[0].thread[-1].text
    assert "'enum': ['ada', 'bob', 'cy']" in str(desk[0].brief.output)
    assert "'enum': ['ada', 'cy']" in str(desk[1].brief.output)
    assert said.text == "x"


def test_a_wrong_choice_costs_one_repair_and_then_the_best_score_decides():
    """An excluded choice is never made, and the journal says how it was decided."""
    lines = {"desk": ["eve", "bob"], "*": named}
    said, choices = route(router([ada, bob], Agent("desk")), "invoice", lines)
    assert (said, choices[0]["how"]) == ("bob", "repaired")
    said, choices = route(router([ada, bob], Agent("desk")), "invoice", {"desk": "eve", "*": named})
    assert (said, choices[0]["how"]) == ("ada", "rule")
    assert choices[0]["why"].startswith("'eve' is not eligible; eligible are ['ada', 'bob']")


def test_a_single_route_that_is_left_is_not_asked_about():
    """There is nothing to choose."""
    team = router([ada, bob], Agent("desk"))
    _, choices = route(team, "go", {"desk": ["ada"], "ada": [Decline("no")], "bob": "x"})
    assert [(one["to"], one["how"]) for one in choices] == [("ada", "chosen"), ("bob", "only")]


def test_a_rule_may_choose():
    """What names no route is decided by score."""
    assert rehearse(router([ada, bob], lambda task, routes: "bob"), "invoice", named)[0].text == "bob"
    assert rehearse(router([ada, bob], lambda task, routes: "eve"), "invoice", named)[0].text == "ada"


def test_tools_that_a_task_needs_rule_routes_out():
    """An agent's own tools count; who is out says why, and if all are, nobody can."""

    def search(query: str) -> str:
        """Search."""
        return query

    armed = Agent("armed", tools=[search])
    needs = scored(needs=lambda task: ["search"])
    said, choices = route(router([ada, armed, Route(bob, tools=("search",))], needs))
    assert (said, choices[0]["candidates"][-1]["out"]) == ("armed", "has no tool 'search'")
    with pytest.raises(NobodyCan, match="'ada' has no tool 'search'"):
        rehearse(router([ada], needs), "go", named)


def test_keywords_meaning_load_and_success_count():
    """Each a term with a weight; what asks the world is one journaled step."""
    by = scored(
        similarity=lambda text, descriptions: [0.9 if "poem" in one else 0.1 for one in descriptions],
        load=lambda names: {"cy": 1.0},
        success=lambda names: {"bob": 1.0},
        weights={"load": -10},
    )
    said, choices = route(router([ada, bob, Route(cy, keywords=("verse",))], by), "a verse")
    terms = {one["name"]: one["terms"] for one in choices[0]["candidates"]}
    assert said == "bob"
    assert terms["cy"].pop("words") > 0
    assert terms["cy"] == {
        "keywords": 1,
        "similarity": 1.8,
        "load": -10,
        "success": 0.25,
    }
    assert terms["bob"] == {"similarity": 0.2, "success": 0.5}


def test_it_survives_a_crash():
    """The same route is taken."""
    team = router([ada, bob], scored(load=lambda names: {"ada": 0.5}))
    result = crash_everywhere(
        team, "invoice", script=lambda t: Decline("no") if t.actor == "ada" else t.actor
    )
    assert result.text == "bob"


def test_bad_input_is_refused():
    """At the door."""
    for routes in ([], [ada, Agent("ada")]):
        with pytest.raises(BadInput, match="router 'router' needs routes, each with a name of its own"):
            router(routes)
    with pytest.raises(BadInput, match="there is no term 'luck'"):
        scored(weights={"luck": 1})
    assert Routing("a", "chosen", "").candidates == ()
