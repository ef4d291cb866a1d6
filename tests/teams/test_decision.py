"""The decision team: reasons are facts of the brief, and a judge alone decides nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from coterie.errors import BadInput
from coterie.models import scripted
from coterie.teams.decision import about, brief_of, build
from coterie.testing import crash_everywhere, rehearse

TASK = (
    "Where do we eat? Options: the tavern; the bakery. "
    "Facts: The tavern costs 40 euros; The bakery costs 9 euros; The tavern has music"
)
FACTS = ("The tavern is near", "The bakery is near")
LABELS = {
    "The tavern costs 40 euros": ("cost", "negative"),
    "The bakery costs 9 euros": ("cost", "positive"),
    "The tavern has music": ("comfort", "positive"),
}


def _script(fact: str = "The bakery costs 9 euros"):
    def label(think):
        side, sentiment = LABELS[think.thread[-1].text]
        return {"about": side, "sentiment": sentiment}

    return {"clerk": label, "judge": lambda _: {"fact": fact}}


def test_perspectives_vote_by_their_facts_and_the_judge_names_the_deciding_one() -> None:
    """Money is for the bakery, use for the tavern, the others abstain; the tie goes in declared order."""
    said, _ = rehearse(build(), TASK, _script("The tavern has music"))
    verdict = said.output
    assert (verdict.option, verdict.tally.winner, said.unverified) == ("the tavern", "the tavern", "")
    assert verdict.tally.scores == {"the tavern": 1, "the bakery": 1}
    assert verdict.tally.abstained == ("risk", "work")
    assert "- money: against the tavern, because: The tavern costs 40 euros" in said.text


def test_p15_a_judge_against_the_committee_is_unverified() -> None:
    """People are told that the two are not of one mind."""
    result = build().run_sync(TASK, model=scripted(_script()))
    assert (result.status, result.output.option) == ("unverified", "the bakery")
    assert "the committee for 'the tavern'" in result.message.unverified


def test_p15_where_every_perspective_abstains_the_judge_alone_is_not_enough() -> None:
    """Facts that leave nobody ahead are no vote; the run is unverified and not failed."""
    script = {
        "clerk": lambda _: {"about": "cost", "sentiment": "positive"},
        "judge": lambda _: {"fact": FACTS[0]},
    }
    said, _ = rehearse(build(), f"Where? Options: the tavern; the bakery. Facts: {'; '.join(FACTS)}", script)
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
