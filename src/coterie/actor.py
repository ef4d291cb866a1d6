"""The one shape everything has: an async function from a task to a message.

Calling an actor inside a play opens a frame and gives its message. Outside, `run` performs it.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast, overload

from coterie.approval import cleared
from coterie.errors import BadInput
from coterie.kernel.frames import Call
from coterie.kernel.joins import ANY, RACE, Join
from coterie.kernel.values import to_plain
from coterie.tool import Tool, returned
from coterie.typed import value_of
from coterie.words.effect import Use
from coterie.words.failure import BestEffort, CollectAll, FailFast, Failure, Policy, Quorum, fail_fast
from coterie.words.grant import Grant
from coterie.words.limits import Limits
from coterie.words.message import Message
from coterie.words.moves import Migrate
from coterie.words.result import Result
from coterie.words.task import Task, task_of

if TYPE_CHECKING:
    from coterie.shell.handle import Run

T = TypeVar("T")
Play: TypeAlias = Callable[[Task], Coroutine[Any, Any, "Message | str"]]
"""The work of an actor: an async function of effects."""
Given: TypeAlias = "Task | Message | str"
"""Whatever a task may be given as."""


class Actor:
    """Anyone who can be given a task: an agent, a team, a person, a remote peer."""

    name: str
    limits: Limits | None = None
    """What one call of it may use up, beside what the run may."""
    grant: Grant | None = None
    """The tools that may be used in it and below it; None for whatever its caller grants."""
    versions: dict[str, str] | None = None
    """What `manifest` found, once it has looked."""
    foreign: bool = False
    """Whether others speak by it who are no members: what it says is known as such, wherever it goes."""
    accepts: frozenset[str] = frozenset()
    """Older versions of it whose runs may go on with this one (see `team.accepting`)."""
    migrations: Mapping[str, Migrate] = MappingProxyType({})
    """By older versions, how the past of their runs is read by this one (see `team.migrating`)."""

    def play(self, task: Task, /) -> Coroutine[Any, Any, Message]:
        """The work itself, as a coroutine of effects."""
        raise NotImplementedError

    def describe(self) -> Any:
        """What this actor is, as plain data: what it says names the actor's version."""
        raise NotImplementedError

    @property
    def members(self) -> tuple[Actor, ...]:
        """The actors below this one."""
        return ()

    def __call__(self, task: Given, /) -> Call:
        return Call(self, task if type(task) is Task else task_of(task))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def run(self, task: Given, /, **options: Any) -> Coroutine[Any, Any, Result]:
        """Perform this actor on `task`; takes the options of `coterie.run`."""
        performed: Coroutine[Any, Any, Result] = _shell().run(self, task, **options)
        return performed

    def run_sync(self, task: Given, /, **options: Any) -> Result:
        """Perform this actor where no event loop runs; takes the options of `coterie.run`."""
        result: Result = _shell().run_sync(self, task, **options)
        return result

    def start(self, task: Given, /, **options: Any) -> Run:
        """Begin to perform this actor and go on at once; takes the options of `coterie.run`."""
        started: Run = _shell().start(self, task, **options)
        return started


@cache
def _shell() -> Any:
    """Where actors are performed: the one room above this floor that is known here, and only when it is used."""
    from coterie.shell import run

    return run


def named(name: str) -> str:
    """`name`, if an actor can be called that.

    Raises:
        BadInput: if it is empty, or has a slash, a dot or white space in it.
    """
    if not name or any(letter in "/." or letter.isspace() for letter in name):
        raise BadInput(f"{name!r} cannot name an actor: no slash, dot or white space, and not empty")
    return name


@overload
def gather(*parts: Awaitable[T]) -> Awaitable[list[T]]: ...
@overload
def gather(*parts: Awaitable[T], on_failure: FailFast) -> Awaitable[list[T]]: ...
@overload
def gather(
    *parts: Awaitable[T], on_failure: CollectAll | Quorum | BestEffort
) -> Awaitable[list[T | Failure]]: ...
@overload
def gather(*parts: Awaitable[T], on_failure: Policy) -> Awaitable[list[T] | list[T | Failure]]: ...
def gather(*parts: Awaitable[T], on_failure: Policy = fail_fast) -> Awaitable[Any]:
    """Run `parts` at once; their values in declared order, whatever finished first.

    With a policy other than `fail_fast`, a `Failure` stands where a part has no value.

    Raises:
        BranchesFailed: if a quorum was not reached.
        Exception: under `fail_fast`, the first error; the other parts are closed.
    """
    return Join(parts, on_failure)


def first(*parts: Awaitable[T]) -> Awaitable[T]:
    """The first value of `parts`; the others are closed.

    Raises:
        BranchesFailed: if every part failed; the first error is the cause.
    """
    return cast("Awaitable[T]", Join(parts, ANY))


def race(*parts: Awaitable[T]) -> Awaitable[T]:
    """The value or the error of whichever part ends first; the others are closed."""
    return cast("Awaitable[T]", Join(parts, RACE))


def within(seconds: float, part: Awaitable[T]) -> Awaitable[T]:
    """The value of `part`, if it comes within `seconds`.

    Raises:
        Late: if it does not; `part` is closed.
    """
    return cast("Awaitable[T]", Join((part,), RACE, seconds))


@overload
async def do(function: Callable[..., Awaitable[T]], /, *args: Any, **kwargs: Any) -> T: ...
@overload
async def do(function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T: ...
async def do(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call any function in the world, as one journaled step; gives its result.

    The result is what its JSON shape says, made into the function's return type where it has
    one. A plain function runs in a thread.

    Raises:
        ToolFailed: if the function raised.
        Denied: if it is a tool that needs a person's approval, and does not get it.
        Unstorable: if an argument or the result has no JSON shape.
    """
    by = function if isinstance(function, Tool) else _step(function)
    given = list(map(to_plain, args))
    named = {key: to_plain(value) for key, value in kwargs.items()} if kwargs else {}
    if isinstance(by, Tool):
        arguments = by.named(given, named)
        if by.needs_approval or by.sensitive:
            arguments = await cleared(by, arguments)
    else:
        arguments = {"args": given, "kwargs": named} if named else {"args": given}
    value = await Use(by.name, arguments, by)
    return value if by.returns is None else value_of(value, by.returns)


class Step:
    """A function that a play calls itself: no schema, because no model ever sees it."""

    __slots__ = ("function", "idempotent", "is_async", "name", "probe", "returns", "takes_key", "timeout")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.name: str = getattr(function, "__name__", type(function).__name__).strip("<>")
        self.is_async = inspect.iscoroutinefunction(function)
        self.idempotent = False
        self.probe = None
        self.takes_key = False
        self.returns = returned(function)
        self.timeout: float | None = None


@lru_cache(maxsize=1024)
def _step(function: Callable[..., Any]) -> Step:
    return Step(function)
