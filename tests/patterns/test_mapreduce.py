import tracemalloc

import pytest

from coterie import Agent, Message, Sleep, Task, Team, best_effort, collect_all, quorum
from coterie.errors import BadInput, BadOutput, BranchesFailed, ModelFailed, OverLimit
from coterie.kernel.machine import Machine
from coterie.patterns import Fold, mapreduce
from coterie.testing import crash_everywhere, rehearse, simulate
from coterie.words.event import Settled

ada, lead = Agent("ada"), Agent("lead")


def letters(task):
    return list(task.text)


def said_again(think):
    text = think.thread[-1].text
    return ModelFailed(f"no {text}") if text == "x" else text.upper()


def longest(worker, parts, **options):
    """The run of a mapreduce whose parts are seconds to work for."""

    async def work(task):
        await Sleep(float(task.text))
        return task.text

    return simulate(mapreduce(Team("work", (), work), split=lambda task: parts, **options), worker)


def test_each_part_is_done_and_the_results_reduced_in_their_order():
    """A worker is shown the part and not the whole."""
    said, asked = rehearse(mapreduce(ada, split=letters), "abc", said_again)
    assert (said.text, said.sender) == ("A\n\nB\n\nC", "mapreduce")
    assert [part.text for part in said.parts] == ["A", "B", "C"]
    assert [[message.text for message in think.thread] for think in asked] == [["a"], ["b"], ["c"]]


def test_10_000_parts_run_in_bounded_memory():
    """With a fold, ten times the parts take no more memory, and no more parts than are at work exist."""
    alive, most = 0, 0

    async def work(task):
        nonlocal alive
        await Sleep(1)
        alive -= 1
        return task.text

    def split(task):
        nonlocal alive, most
        for n in range(int(task.text)):
            alive += 1
            most = max(most, alive)
            yield f"{n:06}" + "x" * 1000

    total = Fold(0, lambda so_far, said: so_far + int(said.text[:6]), str)
    team = mapreduce(Team("work", (), work), split=split, reduce=total, at_once=8)

    def peak(parts):
        tracemalloc.start()
        try:
            machine = Machine(team, Task(str(parts)), noting=False)
            while not machine.done:
                for asked in machine.wants():
                    machine.settle(Settled(asked.path))
            assert machine.value == Message(sender="mapreduce", text=str(parts * (parts - 1) // 2))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(10_000) < peak(1_000) + 100_000
    assert most == 8


def test_a_part_begins_as_soon_as_somebody_is_free():
    """There are no waves: two at once need 10 for 10 beside five of 2."""
    run = longest("", ["10", "2", "2", "2", "2", "2"], at_once=2)
    assert run.elapsed == 10


def test_a_fold_is_in_the_order_of_the_parts_and_keeps_none():
    """Whatever ends first."""
    run = longest("", ["3", "2", "1"], reduce=Fold("", lambda text, said: text + said.text, str))
    assert (run.message.text, run.message.parts) == ("321", ())


@pytest.mark.parametrize("reduced", ["sum", "function", "actor"])
def test_reduce_is_a_function_or_an_actor(reduced):
    """An actor reads the task and all the results."""
    if reduced == "actor":
        said, asked = rehearse(
            mapreduce(ada, split=letters, reduce=lead), "ab", {"ada": said_again, "lead": "both"}
        )
        assert [message.text for message in asked[-1].thread][:-1] == ["ab", "A", "B"]
        assert said.text == "both"
    else:
        join = (lambda said: str(len(said))) if reduced == "sum" else _joined
        assert rehearse(mapreduce(ada, split=letters, reduce=join), "ab", said_again)[0].text == "2"


async def _joined(said):
    return Message(sender="", text=str(len(said)))


def test_an_actor_may_split_and_is_asked_again_once():
    """Its list is the parts; a second answer without one is a typed failure."""
    team = mapreduce(ada, split=lead)
    said, _ = rehearse(team, "go", {"lead": ["hm", ["p", "q"]], "ada": said_again})
    assert [part.text for part in said.parts] == ["P", "Q"]
    with pytest.raises(BadOutput, match="'lead' split into no list in 2 tries"):
        rehearse(team, "go", {"lead": "hm"})


def test_a_part_may_be_a_task_or_data():
    """Data is shown as JSON and comes with the task."""
    seen = []

    async def work(task):
        seen.append((task.text, task.data))
        return ""

    rehearse(mapreduce(Team("work", (), work), split=lambda task: [Task("t", None, 1), {"n": 2}]), "go")
    assert seen == [("t", 1), ('{"n":2}', {"n": 2})]


def test_without_parts_there_is_nothing_to_reduce():
    """The answer is empty, and nobody is asked."""
    said, asked = rehearse(mapreduce(ada, split=lambda task: [], reduce=lead), "go", "x")
    assert (said.text, said.parts, asked) == ("", (), [])


def test_the_first_failure_ends_it_unless_it_is_told_otherwise():
    """Under `collect_all` the others are kept, and the part that has no result is named by its error."""
    with pytest.raises(ModelFailed, match="no x"):
        rehearse(mapreduce(ada, split=letters), "axc", said_again)
    said, _ = rehearse(mapreduce(ada, split=letters, on_failure=collect_all), "axc", said_again)
    assert ([part.text for part in said.parts], [one.message for one in said.missing]) == (
        ["A", "C"],
        ["no x"],
    )
    with pytest.raises(BranchesFailed, match="0 of 2 parts have a result"):
        rehearse(mapreduce(ada, split=letters, on_failure=collect_all), "xx", said_again)


def test_a_quorum_is_of_parts():
    """The rest is closed and named; if it cannot be reached any more, that is known at once."""
    run = longest("", ["1", "2", "50", "60", "70"], on_failure=quorum(2), at_once=3)
    assert run.elapsed == 2
    assert [part.text for part in run.message.parts] == ["1", "2"]
    assert [one.message.partition(":")[0] for one in run.message.missing] == [
        "part 2",
        "part 3",
        "part 4 and on",
    ]
    with pytest.raises(BranchesFailed, match="1 of 3 parts have a result, 2 needed"):
        rehearse(mapreduce(ada, split=letters, on_failure=quorum(2)), "axx", said_again)


def test_best_effort_takes_what_is_there_in_time():
    """What is late is named."""
    run = longest("", ["1", "50", "2"], on_failure=best_effort(within=5), at_once=3)
    assert (run.elapsed, [part.text for part in run.message.parts]) == (5, ["1", "2"])
    assert [(one.kind, one.message[:6]) for one in run.message.missing] == [("Late", "part 1")]


def test_there_is_an_end_to_what_a_split_may_give():
    """A generator without end is stopped, not worked off."""

    def split(task):
        while True:
            yield "a"

    with pytest.raises(OverLimit, match="more than 5 parts: raise max_parts"):
        rehearse(mapreduce(ada, split=split, max_parts=5), "go", said_again)


def test_it_survives_a_crash():
    """Parts that are done are not done again."""
    team = mapreduce(ada, split=letters, at_once=2, on_failure=collect_all)
    assert crash_everywhere(team, "abxd", script=said_again).text == "A\n\nB\n\nD"


def test_bad_input_is_refused():
    """At the door."""
    for wrong in ({"at_once": 0}, {"max_parts": 0}):
        with pytest.raises(BadInput, match="at_once and max_parts are 1 or more"):
            mapreduce(ada, split=letters, **wrong)
