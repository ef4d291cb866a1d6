"""The one table behind team files: every pattern, by its own signature.

A pattern that `coterie.patterns` exports is here without another line: its leading parameter is what
stands beside its name, its other parameters are options, and what each may be is what its annotation
says. The reader, the JSON schema, the checks and the documentation follow this table.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Literal, get_args, get_origin

from msgspec import Struct

from coterie import patterns
from coterie.actor import Actor
from coterie.agent import Agent
from coterie.errors import BadInput
from coterie.team import Team
from coterie.teamfile.kinds import (
    ACheck,
    AnActor,
    APolicy,
    ATool,
    AType,
    Call,
    Either,
    Fields,
    Form,
    Kind,
    Named,
    Param,
    Plain,
    Python,
    Several,
    Word,
)
from coterie.teamfile.vocabulary import CALLED, CHECKED, MADE, NAMED
from coterie.tool import Tool
from coterie.words.failure import Policy

SPECIAL: dict[tuple[str, str], Kind] = {("Agent", "output"): AType()}
"""Parameters whose annotation says less than is known of them."""


@cache
def pattern_forms() -> dict[str, Form]:
    """Every pattern by its name."""
    return {name: form_of(getattr(patterns, name)) for name in sorted(patterns.__all__) if _builds_team(name)}


@cache
def agent_form() -> Form:
    """How an agent is written: by the parameters that `Agent` has."""
    form = form_of(Agent)
    params = tuple(one for one in form.params if one.name != "name")
    return Form(name="agent", build=Agent, params=params, about=form.about)


def _builds_team(name: str) -> bool:
    made = getattr(patterns, name)
    if not inspect.isfunction(made):
        return False
    kind = made.__globals__.get(str(made.__annotations__.get("return")))
    return isinstance(kind, type) and issubclass(kind, Team)


@cache
def form_of(build: Callable[..., Any]) -> Form:
    """How `build`, a function or a class, is called."""
    scope = Scope(build)
    about = (inspect.getdoc(build) or "").partition("\n\n")[0].replace("\n", " ")
    params = _fields(build) if _is_struct(build) else _params(build, scope)
    return Form(name=scope.name, build=build, params=tuple(params), about=about)


def _is_struct(build: object) -> bool:
    return isinstance(build, type) and issubclass(build, Struct)


def _fields(build: Any) -> Iterator[Param]:
    """The fields of a struct, all told by name."""
    names: tuple[str, ...] = build.__struct_fields__
    defaults: tuple[Any, ...] = build.__struct_defaults__
    required = len(names) - len(defaults)
    for at, name in enumerate(names):
        default: Any = defaults[at - required] if at >= required else None
        kind = Scope(_owner(build, name)).param(name)
        yield Param(name=name, kind=kind, required=at < required, default=default)


def _params(build: Callable[..., Any], scope: Scope) -> Iterator[Param]:
    """The parameters of a function or a class."""
    for one in inspect.signature(build).parameters.values():
        rest = one.kind is one.VAR_POSITIONAL
        has_default = one.default is not one.empty
        kind = scope.param(one.name)
        yield Param(
            name=one.name,
            kind=Several(kind) if rest else kind,
            required=not has_default,
            default=one.default if has_default else None,
            leading=rest or (one.kind is one.POSITIONAL_OR_KEYWORD and not has_default),
            rest=rest,
        )


class Scope:
    """Where the annotations of a function or a class are looked up."""

    def __init__(self, build: Callable[..., Any]) -> None:
        self.name: str = build.__name__
        self.module = build.__module__.rpartition(".")[2]
        self.names: dict[str, Any] = vars(sys.modules[build.__module__])
        of = build.__init__ if isinstance(build, type) and not issubclass(build, Struct) else build
        self.annotations: dict[str, Any] = getattr(of, "__annotations__", {})

    def param(self, name: str) -> Kind:
        """What may be given for a parameter."""
        special = SPECIAL.get((self.name, name))
        return special or self.kind(str(self.annotations.get(name, "Any")))

    def kind(self, annotation: str) -> Kind:
        """What may stand where `annotation` does."""
        parts = _parts(ast.parse(annotation, mode="eval").body, self.names, "")
        kinds = {repr(kind): kind for part in parts for kind in self._kinds(part)}
        return Either(tuple(kinds.values())) if len(kinds) > 1 else next(iter(kinds.values()))

    def _kinds(self, part: Part) -> Iterator[Kind]:
        if part.head is Literal:
            yield Plain(Literal[part.inner])
        elif part.head in _LISTS:
            yield Several(self.kind(part.inner))
        elif part.head in _MAPPINGS:
            yield Named(self.kind(part.inner))
        elif part.head is Callable:
            yield from self._of_function(part.alias)
        elif isinstance(part.head, type):
            yield from self._of_class(part.head)
        else:
            yield Plain(part.head)

    def _of_function(self, alias: str) -> Iterator[Kind]:
        yield from self._known(alias)
        if alias in CHECKED:
            yield ACheck()
        yield Python()

    def _known(self, alias: str) -> Iterator[Kind]:
        """What is called by a name where something of that type stands, or made by a function."""
        named = f"{self.module}.{alias}"
        if named in NAMED:
            yield Word(NAMED[named])
        yield from (Call(form_of(function)) for function in CALLED.get(named, ()))

    def _of_class(self, found: type[Any]) -> Iterator[Kind]:
        if found is Any:
            yield Plain(Any)
        elif found is Tool:
            yield ATool()
        elif issubclass(found, Actor):
            yield AnActor()
        elif issubclass(found, Policy):
            yield APolicy()
        elif found is type:
            yield AType()
        elif f"{self.module}.{found.__name__}" in CALLED:
            yield from self._known(found.__name__)
        elif found.__module__ == "builtins":
            yield Plain(found)
        elif f"{self.module}.Choose" in NAMED and found.__name__ == "Scored":
            yield Word(NAMED[f"{self.module}.Choose"])
            yield Call(form_of(patterns.scored))
        else:
            yield from self._of_ours(MADE.get(found.__name__, found))

    def _of_ours(self, found: type[Any]) -> Iterator[Kind]:
        """A class of the house: its fields, or what a function that makes one is given."""
        # Only what stands beside it: what else was imported by now must make no difference.
        beside = [one for one in found.__subclasses__() if one.__module__ == found.__module__]
        kinds: list[Callable[..., Any]] = [*beside]
        if kinds:
            yield from _family(kinds)
            return
        yield from (Call(form_of(one)) for one in _makers(found))
        data = issubclass(found, Struct) and not _has_more_than_data(found)
        maker: Callable[..., Any] = found
        yield Plain(found) if data else Fields(form_of(maker))


class Part(Struct, frozen=True):
    """One alternative of an annotation: what its type is called, the type, and what is in it as text."""

    alias: str
    head: Any
    inner: Any = "Any"


_LISTS = (Sequence, list, tuple)
_MAPPINGS = (Mapping, dict)
_FAMILIAR: dict[str, Any] = {"Actor": Actor, "Callable": Callable, "Sequence": Sequence, "Mapping": Mapping}
"""What aliases speak of, whichever module has imported them."""


def _parts(tree: ast.expr, names: Mapping[str, Any], alias: str) -> Iterator[Part]:
    """The alternatives of an annotation in a module with `names`, but for None."""
    if isinstance(tree, ast.BinOp):
        yield from _parts(tree.left, names, alias)
        yield from _parts(tree.right, names, alias)
    elif isinstance(tree, ast.Constant):
        if isinstance(tree.value, str):
            yield from _parts(ast.parse(tree.value, mode="eval").body, names, alias)
    elif isinstance(tree, ast.Subscript):
        head, inner = _named(tree.value, names), tree.slice
        listed = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        if head is Literal:
            yield Part(alias, head, tuple(ast.literal_eval(one) for one in listed))
        else:
            yield Part(alias, head, ast.unparse(listed[1 if head in _MAPPINGS else 0]))
    else:
        yield from _of_name(ast.unparse(tree), _named(tree, names), names, alias)


def _of_name(name: str, found: Any, names: Mapping[str, Any], alias: str) -> Iterator[Part]:
    """The alternatives that a name in an annotation stands for."""
    if isinstance(found, str):  # an alias that is written as a text
        yield from _parts(ast.parse(found, mode="eval").body, names, name)
        return
    origin, args = get_origin(found), get_args(found)
    if origin is None:
        yield Part(alias or name, found)
    elif origin in _LISTS:
        yield Part(name, origin, " | ".join(one.__name__ for one in get_args(args[0]) or args[:1]))
    else:
        yield Part(name, origin, args)


def _named(tree: ast.expr, names: Mapping[str, Any]) -> Any:
    name = ast.unparse(tree)
    found = names.get(name, _FAMILIAR.get(name))
    return getattr(builtins, name) if found is None else found


def _has_more_than_data(found: type[Any]) -> bool:
    kinds = [str(one) for one in found.__annotations__.values()]
    return any(word in kind for kind in kinds for word in ("Actor", "Callable"))


def _owner(build: type[Struct], field: str) -> type[Struct]:
    """The class that a field of a struct comes from: its annotation is read there."""
    return next(one for one in build.__mro__ if field in inspect.get_annotations(one))


def _family(kinds: Sequence[Callable[..., Any]]) -> Iterator[Kind]:
    """Structs that are kinds of one thing, by their names: bare, where nothing has to be said."""
    words: dict[str, Any] = {}
    for one in kinds:
        name = one.__name__.lower()
        form = form_of(one)
        yield Call(Form(name=name, build=one, params=form.params, about=form.about))
        with suppress(TypeError, BadInput):
            words[name] = one()
    yield Word(words)


def _makers(found: type[Any]) -> list[Callable[..., Any]]:
    """The exported functions that make a `found` of something else."""
    made = [getattr(patterns, name) for name in patterns.__all__]
    return [one for one in made if inspect.isfunction(one) and _makes(one, found.__name__)]


def _makes(function: Callable[..., Any], name: str) -> bool:
    said = {key: str(one) for key, one in function.__annotations__.items()}
    return said.pop("return", "") == name and not any(
        word in one for one in said.values() for word in (name, "Workers", "Message")
    )
