import asyncio
import random

import msgspec
import pytest

from coterie import Agent, Get, Message, Task, best_effort, collect_all, quorum
from coterie.errors import BadInput, BadPlan, BranchesFailed, ModelFailed
from coterie.models import scripted
from coterie.patterns import Worker, check_plan, orchestrator, planner
from coterie.planning import plan_of
from coterie.stores import MemoryStore
from coterie.team import Team
from coterie.testing import crash_everywhere, rehearse, simulate
from coterie.words.plan import Plan, Step

hope, mia = Agent("hope", "Finds facts.\nCarefully."), Agent("mia", "Writes.")
lead, sum_up, check = Agent("lead"), Agent("sum"), Agent("check")
CREW = (hope, mia)


def plan(**steps):
    """A plan from `id="worker < needed needed"`."""
    made = []
    for id, line in steps.items():
        worker, _, needed = line.partition("<")
        made.append(Step(id=id, worker=worker.strip(), task=f"do {id}", depends_on=tuple(needed.split())))
    return Plan(tuple(made))


def does(think):
    return "did " + think.thread[-1].text.split()[1]


def timed(seconds):
    """How long each step takes, by its id."""
    return lambda effect, _: seconds[effect.thread[-1].text.split()[1]]


def test_a_step_starts_when_its_own_inputs_are_there():
    """No waves: 5 and then 5 beside 20 takes 20."""
    team = orchestrator(plan(a="hope", b="mia", c="hope < a"), CREW)
    run = simulate(team, "go", script=does, latency=timed({"a": 5, "b": 20, "c": 5}))
    assert run.elapsed == 20
    assert run.schedule == (
        "orchestrator/a/hope/think.1",
        "orchestrator/c/hope/think.1",
        "orchestrator/b/mia/think.1",
    )


@pytest.mark.parametrize("seed", range(20))
def test_a_skewed_graph_takes_as_long_as_its_critical_path(seed):
    """Random graphs of 40 steps with skewed durations take their critical path, to the second."""
    die = random.Random(seed)
    ids = [f"s{n}" for n in range(40)]
    needs = {id: die.sample(ids[:n], min(n, die.randrange(4))) for n, id in enumerate(ids)}
    takes = {id: die.paretovariate(1.1) for id in ids}
    steps = [Step(id=id, worker="hope", task=f"do {id}", depends_on=tuple(needs[id])) for id in ids]
    die.shuffle(steps)
    run = simulate(orchestrator(Plan(tuple(steps)), CREW), "go", script=does, latency=timed(takes), seed=seed)
    ends = {}
    for id in ids:
        ends[id] = takes[id] + max((ends[needed] for needed in needs[id]), default=0)
    assert run.elapsed == pytest.approx(max(ends.values()), rel=1e-6)
    assert [part.text for part in run.message.parts] == [f"did {step.id}" for step in steps]


def test_results_feed_dependants():
    """A step is shown the goal, the results it depends on in the order it names them, and its task."""
    _, asked = rehearse(orchestrator(plan(a="hope", b="mia", c="hope < b a"), CREW), "the goal", does)
    assert [message.text for message in asked[-1].thread] == ["the goal", "did b", "did a", "do c"]


def test_typed_results_reach_a_step_as_data():
    """A worker that is code finds its inputs by id in the task's data."""

    async def count(task: Task) -> Message:
        return Message(sender="count", output=1 + sum((task.data or {}).values()))

    crew = [Team("count", (), count)]
    said, _ = rehearse(orchestrator(plan(a="count", b="count", c="count < a b"), crew), "go")
    assert said.output == [3]


def test_the_synthesizer_answers_from_every_result():
    """It is shown the task and each result once, in the plan's order."""
    said, asked = rehearse(orchestrator(plan(b="mia", a="hope"), CREW, sum_up), "go", does)
    assert [message.text for message in asked[-1].thread][:-1] == ["go", "did b", "did a"]
    assert (said.sender, [part.text for part in said.parts]) == ("orchestrator", ["did b", "did a"])


def test_without_a_synthesizer_the_last_steps_answer():
    """What other steps were made from is in `parts` alone."""
    said, _ = rehearse(orchestrator(plan(a="hope", b="mia < a", c="hope"), CREW), "go", does)
    assert said.text == "did b\n\ndid c"


def test_an_agent_becomes_a_planner_that_can_name_nobody_else():
    """Its prompt says what each is for; a whole plan is taken as it is."""
    team = orchestrator(lead, CREW)
    said, asked = rehearse(
        team, "go", lambda think: plan(s1="hope") if think.actor == "lead" else does(think)
    )
    assert "- hope: Finds facts.\n- mia: Writes." in asked[0].brief.instructions
    assert len(asked[0].brief.instructions) < 400
    assert said.text == "did s1"
    assert [think.actor for think in asked] == ["lead", "hope"]  # a whole plan is not asked about again
    assert lead.output is None


