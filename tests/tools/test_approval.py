"""Approvals: a tool that needs one runs with what a person approved, once, or not at all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from coterie import Agent, Message, Result, Team, cancel, do, gather, resume, run, start, tool
from coterie.errors import BadInput
from coterie.kernel.audit import report
from coterie.models import scripted
from coterie.stores import MemoryStore
from coterie.testing import rehearse, simulate
from coterie.testing.still import SILENT
from coterie.tool import Approval
from coterie.tools import approved, as_tool
from coterie.words.event import Settled
from coterie.words.message import ToolCall
from coterie.words.task import Task

sent: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_sent() -> None:
    sent.clear()


@tool(needs_approval=True, sensitive=True)
def send(to: str) -> str:
    """Send a letter."""
    sent.append(to)
    return f"sent to {to}"


def asking(think: Any) -> Any:
    """A model that wants one letter sent, to whoever the actor is named after; then it says how it went."""
    last = think.thread[-1]
    return last.text if last.answers else ToolCall("1", "send", {"to": think.actor})


def answered(*answers: Any) -> str:
    """What the model is told when a person gives these answers in turn."""
    said = iter(answers)
    return rehearse(Agent("a", tools=[send]), "go", asking, answers=lambda path, ask: next(said))[0].text


@pytest.mark.parametrize(
    ("answer", "told", "gone"),
    [
        ("approve", "sent to a", ["a"]),
        (True, "sent to a", ["a"]),
        ("deny", "error: a person did not approve 'send'", []),
        ("deny: not now", "error: a person did not approve 'send': not now", []),
        (False, "error: a person did not approve 'send'", []),
        ({"to": "b"}, "sent to b", ["b"]),
        ({"arguments": {"to": "b"}}, "sent to b", ["b"]),
        ('{"to": "b"}', "sent to b", ["b"]),
    ],
)
def test_approve_deny_or_edit(answer: Any, told: str, gone: list[str]) -> None:
    """The tool runs with the arguments that were approved, and the model is told of a refusal."""
    assert (answered(answer), sent) == (told, gone)


def test_what_cannot_be_used_is_asked_again() -> None:
    """Neither a word that says nothing nor arguments that do not fit let the tool run."""
    asked: list[str] = []
    said = iter(["perhaps", {"whom": "b"}, "deny"])

    def answer(path: str, ask: Any) -> Any:
        asked.append(ask.question)
        return next(said)

    rehearse(Agent("a", tools=[send]), "go", asking, answers=answer)
    assert sent == []
    assert ["'perhaps' is neither" in asked[1], "unknown field `whom`" in asked[2]] == [True, True]


def test_a_predicate_decides_by_the_arguments() -> None:
    """With `when`, a person is asked about some calls only."""
    (careful,) = approved([send.but(needs_approval=False)], when=lambda given: given["to"] == "boss")
    assert rehearse(Agent("a", tools=[careful]), "go", asking)[0].text == "sent to a"
    asked: list[str] = []
    rehearse(
        Agent("boss", tools=[careful]),
        "go",
        asking,
        answers=lambda path, ask: asked.append(path) or "approve",
    )
    assert asked == ["boss/ask.1"]


def test_a_play_is_asked_as_well() -> None:
    """`do` with a tool that needs approval waits for it like an agent."""

    async def play(task: Task) -> str:
        return await do(send, to="b")

    assert rehearse(Team("t", (), play), answers={"t/ask.1": {"to": "c"}})[0].text == "sent to c"


@pytest.mark.parametrize("named", [False, True])
def test_a_predicate_sees_arguments_by_name_however_a_play_gives_them(named: bool) -> None:
    """`do(tool, value)` is asked about as `do(tool, name=value)` is, and what is approved is used."""
    seen: list[dict[str, Any]] = []
    careful = send.but(needs_approval=lambda given: bool(seen.append(given)) or given["to"] == "boss")

    async def play(task: Task) -> str:
        return await do(careful, to="boss") if named else await do(careful, "boss")

    assert rehearse(Team("t", (), play), answers={"t/ask.1": "approve"})[0].text == "sent to boss"
    assert seen == [{"to": "boss"}]


def test_arguments_that_cannot_be_named_are_refused_before_anything_runs() -> None:
    """One too many, and one that is given twice, are mistakes of the play."""

    async def many(task: Task) -> str:
        return await do(send, "a", "b")

    async def twice(task: Task) -> str:
        return await do(send, "a", to="b")

    for play, words in [(many, "takes 1 arguments, and 2 were given"), (twice, "'to' was given twice")]:
        with pytest.raises(BadInput, match=words):
            rehearse(Team("t", (), play))
    assert sent == []


def deep() -> Team:
    """Two bosses side by side; each gives its worker a task, and each worker wants a letter sent."""

    def boss(name: str) -> Agent:
        worker = Agent(f"{name}-worker", tools=[send])
        return Agent(f"{name}-boss", tools=[as_tool(worker, name="work", edge=["send"])])

    bosses = [boss("x"), boss("y")]

    async def play(task: Task) -> Message:
        said = await gather(*(one(task) for one in bosses))
        return Message(sender="t", text=" and ".join(one.text for one in said))

    return Team("t", bosses, play)


def line(think: Any) -> Any:
    if think.actor.endswith("worker"):
        return asking(think)
    last = think.thread[-1]
    return last.text if last.answers else ToolCall("1", "work", {"task": "go"})


def test_approvals_from_below_in_parallel_across_processes() -> None:
    """Two open questions three frames deep wait in the store; each answer runs its own call, once."""
    store = MemoryStore()

    def opened(**answers: Any) -> Result:
        model = scripted(line)
        given = {f"t/{one}-boss/{one}-worker/ask.1": answer for one, answer in answers.items()}
        return asyncio.run(resume(deep(), "r", store=store, model=model, answers=given))

    first = asyncio.run(deep().run("go", model=scripted(line), store=store, id="r"))
    assert first.status == "waiting"
    assert sorted(first.waiting) == ["t/x-boss/x-worker/ask.1", "t/y-boss/y-worker/ask.1"]
    assert opened(y="deny: no").status == "waiting"
    assert sent == []
    assert opened(x={"to": "z"}).text == "sent to z and error: a person did not approve 'send': no"
    assert sent == ["z"]


def _expiring(**how: Any) -> Agent:
    return Agent("a", tools=[send.but(needs_approval=Approval(**how))])


def test_an_approval_that_nobody_gives_in_time_is_a_no() -> None:
    """The tool never runs, and the model is told whose time was over; time is an effect, so it is simulated."""
    late = simulate(_expiring(expires=60, to="eve"), "go", script=asking, drops=1.0, journal=True)
    said = [one.value for one in late.journal if isinstance(one, Settled) and one.path.endswith("ask.1")]
    assert (sent, said) == ([], [])
    told, _ = rehearse(_expiring(expires=60, to="eve"), "go", asking, answers=lambda path, ask: SILENT)
    assert (told.text, sent) == (
        "error: the use of 'send' was not approved in time: eve had 60 s",
        [],
    )


def test_a_deputy_is_asked_in_their_place() -> None:
    """What the deputy says counts, once."""
    asked: list[str] = []

    def answer(path: str, ask: Any) -> Any:
        asked.append(ask.to)
        return "approve" if ask.to == "bob" else SILENT

    told, _ = rehearse(_expiring(expires=60, to="eve", deputy="bob"), "go", asking, answers=answer)
    assert (told.text, sent, asked) == ("sent to a", ["a"], ["eve", "bob"])


def test_one_that_does_not_expire_waits() -> None:
    """Without a time there is none, and whom it is for is part of the question."""
    result = _expiring(to="eve").run_sync("go", model=scripted(asking), store=MemoryStore())
    assert [result.status, [ask.to for ask in result.waiting.values()]] == ["waiting", ["eve"]]


def test_the_report_has_an_approval_that_was_given_after_a_cancel() -> None:
    """The question of a run that was stopped and gone on with is the same one, and its answer is beside the call."""

    async def scene() -> Any:
        store, agent = MemoryStore(), Agent("a", tools=[send], model=scripted(asking))
        await run(agent, "go", store=store, id="r")
        await cancel("r", store=store)
        assert (await resume(agent, "r", store=store)).status == "waiting"
        await resume(agent, "r", store=store, answers={"a/ask.1": "approve"})
        return report("r", await store.read("r"))

    found = asyncio.run(scene())
    assert [(one.state, one.answer) for one in found.decisions] == [("answered", "approve")]
    assert [deed.approval for deed in found.deeds] == list(found.decisions)


def test_an_approval_is_given_in_time_and_the_report_has_it() -> None:
    """The deadline is dropped, and the tool runs with the answer."""

    async def scene() -> Any:
        store = MemoryStore()
        run = start(_expiring(expires=600, to="eve"), "go", model=scripted(asking), store=store, id="r")
        while not run.waiting:
            await asyncio.sleep(0)
        [path] = run.waiting
        run.answer(path, "approve", "eve")
        return (await run).text, report("r", await store.read("r")).deeds

    text, [deed] = asyncio.run(scene())
    assert (text, sent) == ("sent to a", ["a"])
    assert deed.approval is not None
    assert deed.approval.by == "eve"


@pytest.mark.parametrize("how", [{"deputy": "bob"}, {"expires": 0}])
def test_an_approval_that_cannot_be_is_refused_when_it_is_built(how: Any) -> None:
    """A deputy without a deadline would never be asked."""
    with pytest.raises(BadInput, match="expires"):
        Approval(**how)
