"""A tool: a typed function that a model may ask for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any, get_type_hints, overload

import msgspec

from coterie.errors import BadInput
from coterie.typed import schema_of, value_of
from coterie.words.brief import ToolSpec

TIMEOUT = 300.0
"""Seconds a tool may take unless it says otherwise."""


class Tool:
    """A function with its schema and its promises.

    A function that is not async runs in a thread, so it never stalls the loop. `idempotent`
    says that running it twice does no harm, so it may run again after a crash. `probe`, an
    async function with the same arguments, says after a crash whether the call happened: it
    gives a one-element list with the result, or an empty list. Without either, a call that
    was under way at a crash waits for a person. `timeout` is in seconds.
    """

    __slots__ = (
        "arguments",
        "function",
        "idempotent",
        "is_async",
        "name",
        "parameters",
        "probe",
        "returns",
        "spec",
        "takes_key",
        "timeout",
    )

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str = "",
        description: str = "",
        idempotent: bool = False,
        probe: Callable[..., Any] | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self.function = function
        self.name = name or getattr(function, "__name__", type(function).__name__)
        self.idempotent = idempotent
        self.probe = probe
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
        return msgspec.structs.asdict(value_of(arguments, self.arguments))


def tool_of(given: Tool | Callable[..., Any]) -> Tool:
    """The tool that a function stands for; a tool stays itself."""
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
    timeout: float = TIMEOUT,
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