def test_a_planner_keeps_what_it_was_told():
    """`planner` takes the options of an agent, and its own instructions come first."""
    made = planner("p", CREW, instructions="Be quick.", settings={"seed": 7})
    _, asked = rehearse(made, "go", [plan(a="hope")])
    assert asked[0].brief.instructions.startswith("Be quick.\n\nSplit each task into the steps")
    assert asked[0].brief.settings == {"seed": 7}


STEPS = {
    "steps": [
        {"worker": "hope", "task": "find"},
        {"worker": "mia", "task": "write"},
        {"worker": "mia", "task": "mend"},
    ]
}


def test_a_planner_asks_for_steps_and_then_for_what_they_need():
    """The second question is made for the very steps: of each, the earlier ones and no others."""
    made, asked = rehearse(planner("p", CREW), "go", [STEPS, {"s2": ["s1"], "s3": ["s1", "s2", "s2"]}])
    assert [(step.id, step.worker, step.depends_on) for step in made.output.steps] == [
        ("s1", "hope", ()),
        ("s2", "mia", ("s1",)),
        ("s3", "mia", ("s1", "s2")),
    ]
    needs = asked[1].brief.output["$defs"]["Needs"]
    assert needs["properties"]["s3"] == {"type": "array", "items": {"enum": ["s1", "s2"]}, "maxItems": 2}
    assert needs["required"] == ["s2", "s3"]
    assert "s1: find\ns2: write" in asked[1].thread[-1].text


def test_who_does_a_step_is_decided_by_words_where_one_stands_out():
    """Of the others the model is asked, and can name nobody else."""
    crew = [Agent("finder", "Finds facts about a subject."), Agent("writer", "Writes reports.")]
    steps = {"steps": ["Find facts about tides", "Write the report", "Make tea"]}
    made, asked = rehearse(planner("p", crew), "go", [steps, {"s3": "Writer"}, {"s2": ["s1"], "s3": []}])
    assert [step.worker for step in made.output.steps] == ["finder", "writer", "writer"]
    workers = asked[1].brief.output["$defs"]["Workers"]["properties"]
    assert workers == {"s3": {"enum": ["finder", "writer"]}}
    assert asked[1].thread[-1].text == "s3: Make tea"


def test_a_wrong_worker_goes_back_once_and_then_a_rule_decides():
    """Who shares most words gets the step; of equals the first declared."""
    steps = {"steps": ["Make tea"]}
    made, asked = rehearse(planner("p", CREW), "go", [steps, {"s1": "bob"}, "nobody"])
    assert "'bob' is not eligible; eligible are ['hope', 'mia']" in asked[2].thread[-1].text
    assert made.output.steps[0].worker == "hope"


def test_the_steps_are_asked_for_after_examples():
    """They stand in the thread as if the planner had answered them, before the task."""
    _, asked = rehearse(planner("p", CREW), "go", [{"steps": ["find facts"]}])
    assert [message.sender for message in asked[0].thread] == ["user", "p"] * 3 + ["user"]
    assert asked[0].thread[3].text == '{"steps": ["Water the plants"]}'


def test_what_no_step_needs_the_last_one_does():
    """It answers the task, so no result is left out."""
    made, _ = rehearse(planner("p", CREW), "go", [STEPS, {"s2": [], "s3": ["s1"]}])
    assert [step.depends_on for step in made.output.steps] == [(), (), ("s1", "s2")]


def test_one_step_needs_nothing_and_nobody_is_asked():
    """A plan of one step takes one question."""
    made, asked = rehearse(planner("p", CREW), "go", [{"steps": STEPS["steps"][:1]}])
    assert (len(made.output.steps), len(asked)) == (1, 1)


def test_wrong_needs_go_back_once_and_then_a_rule_decides():
    """Each step then needs the one before: slower than it might be, and never wrong."""
    made, asked = rehearse(planner("p", CREW), "go", [STEPS, {"s2": ["s3"]}, "whatever"])
    assert "step 's2' cannot need 's3'; earlier are ['s1']" in asked[2].thread[-1].text
    assert [step.depends_on for step in made.output.steps] == [(), ("s1",), ("s2",)]


