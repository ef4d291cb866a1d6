"""What the Agent Communication Protocol takes and gives, as msgspec types (its 0.2 OpenAPI document; `acp-sdk` 1.0)."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

Mode: TypeAlias = Literal["sync", "async", "stream"]
"""Whether an answer is waited for, fetched later, or watched."""


class Part(Struct, kw_only=True):
    """A part of a message; this bridge takes text."""

    content_type: str | None = "text/plain"
    content: str | None = None
    content_encoding: str | None = "plain"
    content_url: str | None = None
    name: str | None = None


class Said(Struct, kw_only=True):
    """A message."""

    parts: list[Part]
    role: str = "user"

    @property
    def text(self) -> str:
        """Its text."""
        return "".join(part.content or "" for part in self.parts)


class SessionGiven(Struct, kw_only=True):
    """A session that the client brings along."""

    id: UUID


class NewRun(Struct, kw_only=True):
    """What is to be run."""

    agent_name: str
    input: list[Said]
    session_id: UUID | None = None
    session: SessionGiven | None = None
    mode: Mode = "sync"


class Resume(Struct, kw_only=True):
    """What a message answers."""

    message: Said
    type: Literal["message"] = "message"


class Resumed(Struct, kw_only=True):
    """What a run that waits is told."""

    await_resume: Resume
    mode: Mode = "sync"


def message(role: str, text: str, when: str) -> dict[str, Any]:
    """A message of ours."""
    return {"role": role, "parts": [part(text)], "created_at": when, "completed_at": when}


def part(text: str) -> dict[str, Any]:
    """A part of ours."""
    return {"content_type": "text/plain", "content": text, "content_encoding": "plain"}
