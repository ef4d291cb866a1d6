"""P9: on a thousand schedules no cap of any kind is exceeded, what was set aside comes back, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import pytest

from coterie import (
    Actor,
    Agent,
    Limits,
    Message,
    Result,
    Task,
    Team,
    Usage,
    collect_all,
    do,
    fail_fast,
    resume,
    run,
)
from coterie.errors import BranchesFailed
from coterie.kernel.budget import estimated
from coterie.kernel.story import usage as spent_below
from coterie.patterns import parallel
from coterie.shell.run import replay
from coterie.stores import MemoryStore
from coterie.testing.simulate import Simulated, simulate
from coterie.words.effect import Ask, Think
from coterie.words.event import Asked, Noted, Record, Settled
from coterie.words.failure import Policy
from coterie.words.limits import COUNTED, LAST

SEEDS = range(1_000)
EACH = 20
"""Tokens that a leaf may answer with."""
USED = Usage(3, 1, 1, 0, 0.25)
"""What a leaf's call does cost: less of everything than it might."""
DEAR = {"default": (0.0, 50_000.0)}
"""Prices by which a leaf's answer may cost 1 dollar."""
LEAVES, LATER = 64, 8
"""Children at depth 3 that start together, and those after them, which need what the first gave back."""


def _look(what: str) -> str:
    return what


def _leaf(n: int) -> Team:
    """Asks a model and looks something up, both of which count."""
    agent = Agent(f"agent{n}", settings={"max_tokens": EACH})

    async def play(task: Task) -> Message:
        said = await agent("go")
        await do(_look, "x")
        return said

    return Team(f"leaf{n}", (agent,), play)


def _tree(depth: int, leaves: Iterator[int], names: Iterator[int], policy: Policy) -> Actor:
    if not depth:
        return _leaf(next(leaves))
    members = [_tree(depth - 1, leaves, names, policy) for _ in range(4)]
    return parallel(*members, name=f"team{next(names)}", on_failure=policy)


def _waves(policy: Policy) -> Team:
    """64 leaves at depth 3, and eight more when they have ended."""
    leaves, names = count(), count()
    first = _tree(3, leaves, names, policy)
    second = parallel(*(_leaf(next(leaves)) for _ in range(LATER)), name="later", on_failure=policy)

    async def play(task: Task) -> Message:
        said = [await first(task.text)]
        with contextlib.suppress(BranchesFailed):  # nothing was left for any of them
            said.append(await second(task.text))
        return Message(sender="waves", text="done", parts=tuple(said))

    return Team("waves", (first, second), play)


COLLECTS, FAILS = _waves(collect_all), _waves(fail_fast)


def _says(think: Think) -> Message:
    """A last answer is long; a leaf's is short."""
    last = think.actor == "waves"
    return Message(sender=think.actor, text="said", usage=Usage(900, 400, 1, 0, 0.5) if last else USED)


def _says_much(think: Think) -> Message:
    """A leaf's answer takes nearly all that it may, so that little comes back."""
    if think.actor == "waves":
        return _says(think)
    return Message(sender=think.actor, text="said", usage=Usage(INTO - 1, EACH - 1, 1, 0, 0.9375))


def _prompt() -> int:
    """The tokens of a leaf's prompt, from above."""
    asked = simulate(COLLECTS, "go", script=_says, seed=0).asked[0]
    return estimated(asked.brief, asked.thread)


INTO = _prompt()
WORST = {
    "usd": 1.0,
    "tokens": INTO + EACH,
    "input_tokens": INTO,
    "output_tokens": EACH,
    "requests": 1,
    "tool_calls": 1,
}
"""What one leaf may cost at most."""
TRUE = {"usd": 0.25, "tokens": 4, "input_tokens": 3, "output_tokens": 1, "requests": 1, "tool_calls": 1}
"""What it does cost."""
KEPT = {**{name: getattr(LAST, name) for name in COUNTED}, "usd": LAST.output_tokens * 50_000 / 1e6}
"""What is kept back for a last answer."""


