"""Who may do what: one function is asked before anything is begun, and what it says is in the journal."""

from __future__ import annotations

from typing import Any

import pytest

from coterie import Agent, Team, do, gather, resume, run, tool
from coterie.errors import BadInput
from coterie.kernel.inquiries import questions
from coterie.policy import policy_at
from coterie.policy.cedar import cedar
from coterie.shell.run import replay
from coterie.stores.memory import MemoryStore
from coterie.words.effect import Get, Put, Think
from coterie.words.message import Message, ToolCall
from coterie.words.permit import Ruling
from coterie.words.principal import Principal
from coterie.words.task import Task
from tests.governance.playing import played

ANN = Principal(name="ann", tenant="acme", groups=("press",), role="operator")
SENT: list[str] = []


@tool(tags=["outward"])
def mail(to: str) -> str:
    """Send a mail."""
    SENT.append(to)
    return "sent"


async def caller(think: Think) -> Message:
    """Calls the tool once, then repeats what it came to."""
    last = think.thread[-1]
    if last.answers:
        return Message(sender=think.actor, text=last.text)
    return Message(sender=think.actor, calls=(ToolCall("1", "mail", {"to": "bob"}),))


async def _play(task: Task) -> Message:
    await Put("plan", "short")
    await Get("plan")
    return (await gather(WRITER(task)))[0]


WRITER = Agent("writer", tools=[mail], model=caller)
TEAM = Team("office", (WRITER,), _play)


class Recorder:
    """A policy that says the same of everything but for some, and remembers what it was asked."""

    def __init__(self, **said: Any) -> None:
        self.said = said
        self.asked: list[tuple[str, str]] = []

    def __call__(self, principal: Principal, action: str, resource: str, context: Any) -> Any:
        self.asked.append((action, resource))
        return self.said.get(action, "allow")


@pytest.fixture(autouse=True)
def _nothing_sent() -> None:
    SENT.clear()


@played
async def test_all_that_a_run_does_is_asked_for_in_order() -> None:
    """A run, the board, a call, a model and a tool: each is asked about once, before it is begun."""
    policy = Recorder()
    ended = await run(TEAM, "go", policy=policy, by=ANN)
    assert (ended.status, SENT) == ("succeeded", ["bob"])
    assert policy.asked == [
        ("run", "office"),
        ("write", "plan"),
        ("read", "plan"),
        ("call", "writer"),
        ("spend", "default" if WRITER.model_name == "default" else WRITER.model_name),
        ("use", "mail"),
        ("spend", WRITER.model_name),
    ]


@pytest.mark.parametrize("action", ["run", "write", "read", "call", "spend", "use"])
@played
async def test_what_is_denied_is_not_done(action: str) -> None:
    """Whatever is denied fails as `Denied`, is in the journal, and is not asked about by a replay."""
    store = MemoryStore()
    ended = await run(TEAM, "go", policy=Recorder(**{action: "deny"}), by=ANN, store=store, id="r")
    denied = [e.event.failure.kind for e in await store.read("r") if getattr(e.event, "failure", None)]
    assert "Denied" in denied
    assert SENT == []
    assert (await replay(TEAM, "r", store=store)).status == ended.status


@pytest.mark.parametrize("action", ["run", "write", "read", "call", "spend", "use"])
@played
async def test_a_person_decides_what_is_left_to_one(action: str) -> None:
    """A run waits for leave, goes on in another process with it, and asks no policy about what is done."""
    store = MemoryStore()
    waiting = await run(TEAM, "go", policy=Recorder(**{action: "ask"}), by=ANN, store=store, id="r")
    assert (waiting.status, SENT) == ("waiting", [])
    while waiting.status == "waiting":
        answers = dict.fromkeys(waiting.waiting, "approve")
        again = Recorder(**{action: "ask"})
        waiting = await resume(TEAM, "r", store=store, answers=answers, policy=again)
    assert (waiting.status, SENT) == ("succeeded", ["bob"])
    assert action == "run" or ("run", "office") not in again.asked
    assert questions("r", await store.read("r")) == {}


