"""Toolsets: tools as one value, and what makes another of it.

A toolset is any sequence of tools. Each function here gives new tools and changes none; so they
combine in any order: `approved(prefixed("web_", filtered(tools, "get*")), "#sensitive")`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from typing import Any, TypeVar

from coterie.actor import Actor
from coterie.errors import BadInput
from coterie.tool import Tool, tool_of
from coterie.words.grant import Grant, both

Tools = Iterable["Tool | Callable[..., Any]"]
A = TypeVar("A", bound=Actor)


def combined(*sets: Tools) -> tuple[Tool, ...]:
    """All tools of `sets`.

    Raises:
        BadInput: if two have one name; `prefixed` and `renamed` help.
    """
    tools = tuple(tool_of(one) for each in sets for one in each)
    names = [tool.name for tool in tools]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadInput(
            f"two tools are called {twice[0]!r}: give one another name with prefixed() or renamed()"
        )
    return tools


def filtered(tools: Tools, *allow: str, deny: Iterable[str] = ()) -> tuple[Tool, ...]:
    """Those of `tools` that fit a pattern of `allow` (a name, a glob, `#tag`) and none of `deny`."""
    grant = Grant.of(*(allow or ("*",)), deny=deny)
    return tuple(tool for tool in map(tool_of, tools) if grant.allows(tool))


def prefixed(prefix: str, tools: Tools) -> tuple[Tool, ...]:
    """`tools` with `prefix` before each name."""
    return tuple(tool.but(name=prefix + tool.name) for tool in map(tool_of, tools))


def renamed(tools: Tools, names: Mapping[str, str]) -> tuple[Tool, ...]:
    """`tools` under new names, by their old ones; the others keep theirs.

    Raises:
        BadInput: if there is no such tool, or two have one name then.
    """
    made = tuple(map(tool_of, tools))
    if unknown := sorted(set(names) - {tool.name for tool in made}):
        raise BadInput(f"no tool {unknown[0]!r} to rename; there are {sorted(tool.name for tool in made)}")
    return combined(tool.but(name=names.get(tool.name, tool.name)) for tool in made)


def approved(
    tools: Tools, *which: str, when: Callable[[dict[str, Any]], bool] | None = None
) -> tuple[Tool, ...]:
    """`tools`, and a person is asked before a call of those that fit a pattern of `which`, or of all.

    With `when` that is so for the arguments that it is true of.
    """
    grant = Grant.of(*(which or ("*",)))
    asks = True if when is None else when
    return tuple(
        tool.but(needs_approval=asks) if grant.allows(tool) else tool for tool in map(tool_of, tools)
    )


def restricted(actor: A, *allow: str, deny: Iterable[str] = ()) -> A:
    """`actor` with a grant: in it and below it, no tool is used that no pattern of `allow` fits.

    It is a copy; an actor that has a grant already has both.
    """
    other = copy(actor)
    other.grant = both(actor.grant, Grant.of(*allow, deny=deny))
    other.versions = None
    return other
