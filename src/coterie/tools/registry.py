"""A registry: the tools there are, who answers for them, and who may have which.

It is a value: made, passed on and never changed. Importing a module registers nothing, and no
two parts of a program share a registry that they were not both given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct

from coterie.errors import BadInput
from coterie.tool import Tool
from coterie.tools.sets import combined, filtered
from coterie.words.grant import Grant


class Entry(Struct, frozen=True):
    """What a registry says of one tool; `agents` are the patterns of names that may have it."""

    name: str
    description: str
    tags: tuple[str, ...]
    owner: str
    agents: tuple[str, ...]
    needs_approval: bool
    sensitive: bool
    idempotent: bool
    probed: bool


class Registry:
    """Tools by name, and `permissions`: patterns of tools by pattern of agent names.

    What no permission names, nobody gets.
    """

    def __init__(
        self,
        *sets: Sequence[Tool | Callable[..., Any]],
        permissions: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._tools = {tool.name: tool for tool in combined(*sets)}
        self._permissions = {agent: tuple(tools) for agent, tools in (permissions or {}).items()}
        for agent, patterns in self._permissions.items():
            for pattern in patterns:
                if not filtered(self._tools.values(), pattern):
                    raise BadInput(f"permission of {agent!r}: {pattern!r} fits none of {sorted(self._tools)}")

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __getitem__(self, name: str) -> Tool:
        try:
            return self._tools[name]
        except KeyError:
            raise BadInput(f"no tool {name!r}; there are {sorted(self._tools)}") from None

    def grant(self, agent: str) -> Grant:
        """What an agent of that name may use."""
        found = [tools for pattern, tools in self._permissions.items() if fnmatchcase(agent, pattern)]
        return Grant(tuple(dict.fromkeys(pattern for tools in found for pattern in tools)))

    def tools(self, agent: str) -> tuple[Tool, ...]:
        """The tools that an agent of that name may have."""
        grant = self.grant(agent)
        return tuple(tool for tool in self if grant.allows(tool))

    def select(self, *patterns: str) -> tuple[Tool, ...]:
        """The tools that fit a pattern: a name, a glob, or `#tag`."""
        return filtered(self, *patterns) if patterns else ()

    def describe(self) -> tuple[Entry, ...]:
        """Every tool with what is known of it, by name."""
        return tuple(self._entry(self._tools[name]) for name in sorted(self._tools))

    def _entry(self, tool: Tool) -> Entry:
        agents = tuple(who for who, what in self._permissions.items() if Grant(what).allows(tool))
        return Entry(
            name=tool.name,
            description=tool.spec.description,
            tags=tuple(sorted(tool.tags)),
            owner=tool.owner,
            agents=agents,
            needs_approval=bool(tool.needs_approval),
            sensitive=tool.sensitive,
            idempotent=tool.idempotent,
            probed=tool.probe is not None,
        )
