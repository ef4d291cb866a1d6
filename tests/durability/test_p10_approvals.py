"""P10: approvals survive. Three sub-agents at depth 3 with two parallel approvals each; the process dies; six answers
arrive out of order at another one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from coterie import Agent, Message, resume, tool
from coterie.doors.teams import team_of_run
from coterie.errors import Answered, Expired, NotAsked
from coterie.models import scripted
from coterie.shell.host import Host
from coterie.stores import SqliteStore
from coterie.words.event import Settled, Signalled
from coterie.words.message import ToolCall

SOURCE = str(Path(__file__).parents[2] / "src")
TEAM = '''
from pathlib import Path
from coterie import Agent, Message, tool
from coterie.models import scripted
from coterie.patterns import parallel, pipeline
from coterie.words.message import ToolCall

HERE = Path(__file__).parent

@tool(needs_approval=True, idempotent=True)
def pay(who: str, amount: int) -> str:
    """Pay somebody."""
    with (HERE / "witness").open("a") as file:
        file.write(f"pay {who} {amount}\\n")
    return f"paid {who} {amount}"

def says(think):
    last = think.thread[-1]
    with (HERE / "calls").open("a") as file:
        file.write(f"{think.actor} {len(think.thread)}\\n")
    if last.sender == "pay":
        return "; ".join(message.text for message in think.thread if message.sender == "pay")
    calls = tuple(ToolCall(str(n), "pay", {"who": think.actor, "amount": n}) for n in (1, 2))
    return Message(sender=think.actor, calls=calls)

model = scripted(says)
agents = [Agent(name, tools=[pay], model=model) for name in ("ann", "ben", "cid")]
inner = [pipeline(agent, name=f"of-{agent.name}") for agent in agents]
team = parallel(*inner, name="outer")
'''


@pytest.fixture
def folder(tmp_path):
    path = list(sys.path)
    (tmp_path / "team.py").write_text(TEAM)
    yield tmp_path
    sys.path[:] = path


def killed_with_six_open(folder):
    """Begin the run in a process of its own, and kill that when all six are asked."""
    command = [
        sys.executable,
        "-m",
        "coterie",
        "run",
        "team.py:team",
        "Pay",
        "--id",
        "r",
        "--store",
        "runs.db",
    ]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], SOURCE])}
    process = subprocess.run(
        command, check=False, cwd=folder, env=env, capture_output=True, text=True, timeout=60
    )
    assert process.returncode == 3, process.stderr
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], cwd=folder, env=env, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()


HOLD = """
import asyncio, sys
from coterie import Agent, Message, resume, tool
from coterie.doors.teams import team_of_run
from coterie.shell.job import Job
from coterie.shell.run import journal
from coterie.kernel.story import opened
from coterie.shell.handle import Run
from coterie.shell.world import World
from coterie.stores import SqliteStore
async def main():
    store = SqliteStore("runs.db")
    began = opened(await journal(store, "r"))
    job = Job(team_of_run(began), None, World(), store, "r")
    job.again = True
    run = Run(job)
    await run.begun()
    while len(run.waiting) < 6 and not run.done:
        await asyncio.sleep(0.01)
    print("held" if not run.done else (await run.result()).failure, flush=True)
    await run.result()
asyncio.run(main())
"""


def hosted(folder):
    return Host(SqliteStore(folder / "runs.db"), actor_of=team_of_run)


def test_six_answers_out_of_order_at_another_process(folder):
    """Each call runs exactly once with its own answer, denied ones never, and nothing that was finished again."""
    killed_with_six_open(folder)
    calls = (folder / "calls").read_text()

    async def scene():
        host = hosted(folder)
        asked = await host.questions()
        order = [asked[at] for at in (4, 1, 5, 0, 3)]
        answers = {
            asked[4].id: "approve",
            asked[1].id: "deny: too much",
            asked[5].id: {"who": "ben", "amount": 7},
        }
        for one in order:
            await host.answer(one.id, answers.get(one.id, "approve"), by="ada")
        left = await host.questions()
        with pytest.raises(Answered):
            await host.answer(asked[4].id, "approve")
        for wrong in ("r.0123456789abcdef", "nobody.0123456789abcdef", asked[2].id[:-1] + "x"):
            with pytest.raises(NotAsked):
                await host.answer(wrong, "approve")
        await host.answer(left[0].id, "approve", by="bob")
        result = await host.wait("r")
        records = await host.journal("r")
        await host.close()
        await host.store.close()
        return asked, left, result, records

    asked, left, result, records = asyncio.run(scene())
    assert len({one.id for one in asked}) == 6
    assert [one.id for one in left] == [asked[2].id]
    assert result.status == "succeeded"
    witness = Counter((folder / "witness").read_text().splitlines())
    assert set(witness.values()) == {1}
    assert len(witness) == 5
    assert sum("7" in line for line in witness) == 1
    said = [record.event for record in records if isinstance(record.event, Signalled)]
    assert [one.value["by"] for one in said if one.kind == "answer"] == ["ada"] * 5 + ["bob"]
    assert [one.kind for one in said].count("refused") == 1
    assert (folder / "calls").read_text().startswith(calls)
    assert Counter((folder / "calls").read_text().splitlines()) == Counter(
        [f"{name} {length}" for name in ("ann", "ben", "cid") for length in (1, 4)]
    )
    denied = [
        record.event.value.text
        for record in records
        if isinstance(record.event, Settled)
        and getattr(record.event.value, "text", "")
        and "did not approve" in str(record.event.value.text)
    ]
    assert len(denied) == 1


def test_open_ones_stay_open_and_a_stopped_run_takes_no_more(folder):
    """Answered in part, the rest waits through any number of processes; after a cancel they are gone."""
    killed_with_six_open(folder)

    async def scene():
        host = hosted(folder)
        asked = await host.questions()
        await host.answer(asked[3].id, "approve")
        await host.close()
        await host.store.close()
        again = hosted(folder)
        open_ = await again.questions()
        await again.cancel("r")
        with pytest.raises(Expired):
            await again.answer(open_[0].id, "approve")
        await again.store.close()
        return [one.id for one in asked], [one.id for one in open_]

    asked, open_ = asyncio.run(scene())
    assert open_ == [one for at, one in enumerate(asked) if at != 3]


def test_arguments_are_shown_the_same_after_a_crash(tmp_path):
    """In whichever order a model says them: what a play makes of them is what it made of them before."""
    nested = {"z": {"y": 1, "x": [{"b": 1, "a": 2}]}, "c": 3}
    said = Message(sender="a", calls=(ToolCall("1", "look", {"what": nested, "again": 1}),))
    shown = Agent(
        "shown", tools=[tool(_look, name="look", needs_approval=True)], model=scripted([said, "done"])
    )

    async def scene():
        store = SqliteStore(tmp_path / "runs.db")
        first = await shown.run("x", store=store, id="r")
        [path] = first.waiting
        again = await resume(shown, "r", store=store, answers={path: "approve"})
        await store.close()
        return again

    assert asyncio.run(scene()).text == "done"


def _look(what: dict, again: int) -> str:
    """Look."""
    return "seen"
