import asyncio

import pytest

from coterie import Agent, Draw, Now, Put, Send, Sleep, Team, collect_all, gather
from coterie.errors import Diverged, ModelFailed
from coterie.kernel.machine import Machine
from coterie.kernel.replay import replay
from coterie.models import scripted
from coterie.stores import MemoryStore
from coterie.testing import block_sockets
from coterie.words.event import Asked, Record, Settled
from coterie.words.task import Task

a, b = Agent("a"), Agent("b")


async def play(task):
    said = await gather(a("1"), b("2"), on_failure=collect_all)
    await Send("t", "x")
    await Put("k", said[0].text)
    await Sleep(0)
    return f"{said[0].text} {said[1].kind} {await Now()} {await Draw()}"


TEAM = Team("team", (a, b), play)


def line(think):
    return ModelFailed("down") if think.actor == "b" else "hi"


def journal_of(team):
    async def scene():
        store = MemoryStore()
        result = await team.run("go", model=scripted(line), store=store, id="r")
        return result, await store.read("r")

    return asyncio.run(scene())


def test_p25_a_replay_of_a_run_is_that_run_with_sockets_off():
    """The same settles give the same machine: value, usage, and nothing wanted."""
    result, records = journal_of(TEAM)
    with block_sockets():
        machine = Machine(TEAM, Task("go"))
        standing = replay(machine, records)
    assert (machine.value, machine.root.usage) == (result.message, result.usage)
    assert (machine.done, standing.asked) == (True, [])


def test_p25_a_replay_stands_wherever_its_journal_ends():
    """Cut anywhere, what is wanted is what was asked and not settled, and nothing else of the past."""
    _, records = journal_of(TEAM)
    for cut in range(1, len(records)):
        machine = Machine(TEAM, Task("go"))
        standing = replay(machine, records[:cut])
        settled = {r.event.path for r in records[:cut] if isinstance(r.event, Settled)}
        assert not settled & {asked.path for asked in standing.asked}
        assert set(machine.parked) == {asked.path for asked in standing.asked}


def test_p25_a_changed_request_fails_at_the_first_difference_with_a_diff():
    """Both requests are shown, and the path."""
    _, records = journal_of(TEAM)

    async def other(task):
        said = await gather(a("1"), b("2"), on_failure=collect_all)
        await Sleep(5)
        return said[0]

    with pytest.raises(Diverged) as caught:
        replay(Machine(Team("team", (a, b), other), Task("go")), records)
    assert "journal: sleep(0)" in caught.value.message
    assert "play:    sleep(5)" in caught.value.message
    assert caught.value.path == "team/sleep.1"


def test_p25_an_effect_that_is_no_longer_asked_is_found():
    """A step that the play has lost is named, with what to do."""
    records = [Record(0, 0.0, Asked("team/sleep.1", Sleep(1)))]

    async def nothing(task):
        await Now()
        return "done"

    with pytest.raises(Diverged, match="has sleep here, and the play asks nothing"):
        replay(Machine(Team("team", (), nothing), Task("go")), records)
