import pytest

from coterie import Agent, Get, Put, Sleep, Team, collect_all, do, gather
from coterie.actor import Actor
from coterie.errors import BadInput, Conflict, Deadlock
from coterie.patterns import by_lines, by_priority, claimed, escalating, in_order, merging, parallel, pipeline
from coterie.testing import crash_everywhere, rehearse, simulate
from coterie.words.intent import Intent, Resolution
from coterie.words.message import Message
from coterie.words.task import Task

SEEDS = range(500)
START = "the log"
SAYS = "'doc' says now:\n"


def adds(think):
    """An agent that adds a line of its own to what the document says."""
    if "What should become" in think.thread[-1].text:
        return {"choice": "again"}
    if think.actor == "merger":
        names = ("base:", "theirs:", "mine:")
        base, theirs, mine = (
            said.text.partition("\n")[2] for said in think.thread if said.text.startswith(names)
        )
        return by_lines(base, theirs, mine)
    shown = [said.text.partition("\n")[2] for said in think.thread if said.text.startswith(SAYS)]
    return f"{shown[-1]}\n{think.actor} was here" if shown else f"{think.actor} was here"


def editors(strategy, names="abc", **options):
    """A team whose members all edit one document at once; what it says at the end is the answer."""
    members = [claimed(Agent(name), "doc", strategy=strategy, **options) for name in names]

    async def play(task):
        await Put("doc", START)
        await gather(*(member(task) for member in members), on_failure=collect_all)
        return (await Get("doc")).value

    return Team("editors", members, play)


STRATEGIES = {
    "priority": by_priority,
    "merge by lines": merging(by_lines),
    "merge by an actor": merging(Agent("merger")),
    "escalate to an actor": escalating(Agent("boss")),
    "in order": in_order(),
}
every = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)


def lines_of(text):
    return sorted(text.splitlines())


ALL = sorted([START, "a was here", "b was here", "c was here"])


@every
def test_two_who_act_at_once_lose_nothing(strategy):
    """What each wrote is in the document, whoever was first."""
    assert lines_of(rehearse(editors(strategy), "edit", adds)[0].text) == ALL


@every
def test_nothing_is_lost_on_any_schedule(strategy):
    """500 seeded schedules: every line is there once, and nobody waits for ever."""
    team = editors(strategy)
    for seed in SEEDS:
        assert lines_of(simulate(team, "edit", script=adds, seed=seed).message.text) == ALL


@every
def test_nothing_is_lost_when_members_fail(strategy):
    """On schedules with failures, who answered is in the document; a claim outlives nobody."""
    for seed in range(100):
        run = simulate(editors(strategy), "edit", script=adds, seed=seed, failures=0.2, drops=0.05)
        assert set(lines_of(run.message.text)) <= set(ALL)
        assert START in lines_of(run.message.text)


@every
def test_conflicts_survive_a_crash_anywhere(strategy):
    """Cut after any event, the document comes out the same and nothing is done again."""
    assert lines_of(crash_everywhere(editors(strategy), "edit", script=adds).text) == ALL


def test_by_priority_the_most_urgent_is_next():
    """Of those who wait; who is at work is not disturbed."""
    members = [
        claimed(Agent(name), "doc", strategy=by_priority, priority=p)
        for name, p in zip("abcd", (1, 1, 1, 3), strict=True)
    ]
    said, _ = rehearse(parallel(*members), "edit", adds)
    assert said.parts[2].text.splitlines() == ["a was here", "d was here", "b was here", "c was here"]


def test_readers_do_not_disturb_each_other():
    """Two readers and no writer: both act once, at once."""
    members = [claimed(Agent(name), "doc", strategy=by_priority, write=False) for name in "ab"]
    run = simulate(parallel(*members), "look", script="seen", latency=1.0)
    assert (run.elapsed, len(run.asked)) == (1.0, 2)


def test_a_reader_whose_reading_is_stale_reads_again():
    """What it says is about what the document says when it is done."""
    reader = claimed(Agent("reader"), "doc", strategy=in_order(), write=False)
    writer = claimed(Agent("writer"), "doc", strategy=in_order())
    team = parallel(reader, writer)
    slow = lambda think, _: 5.0 if think.actor == "reader" else 1.0
    run = simulate(team, "go", script=lambda think: f"{think.actor}: {think.thread[0].text}", latency=slow)
    assert [think.actor for think in run.asked] == ["writer", "reader", "reader"]
    assert "writer: go" in run.message.parts[0].text


