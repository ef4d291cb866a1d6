"""The world: how each kind of effect is performed."""

from __future__ import annotations

import asyncio
import copy
import inspect
import random
import time
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeAlias

from msgspec.msgpack import decode
from msgspec.structs import replace

from coterie.carriers import Groups
from coterie.errors import (
    BadInput,
    ChildFailed,
    CoterieError,
    InDoubt,
    ModelFailed,
    SkippedInDoubt,
    TimedOut,
    failure_of,
)
from coterie.kernel.taint import AFTER
from coterie.kernel.values import ATOMS, storable
from coterie.models.find import find
from coterie.ports import Memory, Model
from coterie.shell.given import Given
from coterie.shell.sayings import Sayings
from coterie.tool import KEY, Tool
from coterie.words.digest import encode
from coterie.words.doubt import NO_RULES, Doubt, in_doubt
from coterie.words.effect import Ask, Draw, Effect, Forget, Now, Recall, Remember, Sleep, Take, Think, Use
from coterie.words.event import Asked, Settled, Signalled
from coterie.words.message import Message, ToolCall
from coterie.words.permit import Permit
from coterie.words.result import Result
from coterie.words.start import Begin, Group, Renew, Start, Tell
from coterie.words.usage import NOTHING, ONE_REQUEST, ONE_TOOL_CALL

Asker: TypeAlias = Callable[[str, Ask], Awaitable[Any]]
"""Puts a question to a person: its path and the question in, the answer out."""

_NO_KEYWORDS: dict[str, Any] = {}


class Starter(Protocol):
    """Begins other runs for one run."""

    async def start(self, path: str, start: Start, begun: Callable[[], None]) -> Result:
        """Have a child perform a task, or go on with it, and wait for its end; `begun` is called before the wait."""
        ...

    async def begin(self, path: str, begin: Begin) -> str:
        """Begin a run that goes its own way, once; its id."""
        ...

    async def tell(self, run: str, said: Signalled) -> None:
        """Have another run hear something, or what it goes on as."""
        ...

    async def renew(self, renew: Renew) -> str:
        """Begin, once, what the run goes on as; its id."""
        ...

    def groups(self) -> Groups:
        """Who carries what groups of runs are told."""
        ...


def nothing(path: str) -> None:
    """Nobody wants to know."""