@played
async def test_a_person_says_no() -> None:
    """A step that a person does not allow fails as `Denied`, and the agent is told so."""
    store = MemoryStore()
    waiting = await run(TEAM, "go", policy=Recorder(use="ask"), by=ANN, store=store, id="r")
    ended = await resume(
        TEAM, "r", store=store, answers=dict.fromkeys(waiting.waiting, "deny"), policy=Recorder(use="ask")
    )
    assert SENT == []
    assert "did not allow" in ended.text


@played
async def test_a_policy_that_breaks_has_said_no() -> None:
    """What a policy raises denies, and is named; what it says that is no decision denies as well."""

    def broken(*asked: Any) -> Any:
        raise KeyError("who")

    ended = await run(TEAM, "go", policy=broken, by=ANN)
    assert ended.failure is not None
    assert "KeyError" in ended.failure.message
    strange = await run(TEAM, "go", policy=Recorder(run="maybe"), by=ANN)
    assert strange.failure is not None
    assert "'maybe'" in strange.failure.message


@pytest.mark.parametrize("decision", ["ask", "deny"])
@played
async def test_whoever_is_asked_or_refused_reads_why(decision: Any) -> None:
    """The reason of a ruling stands in the question to a person, and in the failure of what is denied."""
    store = MemoryStore()
    policy = Recorder(use=Ruling(decision, "mail leaves the house"))
    ended = await run(TEAM, "go", policy=policy, by=ANN, store=store, id="r")
    asked = [one.ask.question for one in questions("r", await store.read("r")).values()]
    failed = [e.event.failure.message for e in await store.read("r") if getattr(e.event, "failure", None)]
    said, other = (asked, failed) if decision == "ask" else (failed, asked)
    assert (other, len(said), SENT) == ([], 1, [])
    assert ": mail leaves the house" in said[0]
    assert ended.status == ("waiting" if decision == "ask" else "succeeded")


@played
async def test_a_policy_sees_arguments_by_name_however_a_play_gives_them() -> None:
    """What a rule says of an argument holds for `do(tool, value)` as for `do(tool, name=value)`."""
    seen: list[Any] = []

    def look(principal: Principal, action: str, resource: str, context: Any) -> Any:
        seen.extend([context["arguments"]] if action == "use" else [])
        return "allow"

    async def play(task: Task) -> Message:
        return Message(sender="t", text=f"{await do(mail, 'bob')} {await do(mail, to='bob')}")

    await run(Team("t", (), play), "go", policy=look, by=ANN)
    assert seen == [{"to": "bob"}] * 2


@played
async def test_what_a_changed_policy_lets_pass_is_in_doubt_when_it_was_begun() -> None:
    """A step that waited for leave, and was begun without it under a new policy, is not done twice after a crash."""
    store = MemoryStore()
    await run(TEAM, "go", policy=Recorder(use="ask"), by=ANN, store=store, id="r")
    await resume(TEAM, "r", store=store, policy=Recorder())
    records = await store.read("r")
    sent = next(n for n, one in enumerate(records) if getattr(one.event, "value", None) == "sent")
    lease = await store.claim("cut")
    await store.append(lease, records[:sent])
    await store.release(lease)
    SENT.clear()
    again = await resume(TEAM, "cut", store=store, policy=Recorder())
    assert (again.status, SENT) == ("waiting", [])
    assert [ask.about for ask in again.waiting.values()] == ["in_doubt"]


@played
async def test_a_governed_run_stays_governed() -> None:
    """It goes on for whom it was begun, and not at all without a policy."""
    store = MemoryStore()
    await run(TEAM, "go", policy=Recorder(run="ask"), by=ANN, store=store, id="r")
    with pytest.raises(BadInput, match="governed"):
        await resume(TEAM, "r", store=store)
    seen: list[Principal] = []

    def look(principal: Principal, *asked: Any) -> Any:
        seen.append(principal)
        return "allow"

    await resume(TEAM, "r", store=store, policy=look)
    assert set(seen) == {ANN}


