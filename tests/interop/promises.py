"""What every guest keeps, whichever framework it is from. A framework's own file makes guests of its real package."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from coterie import Agent, Limits, resume, run, start
from coterie.errors import BadInput
from coterie.models import scripted
from coterie.patterns import committee, debate, pipeline
from coterie.stores import SqliteStore
from coterie.words.delta import Piece
from coterie.words.event import Asked, Settled
from coterie.words.usage import Usage

ROOT = Path(__file__).parents[2]


class Unwell(Exception):
    """What a provider's SDK raises: it says the HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status_code = status


def answering(text):
    """A fake model that always says `text`."""

    async def says(prompt):
        return text

    return says


async def echo(prompt):
    """What a fake model says that was asked `prompt`."""
    return f"<{prompt.splitlines()[-1]}>"


class GuestPromises:
    """Subclasses say how a guest of their framework is made, on a fake model of that framework."""

    spent = Usage(requests=1, input_tokens=3, output_tokens=2)
    """What one turn costs that calls the fake model once."""
    streams = True
    """Whether the framework tells what its agents say while they say it."""

    def guest(self, name, says, **options):
        """A guest whose model says what the async function `says` makes of the last thing it was told."""
        raise NotImplementedError

    def acting(self, name, tool):
        """A guest that uses the function `tool` (a string to a string) once and then says what it gave."""
        raise NotImplementedError

    def test_in_a_pipeline(self):
        """It gets what the stage before it said, and its answer goes on."""
        team = pipeline(Agent("first"), self.guest("visitor", echo), Agent("last"))
        result = asyncio.run(run(team, "Go", model=scripted(lambda think: f"{think.actor} said")))
        assert [part.sender for part in result.message.parts] == ["first", "visitor", "last"]
        assert result.message.parts[1].text.startswith("<")
        assert "first said" in result.message.parts[1].text
        assert result.text == "last said"

    def test_in_a_debate(self):
        """It argues beside an agent, hears what the other said, and may judge."""
        heard = []

        async def says(prompt):
            heard.append(prompt)
            return f"position {len(heard)}"

        judge = self.guest("judge", answering("hope wins"))
        team = debate(self.guest("hope", says), Agent("doubt"), judge=judge, rounds=1)
        result = asyncio.run(run(team, "Rust?", model=scripted(lambda think: "I doubt it")))
        assert (result.status, result.text) == ("succeeded", "hope wins")
        assert [part.text for part in result.message.parts] == ["position 2", "I doubt it"]
        assert "I doubt it" in heard[1]

    def test_in_a_committee(self):
        """Its text is a ballot like anybody's."""
        yes, no = answering("yes"), answering("no")
        team = committee(self.guest("ada", yes), self.guest("bob", yes), self.guest("cy", no))
        result = asyncio.run(run(team, "Ship it?"))
        assert (result.text, result.message.output.scores) == ("yes", {"yes": 2, "no": 1})
        assert [(one.vote.choice, one.voter) for one in result.message.output.dissent] == [("no", "cy")]

    def test_a_turn_is_one_step(self):
        """The journal has one ask and one outcome of it, and its usage is the run's."""

        async def performed():
            async with start(self.guest("visitor", echo), "Hello") as under_way:
                return await under_way, under_way.records

        result, records = asyncio.run(performed())
        kept = [record.event for record in records if isinstance(record.event, Asked | Settled)]
        assert [type(event) for event in kept] == [Asked, Settled]
        assert (result.text, result.usage, result.message.usage) == ("<Hello>", self.spent, self.spent)

    def test_tools_are_counted(self):
        """What it uses within its turn counts, and no more than one step is taken."""
        used = []

        def look(thing: str) -> str:
            """Look at a thing."""
            used.append(thing)
            return f"seen {thing}"

        result = asyncio.run(run(self.acting("visitor", look), "Look"))
        assert (result.status, used) == ("succeeded", ["moon"]), result.failure
        assert (result.usage.requests, result.usage.tool_calls) == (2, 1)
        assert "seen moon" in result.text

    def test_what_it_says_is_shown(self):
        """Piece by piece while it says it, where its framework tells."""

        async def performed():
            async with start(self.guest("visitor", answering("good evening")), "Hello") as under_way:
                shown = [seen async for seen in under_way.stream() if isinstance(seen, Piece)]
                return "".join(piece.text for piece in shown)

        assert asyncio.run(performed()) == ("good evening" if self.streams else "")

    def test_two_turns_at_once(self):
        """Each is given its own conversation and gives its own answer."""
        guest = self.guest("visitor", echo)

        async def performed():
            return await asyncio.gather(*(run(guest, f"task {n}") for n in range(4)))

        results = asyncio.run(performed())
        assert [result.text for result in results] == [f"<task {n}>" for n in range(4)]

    @pytest.mark.parametrize(
        ("raised", "kind"),
        [
            (Unwell(429), "RateLimited"),
            (Unwell(401), "NoAccess"),
            (Unwell(503), "ModelUnavailable"),
            (Unwell(400), "ModelRefused"),
            (ConnectionResetError("gone"), "ModelUnavailable"),
            (RuntimeError("odd"), "GuestFailed"),
        ],
    )
    def test_errors_have_types(self, raised, kind):
        """By what the framework's error, or what led to it, says of itself; the turn is paid for all the same."""

        async def says(prompt):
            raise raised

        result = asyncio.run(run(self.guest("visitor", says), "Hello"))
        assert (result.status, result.failure.kind) == ("failed", kind)
        assert str(raised) in result.failure.message
        assert result.usage.requests >= 1

    def test_a_turn_ends_in_time(self):
        """One that takes longer than it may is stopped, and is `TimedOut`."""

        async def says(prompt):
            await asyncio.Event().wait()

        result = asyncio.run(run(self.guest("visitor", says, timeout=0.2), "Hello"))
        assert (result.failure.kind, "0.2 s" in result.failure.message) == ("TimedOut", True)

    def test_cancel_reaches_it(self):
        """What it waits for is cancelled, not left behind."""
        told = []

        async def performed():
            begun = asyncio.Event()

            async def says(prompt):
                begun.set()
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    told.append("cancelled")
                    raise

            async with start(self.guest("visitor", says), "Hello") as under_way:
                await begun.wait()
                result = await under_way.cancel()
                for _ in range(100):
                    await asyncio.sleep(0)
                return result

        assert (asyncio.run(performed()).status, told) == ("cancelled", ["cancelled"])

    def test_limits_hold(self):
        """A turn that no limit allows is not begun."""
        team = pipeline(self.guest("one", echo), self.guest("two", echo))
        result = asyncio.run(run(team, "Go", limits=Limits(requests=1)))
        assert (result.failure.kind, result.usage.requests) == ("OverLimit", 1)

    @pytest.mark.parametrize("idempotent", [False, True])
    def test_killed_in_the_middle(self, tmp_path, idempotent):
        """What was finished is not done again; the turn under way is in doubt, unless it is idempotent."""
        path, module = tmp_path / "runs.db", type(self).__module__.rpartition(".")[2]
        kill_in_a_turn(module, path, idempotent=idempotent)

        async def performed():
            store = SqliteStore(path)
            team = three(self, answering("done"), idempotent=idempotent)
            try:
                result = await resume(team, "r", store=store)
                if result.status != "waiting":
                    return result, {}
                asked = dict(result.waiting)
                return await resume(team, "r", store=store, answers=dict.fromkeys(asked, "again")), asked
            finally:
                await store.close()

        result, asked = asyncio.run(performed())
        assert (result.status, result.text) == ("succeeded", "done"), result.failure
        assert [part.text for part in result.message.parts] == ["before the crash", "done", "done"]
        assert list(asked) == ([] if idempotent else ["pipeline/two/think.1"])
        assert all(ask.choices == ("again", "give up") for ask in asked.values())

    def test_a_person_gives_a_turn_up(self, tmp_path):
        """Then it has failed as `InDoubt`, and was not done again."""
        path, module = tmp_path / "runs.db", type(self).__module__.rpartition(".")[2]
        kill_in_a_turn(module, path, idempotent=False)

        async def performed():
            store = SqliteStore(path)
            team = three(self, answering("done"))
            try:
                return await resume(team, "r", store=store, answers={"pipeline/two/think.1": "give up"})
            finally:
                await store.close()

        result = asyncio.run(performed())
        assert (result.status, result.failure.kind) == ("failed", "InDoubt")

    def test_another_version_is_not_gone_on_with(self, tmp_path):
        """A guest says what names it; nothing of the run is lost."""
        path, module = tmp_path / "runs.db", type(self).__module__.rpartition(".")[2]
        kill_in_a_turn(module, path, idempotent=True)

        async def performed():
            store = SqliteStore(path)
            try:
                team = three(self, answering("x"), idempotent=True, version="2")
                return await resume(team, "r", store=store)
            finally:
                await store.close()

        assert asyncio.run(performed()).status == "needs_migration"

    def test_a_bad_timeout_is_refused(self):
        """At the door."""
        with pytest.raises(BadInput, match="above 0"):
            self.guest("visitor", echo, timeout=0)


def three(promises, says, **options):
    """Three guests in a row."""
    return pipeline(*(promises.guest(name, says, **options) for name in ("one", "two", "three")))


def kill_in_a_turn(module, path, *, idempotent):
    """Have a process of its own begin the run `r`, and kill it while the second of three guests is at work."""
    script = f"from tests.interop.promises import begin; begin({module!r}, {str(path)!r}, {idempotent})"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], str(ROOT), str(ROOT / "src")]),
    }
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT, env=environment
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"at work\n"
        child.send_signal(signal.SIGKILL)


def begin(module, path, idempotent):
    """What the process that is killed does."""
    from importlib import import_module

    promises = next(
        kind
        for kind in vars(import_module(f"tests.interop.{module}")).values()
        if isinstance(kind, type) and issubclass(kind, GuestPromises) and kind is not GuestPromises
    )()
    turns = iter(["before the crash"])

    async def says(prompt):
        if (said := next(turns, None)) is not None:
            return said
        print("at work", flush=True)  # noqa: T201 - whoever kills this process reads it
        return await asyncio.Event().wait()

    team = three(promises, says, idempotent=idempotent)
    asyncio.run(run(team, "Go", store=SqliteStore(path), id="r"))