def test_wrong_steps_go_back_once():
    """Twice wrong is `BadPlan` with what was said."""
    made, asked = rehearse(planner("p", CREW), "go", ["I'd rather not", {"steps": STEPS["steps"][:1]}])
    assert made.output.steps[0].worker == "hope"
    assert "is not JSON" in asked[1].thread[-1].text
    with pytest.raises(BadPlan, match="'p' has made no plan: ") as caught:
        rehearse(planner("p", CREW), "go", ["no", "never"])
    assert caught.value.raw == "never"


def test_a_second_plan_has_ids_of_its_own():
    """What failed is planned anew under new numbers, and may need what is done."""
    team = orchestrator(lead, CREW)
    second = {"steps": [{"worker": "hope", "task": "do s9"}]}
    script = {
        "lead": [STEPS, {"s2": ["s1"], "s3": ["s2"]}, second, {"s4": ["s1"]}],
        "hope": ["found", "done"],
        "mia": [ModelFailed("down")],
    }
    said, asked = rehearse(team, "go", script)
    assert asked[-2].brief.output["$defs"]["Needs"]["properties"]["s4"]["items"] == {"enum": ["s1"]}
    assert [message.text for message in asked[-1].thread] == ["go", "found", "do s9"]
    assert said.text == "done"


QUERY = Worker(Agent("ann", "Answers questions."), can=("sql", "python"))
DRAW = Worker(Agent("bo", "Draws charts and diagrams."), can=("charts",))
SQL = Worker(Agent("cy"), can=("SQL",), about="Databases of invoices and customers.")
ABLE = (QUERY, DRAW, SQL)


@pytest.mark.parametrize(
    ("step", "worker", "why"),
    [
        (Step(id="a", task="do it", can="charts"), "bo", "declares it, "),
        (Step(id="a", task="count the invoices", can="sql"), "cy", "declares it, "),
        (Step(id="a", task="count", can="sql"), "ann", "declares it, "),
        (Step(id="a", task="x", can="a diagram"), "bo", "fits best, "),
        (Step(id="a", task="x", can="bo"), "bo", "declares it, "),
    ],
)
def test_a_step_may_say_what_has_to_be_done_and_not_by_whom(step, worker, why):
    """The best match gets it, the same one each time, and the journal says why."""

    async def play(task):
        await orchestrator(Plan((step,)), ABLE)(task)
        return Message(sender="x", output=(await Get("plan.assigned")).value)

    said, asked = rehearse(play, "go", "ok")
    assert asked[0].actor == worker
    assert said.output[0].why.startswith(why)
    assert said.output[0].worker == worker


def test_equals_share_the_work():
    """Of those that fit as well, who has fewer steps gets the next."""
    twins = [Worker(Agent(name), can=("sql",)) for name in ("left", "right")]
    steps = tuple(Step(id=f"s{n}", task="query", can="sql") for n in range(4))
    _, asked = rehearse(orchestrator(Plan(steps), twins), "go", "ok")
    assert [think.actor for think in asked] == ["left", "right", "left", "right"]


def test_p13_what_nobody_can_is_refused_before_any_worker_runs():
    """The message says what there is."""
    with pytest.raises(
        BadPlan, match=r"step 'a' needs 'singing', which no worker can; there are \{'ann': \['sql'"
    ):
        orchestrator(Plan((Step(id="a", task="x", can="singing"),)), ABLE)
    with pytest.raises(BadPlan, match="step 'a' has neither a worker nor what one has to be able to do"):
        orchestrator(Plan((Step(id="a", task="x"),)), ABLE)


def test_a_planner_knows_what_workers_can():
    """It is in the prompt, beside what they are for."""
    _, asked = rehearse(planner("p", ABLE), "go", [plan(a="ann")])
    assert "- cy: Databases of invoices and customers. (can: SQL)" in asked[0].brief.instructions


def test_plan_of_gives_a_plan_within_a_play():
    """Checked, with workers, and repaired once."""

    async def play(task):
        return Message(sender="x", output=await plan_of(task, Agent("lead", output=Plan), ABLE))

    bad, good = Plan((Step(id="a", task="x", can="singing"),)), Plan((Step(id="a", task="x", can="charts"),))
    said, asked = rehearse(play, "go", [bad, good])
    assert said.output.steps[0].worker == "bo"
    assert "which no worker can" in asked[1].thread[-1].text


BAD = {
    "a cycle: a -> b -> a": plan(a="hope < b", b="mia < a"),
    "a cycle: a -> a": plan(a="hope < a"),
    "a cycle: a -> c -> b -> a; unreachable, behind a cycle: d -> b -> a -> c -> b": plan(
        a="hope < c", b="mia < a", c="hope < b", d="mia < b", e="hope"
    ),
    "step 'a' is for 'bob'; the workers are ['hope', 'mia']": plan(a="bob"),
    "step 'a' depends on 'z', which is no step": plan(a="hope < z"),
    "two steps are called 'a'": Plan(plan(a="hope").steps * 2),
    "the plan has no steps": Plan(()),
    "the plan has 51 steps, 50 are allowed": plan(**{f"s{n}": "hope" for n in range(51)}),
}


