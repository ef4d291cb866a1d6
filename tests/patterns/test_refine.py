import pytest

from coterie import Agent, Message, best_effort, collect_all
from coterie.errors import BadInput, BranchesFailed, ModelFailed
from coterie.patterns import Review, refine
from coterie.testing import crash_everywhere, rehearse, simulate

author, mia, sol = Agent("author"), Agent("mia"), Agent("sol")
judge = Agent("judge", output=Review)


def drafts(*scores):
    """An author that numbers its drafts, and a judge that scores each in turn."""
    numbered = [f"draft {n}" for n in range(len(scores))]
    return {"author": numbered, "judge": [Review(score, f"only {score}") for score in scores]}


def test_a_draft_that_nobody_complains_of_is_the_answer():
    """One round is enough when the first draft is good."""
    said, asked = rehearse(refine(author, mia), "go", {"author": "good", "mia": "ok"})
    assert (said.text, said.unverified, len(asked)) == ("good", "", 2)
    assert [part.sender for part in said.parts] == ["author", "mia"]


def test_the_author_is_told_what_every_critic_wants():
    """Complaints come back in declared order, and the conversation grows by two messages a round."""
    team = refine(author, mia, sol)
    script = {"author": ["one", "two"], "mia": ["too dull", "ok"], "sol": ["too short", "Ok."]}
    said, asked = rehearse(team, "go", script)
    prompt = [message.text for message in asked[3].thread]
    assert prompt[:2] == ["go", "one"]
    assert "mia: too dull\nsol: too short" in prompt[2]
    assert said.text == "two"


def test_critics_see_the_request_and_the_draft():
    """A critic's prompt does not grow with the rounds."""
    _, asked = rehearse(refine(author, mia), "go", {"author": ["a", "b", "c"], "mia": "worse"})
    prompts = [[message.text for message in think.thread] for think in asked if think.actor == "mia"]
    assert prompts == [["go", "a"], ["go", "b"], ["go", "c"]]


def test_it_returns_the_best_draft_and_not_the_last():
    """A draft that got worse is not the answer, and the answer says that it was not accepted."""
    said, _ = rehearse(refine(author, judge, accept=0.9), "go", drafts(0.2, 0.8, 0.4))
    assert said.text == "draft 1"
    assert said.unverified == "not accepted: judge: only 0.8"
    assert said.parts[1].output == Review(0.8, "only 0.8")


def test_it_stops_at_the_score_that_is_asked_for():
    """A threshold accepts a draft whatever is said about it besides."""
    said, asked = rehearse(refine(author, judge, accept=0.7), "go", drafts(0.2, 0.8, 0.4))
    assert (said.text, said.unverified, len(asked)) == ("draft 1", "", 4)


def test_of_equals_the_newest_is_kept():
    """A later draft has had the benefit of a critique."""
    said, _ = rehearse(refine(author, judge, accept=1.0), "go", drafts(0.5, 0.5, 0.5))
    assert said.text == "draft 2"


def test_the_score_is_the_mean_of_the_critics():
    """Predicates score too: with a number, or with 1 for good and 0 for bad."""
    team = refine(author, lambda message: 0.5, lambda message: True, accept=0.75)
    assert rehearse(team, "go", "x")[0].unverified == ""
    strict = refine(author, lambda message: 0.5, lambda message: True, accept=0.8, rounds=1)
    assert rehearse(strict, "go", "x")[0].unverified == "not accepted: the score is 0.75, 0.8 is needed"


def test_a_predicate_says_what_is_wrong():
    """A text is a complaint, and False is one that names the predicate."""

    def short(message):
        return len(message.text) < 3

    team = refine(author, short, lambda message: message.text != "ab" or "not ab", rounds=3)
    said, asked = rehearse(team, "go", ["long", "ab", "b"])
    assert said.text == "b"
    assert "short does not hold" in asked[1].thread[-1].text
    assert "not ab" in asked[2].thread[-1].text


def test_a_check_may_decide_in_the_critics_place():
    """With a check as `accept`, critics advise and the check decides."""
    team = refine(author, mia, accept=lambda message: "42" in message.text or "needs 42")
    said, asked = rehearse(team, "go", {"author": ["a", "b42"], "mia": "never good"})
    assert (said.text, said.unverified) == ("b42", "")
    assert "needs 42\nmia: never good" in asked[2].thread[-1].text


def test_an_author_that_fails_later_leaves_the_best_draft():
    """What there is is not lost, and who did not answer is named."""
    script = {"author": ["one", ModelFailed("down")], "mia": "meh"}
    said, _ = rehearse(refine(author, mia), "go", script)
    assert said.text == "one"
    assert said.missing[0].message == "down"
    assert said.unverified


def test_p14_a_critic_that_fails_is_missing_and_no_reason_to_mend():
    """A failure is never handed to the author as a critique."""
    team = refine(author, mia, sol, on_failure=collect_all)
    said, asked = rehearse(team, "go", {"author": "x", "mia": [ModelFailed("down")], "sol": "ok"})
    assert (said.unverified, len(said.missing), len(asked)) == ("", 1, 3)


def test_p14_without_any_critique_a_draft_is_not_accepted():
    """Silence is not consent."""
    with pytest.raises(BranchesFailed):
        rehearse(
            refine(author, mia, on_failure=collect_all), "go", {"author": "x", "mia": [ModelFailed("down")]}
        )


def test_p14_late_critics_are_not_waited_for():
    """`best_effort` bounds each round of critique."""
    run = simulate(
        refine(author, mia, sol, on_failure=best_effort(within=3)),
        "go",
        script={"author": "x", "mia": "ok", "sol": "no"},
        latency=lambda effect, _: {"author": 1, "mia": 2, "sol": 30}[effect.actor],
    )
    assert run.elapsed == 4
    assert [failure.kind for failure in run.message.missing] == ["Late"]


def test_what_cannot_be_judged_is_refused():
    """Without critics there has to be a check to accept by."""
    with pytest.raises(BadInput, match="needs a critic"):
        refine(author)
    with pytest.raises(BadInput, match="rounds is 1 or more"):
        refine(author, mia, rounds=0)


def test_typed_drafts_keep_their_output():
    """The best draft's output is the answer's."""
    team = refine(Agent("author", output=dict), lambda message: bool(message.output), rounds=1)
    assert rehearse(team, "go", '{"a": 1}')[0].output == {"a": 1}


def test_p01_refining_survives_a_crash_anywhere():
    """The best draft is the same after a cut at any event."""

    def line(think):
        if think.actor == "author":
            return f"draft {len(think.thread)}"
        return Message(sender="judge", text=f'{{"score": 0.{len(think.thread[-1].text)}}}')

    assert crash_everywhere(refine(author, judge, accept=1), "go", script=line).status == "unverified"
