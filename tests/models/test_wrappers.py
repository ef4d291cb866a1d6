"""Wrappers around a model: trying again, chains, caches, tiers, and what each of them costs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from coterie import Agent, Message, run_sync, start
from coterie.errors import BadInput, CircuitOpen, ModelFailed, ModelRefused, ModelUnavailable, NoAccess
from coterie.models import cached, fallback, gated, guarded, retried, scripted, tiered
from coterie.models.cache import HIT, MemoryAnswers
from coterie.models.gate import Gate
from coterie.models.tiers import complexity
from coterie.models.wrap import Wrapper
from coterie.testing.models import WEATHER, ModelPromises, asking
from coterie.words.brief import Brief
from coterie.words.delta import AGAIN, Delta, Piece, Retracted, Tell
from coterie.words.effect import Think
from coterie.words.message import ToolCall
from coterie.words.thread import Thread
from coterie.words.usage import Usage
from tests.virtual import virtually


def sensible(think: Think) -> Any:
    """What a good model would say to the requests of the promises."""
    if think.brief.output is not None:
        return '{"name": "Bergen", "rainy": true}'
    wants = think.brief.tools and "Use the tool" in think.thread[-1].text
    return ToolCall("1", "weather", {"city": "Bergen"}) if wants else "Hello there, you."


class TestPromises(ModelPromises):
    """Every wrapper keeps what every model promises."""

    @pytest.fixture(params=["plain", "gated", "retried", "guarded", "fallback", "cached", "tiered", "all"])
    def model(self, request: pytest.FixtureRequest) -> Any:
        inner = scripted(sensible)
        made = {
            "plain": inner,
            "gated": gated(inner, Gate(at_once=1)),
            "retried": retried(inner),
            "guarded": guarded(inner),
            "fallback": fallback(inner, inner),
            "cached": cached(inner),
            "tiered": tiered(inner, inner),
            "all": cached(fallback(guarded(retried(gated(inner, Gate(rate=6_000)))), inner)),
        }
        return made[request.param]


class Flaky:
    """Fails as it is told to, half of a sentence in, and then answers."""

    name = "flaky"

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.asked = 0

    async def __call__(self, think: Think) -> Message:
        return await self.stream(think, lambda _: None)

    async def stream(self, think: Think, tell: Tell) -> Message:
        self.asked += 1
        if self.failures:
            tell(Delta("Half of a"))
            raise self.failures.pop(0)
        tell(Delta("All of it."))
        return Message(sender=think.actor, text="All of it.", usage=Usage(10, 5, 1, usd=0.25))


def answer(model: Any, think: Think | None = None) -> Message:
    async def scene() -> Message:
        return await model(think or asking("Hi"))

    return virtually(scene)


def test_a_retryable_failure_is_tried_again_and_each_try_is_counted() -> None:
    """Two failures and an answer are three requests, and the money is that of the answer."""
    flaky = Flaky(ModelUnavailable("down"), ModelUnavailable("down"))
    assert answer(retried(flaky)).usage == Usage(10, 5, 3, usd=0.25)


def test_what_would_fail_again_is_not_tried_again() -> None:
    """A request that is refused, or has no key, fails at once."""
    for error in (ModelRefused("no"), NoAccess("no key")):
        flaky = Flaky(error)
        with pytest.raises(type(error)) as caught:
            answer(retried(flaky))
        assert (flaky.asked, caught.value.usage) == (1, Usage(requests=1))


def test_tries_are_bounded_and_counted_in_the_failure() -> None:
    """After the last try its failure is raised, with what all of them cost; the run's usage has it."""
    flaky = Flaky(*[ModelUnavailable(f"down {n}") for n in range(9)])
    with pytest.raises(ModelUnavailable, match="down 3") as caught:
        answer(retried(flaky, tries=4))
    assert caught.value.usage == Usage(requests=4)
    flaky = Flaky(*[ModelUnavailable("down") for _ in range(9)])
    result = run_sync(Agent("a"), "Hi", model=retried(flaky, tries=3, delay=0))
    assert (result.status, result.usage) == ("failed", Usage(requests=3))


