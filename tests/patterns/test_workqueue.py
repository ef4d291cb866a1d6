import pytest

from coterie import Agent, Task, Team, best_effort, collect_all, fail_fast, quorum
from coterie.errors import BadInput, BranchesFailed, ModelFailed
from coterie.patterns.backlog import Backlog, Job, More, Outcome
from coterie.patterns.workqueue import workqueue
from coterie.testing import crash_everywhere, rehearse, simulate
from tests.patterns.specimens.workqueue import build

ann, bo, cy = Agent("ann"), Agent("bo"), Agent("cy")


def echo(think):
    return think.thread[-1].text.upper()


def states(message):
    return [outcome.state for outcome in message.output]


def order_of(asked):
    return [think.thread[-1].text for think in asked]


def test_every_job_is_done_once_and_results_are_in_its_order():
    """Whoever did it and whatever ended first, result n is that of job n."""
    run = simulate(workqueue(ann, bo, tasks=["a", "b", "c", "d"]), "go", script=echo, seed=3)
    assert (run.message.text, states(run.message)) == ("A\n\nB\n\nC\n\nD", ["done"] * 4)
    assert sorted(order_of(run.asked)) == ["a", "b", "c", "d"]
    assert [part.text for part in run.message.parts] == ["A", "B", "C", "D"]


def test_an_idle_worker_takes_the_next_job():
    """Nobody waits for a slow sibling: one long job beside five short ones takes five seconds."""
    run = simulate(
        workqueue(ann, bo, tasks=["5", "1", "1", "1", "1", "1"]),
        "go",
        script=echo,
        latency=lambda think, _: int(think.thread[-1].text),
    )
    assert run.elapsed == 5


def test_a_worker_is_shown_the_goal_and_the_job():
    """The job comes last, and its data is the task's."""
    seen = []

    async def desk(task):
        seen.append(task)
        return "ok"

    rehearse(workqueue(Team("desk", (), desk), tasks=[Job("first", data={"a": 1})]), "the goal")
    assert (seen[0].text, seen[0].data, seen[0].context[0].text) == ("first", {"a": 1}, "the goal")


def test_jobs_may_be_data_or_a_function_of_the_task():
    """Without `tasks=` they are the data of the task, texts or jobs, in JSON shape too."""
    by_data = Task("go", data=["a", {"text": "b", "priority": 1}])
    assert order_of(rehearse(workqueue(ann), by_data, echo)[1]) == ["b", "a"]
    team = workqueue(ann, tasks=lambda task: task.text.split())
    assert order_of(rehearse(team, "x y", echo)[1]) == ["x", "y"]


def test_results_are_typed():
    """An outcome says how a job ended, by whom, in how many tries, and with what."""
    typed = Agent("ann", output=dict[str, int])
    said, _ = rehearse(workqueue(typed, tasks=["a"]), "go", '{"n": 1}')
    assert said.output == (Outcome(job=Job("a"), state="done", tries=1, worker="ann", answer={"n": 1}),)


def test_the_most_urgent_job_is_next():
    """A higher priority goes first, and of equals the one declared first."""
    jobs = [Job("low", -1), Job("a"), Job("b"), Job("high", 2)]
    _, asked = rehearse(workqueue(ann, tasks=jobs), "go", echo)
    assert order_of(asked) == ["high", "a", "b", "low"]


def test_none_starves():
    """However many urgent jobs come in, one of low priority is passed over `age` times for each it is below."""

    def line(think):
        text = think.thread[-1].text
        if text == "low":
            return "done"
        n = int(text)
        return More((Job(str(n + 1), 1),)) if n < 30 else "end"

    _, asked = rehearse(workqueue(ann, tasks=[Job("low"), Job("0", 1)], age=5), "go", line)
    assert order_of(asked).index("low") == 5
    assert len(asked) == 32


def test_an_answer_may_add_jobs_within_a_bound():
    """Added jobs come after those there were; what is beyond the bound is skipped and says so."""
    script = [More((Job("b"), Job("c")), answer="A"), More((Job("d"), Job("e"))), "C", "D"]
    said, asked = rehearse(workqueue(ann, tasks=["a"], max_added=3), "go", script)
    assert order_of(asked) == ["a", "b", "c", "d"]
    assert states(said) == ["done"] * 4 + ["skipped"]
    assert (said.parts[0].text, said.output[4].failure.kind) == ("A", "Skipped")


def test_jobs_without_end_come_to_an_end():
    """A worker that always adds two jobs is bounded by default."""
    said, asked = rehearse(workqueue(ann, tasks=["a"]), "go", lambda _: More((Job("x"), Job("y"))))
    assert len(asked) == 1001
    assert states(said).count("done") == 1001


def test_an_idle_worker_waits_for_jobs_that_may_come():
    """Two are idle while the first works, and share what it adds."""
    script = {"*": "done", "ann": [More((Job("b"), Job("c"), Job("d"))), "done"]}
    run = simulate(workqueue(ann, bo, cy, tasks=["a"]), "go", script=script, latency=1)
    assert (run.elapsed, states(run.message)) == (2, ["done"] * 4)


def test_a_failed_job_goes_to_another_worker():
    """The one that failed it does not get it again while there is another."""
    script = {"ann": lambda _: ModelFailed("down"), "bo": "ok"}
    said, asked = rehearse(workqueue(ann, bo, tasks=["a"]), "go", script)
    assert [think.actor for think in asked] == ["ann", "bo"]
    assert (said.output[0].worker, said.output[0].tries, said.missing) == ("bo", 2, ())


