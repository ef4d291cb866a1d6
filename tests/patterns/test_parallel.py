import asyncio
from functools import partial

import pytest
from msgspec import Struct

from coterie import Agent, Message, best_effort, collect_all, fail_fast, quorum
from coterie.errors import BadInput, BadOutput, BranchesFailed, ModelFailed
from coterie.models import scripted
from coterie.patterns import concatenate, merge, parallel, pipeline
from coterie.testing import crash_everywhere, rehearse, simulate

CREW = [Agent(name) for name in "abcde"]


def name_of(think):
    return think.actor


def failing(*names):
    def line(think):
        return ModelFailed(f"{think.actor} is down") if think.actor in names else think.actor

    return line


def test_results_stand_in_declared_order_whatever_finished_first():
    """On 50 schedules the answer is the same."""
    seen = {simulate(parallel(*CREW), "go", script=name_of, seed=seed).message.text for seed in range(50)}
    assert seen == {"a\n\nb\n\nc\n\nd\n\ne"}


def test_all_members_work_at_once():
    """The time is that of the slowest member."""
    run = simulate(parallel(*CREW), "go", script=name_of, latency=lambda effect, _: ord(effect.actor) - 96)
    assert run.elapsed == 5


def test_an_actor_joins_by_reading_the_answers():
    """It is shown the task, then each answer once, then what to do."""
    said, asked = rehearse(parallel(*CREW[:2], join=CREW[2]), "go", name_of)
    assert said.text == "c"
    assert [message.text for message in asked[-1].thread] == [
        "go",
        "a",
        "b",
        "Combine these answers into one.",
    ]
    assert [part.text for part in said.parts] == ["a", "b"]


def test_a_function_joins_the_messages():
    """A function of the messages may give a text, a message, or either later."""

    async def later(messages):
        return "+".join(message.text for message in messages)

    assert rehearse(parallel(*CREW, join=lambda messages: str(len(messages))), "go", name_of)[0].text == "5"
    assert rehearse(parallel(*CREW, join=later), "go", name_of)[0].text == "a+b+c+d+e"


def test_a_join_is_never_shown_a_failure():
    """Failures are in `missing` alone; no error text flows on as content."""
    team = parallel(*CREW, on_failure=collect_all, join=CREW[0])
    said, asked = rehearse(team, "go", failing("b", "d"))
    assert [message.text for message in asked[-1].thread][1:-1] == ["a", "c", "e"]
    assert [failure.path for failure in said.missing] == ["parallel/b/think.1", "parallel/d/think.1"]
    assert "down" not in said.text


@pytest.mark.parametrize("size", range(1, 6))
def test_p14_fail_fast_keeps_the_first_cause_and_the_winners(size):
    """The error is the first failure itself, with what was finished on it."""
    crew = CREW[:size]
    with pytest.raises(ModelFailed, match=f"{crew[-1].name} is down") as caught:
        rehearse(parallel(*crew), "go", failing(crew[-1].name))
    assert [message.sender for message in caught.value.finished] == [one.name for one in crew[:-1]]


@pytest.mark.parametrize("size", range(1, 6))
@pytest.mark.parametrize("policy", [fail_fast, collect_all, quorum(1), best_effort(within=9)])
def test_p14_every_policy_gives_all_answers_when_nobody_fails(size, policy):
    """Without failures the policies differ in nothing but when they are content."""
    said, _ = rehearse(parallel(*CREW[:size], on_failure=policy), "go", name_of)
    answered = [part.sender for part in said.parts]
    expected = ["a"] if policy == quorum(1) else [one.name for one in CREW[:size]]
    assert answered == expected
    assert len(answered) + len(said.missing) == size


@pytest.mark.parametrize("size", range(2, 6))
@pytest.mark.parametrize("policy", [collect_all, quorum(1), best_effort(within=9)])
def test_p14_each_branch_ends_in_exactly_one_state(size, policy):
    """With one failure, who answered and who is missing make up the team."""
    said, _ = rehearse(parallel(*CREW[:size], on_failure=policy), "go", failing("a"))
    assert len(said.parts) + len(said.missing) == size
    assert said.missing[0].message == "a is down"


