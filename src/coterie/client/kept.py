"""What a client does with what a service keeps beside runs: standing agents, teams and memory."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from coterie.doors.checked import Report
from coterie.doors.http.api.kept import (
    AgentPage,
    AgentShown,
    Count,
    Drawn,
    MemoryKept,
    MemoryPage,
    TeamKept,
)
from coterie.doors.http.api.shapes import RunShown
from coterie.words.memory import By
from coterie.words.standing import Doing, Letter

T = TypeVar("T")


class Keeping:
    """The part of a client that works with agents, teams and memories; whoever has it can ask."""

    async def _ask(
        self,
        method: str,
        path: str,
        gives: type[T] | Any,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        raise NotImplementedError

    async def create_agent(self, name: str, instructions: str = "", **options: Any) -> AgentShown:
        """Keep an agent; `options` are those of the API: description, model, tools, memory, limits, busy, topics ...

        Raises:
            BadInput: if it cannot be built; the message says why.
            Busy: if the name is taken.
        """
        body = {"name": name, "instructions": instructions, **options}
        return await self._ask("POST", "/v1/agents", AgentShown, body=body)

    async def agents(self, *, after: str = "", limit: int = 50) -> AgentPage:
        """A page of the standing agents, by name; `next` is where the next page begins."""
        return await self._ask("GET", "/v1/agents", AgentPage, query={"after": after, "limit": limit})

    async def agent(self, name: str) -> AgentShown:
        """One standing agent.

        Raises:
            BadInput: if there is none.
        """
        return await self._ask("GET", f"/v1/agents/{name}", AgentShown)

    async def change_agent(self, name: str, version: int, **changes: Any) -> AgentShown:
        """Change an agent, if it is still in that version.

        Raises:
            Changed: if it is not; nothing was changed.
        """
        headers = {"if-match": f'"{version}"'}
        return await self._ask("PATCH", f"/v1/agents/{name}", AgentShown, body=changes, headers=headers)

    async def delete_agent(self, name: str, version: int | None = None) -> None:
        """Delete an agent with its mailbox and its memory, in that version (default: in any).

        Raises:
            Changed: if it is in another one.
        """
        headers = {"if-match": "*" if version is None else f'"{version}"'}
        await self._ask("DELETE", f"/v1/agents/{name}", None, headers=headers)

    async def agent_state(self, name: str) -> Doing:
        """What an agent does now."""
        return await self._ask("GET", f"/v1/agents/{name}/state", Doing)

    async def tell(
        self,
        name: str,
        text: str,
        *,
        data: Any = None,
        priority: str = "normal",
        wait: float = 0.0,
        key: str = "",
    ) -> Letter:
        """Say something to an agent, once, however often the connection broke; its reply if it comes in `wait` seconds.

        Raises:
            Busy: if the agent is at work, and refuses messages then.
        """
        body = {"text": text, "data": data, "priority": priority, "wait": wait}
        headers = {"idempotency-key": key or uuid.uuid4().hex}
        return await self._ask("POST", f"/v1/agents/{name}/messages", Letter, body=body, headers=headers)

    async def messages(self, name: str, *, before: int | None = None, limit: int = 20) -> list[Letter]:
        """What was said to an agent and what became of it, the newest first, from below a number on."""
        query = {"before": before, "limit": limit}
        return await self._ask("GET", f"/v1/agents/{name}/messages", list[Letter], query=query)

    async def message(self, name: str, number: int, *, wait: float = 0.0) -> Letter:
        """One message to an agent, with its reply if there is one within `wait` seconds."""
        query = {"wait": wait}
        return await self._ask("GET", f"/v1/agents/{name}/messages/{number}", Letter, query=query)

    async def start_pattern(
        self,
        pattern: str,
        members: Any,
        task: str,
        *,
        options: Mapping[str, Any] | None = None,
        agents: Mapping[str, Any] | None = None,
        model: str | None = None,
        limits: Mapping[str, Any] | None = None,
        id: str | None = None,
    ) -> RunShown:
        """Begin a run of a pattern: of members by name, or written out as in a team file, with its options.

        Raises:
            BadInput: if it cannot be built; the message says why.
        """
        body: dict[str, Any] = {"pattern": pattern, "members": members, "task": task}
        more = {"options": options, "agents": agents, "model": model, "limits": limits, "id": id}
        body |= {name: value for name, value in more.items() if value is not None}
        headers = {"idempotency-key": uuid.uuid4().hex}
        return await self._ask("POST", "/v1/runs", RunShown, body=body, headers=headers)

    async def write_team(self, name: str, document: Any) -> TeamKept:
        """Keep a team, as YAML or as plain data, under a name.

        Raises:
            BadInput: if it cannot be built; the message has every mistake.
            Busy: if the name is taken.
        """
        body = {"name": name, "document": document}
        return await self._ask("POST", "/v1/teams", TeamKept, body=body)

    async def read_team(self, name: str) -> TeamKept:
        """What was written of a team."""
        return await self._ask("GET", f"/v1/teams/{name}/document", TeamKept)

    async def change_team(self, name: str, version: int, document: Any) -> TeamKept:
        """Write a team anew, if it is still in that version.

        Raises:
            Changed: if it is not; nothing was changed.
        """
        body, headers = {"document": document}, {"if-match": f'"{version}"'}
        return await self._ask("PUT", f"/v1/teams/{name}/document", TeamKept, body=body, headers=headers)

    async def delete_team(self, name: str, version: int | None = None) -> None:
        """Delete a team that was written there, in that version (default: in any); what runs already goes on."""
        headers = {"if-match": "*" if version is None else f'"{version}"'}
        await self._ask("DELETE", f"/v1/teams/{name}", None, headers=headers)

    async def check(self, document: Any) -> Report:
        """What is wrong with a document, and what a run of it may cost at most."""
        return await self._ask("POST", "/v1/check", Report, body={"document": document})

    async def graph(self, name: str) -> Drawn:
        """A team drawn: as text, as a Mermaid flowchart and as an SVG."""
        return await self._ask("GET", f"/v1/teams/{name}/graph", Drawn)

    async def remember(self, text: str, **options: Any) -> str:
        """Remember something; its key. `options` are key, tags, source, shared and data."""
        body = {"text": text, **options}
        kept: MemoryKept = await self._ask("POST", "/v1/memory", MemoryKept, body=body)
        return kept.key

    async def recall(
        self,
        text: str = "",
        *,
        tags: Iterable[str] = (),
        source: str = "",
        minutes: float | None = None,
        by: By = "both",
        of: str | None = None,
        after: int = 0,
        limit: int = 20,
    ) -> MemoryPage:
        """What one may read that fits `text` best, or the newest; with `of`, what that standing agent may read."""
        query = {"text": text, "tags": ",".join(tags), "source": source, "minutes": minutes}
        query |= {"by": by, "of": of, "after": after, "limit": limit}
        return await self._ask("GET", "/v1/memory", MemoryPage, query=query)

    async def forget(self, *keys: str, **options: Any) -> int:
        """Forget what is one's own and has one of `keys`; `options` are tags, source, everything and of."""
        body = {"keys": list(keys), **options}
        gone: Count = await self._ask("POST", "/v1/memory/forget", Count, body=body)
        return gone.count
