"""The decision team: reasons are facts of the brief, and a judge alone decides nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from coterie.errors import BadInput
from coterie.models import scripted
from coterie.teams.brief import Brief, about, brief_of
from coterie.teams.decision import build
from coterie.teams.weighing import Mark, concerns, hinge, measured, unnamed
from coterie.testing import crash_everywhere, rehearse

TASK = (
    "Where do we eat? Options: the tavern; the bakery. "
    "Facts: The tavern costs 40 euros; The bakery costs 9 euros; The tavern has music"
)
FACTS = ("The tavern is near", "The bakery is near")


def _script(fact: str = "The bakery costs 9 euros"):
    return {"clerk": lambda _: {"sentiment": "positive"}, "judge": lambda _: {"fact": fact}}


def test_perspectives_vote_by_their_facts_and_the_judge_names_the_deciding_one() -> None:
    """Money is for the bakery, use for the tavern, the others abstain; the tie goes in declared order."""
    said, _ = rehearse(build(), TASK, _script("The tavern has music"))
    verdict = said.output
    assert (verdict.option, verdict.tally.winner, said.unverified) == ("the tavern", "the tavern", "")
    assert verdict.tally.scores == {"the tavern": 1, "the bakery": 1}
    assert verdict.tally.abstained == ("risk", "work")
    assert "- money, by figures: against the tavern, because: The tavern costs 40 euros" in said.text
    assert "- use, read by the clerk: for the tavern, because: The tavern has music" in said.text


def test_a_model_is_asked_what_figures_do_not_say_and_not_by_name() -> None:
    """One call of the clerk for three facts; what the vote hangs on is said."""
    said, asked = rehearse(build(), TASK, _script("The tavern has music"))
    assert [think.thread[-1].text for think in asked if think.actor == "clerk"] == ["Review: It has music."]
    assert said.output.hinge == ("The tavern has music",)


def test_p15_a_judge_against_the_committee_is_unverified() -> None:
    """People are told that the two are not of one mind."""
    result = build().run_sync(TASK, model=scripted(_script()))
    assert (result.status, result.output.option) == ("unverified", "the bakery")
    assert "the committee for 'the tavern'" in result.message.unverified


def test_p15_where_every_perspective_abstains_the_judge_alone_is_not_enough() -> None:
    """Facts that leave nobody ahead are no vote; the run is unverified and not failed."""
    task = f"Where? Options: the tavern; the bakery. Facts: {'; '.join(FACTS)}"
    said, _ = rehearse(build(), task, _script(FACTS[0]))
    assert (said.output.option, said.output.tally.winner) == ("the tavern", "")
    assert "the committee for 'nothing'" in said.unverified


def test_a_fact_that_is_not_in_the_brief_is_never_a_reason() -> None:
    """A judge who makes one up twice is replaced by the weightiest fact there is."""
    said, asked = rehearse(build(), TASK, _script("The bakery is run by a bear"))
    assert said.output.by.fact == "The tavern costs 40 euros"
    assert [think.actor for think in asked].count("judge") == 2


def test_it_survives_a_crash_anywhere() -> None:
    """Cut after any event and resumed, it comes to the same and repeats no settled step."""
    assert crash_everywhere(build(), TASK, script=_script("The tavern has music")).status == "succeeded"


def test_a_brief_is_lists_under_headings(tmp_path: Path) -> None:
    """The question comes from the task; other headings are passed over."""
    text = "# Food\n\n## Options\n- the tavern\n- the bakery\n\n"
    text += "## Notes\n- x\n\n## Facts\n1. The tavern is near.\n2. The bakery is far."
    known = brief_of("Where?", text)
    assert (known.question, known.options) == ("Where?", ("the tavern", "the bakery"))
    assert known.facts == ("The tavern is near", "The bakery is far")


def test_a_fact_is_about_the_one_option_that_it_names() -> None:
    """One that names two, or none, is about none."""
    options = ("the net loft", "the boat hall")
    assert about("The loft is dry", options) == "the net loft"
    assert about("The net loft is beside the boat hall", options) == about("It rains", options) == ""


@pytest.mark.parametrize(
    ("facts", "weights"),
    [
        (
            ["The oak costs EUR 1,000", "The elm costs EUR 900", "The elm costs EUR 50 more for heating"],
            [-1, 1, 1],
        ),
        (["The oak costs EUR 1,000", "The elm costs $900"], []),
        (["The oak costs EUR 10", "The elm costs EUR 10"], []),
        (["The oak costs EUR 10", "The elm is loud"], []),
        (["The oak takes nine hours", "The elm takes 30 minutes"], [-1, 1]),
        (
            ["The oak takes two weeks and costs 5 euros", "The elm takes 20 days and costs 4 euros"],
            [-1, 1, 1, -1],
        ),
    ],
)
def test_figures_are_compared_by_the_program(facts: list[str], weights: list[int]) -> None:
    """The least in all is for its option and more is against; what is not comparable counts nothing."""
    known = Brief("Which?", ("oak", "elm"), tuple(facts))
    assert [one.weight for one in measured(known, dict.fromkeys(facts, "work"))] == weights


def test_facts_concern_the_perspective_that_they_are_like() -> None:
    """By meaning, not by words."""
    facts = {
        "The newsletter reaches 900 members at no cost": "money",
        "The old bridge was damaged by a flood": "risk",
        "Guests like the view from the terrace": "use",
        "The form has to be filled in by hand for hours": "work",
    }
    assert concerns.function([*facts]) == [*facts.values()]


def test_the_name_of_an_option_does_not_sway_the_clerk() -> None:
    """`It` stands in its place, whether the fact says `the` or not."""
    assert unnamed("The net loft is dry", "the net loft") == "It is dry"
    assert unnamed("In the net loft one sees the net loft's door", "net loft") == "In it one sees it's door"
    assert unnamed("The loft is dry", "the net loft") == "The loft is dry"


def test_what_an_outcome_hangs_on() -> None:
    """A reading that would turn the vote around, and neither figures nor what others outweigh."""
    known = Brief("Which?", ("oak", "elm"), ("The oak is fun", "The oak is easy", "The elm is dear"))
    marks = [
        Mark("The oak is fun", "oak", "use", 1.0),
        Mark("The elm is dear", "elm", "money", -1.0, "figures"),
    ]
    assert hinge(marks, known) == []
    assert hinge(marks[:1], known) == ["The oak is fun"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("What shall we do?", "0 are named"),
        ("Options: this", "1 are named"),
        ("Options: tea; coffee. Facts: Tea is cheap", "no fact is about 'coffee'"),
    ],
)
def test_what_cannot_be_decided_is_refused_with_what_to_write(tmp_path: Path, text: str, what: str) -> None:
    """From a file before anything runs, from the task before any model is asked."""
    (tmp_path / "brief.md").write_text(text)
    with pytest.raises(BadInput, match=what):
        build(tmp_path / "brief.md")
    with pytest.raises(BadInput, match=what):
        rehearse(build(), text, {})