def test_who_is_rolled_back_takes_back_what_it_did():
    """Undoing is a step of the play; it happens once for each rolled back attempt, before the next."""
    undone = []

    async def undo(said):
        await do(undone.append, said.text)

    rehearse(editors(in_order(undo), "ab"), "edit", adds)
    assert undone == [f"{START}\nb was here"]


def test_an_actor_can_undo():
    """It is given what was said."""
    _, asked = rehearse(editors(in_order(Agent("undoer")), "ab"), "edit", adds)
    assert [think.thread[-1].text for think in asked if think.actor == "undoer"] == [f"{START}\nb was here"]


@pytest.mark.parametrize(
    ("decided", "says", "unverified"),
    [
        ("again", f"{START}\na was here\nb was here", ""),
        ("mine", f"{START}\nb was here", ""),
        ("theirs", f"{START}\na was here", "not written to 'doc': a person decided 'theirs': "),
    ],
)
def test_a_person_decides(decided, says, unverified):
    """The question shows both versions; what was decided is done, and can be read in the result."""
    questions = []

    def person(path, ask):
        questions.append(ask)
        return decided

    members = [claimed(Agent(name), "doc", strategy=escalating()) for name in "ab"]

    async def play(task):
        await Put("doc", START)
        both = await gather(*(member(task) for member in members))
        settled = await Get("doc.settled")
        return Message(sender="x", text=(await Get("doc")).value, parts=tuple(both), output=settled.value)

    said, _ = rehearse(Team("team", members, play), "edit", adds, answers=person)
    assert said.text == says
    assert said.parts[1].unverified.startswith(unverified)
    assert questions[0].choices == ("again", "mine", "theirs")
    assert "b writes 'doc' to 'edit', and meanwhile: a writes 'doc' to 'edit'" in questions[0].question
    assert f"theirs:\n{START}\na was here\nmine:\n{START}\nb was here" in questions[0].question
    assert isinstance(said.output, Resolution)
    assert (said.output.by, said.output.rivals[0].actor) == ("Escalating", "a")


def test_an_actor_that_decides_wrongly_twice_is_replaced_by_a_rule():
    """The work is done again: nothing is lost by that."""
    line = lambda think: "whatever" if think.actor == "boss" else adds(think)
    said, _ = rehearse(editors(escalating(Agent("boss")), "ab"), "edit", line)
    assert said.text == f"{START}\na was here\nb was here"


def semantic(one: Intent, other: Intent) -> bool:
    """Booking and cancelling do not go together, whatever they write to."""
    return {"book", "cancel"} == {one.what, other.what}


def both(strategy, check):
    """Two who write to different resources."""
    book = claimed(Agent("book"), "flights", strategy=strategy, conflicts=check)
    cancel = claimed(Agent("cancel"), "trips", strategy=strategy, conflicts=check)

    async def play(task):
        await gather(book(Task("book")), cancel(Task("cancel")))
        settled = [(await Get(f"{name}.settled")).value for name in ("flights", "trips")]
        return Message(sender="x", output=[one for one in settled if one])

    return Team("team", [book, cancel], play)


@pytest.mark.parametrize("check", [semantic, Agent("checker")], ids=["a function", "an actor"])
@pytest.mark.parametrize(
    "strategy", [by_priority, in_order(), merging(by_lines)], ids=["priority", "order", "merge"]
)
def test_meaning_can_conflict_too(strategy, check):
    """Intents that meet at no resource are checked by a function or an actor; one comes after the other."""
    line = lambda think: "yes" if think.actor == "checker" else f"{think.actor} {len(think.thread)}"
    run = simulate(both(strategy, check), "go", script=line, latency=1.0)
    work = [think.actor for think in run.asked if think.actor != "checker"]
    assert work[0] != work[1]
    assert work[2:] in ([], work[1:2])
    if strategy is by_priority:
        assert run.elapsed >= 2.0
    else:
        assert len(run.message.output) == 1


