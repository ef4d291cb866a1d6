"""Crash everywhere: a run is cut after every event of its journal, and has to come out the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from coterie.actor import Actor, Play
from coterie.kernel.replay import counted
from coterie.kernel.story import under_way
from coterie.models.scripted import Script, Scripted
from coterie.shell.run import resume, run
from coterie.shell.world import Asker
from coterie.stores.memory import MemoryStore
from coterie.words.effect import Ask, Think, kind_of
from coterie.words.event import Asked, Record, Settled
from coterie.words.message import Message
from coterie.words.result import Result

RUN = "crash-everywhere"


def crash_everywhere(
    actor: Actor | Play, task: str = "", *, script: Script = "", answers: Mapping[str, Any] | None = None
) -> Result:
    """What `actor` makes of `task`, if it makes the same of it after a crash at any point.

    The run is performed once; then, for each of its events, its journal up to there is resumed.
    `script` has to give the same answer to the same `Think`. `answers` are people's, by path.
    A tool call that was under way at the cut is done again.

    Raises:
        AssertionError: naming the cut, if a run came out otherwise or a settled step was repeated.
    """
    return asyncio.run(_everywhere(actor, task, script, answers or {}))


async def _everywhere(actor: Actor | Play, task: str, script: Script, answers: Mapping[str, Any]) -> Result:
    store = MemoryStore()
    whole = await run(actor, task, model=Scripted(script), store=store, id=RUN, ask=_answering(answers))
    records = await store.read(RUN)
    for cut in range(1, len(records)):
        await resumes(actor, whole, records[:cut], script, answers)
    return whole


async def resumes(
    actor: Actor | Play, whole: Result, kept: Sequence[Record], script: Script, answers: Mapping[str, Any]
) -> None:
    """Check that a journal cut down to `kept` resumes to `whole`, and that nothing in it is done again.

    Raises:
        AssertionError: naming the cut, if not.
    """
    cut = f"cut after event {len(kept) - 1} ({type(kept[-1].event).__name__})"
    store, calls, script_of = await stored(kept), 0, Scripted(script)

    async def model(think: Think) -> Message:
        nonlocal calls
        calls += 1
        return await script_of(think)

    result = await resume(actor, RUN, model=model, store=store, ask=_answering(answers))
    while result.status == "waiting" and result.waiting:
        again = dict.fromkeys(result.waiting, "again")  # calls that were under way at the cut
        result = await resume(actor, RUN, model=model, store=store, ask=_answering(answers), answers=again)
    journal = counted(await store.read(RUN))
    settled = Counter(record.event.path for record in journal if isinstance(record.event, Settled))
    twice = sorted(path for path, times in settled.items() if times > 1)
    assert not twice, f"{cut}: settled more than once: {twice}"
    fresh = [
        *under_way(kept).values(),
        *(r.event.effect for r in journal[len(kept) :] if isinstance(r.event, Asked)),
    ]
    due = sum(kind_of(effect) == Think.kind for effect in fresh)
    assert calls <= due, f"{cut}: {calls} model calls, {due} were not settled: something was asked again"
    assert _outcome(result) == _outcome(whole), f"{cut}: came to {result!r}, not {whole!r}"


async def stored(records: Sequence[Record], run: str = RUN) -> MemoryStore:
    """A store that holds `records` as the journal of `run`, as a crash would have left it."""
    store = MemoryStore()
    lease = await store.claim(run)
    await store.append(lease, records)
    await store.release(lease)
    return store


def _answering(answers: Mapping[str, Any]) -> Asker:
    async def answer(path: str, ask: Ask) -> Any:
        assert path in answers, f"nobody answers {path!r}: {ask.question!r}; give answers={{{path!r}: ...}}"
        return answers[path]

    return answer


def _outcome(result: Result) -> tuple[Any, ...]:
    return (result.status, result.message, result.failure, result.usage)