def _answered(cap: float, kind: str) -> int:
    """How many leaves answer in both waves: those whose worst fits beside what was really spent."""
    first = min(LEAVES, int(cap // WORST[kind]))
    return first + min(LATER, int((cap - first * TRUE[kind]) // WORST[kind]))


def _amounts(usage: Usage) -> dict[str, float]:
    return {name: getattr(usage, name) for name in COUNTED}


def _most(result: Simulated, kind: str) -> float:
    """The most that was spent and set aside together at any moment, by the journal alone."""
    most = spent = 0.0
    under_way: set[str] = set()
    refused = {event.path for event in result.journal if isinstance(event, Noted) and event.fact == "refused"}
    counts = "use" if kind == "tool_calls" else "think"
    for event in result.journal:
        if isinstance(event, Asked) and event.effect.kind == counts and event.path not in refused:
            under_way.add(event.path)
        elif isinstance(event, Settled):
            under_way.discard(event.path)
            spent += _amounts(event.usage)[kind]
        most = max(most, spent + WORST[kind] * len(under_way))
    return most


def _adds_up(result: Simulated) -> None:
    """What each path has spent is what the paths below it have, and all of it is what the run has."""
    below = spent_below([Record(n, 0.0, event) for n, event in enumerate(result.journal)])
    assert below[""] == result.usage == below["waves"]
    for path in ("waves/team20", "waves/later"):
        parts = [spent for name, spent in below.items() if name.rpartition("/")[0] == path]
        assert sum(parts, Usage()) == below.get(path, Usage())


def _stops(seed: int, kind: str) -> None:
    """At the cap the step fails and the rest goes on: exactly as many answer as fit, in both waves."""
    cap = WORST[kind] * (5, 40, LEAVES)[seed % 3]
    limits = Limits(**{**NO_CAPS, kind: cap}, prices=DEAR)
    result = simulate(COLLECTS, "go", script=_says, seed=seed, limits=limits, journal=True)
    answers = _answered(cap, kind)
    got = result.usage.tool_calls if kind == "tool_calls" else result.usage.requests
    assert (got, _amounts(result.usage)[kind]) == (answers, answers * TRUE[kind])
    assert _most(result, kind) <= cap
    assert result.message is not None
    _adds_up(result)
    failed = [one.kind for part in result.message.parts for one in part.missing]
    assert set(failed) <= {"OverLimit", "BranchesFailed"}


def _finalizes(seed: int, kind: str) -> None:
    """At the cap the run ends with one answer from what is there; its cost was kept back, so the cap holds."""
    cap = WORST[kind] * (LEAVES + seed % 4) + KEPT[kind]
    limits = Limits(**{**NO_CAPS, kind: cap}, prices=DEAR, at_cap="finalize")
    result = simulate(FAILS, "go", script=_says_much, seed=seed, limits=limits, journal=True)
    assert result.message is not None
    assert f"stopped early: {kind} of 'waves'" in result.message.unverified
    assert (result.message.text, result.message.parts[0].sender) == ("said", "team20")
    assert _amounts(result.usage)[kind] <= cap
    _adds_up(result)


def _asks(seed: int, kind: str) -> None:
    """At the cap a person raises it once, then lets the rest be stopped: exactly what fits is done, nothing twice."""
    cap, more = WORST[kind] * 20, WORST[kind] * (30, 45)[seed % 2]
    asked: list[str] = []

    def answer(path: str, ask: Ask) -> Any:
        assert (ask.about, f"{kind} of 'waves'" in ask.question) == ("limit", True)
        asked.append(path)
        return f"{kind}={more}" if len(asked) == 1 else "stop"

    limits = Limits(**{**NO_CAPS, kind: cap}, prices=DEAR, at_cap="ask")
    result = simulate(COLLECTS, "go", script=_says, seed=seed, limits=limits, journal=True, answers=answer)
    answers = _answered(more, kind)
    got = result.usage.tool_calls if kind == "tool_calls" else result.usage.requests
    assert (got, _amounts(result.usage)[kind]) == (answers, answers * TRUE[kind])
    assert (
        len(asked) == 1 + LEAVES + LATER - answers
    )  # whoever is refused for good was asked about, once more
    ended = Counter(event.path for event in result.journal if isinstance(event, Settled))
    assert set(ended.values()) == {1}
    _adds_up(result)


def _ends_in_time(seed: int, policy: str) -> None:
    """When the seconds are over the run ends, with what was finished by then and what it cost."""
    seconds = (0.4, 0.9, 1.6)[seed % 3]
    limits = Limits(seconds=seconds, at_cap="finalize" if policy == "finalize" else "stop")
    result = simulate(COLLECTS, "go", script=_says, seed=seed, limits=limits, journal=True)
    _adds_up(result)
    if result.error is not None:
        assert (type(result.error).__name__, result.elapsed) == ("OverLimit", pytest.approx(seconds))
    elif result.message is not None and result.message.unverified:
        assert "stopped early: seconds" in result.message.unverified


NO_CAPS: Mapping[str, Any] = {"usd": None}
POLICIES = {"stop": _stops, "finalize": _finalizes, "ask": _asks}


@pytest.mark.slow
def test_no_cap_is_exceeded_on_a_thousand_schedules() -> None:
    """Of any kind, under any policy, whatever ends first; what each path has spent adds up every time."""
    drawn: Counter[tuple[str, str]] = Counter()
    for seed in SEEDS:
        kind = (*COUNTED, "seconds")[seed % 7]
        policy = ("stop", "finalize", "ask")[seed // 7 % 3]
        drawn[kind, policy] += 1
        if kind == "seconds":
            _ends_in_time(seed, policy)
        else:
            POLICIES[policy](seed, kind)
    assert (len(drawn), min(drawn.values())) == (21, 47)


@pytest.mark.parametrize("kind", COUNTED)
def test_a_raised_cap_does_what_is_left_and_repeats_nothing(kind: str) -> None:
    """A run that a cap has ended has what was finished; under a higher cap it asks only those that had not answered."""
    made: Counter[str] = Counter()

    async def model(think: Think) -> Message:
        await asyncio.sleep(0)
        made[think.actor] += 1
        return _says_much(think)

    async def scene() -> tuple[Result, Result]:
        store = MemoryStore()
        limits = Limits(**{**NO_CAPS, kind: WORST[kind] * LEAVES}, prices=DEAR)
        stopped = await run(FAILS, "go", model=model, store=store, id="r", limits=limits)
        raised = {kind: WORST[kind] * (LEAVES + LATER)}
        done = await resume(FAILS, "r", model=model, store=store, limits=raised)
        assert (await replay(FAILS, "r", store=store)).usage == done.usage
        return stopped, done

    stopped, done = asyncio.run(scene())
    assert stopped.failure is not None
    assert (stopped.status, stopped.failure.kind) == ("failed", "OverLimit")
    assert (stopped.parts[0].sender, stopped.usage.requests >= LEAVES) == ("team20", True)
    assert (done.status, done.usage.requests) == ("succeeded", LEAVES + LATER)
    assert [made[f"agent{n}"] for n in range(LEAVES)] == [1] * LEAVES
