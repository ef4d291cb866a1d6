import asyncio

import pytest

from coterie import Agent, Message, Task, collect_all
from coterie.errors import BadInput, BadOutput, ModelFailed
from coterie.models import scripted
from coterie.patterns import parallel, pipeline, stage
from coterie.team import Team
from coterie.testing import crash_everywhere, rehearse

draft, edit, print_ = Agent("draft"), Agent("edit"), Agent("print")


def grow(think):
    return f"{think.thread[-1].text}>{think.actor}"


def long_enough(message):
    return len(message.text) > 8 or "too short"


def test_each_stage_works_on_what_the_one_before_made():
    """The answer is the last stage's, and `parts` is what each said, in order."""
    said, _ = rehearse(pipeline(draft, edit, print_), "go", grow)
    assert said.text == "go>draft>edit>print"
    assert [(part.sender, part.text) for part in said.parts] == [
        ("draft", "go>draft"),
        ("edit", "go>draft>edit"),
        ("print", "go>draft>edit>print"),
    ]
    assert said.sender == "pipeline"


def test_one_stage_is_a_pipeline_too():
    """The same holds for one stage as for many."""
    said, _ = rehearse(pipeline(draft), "go", grow)
    assert (said.text, len(said.parts)) == ("go>draft", 1)


def test_typed_output_reaches_the_next_stage_as_data():
    """The output of a stage is the next one's `data`."""

    async def first(task: Task) -> Message:
        return Message(sender="first", text="three", output=3)

    async def second(task: Task) -> Message:
        return Message(sender="second", output=task.data + 1)

    said, _ = rehearse(pipeline(Team("first", (), first), Team("second", (), second)), "go")
    assert said.output == 4


def test_a_stage_that_fails_its_check_is_told_why_and_mends_it():
    """The repair is a turn of the same conversation: task, answer, complaint."""
    team = pipeline(stage(draft, check=long_enough, repairs=2), edit)
    said, asked = rehearse(team, "go", {"draft": ["short", "shorty", "long enough"], "edit": grow})
    assert said.text == "long enough>edit"
    assert [message.text.split("\n")[0] for message in asked[2].thread] == [
        "go",
        "short",
        "That cannot be used yet: too short",
        "shorty",
        "That cannot be used yet: too short",
    ]


def test_after_its_repairs_a_stage_falls_back():
    """The fallback gets the task itself, and who was replaced is in `missing`."""
    team = pipeline(stage(draft, check=long_enough, fallback=edit))
    said, asked = rehearse(team, "go", {"draft": "short", "edit": "long enough"})
    assert said.text == "long enough"
    assert [failure.kind for failure in said.missing] == ["BadOutput"]
    assert [message.text for message in asked[-1].thread] == ["go"]


def test_a_stage_falls_back_when_its_actor_fails():
    """A failure of the actor is a reason to fall back, like a failed check."""
    team = pipeline(stage(draft, fallback=edit))
    said, _ = rehearse(team, "go", {"draft": [ModelFailed("down")], "edit": "there"})
    assert said.text == "there"
    assert [failure.path for failure in said.missing] == ["pipeline/draft/think.1"]


def test_then_it_fails_and_names_the_stage():
    """Without a fallback, the last answer is on the error, with what the stages before had made."""
    team = pipeline(draft, stage(edit, check=long_enough), print_)
    with pytest.raises(BadOutput, match=r"stage 'edit' of 'pipeline'.*2 tries: too short") as caught:
        rehearse(team, "go", "short")
    assert caught.value.raw == "short"
    assert [part.sender for part in caught.value.finished] == ["draft"]


def test_the_fallback_has_to_pass_the_check_too():
    """A fallback that does no better fails the pipeline in its own name."""
    with pytest.raises(BadOutput, match="stage 'edit'"):
        rehearse(pipeline(stage(draft, check=long_enough, fallback=edit, repairs=0)), "go", "short")


def test_a_check_may_be_an_actor_that_sees_the_request():
    """An actor that checks is shown what was asked and what came of it."""
    team = pipeline(stage(draft, check=edit))
    said, asked = rehearse(team, "go", {"draft": ["a", "b"], "edit": ["too plain", "ok"]})
    assert said.text == "b"
    assert [message.text for message in asked[1].thread] == ["go", "a"]


def test_a_check_may_be_a_type():
    """A type as a check makes the text typed output for the next stage."""
    said, _ = rehearse(pipeline(stage(draft, check=dict)), "go", ["prose", '{"a": 1}'])
    assert said.output == {"a": 1}


def test_what_a_stage_misses_is_seen_above():
    """Failures below a stage are in the pipeline's `missing`."""
    inner = parallel(draft, edit, on_failure=collect_all)
    said, _ = rehearse(
        pipeline(inner, print_), "go", {"draft": [ModelFailed("down")], "edit": "e", "print": "p"}
    )
    assert [failure.message for failure in said.missing] == ["down"]


def test_a_pipeline_without_stages_is_refused():
    """There is nothing to do, and it says so when it is built."""
    with pytest.raises(BadInput, match="at least one stage"):
        pipeline()
    with pytest.raises(BadInput, match="repairs is 0 or more"):
        stage(draft, repairs=-1)


def test_p01_a_pipeline_survives_a_crash_anywhere():
    """Repairs and fallbacks come out the same after a cut at any event."""

    def line(think):
        return "short" if think.actor == "draft" else "long enough"

    result = crash_everywhere(
        pipeline(stage(draft, check=long_enough, fallback=edit), print_), "go", script=line
    )
    assert result.status == "succeeded"


def test_p14_the_stages_that_were_finished_are_in_the_result():
    """A pipeline that fails gives what its stages had made."""
    team = pipeline(draft, stage(edit, check=long_enough))
    result = asyncio.run(team.run("go", model=scripted("short")))
    assert (result.status, result.parts[0].sender) == ("failed", "draft")