@pytest.mark.parametrize("size", range(1, 6))
@pytest.mark.parametrize("policy", [collect_all, quorum(1), best_effort(within=9)])
def test_p14_nobody_answering_is_a_failure_under_every_policy(size, policy):
    """No answer is never an empty answer, for one member as for many."""
    with pytest.raises(BranchesFailed):
        rehearse(parallel(*CREW[:size], on_failure=policy), "go", failing(*"abcde"))


def test_p14_best_effort_takes_what_is_there_in_time():
    """Who is late is missing as late, and the time is kept."""
    run = simulate(
        parallel(*CREW, on_failure=best_effort(within=2.5)),
        "go",
        script=name_of,
        latency=lambda effect, _: ord(effect.actor) - 96,
    )
    assert run.elapsed == 2.5
    assert [part.sender for part in run.message.parts] == ["a", "b"]
    assert [failure.kind for failure in run.message.missing] == ["Late"] * 3


class Facts(Struct):
    title: str | None = None
    tags: list[str] = []
    more: dict[str, int] = {}


def facts(name, *outputs):
    return [Message(sender=f"{name}{n}", output=output) for n, output in enumerate(outputs)]


def test_merge_unites_typed_outputs():
    """Fields are united, lists put one after the other, and the type is kept."""
    merged = merge(facts("m", Facts(None, ["x"], {"a": 1}), Facts("T", ["y"], {"b": 2})))
    assert merged.output == Facts("T", ["x", "y"], {"a": 1, "b": 2})


def test_merge_lets_the_first_declared_win():
    """A conflict is settled by declared order, however deep."""
    merged = merge(facts("m", {"a": {"b": 1}}, {"a": {"b": 2, "c": 3}}))
    assert merged.output == {"a": {"b": 1, "c": 3}}


def test_strict_merge_refuses_a_conflict_and_names_it():
    """Two members that disagree are named with the field."""
    with pytest.raises(BadOutput, match=r"'m0' and 'm1' disagree about 'a\.b': 1 and 2"):
        partial(merge, strict=True)(facts("m", {"a": {"b": 1}}, {"a": {"b": 2}}))
    assert merge(facts("m", {"a": 1}, {"a": 1}), strict=True).output == {"a": 1}


def test_merge_changes_nobodys_output():
    """What a member said stays what it said."""
    said = facts("m", {"a": {"b": 1}, "l": [1]}, {"a": {"c": 2}, "l": [2]})
    merge(said)
    assert [message.output for message in said] == [{"a": {"b": 1}, "l": [1]}, {"a": {"c": 2}, "l": [2]}]


def test_merge_wants_objects():
    """An answer without fields cannot be merged, and it says whose."""
    with pytest.raises(BadOutput, match="'m0' gave no object"):
        merge(facts("m", "text"))


def test_concatenate_keeps_outputs_where_all_have_one():
    """The outputs are a list, or nothing."""
    assert concatenate(facts("m", 1, 2)).output == [1, 2]
    assert concatenate(facts("m", 1, None)).output is None


def test_a_team_without_members_is_refused():
    """There is nobody to ask."""
    with pytest.raises(BadInput, match="at least one member"):
        parallel()


def test_p01_a_parallel_team_survives_a_crash_anywhere():
    """Answers and failures come out the same after a cut at any event."""
    team = parallel(*CREW, on_failure=collect_all, join=CREW[0])
    assert crash_everywhere(team, "go", script=failing("b")).status == "succeeded"


def test_p14_winners_of_a_team_within_a_team_are_in_the_result():
    """However deep the failure, what was finished by then is in the run's parts, each once."""
    team = pipeline(CREW[0], parallel(*CREW[1:]))
    result = asyncio.run(team.run("go", model=scripted(failing("e"))))
    assert (result.status, [part.sender for part in result.parts]) == ("failed", ["a", "b", "c", "d"])