class World:
    """What effects are performed with: models by name, a memory, a clock, a die, and a way to ask people.

    `doubts` says what becomes of steps in doubt, by patterns of the names of tools and of actors.
    """

    __slots__ = (
        "ask",
        "clock",
        "default",
        "doubts",
        "given",
        "memory",
        "models",
        "random",
        "rests",
        "sayings",
        "starter",
    )

    def __init__(
        self,
        model: Model | str | None = None,
        models: Mapping[str, Model] | None = None,
        ask: Asker | None = None,
        clock: Callable[[], float] = time.time,
        seed: int | None = None,
        memory: Memory | None = None,
        doubts: Mapping[str, Doubt] = NO_RULES,
    ) -> None:
        self.default = model
        self.doubts = doubts
        self.memory = memory
        self.models = models
        self.ask = ask
        self.clock = clock
        self.sayings: Sayings | None = None
        """Where models say what they are saying now; None while nobody watches."""
        self.given: Given | None = None
        """What the run was given as a member of groups."""
        self.starter: Starter | None = None
        """Who begins other runs for this one."""
        self.rests: Callable[[str], None] = nothing
        """Told of a step that only waits for another run now."""
        self.random = random.random if seed is None else random.Random(seed).random  # noqa: S311 - no secret

    def copy(self) -> World:
        """The same world, for another run."""
        other = copy.copy(self)
        other.given = None
        return other

    def model(self, think: Think) -> Model:
        """Who answers `think`: the one named for it here, the agent's own, or the run's."""
        if self.models is not None and think.model in self.models:
            return self.models[think.model]
        if think.by is not None:
            own: Model = think.by
            return own
        chosen = self.default if think.model == "default" else think.model
        return find(chosen or "embedded") if chosen is None or isinstance(chosen, str) else chosen

    async def perform(self, asked: Asked, run: str, doubt: float | None = None) -> Settled:
        """Do one effect; whatever the world throws is data in what comes back.

        `doubt` is when the effect was first asked, if that was before a crash.
        """
        effect = asked.effect
        try:
            if doubt is not None:
                _go_on_with(effect, self.doubts)
            return await self.performers[type(effect)](self, asked.path, effect, run, doubt)
        except CoterieError as error:
            return Settled(asked.path, failure=failure_of(error, asked.path), usage=error.usage)
        except Exception as error:  # the world meets the shell here, and may throw anything
            if isinstance(effect, Think):
                error = ModelFailed(f"model {effect.model!r}: {type(error).__name__}: {error}")
            return Settled(asked.path, failure=failure_of(error, asked.path), usage=_cost(effect))

    async def _think(self, path: str, think: Think, run: str, doubt: float | None) -> Settled:
        model = self.model(think)
        if self.sayings is not None and hasattr(model, "stream"):
            message = await self.sayings.heard(model, think, path)
        else:
            message = await model(think)
        if type(message) is not Message:
            message = _message(think, message)
        usage = message.usage
        if usage is NOTHING:
            usage = ONE_REQUEST
            message = replace(message, usage=usage)
        if message.calls and not all(map(_is_plain, message.calls)):
            message = replace(message, calls=tuple(map(_as_kept, message.calls)))
        return Settled(path, message, None, usage)

    async def _use(self, path: str, use: Use, run: str, doubt: float | None) -> Settled:
        tool, arguments, kwargs = use.by, use.arguments, use.typed
        args: Sequence[Any] = ()
        if kwargs is None:
            if isinstance(tool, Tool):
                kwargs = tool.taken(arguments)
            else:
                args, kwargs = arguments["args"], arguments.get("kwargs", _NO_KEYWORDS)
        if tool.takes_key:
            kwargs = {**kwargs, KEY: f"{run}:{path}"}
        if doubt is not None and in_doubt(use, self.doubts) != "retry":
            return await _probe(path, tool, args, kwargs)
        value = await _call(tool, args, kwargs)
        return Settled(path, storable(value, path), None, ONE_TOOL_CALL)

    async def _start(self, path: str, start: Start, run: str, doubt: float | None) -> Settled:
        return outcome(path, start, await self._starter().start(path, start, lambda: self.rests(path)))

    async def _begin(self, path: str, begin: Begin, run: str, doubt: float | None) -> Settled:
        return Settled(path, await self._starter().begin(path, begin))

    async def _renew(self, path: str, renew: Renew, run: str, doubt: float | None) -> Settled:
        return Settled(path, await self._starter().renew(renew))

    async def _tell(self, path: str, tell: Tell, run: str, doubt: float | None) -> Settled:
        said = {"body": storable(tell.body, path), "sender": run, "reply": tell.reply}
        if isinstance(tell.run, Group):
            await self._starter().groups().tell(tell.run.name, tell.topic, said, f"{run}:{path}")
        else:
            await self._starter().tell(tell.run, Signalled("message", tell.topic, said))
        return Settled(path)

    async def _take(self, path: str, take: Take, run: str, doubt: float | None) -> Settled:
        told = await self._starter().groups().take(take.group, take.topic)
        self.given = self.given or Given()
        self.given.keep(path, told)
        return Settled(path, told.said)

    def _starter(self) -> Starter:
        if self.starter is None:
            raise BadInput("nobody here begins other runs: perform this one with `run`, `start` or a host")
        return self.starter

    async def _permit(self, path: str, permit: Permit, run: str, doubt: float | None) -> Settled:
        return Settled(path)  # the gate has let it pass

    async def _sleep(self, path: str, sleep: Sleep, run: str, doubt: float | None) -> Settled:
        passed = 0.0 if doubt is None else self.clock() - doubt
        await asyncio.sleep(max(0.0, sleep.seconds - passed))
        return Settled(path)

    async def _now(self, path: str, now: Now, run: str, doubt: float | None) -> Settled:
        return Settled(path, self.clock())

    async def _draw(self, path: str, draw: Draw, run: str, doubt: float | None) -> Settled:
        return Settled(path, self.random())

    async def _ask(self, path: str, ask: Ask, run: str, doubt: float | None) -> Settled:
        assert self.ask is not None  # the runner parks questions that nobody is here to put
        return Settled(path, storable(await self.ask(path, ask), path))

    async def _remember(self, path: str, remember: Remember, run: str, doubt: float | None) -> Settled:
        entry = remember.entry
        key, source = entry.key or f"{run}:{path}", entry.source
        if not source or source.startswith(AFTER):
            source = f"run {run}, {path}{source}"
        kept = replace(entry, key=key, source=source)
        return Settled(path, await self._memory(run).keep(kept, self.clock()))

    async def _recall(self, path: str, recall: Recall, run: str, doubt: float | None) -> Settled:
        found = await self._memory(run).find(recall.query, self.clock())
        return Settled(path, storable(found, path))

    async def _forget(self, path: str, forget: Forget, run: str, doubt: float | None) -> Settled:
        return Settled(path, await self._memory(run).drop(forget.query))

    def _memory(self, run: str) -> Memory:
        if self.memory is None:
            raise BadInput(
                f"run {run!r} has no memory: give it one with run(..., memory=Memory(...)), or --memory PATH"
            )
        return self.memory

    performers: ClassVar[dict[type[Effect[Any]], Callable[..., Awaitable[Settled]]]] = {
        Think: _think,
        Use: _use,
        Permit: _permit,
        Sleep: _sleep,
        Now: _now,
        Draw: _draw,
        Ask: _ask,
        Remember: _remember,
        Recall: _recall,
        Forget: _forget,
        Start: _start,
        Begin: _begin,
        Renew: _renew,
        Tell: _tell,
        Take: _take,
    }