def test_one_worker_tries_again_itself():
    """Behaviour is the same for one worker as for many."""
    said, asked = rehearse(workqueue(ann, tasks=["a", "b"]), "go", [ModelFailed("down"), "A", "B"])
    assert (order_of(asked), said.text) == (["a", "a", "b"], "A\n\nB")


def test_p14_a_job_fails_after_its_tries_and_the_others_are_done():
    """It is in `missing` and in its outcome, and its error is no answer."""
    line = lambda think: ModelFailed("bad") if think.thread[-1].text == "b" else "ok"
    said, asked = rehearse(workqueue(ann, bo, tasks=["a", "b", "c"], tries=3), "go", line)
    assert (states(said), said.text) == (["done", "failed", "done"], "ok\n\nok")
    assert (said.output[1].tries, len(asked)) == (3, 5)
    assert [one.message for one in said.missing] == ["bad"]


def test_p14_fail_fast_ends_with_the_first_job_that_failed():
    """What was done by then rides on the error."""
    line = lambda think: ModelFailed("bad") if think.thread[-1].text == "b" else "ok"
    with pytest.raises(ModelFailed) as caught:
        rehearse(workqueue(ann, tasks=["a", "b", "c"], on_failure=fail_fast), "go", line)
    assert [one.text for one in caught.value.finished] == ["ok"]


def test_p14_a_quorum_of_jobs_is_enough():
    """The rest is skipped; too few are a failure."""
    team = workqueue(ann, tasks=["a", "b", "c"], on_failure=quorum(2))
    said, asked = rehearse(team, "go", echo)
    assert (states(said), len(asked)) == (["done", "done", "skipped"], 2)
    with pytest.raises(BranchesFailed, match="1 of 3 jobs were done, 2 needed"):
        rehearse(team, "go", lambda think: "ok" if think.thread[-1].text == "a" else ModelFailed("down"))


def test_p14_best_effort_takes_what_is_there():
    """Jobs that did not end in time are skipped as late."""
    team = workqueue(ann, tasks=["a", "b", "c"], on_failure=best_effort(within=2.5))
    run = simulate(team, "go", script=echo, latency=1)
    assert (run.elapsed, states(run.message)) == (2.5, ["done", "done", "skipped"])
    assert [one.kind for one in run.message.missing] == ["Late"]


def test_p14_nothing_done_is_a_failure():
    """There is no empty success where there was work."""
    with pytest.raises(BranchesFailed, match="0 of 2 jobs were done"):
        rehearse(workqueue(ann, tasks=["a", "b"]), "go", lambda _: ModelFailed("down"))


def test_no_jobs_are_done_at_once():
    """An empty queue is no failure."""
    said, asked = rehearse(workqueue(ann, tasks=[]), "go", "x")
    assert (said.text, said.output, asked) == ("", (), [])


def test_jobs_that_are_none_fail_their_try():
    """A broken addition is not taken for an answer."""
    said, _ = rehearse(workqueue(ann, tasks=["a"]), "go", [{"jobs": [{"name": "x"}]}, "ok"])
    assert (said.text, said.output[0].tries) == ("ok", 2)


@pytest.mark.parametrize("seed", range(30))
def test_p13_every_job_ends_in_one_state_whatever_the_schedule(seed):
    """With one call in four failing, each job is done or has failed, at most `tries` times, and none is lost."""
    run = simulate(
        workqueue(ann, bo, cy, tasks=[Job(f"{n}", n % 3) for n in range(12)], tries=2),
        "go",
        script=echo,
        seed=seed,
        failures=0.25,
    )
    tries = [outcome.tries for outcome in run.message.output]
    assert [outcome.job.text for outcome in run.message.output] == [str(n) for n in range(12)]
    assert set(states(run.message)) <= {"done", "failed"}
    assert (sum(tries), max(tries) <= 2) == (len(run.asked) + _injected(run), True)


def _injected(run):
    """Calls that the simulation failed never reached the model."""
    return sum(path.split("/")[-1].startswith("think") for path in run.schedule) - len(run.asked)


def test_ten_thousand_jobs():
    """A long queue is no problem."""
    said, asked = rehearse(workqueue(ann, bo, tasks=[f"{n}" for n in range(10_000)]), "go", "x")
    assert (len(asked), set(states(said))) == (10_000, {"done"})


def test_a_job_that_is_tried_again_keeps_its_place():
    """Failing does not send a job to the end of the queue."""
    backlog = Backlog(workers=1, tries=2, age=8, max_added=0, key="")
    backlog.add([Job("a"), Job("b")])
    assert backlog.take(0) == 0
    assert backlog.counts == {"waiting": 1, "under_way": 1, "ended": 0}
    backlog.failed(0, 0, "ann", None)
    assert backlog.take(0) == 0


def test_what_cannot_work_is_refused_at_the_door():
    """A queue needs workers, and something to be done."""
    for wrong, why in [
        (workqueue, "needs a worker"),
        (lambda: workqueue(ann, tries=0), "tries and age of 1 or more"),
        (lambda: workqueue(ann, age=0), "tries and age of 1 or more"),
        (lambda: workqueue(ann, max_added=-1), "max_added of 0 or more"),
        (lambda: rehearse(workqueue(ann), "go"), "are a list of texts or jobs"),
    ]:
        with pytest.raises(BadInput, match=why):
            wrong()


def test_p01_a_queue_survives_a_crash_anywhere():
    """The same outcomes after a cut at any event, and no job is done twice."""
    result = crash_everywhere(build([ann, bo], on_failure=collect_all), "go", script=echo)
    assert (result.status, result.text) == ("succeeded", "GO 0\n\nGO 1\n\nGO 2")
