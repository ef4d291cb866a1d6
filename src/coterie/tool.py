"""A tool: a typed function that a model may ask for."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from copy import copy
from functools import partial
from typing import Any, Self, TypeAlias, get_type_hints, overload

import msgspec
from msgspec.structs import replace

from coterie.errors import BadInput
from coterie.kernel.values import to_plain
from coterie.typed import foreign_value, schema_of
from coterie.words.brief import ToolSpec
from coterie.words.doubt import DOUBTS, Doubt
from coterie.words.effect import Use

TIMEOUT = 300.0
"""Seconds a tool may take unless it says otherwise."""


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """How a person is asked before a call: when (always, unless `when` says otherwise), whom, and for how long.

    Whoever is asked has `expires` seconds, or for ever. When they are over, the call is denied, or `deputy` is asked
    in their place, for as long again.
    """

    when: Callable[[dict[str, Any]], bool] | None = None
    to: str = ""
    expires: float | None = None
    deputy: str = ""

    def __post_init__(self) -> None:
        if self.expires is not None and self.expires <= 0:
            raise BadInput(f"an approval expires in seconds, above 0, not {self.expires}")
        if self.deputy and self.expires is None:
            raise BadInput("a deputy is asked when the time is over; say expires=")

    def __call__(self, arguments: dict[str, Any]) -> bool:
        """Whether a person is asked before a call with these arguments."""
        return self.when is None or self.when(arguments)


Asks: TypeAlias = "bool | Approval | Callable[[dict[str, Any]], bool]"
"""Whether a person is asked before a call: always, never, or as the arguments have it."""


class Tool:
    """A function with its schema and its promises.

    A function that is not async runs in a thread, so it never stalls the loop. `idempotent`
    says that running it twice does no harm, so it may run again after a crash. `probe`, an
    async function with the same arguments, says after a crash whether the call happened: it
    gives a one-element list with the result, or an empty list. Without either, a call that
    was under way at a crash waits for a person. `in_doubt` says otherwise: `verify` by the probe, `retry`,
    `ask` a person, or `skip`, so that who asked for it is told that it may have happened (`SkippedInDoubt`).
    `timeout` is in seconds.

    With `needs_approval` a person is asked before each call, or before those whose arguments it is
    true of; an `Approval` says whom, and what happens when nobody answers. `sensitive` says that a call may do
    harm, or let something out: where somebody's words led to it who is no member, a person is asked. `trusted`
    says that its results are nobody's words but its own. `tags` are what grants and registries choose by, and
    `owner` is who answers for it.
    """

    __slots__ = (
        "arguments",
        "function",
        "idempotent",
        "in_doubt",
        "is_async",
        "name",
        "needs_approval",
        "owner",
        "parameters",
        "probe",
        "returns",
        "sensitive",
        "spec",
        "tags",
        "takes_key",
        "timeout",
        "trusted",
    )

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str = "",
        description: str = "",
        idempotent: bool = False,
        probe: Callable[..., Any] | None = None,
        in_doubt: Doubt | None = None,
        timeout: float = TIMEOUT,
        needs_approval: Asks = False,
        sensitive: bool = False,
        trusted: bool = False,
        tags: Iterable[str] = (),
        owner: str = "",
    ) -> None:
        self.function = function
        self.name = name or getattr(function, "__name__", type(function).__name__)
        self.needs_approval = needs_approval
        self.sensitive = sensitive
        self.trusted = trusted
        self.tags = frozenset((tags,) if isinstance(tags, str) else tags)
        self.owner = owner
        self.idempotent = idempotent
        self.probe = probe
        self.in_doubt = in_doubt
        _sure(self)
        self.timeout = timeout
        self.returns = returned(function)
        self.is_async = inspect.iscoroutinefunction(function)
        self.arguments, self.takes_key = _arguments(function, self.name)
        self.parameters: tuple[str, ...] = self.arguments.__struct_fields__
        text = description or inspect.getdoc(function) or ""
        self.spec = ToolSpec(self.name, text, _parameters(self.arguments, self.name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"Tool({self.name!r})"

    def checked(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Typed arguments for the function.

        Raises:
            ValueError: if `arguments` do not fit the signature; the message is the validator's.
        """
        return msgspec.structs.asdict(msgspec.convert(arguments, self.arguments, dec_hook=foreign_value))

    def taken(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Typed arguments for the function, of a use by a model or by a play.

        Raises:
            ValueError: if `arguments` do not fit the signature; the message is the validator's.
        """
        if "args" in arguments:
            named = dict(zip(self.parameters, arguments["args"], strict=False))
            arguments = named | arguments.get("kwargs", {})
        return self.checked(arguments)

    @property
    def members(self) -> tuple[Any, ...]:
        """The actors that it calls."""
        return ()

    def describe(self) -> Any:
        """What is part of its version beside what a model is told of it."""
        return None

    def asks(self, arguments: dict[str, Any]) -> bool:
        """Whether a person is asked before a call with these arguments."""
        asks = self.needs_approval
        return asks(arguments) if callable(asks) else asks

    def named(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments by name, however they were given.

        Raises:
            BadInput: if there are more than it takes, or one is given twice.
        """
        if len(args) > len(self.parameters):
            raise BadInput(
                f"tool {self.name!r} takes {len(self.parameters)} arguments, and {len(args)} were given"
            )
        named = dict(zip(self.parameters, args, strict=False))
        if twice := sorted(named.keys() & kwargs.keys()):
            raise BadInput(f"tool {self.name!r}: the argument {twice[0]!r} was given twice")
        return named | dict(kwargs)

    def using(self, use: Use, tools: Iterable[str]) -> Awaitable[Any]:
        """What a play awaits to have the tool used. `tools` are those that its user may hand on."""
        return use

    def told(self, value: Any) -> str:
        """A result as a model reads it."""
        return value if isinstance(value, str) else msgspec.json.encode(to_plain(value)).decode()

    def but(self, *, name: str = "", description: str = "", **changes: Any) -> Self:
        """This tool with another name, description, or other promises.

        Raises:
            BadInput: if it has no such promise.
        """
        if unknown := sorted(set(changes) - set(_CHANGEABLE)):
            raise BadInput(f"tool {self.name!r} has no {unknown[0]!r}; there are {', '.join(_CHANGEABLE)}")
        other = copy(self)
        for promise, value in changes.items():
            setattr(other, promise, frozenset(value) if promise == "tags" else value)
        _sure(other)
        if name or description:
            other.name = name or self.name
            text = description or self.spec.description
            other.spec = replace(self.spec, name=other.name, description=text)
        return other


_CHANGEABLE = (
    "idempotent",
    "in_doubt",
    "needs_approval",
    "owner",
    "probe",
    "sensitive",
    "tags",
    "timeout",
    "trusted",
)
"""The promises of a tool that a copy of it may make otherwise."""


def _sure(tool: Tool) -> None:
    """See that what a tool says of a call in doubt can be done.

    Raises:
        BadInput: if it is no word for that, or verifies by a probe that is not there.
    """
    said = tool.in_doubt
    if said is not None and said not in DOUBTS:
        raise BadInput(f"tool {tool.name!r}: in_doubt is one of {', '.join(DOUBTS)}, not {said!r}")
    if said == "verify" and tool.probe is None:
        raise BadInput(f"tool {tool.name!r}: in_doubt='verify' asks its probe, and it has none: give probe=")


def tool_of(given: Tool | Callable[..., Any]) -> Tool:
    """The tool that a function stands for; a tool stays itself.

    Raises:
        BadInput: if it is neither.
    """
    if isinstance(given, Tool):
        return given
    if not callable(given):
        raise BadInput(f"a tool is a function or a Tool, not {type(given).__name__}")
    return Tool(given)


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *,
    name: str = "",
    description: str = "",
    idempotent: bool = False,
    probe: Callable[..., Any] | None = None,
    in_doubt: Doubt | None = None,
    timeout: float = TIMEOUT,
    needs_approval: Asks = False,
    sensitive: bool = False,
    trusted: bool = False,
    tags: Iterable[str] = (),
    owner: str = "",
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(function: Callable[..., Any] | None = None, /, **promises: Any) -> Any:
    """Make a tool of a function, as a decorator with or without promises (see `Tool`)."""
    return partial(Tool, **promises) if function is None else Tool(function, **promises)


def returned(function: Callable[..., Any]) -> Any:
    """The declared type of a function's result, where making that of JSON changes anything."""
    try:
        kind = get_type_hints(function).get("return")
    except (NameError, TypeError):  # an annotation that cannot be resolved says nothing
        return None
    return None if kind in _AS_JSON else kind


_AS_JSON = (None, Any, str, int, float, bool, dict, list, type(None))
KEY = "idempotency_key"
"""A parameter of this name gets the call's idempotency key, and no model sees it."""


def _arguments(function: Callable[..., Any], name: str) -> tuple[type[msgspec.Struct], bool]:
    """A struct with one field a parameter, and whether the function takes the call's key."""
    hints = get_type_hints(function, include_extras=True)
    fields: list[Any] = []
    takes_key = False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == KEY:
            takes_key = True
        elif parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise BadInput(f"tool {name!r}: parameter {parameter} has no name that a model could use")
        else:
            fields.append(_field(parameter, hints.get(parameter.name, Any)))
    made = msgspec.defstruct(f"{name}_arguments", fields, kw_only=True, forbid_unknown_fields=True)
    return made, takes_key


def _field(parameter: inspect.Parameter, kind: Any) -> tuple[Any, ...]:
    if parameter.default is parameter.empty:
        return (parameter.name, kind)
    default = parameter.default
    if default.__class__ in (list, dict, set):
        return (parameter.name, kind, msgspec.field(default_factory=partial(copy, default)))
    return (parameter.name, kind, default)


def _parameters(arguments: type[msgspec.Struct], name: str) -> dict[str, Any]:
    """The arguments' schema, inlined: models are given an object, not a reference to one."""
    try:
        schema = schema_of(arguments)
    except TypeError as error:
        raise BadInput(f"tool {name!r}: {error}") from error
    definitions = schema.pop("$defs", {})
    body: dict[str, Any] = definitions.pop(f"{name}_arguments", schema)
    body.pop("title", None)
    if definitions:
        body["$defs"] = definitions
    return body