def _is_plain(call: ToolCall) -> bool:
    """Whether a call has so little to say that a journal gives it back as it is."""
    arguments = call.arguments
    return not arguments or (len(arguments) == 1 and next(iter(arguments.values())).__class__ in ATOMS)


def _as_kept(call: ToolCall) -> ToolCall:
    """A call as a journal gives it back: its arguments in order of their names, at every depth.

    So a play that shows them to somebody shows the same when it lives through the journal again.
    """
    return ToolCall(call.id, call.name, decode(encode(call.arguments)))


def _message(think: Think, said: Any) -> Message:
    if isinstance(said, str):
        return Message(sender=think.actor, text=said)
    raise ModelFailed(f"model {think.model!r} gave {type(said).__name__}; a model gives a Message or a str")


def _call(tool: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Awaitable[Any]:
    function = tool.function
    work: Awaitable[Any] = (
        function(*args, **kwargs) if tool.is_async else asyncio.to_thread(function, *args, **kwargs)
    )
    if tool.timeout is None:
        return work
    return _in_time(work if inspect.iscoroutine(work) else _given(work), tool.timeout, tool.name)


async def _given(work: Awaitable[Any]) -> Any:
    return await work


@types.coroutine
def _in_time(work: Coroutine[Any, Any, Any], seconds: float, name: str) -> Generator[Any, Any, Any]:
    """What `work` gives. As `asyncio.timeout`: only our own cancel is `TimedOut`.

    The alarm is set when the work first waits, so what does not wait costs none.
    """
    due = time.monotonic() + seconds
    try:
        waits = work.send(None)
    except StopIteration as stop:
        return stop.value
    task = asyncio.current_task()
    assert task is not None  # a coroutine of asyncio's is in a task
    others, expired = task.cancelling(), False

    def expire() -> None:
        nonlocal expired
        expired = True
        task.cancel()

    alarm = asyncio.get_running_loop().call_later(due - time.monotonic(), expire)
    try:
        return (yield from _waiting(work, waits))
    except asyncio.CancelledError as error:
        if not expired or task.cancelling() > others + 1:
            raise
        raise TimedOut(f"tool {name!r} took longer than {seconds:g} s") from error
    finally:
        alarm.cancel()
        if expired:
            task.uncancel()


def _waiting(work: Coroutine[Any, Any, Any], waits: Any) -> Generator[Any, Any, Any]:
    """The rest of a coroutine that has begun, and waits for `waits`."""
    while True:
        error: BaseException | None = None
        try:
            yield waits
        except BaseException as thrown:  # a cancel, which is for the work
            error = thrown
        try:
            waits = work.send(None) if error is None else work.throw(error)
        except StopIteration as stop:
            return stop.value


def _go_on_with(effect: Effect[Any], rules: Mapping[str, Doubt]) -> None:
    """See that something becomes of a step in doubt.

    Raises:
        SkippedInDoubt: if it is to be left as it is.
    """
    if isinstance(effect, Use | Think) and in_doubt(effect, rules) == "skip":
        what = f"tool {effect.tool!r}" if isinstance(effect, Use) else f"a turn of {effect.actor!r}"
        raise SkippedInDoubt(
            f"{what} was under way when the run was interrupted: it may have happened, and was skipped"
        )


async def _probe(path: str, tool: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Settled:
    """After a crash: ask the tool's probe whether the call happened; run it only if it did not."""
    if tool.probe is None:
        raise InDoubt(f"tool {tool.name!r} was under way at a crash, and has no probe")
    found = await tool.probe(*args, **kwargs)
    value = found[0] if found else await _call(tool, args, kwargs)
    return Settled(path, storable(value, path), None, ONE_TOOL_CALL)


def _cost(effect: Effect[Any]) -> Any:
    """What a failed effect cost at least."""
    if isinstance(effect, Think):
        return ONE_REQUEST
    return ONE_TOOL_CALL if isinstance(effect, Use) else NOTHING


def outcome(path: str, start: Start, result: Result) -> Settled:
    """How the start of a child ends that came to `result`; what that cost is counted for the day there."""
    if result.status in ("succeeded", "unverified"):
        return Settled(path, result.message, None, result.usage, reused=result.id)
    why = f"run {result.id!r} of {start.name!r} ended as {result.status}"
    failure = result.failure or failure_of(ChildFailed(why), path)
    return Settled(path, failure=replace(failure, path=path), usage=result.usage, reused=result.id)