def test_what_does_not_conflict_goes_on_at_once():
    """An actor that says no holds nobody up."""
    run = simulate(both(by_priority, Agent("checker")), "go", script="no", latency=1.0)
    assert run.elapsed == 2.0  # one second for the check, and one for the work of the later one


def test_a_semantic_check_holds_on_any_schedule():
    """Of two that conflict by meaning, one always began after the other was written, or was done again."""
    for seed in range(200):
        run = simulate(both(in_order(), semantic), "go", script=lambda think: think.actor, seed=seed)
        ended = [path.split("/")[1] for path in run.schedule]
        assert ended in (["book", "cancel", "cancel"], ["cancel", "book", "book"])


def test_a_write_past_the_claims_is_noticed():
    """Whoever `Put`s without claiming is a rival like any other."""
    slow = claimed(Agent("slow"), "doc", strategy=merging(by_lines))

    async def hasty():
        await Sleep(0.05)
        await Put("doc", f"{START}\nhasty was here")

    async def play(task):
        await Put("doc", START)
        await gather(slow(task), hasty())
        return (await Get("doc")).value

    run = simulate(Team("team", [slow], play), "edit", script=adds)
    assert lines_of(run.message.text) == sorted([START, "hasty was here", "slow was here"])


def test_work_that_always_meets_with_others_is_a_conflict():
    """It is named, not repeated for ever."""

    class Stubborn(Actor):
        name = "stubborn"

        def describe(self):
            return "stubborn"

        async def play(self, task):
            await Put("doc", "in between")
            return Message(sender="stubborn", text="mine")

    with pytest.raises(Conflict, match="stubborn writes 'doc' to 'go' met with others 8 times"):
        rehearse(claimed(Stubborn(), "doc", strategy=in_order()), "go")


def test_circles_of_claims_are_named_at_once():
    """Two that claim one thing each and then the other's are a deadlock, whatever else goes on."""

    def holds(first, then):
        inner = claimed(Agent("b"), then, strategy=by_priority)
        return claimed(pipeline(Agent("a"), inner), first, strategy=by_priority)

    with pytest.raises(Deadlock, match="a circle of claims: "):
        rehearse(parallel(holds("x", "y"), holds("y", "x")), "go", "ok")


def test_it_stands_wherever_an_actor_can():
    """One that claims is called as it was, and is shown what the resource says."""
    stages = [claimed(Agent(name), "doc", strategy=in_order()) for name in "ab"]
    said, asked = rehearse(pipeline(*stages), "edit", adds)
    assert said.text == "a was here\nb was here"
    assert asked[1].thread[0].text == f"{SAYS}a was here"


def test_typed_values_are_written_as_they_are():
    """Code finds what the resource holds as data; an output is written, not its text."""

    async def count(task: Task) -> Message:
        return Message(sender="count", output=(task.data or 0) + 1)

    counters = [claimed(Team("count", (), count), "n", strategy=in_order()) for _ in range(3)]

    async def play(task):
        await gather(*(one("count") for one in counters))
        return Message(sender="x", output=(await Get("n")).value)

    assert rehearse(Team("team", counters, play))[0].output == 3


def test_a_resource_has_a_name():
    """Nothing is claimed by nothing."""
    with pytest.raises(BadInput, match="what does 'a' claim"):
        claimed(Agent("a"), "", strategy=by_priority)


@pytest.mark.parametrize(
    ("base", "theirs", "mine", "merged"),
    [
        ("a\nb", "a\nx\nb", "a\nb\ny", "a\nx\nb\ny"),
        ("a\nb", "a\nx\nb", "a\ny\nb", "a\nx\ny\nb"),
        ("a\nb", "a\nx\nb", "a\nx\nb", "a\nx\nb"),
        ("a\nb\nc", "a\nc", "a\nb\nz", "a\nz"),
        (None, "x", "y", "x\ny"),
        ("a", "", "a\nb", "b"),
    ],
)
def test_lines_of_both_are_kept(base, theirs, mine, merged):
    """What either added stays, what either took away goes."""
    assert by_lines(base, theirs, mine) == merged