FILE = """
rules:
  - {decision: deny, actions: use, tags: outward, groups: [interns]}
  - {decision: ask, actions: [use], resources: "m*", why: mail leaves the house}
  - {decision: deny, actions: spend, above: {usd: 0.5}}
  - {decision: allow, roles: [operator, admin], tenants: acme}
"""


@pytest.mark.parametrize(
    ("who", "action", "resource", "context", "expected"),
    [
        (ANN, "run", "office", {}, "allow"),
        (ANN, "use", "mail", {"tags": ["outward"]}, Ruling("ask", "mail leaves the house")),
        (Principal(groups=("interns",)), "use", "mail", {"tags": ["outward"]}, "deny"),
        (ANN, "spend", "big", {"usd": 0.51}, "deny"),
        (ANN, "spend", "big", {"usd": 0.5}, "allow"),
        (Principal(tenant="other"), "run", "office", {}, "deny"),
        (Principal(tenant="acme", role="viewer"), "run", "office", {}, "deny"),
    ],
)
def test_the_first_rule_that_fits(
    tmp_path: Any, who: Principal, action: str, resource: str, context: Any, expected: Any
) -> None:
    """A file's rules are read from the top; what none fits is denied."""
    (tmp_path / "policy.yaml").write_text(FILE)
    assert policy_at(tmp_path / "policy.yaml")(who, action, resource, context) == expected


def test_every_mistake_of_a_file_is_named_with_its_line(tmp_path: Any) -> None:
    """All that is wrong is said at once: a file is refused as a whole, and nothing of it holds."""
    path = tmp_path / "policy.yaml"
    path.write_text(
        "default: perhaps\nrules:\n  - {decision: allow, actions: [fly]}\n  - {roles: boss}\n"
        "  - {decision: deny, when: now}\n  - {decision: deny, above: {eur: 1}}\n"
    )
    with pytest.raises(BadInput) as error:
        policy_at(path)
    lines = [line.rpartition("policy.yaml:")[2].partition(":")[0] for line in error.value.message.split("\n")]
    assert lines == ["1", "3", "4", "4", "5", "6"]


CEDAR = """
@id("ask-mail") permit(principal in Group::"press", action == Action::"use", resource == Tool::"mail");
permit(principal in Role::"operator", action in [Action::"run", Action::"call"], resource);
permit(principal, action == Action::"spend", resource) when { context.usd.lessThan(decimal("0.5")) };
forbid(principal in Tenant::"evil", action, resource);
"""


@pytest.mark.parametrize(
    ("who", "action", "resource", "context", "expected"),
    [
        (ANN, "run", "office", {}, "allow"),
        (ANN, "use", "mail", {"arguments": {"to": None}}, "ask"),
        (ANN, "use", "wire", {}, "deny"),
        (ANN, "spend", "m", {"usd": 0.1}, "allow"),
        (ANN, "spend", "m", {"usd": 0.6}, "deny"),
        (Principal(tenant="evil", role="operator"), "run", "office", {}, "deny"),
    ],
)
def test_cedar_decides(who: Principal, action: str, resource: str, context: Any, expected: str) -> None:
    """Cedar's own engine decides, and what only an `ask` policy allows is left to a person."""
    assert cedar(CEDAR)(who, action, resource, context) == expected


def test_cedar_that_fails_denies() -> None:
    """A policy that cannot be evaluated is not left out: it might be one that forbids."""
    with pytest.raises(BadInput, match="Cedar"):
        cedar(CEDAR)(ANN, "spend", "m", {})
    with pytest.raises(BadInput, match="not Cedar"):
        cedar("permit(")