@pytest.mark.parametrize(("fault", "bad"), BAD.items())
def test_p13_a_plan_that_cannot_be_run_is_refused_when_the_team_is_built(fault, bad):
    """No model is called at all, and the path is named."""
    with pytest.raises(BadPlan) as caught:
        orchestrator(bad, CREW)
    assert caught.value.message == fault


@pytest.mark.parametrize(("fault", "bad"), BAD.items())
def test_p13_a_bad_plan_goes_back_to_the_planner_once(fault, bad):
    """No worker runs on it, the planner is told the fault, and the next plan is run."""
    lead = Agent("lead", output=Plan)
    said, asked = rehearse(orchestrator(lead, CREW), "go", {"lead": [bad, plan(a="hope")], "hope": does})
    assert [think.actor for think in asked] == ["lead", "lead", "hope"]
    assert fault in asked[1].thread[-1].text
    assert said.text == "did a"


def test_p13_a_second_bad_plan_is_the_end():
    """It fails as `BadPlan` before any worker runs."""
    asked = []

    def line(think):
        asked.append(think.actor)
        return plan(a="hope < a")

    with pytest.raises(BadPlan, match="a cycle: a -> a"):
        rehearse(orchestrator(Agent("lead", output=Plan), CREW), "go", line)
    assert asked == ["lead", "lead"]


def test_a_plan_may_come_from_any_actor():
    """Text that holds a plan is one; text that holds none goes back."""

    async def write(task: Task) -> str:
        return "I would rather not" if task.context is None else msgspec.json.encode(plan(a="hope")).decode()

    said, _ = rehearse(orchestrator(Team("write", (), write), CREW), "go", does)
    assert said.text == "did a"


def test_a_failed_step_is_planned_anew_and_what_is_done_is_kept():
    """The planner is told what failed and what is done; done steps do not run again."""
    plans = [plan(a="hope", b="mia < a", c="hope < b"), plan(a="hope", b2="hope < a", c="hope < b2")]
    script = {"lead": plans, "hope": does, "mia": [ModelFailed("down")]}
    said, asked = rehearse(orchestrator(Agent("lead", output=Plan), CREW), "go", script)
    told = asked[3].thread[-1].text
    assert "- b: down" in told
    assert "Done, and kept: a." in told
    assert [think.actor for think in asked] == ["lead", "hope", "mia", "lead", "hope", "hope"]
    assert [part.text for part in said.parts] == ["did a", "did b2", "did c"]
    assert said.missing == ()


def test_under_fail_fast_the_others_go_on_while_a_replan_is_left():
    """A failure that can be mended costs nobody else their work."""
    plans = [plan(a="hope", b="mia"), plan(b="hope")]
    script = {"lead": plans, "hope": does, "mia": [ModelFailed("down")]}
    run = simulate(
        orchestrator(Agent("lead", output=Plan), CREW),
        "go",
        script=script,
        latency=lambda effect, _: {"lead": 1, "hope": 10, "mia": 2}[effect.actor],
    )
    assert run.elapsed == 1 + 10 + 1 + 10
    assert [think.actor for think in run.asked].count("hope") == 2


def test_p14_without_replans_fail_fast_raises_the_first_cause():
    """The failure is the step's own, with its path."""
    team = orchestrator(plan(a="hope", b="mia", c="hope < b"), CREW)
    with pytest.raises(ModelFailed, match="down") as caught:
        rehearse(team, "go", {"hope": does, "mia": [ModelFailed("down")]})
    assert caught.value.path == "orchestrator/b/mia/think.1"
    assert [message.text for message in caught.value.finished] == ["did a"]


def test_p14_collect_all_skips_what_needs_a_failed_step_and_says_so():
    """Every step is in `parts` or in `missing`, with its own reason."""
    team = orchestrator(plan(a="hope", b="mia", c="hope < b", d="hope < c"), CREW, on_failure=collect_all)
    said, _ = rehearse(team, "go", {"hope": does, "mia": [ModelFailed("down")]})
    assert [part.text for part in said.parts] == ["did a"]
    assert [(failure.kind, failure.path) for failure in said.missing] == [
        ("ModelFailed", "orchestrator/b/mia/think.1"),
        ("Skipped", "orchestrator/c"),
        ("Skipped", "orchestrator/d"),
    ]


