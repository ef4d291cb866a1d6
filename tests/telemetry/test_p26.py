"""P26: what traces and figures say adds up to what the provider reported, and every span has its true parent."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("opentelemetry.util.genai")

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.attributes import error_attributes
from opentelemetry.util.genai import _inference_invocation, _tool_invocation

from coterie import Agent, Team, gather, tool
from coterie.actor import first
from coterie.models import scripted
from coterie.shell.host import Host
from coterie.stores import MemoryStore, SqliteStore
from coterie.telemetry.figures import Figures
from coterie.telemetry.traces import PATH, STATUS, Traces
from coterie.words.effect import Ask, Sleep
from coterie.words.message import Message
from coterie.words.usage import Usage

WIDE = 64
KNOWN = {PATH, STATUS} | {
    value
    for module in (gen_ai_attributes, error_attributes, _inference_invocation, _tool_invocation)
    for value in vars(module).values()
    if isinstance(value, str)
}


class Provider:
    """A model that reports what it costs, and fails at every fifth first try."""

    def __init__(self):
        self.reported = Usage()
        self.asked = {}

    async def __call__(self, think):
        tries = self.asked[think.actor] = self.asked.get(think.actor, 0) + 1
        number = int(think.actor.removeprefix("leaf"))
        if number % 5 == 0 and tries == 1:
            raise ConnectionError("busy")
        usage = Usage(input_tokens=10 + number, output_tokens=number, requests=1, usd=0.001)
        self.reported += usage
        return Message(sender=think.actor, text="done", usage=usage)


async def _never(task):
    await Sleep(3600)


def tree():
    """64 branches at once, three deep: each asks a leaf, once more if it failed, beside one that is cancelled."""
    leaves = [Agent(f"leaf{n}") for n in range(WIDE)]
    hangs = [Team(f"hang{n}", (), _never) for n in range(WIDE)]

    def tried(n):
        async def play(task):
            try:
                return await leaves[n](task)
            except Exception:
                return await leaves[n](task)

        return Team(f"try{n}", (leaves[n],), play)

    tries = [tried(n) for n in range(WIDE)]

    def branch(n):
        async def play(task):
            return await first(tries[n](task), hangs[n](task))

        return Team(f"branch{n}", (tries[n], hangs[n]), play)

    branches = [branch(n) for n in range(WIDE)]

    async def root(task):
        said = await gather(*(one(task) for one in branches))
        return f"{len(said)} branches"

    return Team("root", tuple(branches), root)


@pytest.fixture
def spans():
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield exporter, provider
    provider.shutdown()


def test_p26_a_wide_and_deep_run_adds_up(spans):
    """64 ways, 3 deep, with retries and cancels: true parents, known names, and one sum in three places."""
    exporter, provider = spans
    model, figures = Provider(), Figures()

    async def scene():
        observers = (Traces(tracer_provider=provider), figures)
        async with Host(
            MemoryStore(), actor_of=lambda _: tree(), model=lambda _: model, observers=observers
        ) as host:
            return await host.wait(await host.begin(tree(), "x", limits=_wide()))

    result = asyncio.run(scene())
    assert result.status == "succeeded", result.failure
    found = exporter.get_finished_spans()
    by_path = {}
    for span in found:
        by_path.setdefault(span.attributes[PATH], []).append(span)
    assert all(len(same) == 1 for same in by_path.values())
    roots = [span for span in found if span.parent is None]
    assert [span.name for span in roots] == ["invoke_workflow root"]
    for path, [span] in by_path.items():
        if span.parent is not None:
            [parent] = by_path[path.rpartition("/")[0]]
            assert span.parent.span_id == parent.context.span_id, path
            assert parent.start_time <= span.start_time <= span.end_time <= parent.end_time
    assert {name for span in found for name in span.attributes} <= KNOWN
    leaves = [path for path in by_path if path.rpartition("/")[2].startswith("leaf")]
    assert len(leaves) == WIDE + len(range(0, WIDE, 5))
    chats = [span for span in found if span.name.startswith("chat")]
    spent = [
        sum(span.attributes.get(f"gen_ai.usage.{way}_tokens", 0) for span in chats)
        for way in ("input", "output")
    ]
    assert spent == [result.usage.input_tokens, result.usage.output_tokens]
    assert spent == [model.reported.input_tokens, model.reported.output_tokens]
    cancelled = [span for span in found if span.attributes.get("error.type") == "cancelled"]
    assert {span.attributes[PATH].rpartition("/")[2].rstrip("0123456789") for span in cancelled} <= {
        "hang",
        "sleep.",
    }
    lines = figures.text().decode().splitlines()
    assert f'coterie_tokens_total{{direction="input"}} {float(spent[0])}' in lines
    [usd] = [float(line.split()[1]) for line in lines if line.startswith("coterie_cost_usd_total ")]
    assert usd == pytest.approx(model.reported.usd)
    assert 'coterie_runs_total{status="succeeded"} 1.0' in lines
    assert "agent_queue_size 0.0" in lines


def _wide():
    from coterie.words.limits import DEFAULT

    return DEFAULT.raised({"fan_out": 1_000, "requests": 1_000})


def test_a_run_that_is_gone_on_with_has_its_open_frames_again(spans, tmp_path):
    """What was parked in one process is one more trace in the next, with the parents that its journal says."""
    exporter, provider = spans

    @tool
    async def pay(amount: int) -> str:
        """Pay."""
        return f"paid {amount}"

    async def inner(task):
        return await Ask("Shall I?")

    async def outer(task):
        return await Team("inner", (), inner)(task)

    team = Team("outer", (), outer)

    async def scene():
        for answer in (None, "yes"):
            store = SqliteStore(tmp_path / "r.db")
            host = Host(store, actor_of=lambda _: team, observers=(Traces(tracer_provider=provider),))
            async with host:
                if answer is None:
                    await host.wait(await host.begin(team, "x", id="r"))
                else:
                    [asked] = await host.questions()
                    await host.answer(asked.id, answer)
                    await host.wait("r")
            await store.close()

    asyncio.run(scene())
    told = [(span.attributes[PATH], span.attributes.get(STATUS)) for span in exporter.get_finished_spans()]
    assert told == [("outer/inner", None), ("outer", None), ("outer/inner", None), ("outer", "succeeded")]
    assert {span.attributes["gen_ai.conversation.id"] for span in exporter.get_finished_spans()} == {"r"}


def test_an_observer_that_fails_ends_no_run(caplog):
    """What it raises is logged; the run comes to what it comes to."""

    class Broken:
        def began(self, run, records):
            raise ValueError("broken")

        happened = left = began

    async def scene():
        agent = Agent("a")
        host = Host(
            MemoryStore(), actor_of=lambda _: agent, model=lambda _: scripted("hi"), observers=(Broken(),)
        )
        async with host:
            return await host.wait(await host.begin(agent, "x"))

    assert asyncio.run(scene()).text == "hi"
    assert "an observer failed" in caplog.text
