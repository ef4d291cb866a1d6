from coterie import Agent, Sleep, Team, first, gather
from coterie.errors import Cancelled
from coterie.kernel.machine import Machine
from coterie.testing import simulate
from coterie.words.event import Settled
from coterie.words.task import Task

closed = []


async def leaf(name):
    try:
        await Sleep(9)
    finally:
        closed.append(name)


async def middle(name):
    try:
        await gather(leaf(name + "1"), leaf(name + "2"))
    finally:
        closed.append(name)


async def top(task):
    try:
        await gather(middle("a"), middle("b"))
    finally:
        closed.append("top")


def machine_of(play):
    return Machine(Team("top", (), play), Task("go"))


def test_strands_are_closed_in_order_the_deepest_first():
    """Every `finally` runs, and what was under way is dropped."""
    closed.clear()
    machine = machine_of(top)
    assert len(machine.wants()) == 4
    machine.cancel("enough")
    assert closed == ["a1", "a2", "a", "b1", "b2", "b", "top"]
    assert machine.dropped() == [f"top/middle{n}/leaf{m}/sleep.1" for n in ("", ".2") for m in ("", ".2")]
    assert (type(machine.error), machine.done, machine.parked) == (Cancelled, True, {})


def test_a_cancel_after_the_end_changes_nothing():
    """What is done is done."""

    async def play(task):
        return "done"

    machine = machine_of(play)
    machine.cancel()
    assert (machine.error, machine.value.text) == (None, "done")


def test_a_finally_that_awaits_does_not_stop_the_closing():
    """It is noted, and the others are closed all the same."""

    async def clings():
        try:
            await Sleep(9)
        finally:
            await Sleep(1)

    async def play(task):
        await gather(clings(), leaf("other"))

    closed.clear()
    machine = machine_of(play)
    machine.cancel()
    assert closed == ["other"]
    assert any("while closing" in note.about for note in machine.notes())


def test_what_settles_too_late_changes_nothing():
    """An answer that nobody waits for any more is ignored."""

    async def play(task):
        await gather(Agent("a")("x"), leaf("b"))

    machine = machine_of(play)
    asked = machine.wants()
    machine.cancel()
    machine.settle(Settled(asked[0].path, None))
    assert isinstance(machine.error, Cancelled)


def test_the_losers_of_a_join_are_closed_and_dropped():
    """A failure under fail_fast closes the siblings at once."""
    closed.clear()

    async def fails():
        await Sleep(1)
        raise KeyError("no")

    async def play(task):
        await gather(middle("a"), fails())

    machine = machine_of(play)
    machine.wants()
    machine.settle(Settled("top/fails/sleep.1"))
    assert closed == ["a1", "a2", "a"]
    assert machine.dropped() == ["top/middle/leaf/sleep.1", "top/middle/leaf.2/sleep.1"]
    assert isinstance(machine.error, KeyError)


def test_p26_what_a_closed_branch_has_spent_is_counted():
    """Usage over paths is usage of the run, also of work that nobody waited for in the end."""
    ann, bo = Agent("ann"), Agent("bo")

    async def wordy(task):
        await ann("1")
        await gather(ann("2"), bo("3"))
        await Sleep(100)

    async def play(task):
        await first(Team("wordy", [ann, bo], wordy)("go"), Sleep(10))
        return "enough"

    run = simulate(Team("outer", (), play), "go", script="x")
    assert (run.message.text, run.usage.requests, run.message.usage.requests) == ("enough", 3, 3)