def test_pauses_are_drawn_up_to_twice_as_long_each_time() -> None:
    """Full jitter: from nothing up to 1, 2, 4, 4 seconds; what the provider asks for is never shortened."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    def pause(dice: float, *errors: ModelFailed) -> list[float]:
        pauses.clear()
        answer(retried(Flaky(*errors), sleep=sleep, random=lambda: dice, most=4.0))
        return list(pauses)

    down = [ModelUnavailable("down") for _ in range(4)]
    assert pause(1.0, *down) == [1.0, 2.0, 4.0, 4.0]
    assert pause(0.25, *down[:2]) == [0.25, 0.5]
    late = ModelUnavailable("later")
    late.retry_after = 30.0
    assert (pause(0.0, late), pause(1.0, late)) == ([30.0], [33.0])


def test_a_watcher_sees_a_retry_take_its_text_back() -> None:
    """What a failed try said is retracted, through any number of wrappers, and the answer stands."""

    async def scene() -> list[Any]:
        model = fallback(guarded(retried(Flaky(ModelUnavailable("down")), delay=0)), scripted("other"))
        async with start(Agent("a"), "Hi", model=model) as run:
            return [item async for item in run.stream() if isinstance(item, (Piece, Retracted))]

    shown = asyncio.run(scene())
    assert [(item.attempt, getattr(item, "text", "")) for item in shown][-2:] == [(0, ""), (1, "All of it.")]


def test_a_chain_asks_the_next_where_one_fails() -> None:
    """The answer says who failed and why; what is told is that of who answered."""
    told: list[Delta] = []
    model = fallback(Flaky(ModelUnavailable("down")), Flaky(ModelRefused("too long")), Flaky())
    message = virtually(lambda: model.stream(asking("Hi"), told.append))
    assert message.text == "All of it."
    assert [(one.kind, one.message) for one in message.missing] == [
        ("ModelUnavailable", "down"),
        ("ModelRefused", "too long"),
    ]
    assert [one.text for one in told] == ["Half of a", "", "Half of a", "", "All of it."]
    assert told[1] is AGAIN


def test_the_last_failure_is_that_of_the_chain() -> None:
    """Where nobody answers, the failure of the last is raised; one model is no chain."""
    with pytest.raises(ModelRefused, match="no"):
        answer(fallback(Flaky(ModelUnavailable("down")), Flaky(ModelRefused("no"))))
    with pytest.raises(BadInput, match="two models"):
        fallback(Flaky())


def test_refused_requests_do_not_open_a_breaker() -> None:
    """A bad request says nothing about the provider; a crash of the model does."""

    async def scene() -> None:
        model = guarded(Flaky(*[ModelRefused("no")] * 9))
        for _ in range(9):
            with pytest.raises(ModelRefused):
                await model(asking("Hi"))
        model = guarded(Flaky(*[ZeroDivisionError()] * 9))
        for _ in range(5):
            with pytest.raises(ZeroDivisionError):
                await model(asking("Hi"))
        with pytest.raises(CircuitOpen):
            await model(asking("Hi"))

    virtually(scene)


@pytest.mark.parametrize("where", ["memory", "sqlite"])
def test_the_same_request_is_answered_from_the_cache_for_nothing(where: str, tmp_path: Path) -> None:
    """Its usage is one hit; another actor, brief or thread is another request."""
    flaky = Flaky()
    model = cached(flaky, None if where == "memory" else tmp_path / "answers.db")
    first, again = answer(model), answer(model)
    assert (first.usage, again.usage) == (Usage(10, 5, 1, usd=0.25), HIT)
    assert (again.text, flaky.asked) == (first.text, 1)
    for other in (asking("Ho"), asking("Hi", instructions="Be brief.")):
        assert answer(model, other).usage.requests == 1
    assert flaky.asked == 3
    result = run_sync(Agent("tester"), "Hi", model=model)
    assert (result.usage.requests, result.usage.cache_hits) == (1, 0)
    result = run_sync(Agent("tester"), "Hi", model=model)
    assert (result.usage, result.text) == (HIT, "All of it.")


def test_a_file_of_answers_outlives_the_process(tmp_path: Path) -> None:
    """Another cache on the same file has them, with calls and all; a folder is no file."""
    call = ToolCall("1", "weather", {"city": "Oslo"})
    think = asking("Rain?", tools=(WEATHER,))
    answer(cached(scripted([call]), tmp_path / "answers.db"), think)
    assert answer(cached(scripted([]), str(tmp_path / "answers.db")), think).calls == (call,)
    with pytest.raises(BadInput, match="cannot be a cache"):
        answer(cached(scripted("x"), tmp_path))


@pytest.mark.parametrize("where", ["memory", "sqlite"])
def test_old_answers_are_asked_for_again(where: str, tmp_path: Path) -> None:
    """After `seconds` an answer is no longer used."""
    time = [1_000.0]
    flaky = Flaky()
    path = None if where == "memory" else tmp_path / "answers.db"
    model = cached(flaky, path, seconds=60, clock=lambda: time[0])
    for at, asked in ((1_000.0, 1), (1_059.0, 1), (1_061.0, 2), (1_120.0, 2)):
        time[0] = at
        answer(model)
        assert flaky.asked == asked


def test_a_cache_is_bounded() -> None:
    """The answer unused for longest goes first."""
    flaky = Flaky()
    model = cached(flaky, MemoryAnswers(entries=2))
    for text in ("a", "b", "a", "c", "a", "b"):
        answer(model, asking(text))
    assert flaky.asked == 4


def test_failures_are_not_cached() -> None:
    """What failed is asked again."""
    flaky = Flaky(ModelUnavailable("down"))
    model = cached(flaky)
    with pytest.raises(ModelUnavailable):
        answer(model)
    assert answer(model).usage.requests == 1


def test_tiers_choose_by_how_hard_a_request_looks() -> None:
    """A short question goes to the small model, a long task with many tools to the large one."""
    small, middle, large = scripted("small"), scripted("middle"), scripted("large")
    model = tiered(small, middle, large)
    hard = Brief(instructions="You are an engineer. " * 900, tools=(WEATHER,) * 10, output={"type": "object"})
    why = "Compare both designs, analyse their trade-offs, and prove which is right."
    requests = {
        "small": asking("What is the capital of Norway?"),
        "middle": asking(why, tools=(WEATHER,) * 4),
        "large": Think("a", "m", hard, Thread((Message(sender="user", text=why),))),
    }
    assert {name: answer(model, think).text for name, think in requests.items()} == {
        "small": "small",
        "middle": "middle",
        "large": "large",
    }
    assert (
        0
        <= complexity(requests["small"])
        < complexity(requests["middle"])
        < complexity(requests["large"])
        <= 1
    )
    assert model.name == "scripted|scripted|scripted"


def test_tiers_may_be_told_and_are_checked() -> None:
    """Limits and the score may be one's own; a list that makes no sense is refused."""
    model = tiered(
        scripted("small"), scripted("large"), tiers=[0.2], score=lambda think: len(think.actor) / 10
    )
    assert answer(model, Think("ab", "m", Brief(), Thread())).text == "small"
    assert answer(model, Think("abc", "m", Brief(), Thread())).text == "large"
    for bad in (lambda: tiered(scripted("x")), lambda: tiered(*[scripted("x")] * 3, tiers=[0.9, 0.1])):
        with pytest.raises(BadInput, match="rising limit"):
            bad()


def test_a_wrapper_of_ones_own_overrides_one_method() -> None:
    """It streams, and may be wrapped, as any other; a model may be a function that gives a text."""

    class Shouting(Wrapper):
        async def around(self, think: Think, ask: Any) -> Message:
            message = await ask(self.model, think)
            return Message(sender=message.sender, text=message.text.upper())

    async def quiet(think: Think) -> str:
        return "hello"

    assert answer(retried(Shouting(quiet))).text == "HELLO"
    assert Shouting(quiet).name == "quiet"


def test_a_gate_and_tries_that_make_no_sense_are_refused() -> None:
    """Zero at once, zero a minute or zero tries would never ask anybody."""
    for bad in (lambda: Gate(at_once=0), lambda: Gate(rate=0.5), lambda: retried(scripted("x"), tries=0)):
        with pytest.raises(BadInput):
            bad()