def test_p14_nothing_done_is_a_failure():
    """A synthesizer is never asked to answer from nothing."""
    team = orchestrator(plan(a="mia"), CREW, sum_up, on_failure=collect_all)
    with pytest.raises(BranchesFailed, match="down"):
        rehearse(team, "go", {"mia": [ModelFailed("down")]})


def test_p14_quorum_and_best_effort_take_what_is_there():
    """Steps that were not waited for are missing, and the time is kept."""
    slow = timed({"a": 1, "b": 2, "c": 30})
    three = plan(a="hope", b="mia", c="hope")
    enough = simulate(orchestrator(three, CREW, on_failure=quorum(2)), "go", script=does, latency=slow)
    assert (enough.elapsed, [f.kind for f in enough.message.missing]) == (2, ["Skipped"])
    early = simulate(
        orchestrator(three, CREW, on_failure=best_effort(within=5)), "go", script=does, latency=slow
    )
    assert (early.elapsed, [f.kind for f in early.message.missing]) == (5, ["Late"])


def test_p15_a_step_s_done_when_is_told_and_verified():
    """The worker reads it, the verifier reads it with the result, and a no is a failure of the step."""
    one = Plan((Step(id="a", worker="hope", task="do a", done_when="it rhymes"),))
    script = {"hope": "prose", "check": "does not rhyme"}
    with pytest.raises(Exception, match="step 'a' is not done: does not rhyme"):
        rehearse(orchestrator(one, CREW, verify=check), "go", script)
    said, asked = rehearse(orchestrator(one, CREW, verify=check), "go", script | {"check": "ok"})
    assert asked[0].thread[-1].text == "do a\nDone when: it rhymes"
    assert [message.text for message in asked[1].thread] == ["do a\nDone when: it rhymes", "prose"]
    assert said.text == "prose"


def test_an_error_in_a_worker_s_own_code_does_not_leave_others_waiting():
    """A step whose worker raises anything at all is failed, and what needs it is skipped."""

    async def broken(task: Task) -> str:
        raise KeyError("oops")

    team = orchestrator(
        plan(a="broken", b="hope < a", c="hope"), [Team("broken", (), broken), hope], on_failure=collect_all
    )
    said, _ = rehearse(team, "go", does)
    assert [failure.kind for failure in said.missing] == ["KeyError", "Skipped"]


def test_two_orchestrators_of_one_name_do_not_mix():
    """Teams within teams have plans of their own, whatever their steps are called."""
    inner = orchestrator(plan(a="hope", b="mia < a"), CREW, name="inner")
    outer = orchestrator(plan(a="inner", b="inner", c="mia < a b"), [inner, mia], name="inner2")
    said, _ = rehearse(orchestrator(plan(a="inner2", b="inner2"), [outer]), "go", does)
    assert said.text == "did c\n\ndid c"


def test_the_plan_is_in_the_journal():
    """The board entry of the plan says what was going to be done."""

    async def scene():
        store = MemoryStore()
        await orchestrator(plan(a="hope"), CREW).run("go", model=scripted(does), store=store, id="r")
        return [record.event for record in await store.read("r")]

    puts = [(e.about, e.value) for e in asyncio.run(scene()) if getattr(e, "fact", "") == "put"]
    assert puts[0][0] == "orchestrator.plan"
    assert puts[0][1]["steps"][0]["worker"] == "hope"


def test_a_plan_of_a_step_that_is_done_already_is_fine():
    """Steps with a result may be depended on and named again."""
    check_plan(plan(a="hope < b", b="hope < a"), ["hope"], done=["a"])
    with pytest.raises(BadPlan):
        check_plan(plan(a="hope < b", b="hope < a"), ["hope"])


def test_an_orchestrator_without_workers_is_refused():
    """Each worker has a name of its own."""
    with pytest.raises(BadInput, match="needs workers"):
        orchestrator(lead, ())
    with pytest.raises(BadInput, match="a name of its own"):
        orchestrator(lead, (hope, hope))


def test_p01_an_orchestrator_survives_a_crash_anywhere():
    """Plan, failure, replan and synthesis come out the same after a cut at any event."""

    def line(think):
        if think.actor == "lead":
            again = len(think.thread) > 1
            return plan(c="hope < a") if again else plan(a="hope", b="mia", c="hope < a b")
        return ModelFailed("down") if think.actor == "mia" else does(think)

    team = orchestrator(Agent("lead", output=Plan), CREW, sum_up)
    result = crash_everywhere(team, "go", script=line)
    assert [part.text for part in result.parts] == ["did a", "did c"]
