"""What a model is told once: the part of a request that stays the same from call to call."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from msgspec import Struct

from coterie.words.digest import digest, encode
from coterie.words.tokens import tokens_of


class ToolSpec(Struct, frozen=True):
    """A tool as a model sees it; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: dict[str, Any]


class Brief(Struct, frozen=True, dict=True, omit_defaults=True):
    """Instructions, tools, the JSON schema of the answer, and sampling settings.

    `settings` may hold `temperature`, `max_tokens`, `seed` and `stop`; a model ignores what
    it does not know.
    """

    instructions: str = ""
    tools: tuple[ToolSpec, ...] = ()
    output: dict[str, Any] | None = None
    settings: dict[str, Any] = {}

    @cached_property
    def body(self) -> bytes:
        """Canonical bytes."""
        return encode(self)

    @cached_property
    def digest(self) -> bytes:
        """The name of this brief."""
        return digest(self.body)

    @cached_property
    def size(self) -> int:
        """Its tokens in a prompt, from above."""
        return tokens_of(self.body)
