"""What a client does with what a service keeps: standing agents, teams, schedules, memory, topics, boards."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from coterie.client.connection import Connection
from coterie.doors.checked import Report
from coterie.doors.http.api.kept import (
    AgentPage,
    AgentShown,
    BoardList,
    Count,
    Drawn,
    MemoryKept,
    MemoryPage,
    PostedHistory,
    PostedPage,
    PublishedPage,
    PublishedShown,
    TeamKept,
    ToolPage,
    TopicPage,
)
from coterie.doors.http.api.shapes import RunShown
from coterie.doors.http.api.timed import ScheduleShown, Times
from coterie.shell.feeds import Posted
from coterie.words.memory import By
from coterie.words.standing import Doing, Letter


class Keeping(Connection):
    """The part of a client that works with what is kept beside runs."""

    async def create_agent(self, /, name: str, instructions: str = "", **options: Any) -> AgentShown:
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

    async def change_agent(self, /, name: str, version: int, **changes: Any) -> AgentShown:
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

    async def create_schedule(
        self, /, name: str, cron: str, team: str, task: str = "", **options: Any
    ) -> ScheduleShown:
        """Have a team run whenever `cron` says; `options` are those of the API: zone, missed, options, model, limits.

        Raises:
            BadInput: if it cannot be kept, or no such team is offered.
            Busy: if the name is taken.
        """
        body = {"name": name, "cron": cron, "team": team, "task": task, **options}
        return await self._ask("POST", "/v1/schedules", ScheduleShown, body=body)

    async def schedules(self, *, after: str = "", limit: int = 50) -> list[ScheduleShown]:
        """A page of the schedules, by name, from after a name on."""
        query = {"after": after, "limit": limit}
        return await self._ask("GET", "/v1/schedules", list[ScheduleShown], query=query)

    async def schedule(self, name: str) -> ScheduleShown:
        """One schedule.

        Raises:
            UnknownRun: if there is none.
        """
        return await self._ask("GET", f"/v1/schedules/{name}", ScheduleShown)

    async def change_schedule(self, /, name: str, version: int, **changes: Any) -> ScheduleShown:
        """Change a schedule from now on, if it is still in that version.

        Raises:
            Changed: if it is not; nothing was changed.
        """
        headers = {"if-match": f'"{version}"'}
        return await self._ask("PATCH", f"/v1/schedules/{name}", ScheduleShown, body=changes, headers=headers)

    async def pause_schedule(self, name: str) -> ScheduleShown:
        """Begin nothing by a schedule until it is resumed."""
        return await self._ask("POST", f"/v1/schedules/{name}/pause", ScheduleShown)

    async def resume_schedule(self, name: str) -> ScheduleShown:
        """Go on with a schedule that was paused."""
        return await self._ask("POST", f"/v1/schedules/{name}/resume", ScheduleShown)

    async def delete_schedule(self, name: str, version: int | None = None) -> None:
        """End a schedule in that version (default: in any); what it has begun goes on.

        Raises:
            Changed: if it is in another one.
        """
        headers = {"if-match": "*" if version is None else f'"{version}"'}
        await self._ask("DELETE", f"/v1/schedules/{name}", None, headers=headers)

    async def schedule_times(self, name: str, *, count: int = 5, after: float | None = None) -> list[float]:
        """The next times of a schedule after a moment (default: now), in seconds since the epoch."""
        query = {"count": count, "after": after}
        found: Times = await self._ask("GET", f"/v1/schedules/{name}/times", Times, query=query)
        return found.times

    async def run_schedule(self, name: str) -> RunShown:
        """Begin what a schedule is for, now and once, however often the connection broke."""
        headers = {"idempotency-key": uuid.uuid4().hex}
        return await self._ask("POST", f"/v1/schedules/{name}/run", RunShown, headers=headers)

    async def remember(self, /, text: str, **options: Any) -> str:
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

    async def forget(self, /, *keys: str, **options: Any) -> int:
        """Forget what is one's own and has one of `keys`; `options` are tags, source, everything and of."""
        body = {"keys": list(keys), **options}
        gone: Count = await self._ask("POST", "/v1/memory/forget", Count, body=body)
        return gone.count

    async def publish(self, topic: str, message: Any, *, key: str = "") -> PublishedShown:
        """Publish on a topic, once, however often the connection broke."""
        body, headers = {"message": message}, {"idempotency-key": key or uuid.uuid4().hex}
        path = f"/v1/topics/{topic}/messages"
        return await self._ask("POST", path, PublishedShown, body=body, headers=headers)

    async def topics(self, *, after: str = "", limit: int = 50) -> TopicPage:
        """A page of the topics, by name."""
        return await self._ask("GET", "/v1/topics", TopicPage, query={"after": after, "limit": limit})

    async def topic(self, name: str, *, after: int = -1, limit: int = 50) -> PublishedPage:
        """A page of what was published on a topic after a number, the oldest first."""
        query = {"after": after, "limit": limit}
        return await self._ask("GET", f"/v1/topics/{name}/messages", PublishedPage, query=query)

    async def heard(self, topic: str, after: int = -1) -> AsyncGenerator[PublishedShown, None]:
        """What is published on a topic after a number, each once and in order, without an end.

        A stream that breaks is taken up where it was.

        Raises:
            ServiceFailed: if the service is away for longer than the client's patience.
        """
        async with aclosing(self._stream(f"/v1/topics/{topic}/events", after)) as stream:
            async for one in stream:
                yield msgspec.json.decode(one.data, type=PublishedShown)

    async def boards(self, *, after: str = "", limit: int = 50) -> BoardList:
        """A page of the boards, by name."""
        return await self._ask("GET", "/v1/boards", BoardList, query={"after": after, "limit": limit})

    async def board(self, name: str, *, after: str = "", limit: int = 50) -> PostedPage:
        """A page of what stands on a board, by key."""
        query = {"after": after, "limit": limit}
        return await self._ask("GET", f"/v1/boards/{name}/entries", PostedPage, query=query)

    async def entry(self, board: str, key: str) -> Posted:
        """What stands under a key of a board.

        Raises:
            BadInput: if nothing does.
        """
        return await self._ask("GET", f"/v1/boards/{board}/entries/{key}", Posted)

    async def put(self, board: str, key: str, value: Any, *, version: int | None = None) -> Posted:
        """Put something under a key, if that is in `version` (0: nothing stands there; default: whatever it is).

        Raises:
            Changed: if it is in another one; nothing was written.
        """
        body, headers = {"value": value}, _seen(version)
        path = f"/v1/boards/{board}/entries/{key}"
        return await self._ask("PUT", path, Posted, body=body, headers=headers)

    async def remove(self, board: str, key: str, *, version: int | None = None) -> None:
        """Have nothing stand under a key any more, if that is in `version` (default: whatever it is).

        Raises:
            Changed: if it is in another one; nothing was written.
        """
        await self._ask("DELETE", f"/v1/boards/{board}/entries/{key}", None, headers=_seen(version))

    async def history(self, board: str, key: str, *, after: int = -1, limit: int = 50) -> PostedHistory:
        """A page of all that ever stood under a key, the oldest first."""
        path, query = f"/v1/boards/{board}/entries/{key}/history", {"after": after, "limit": limit}
        return await self._ask("GET", path, PostedHistory, query=query)

    async def watched(self, board: str, after: int = -1) -> AsyncGenerator[Posted, None]:
        """What is put on a board after a number, each once and in order, without an end; as `heard`."""
        async with aclosing(self._stream(f"/v1/boards/{board}/events", after)) as stream:
            async for one in stream:
                yield msgspec.json.decode(one.data, type=Posted)

    async def tools(self, *, after: str = "", limit: int = 50) -> ToolPage:
        """A page of the tools that agents may name, with their schemas."""
        return await self._ask("GET", "/v1/tools", ToolPage, query={"after": after, "limit": limit})


def _seen(version: int | None) -> dict[str, str]:
    """The headers that say which version was seen."""
    if version is None:
        return {}
    return {"if-match": f'"{version}"'} if version else {"if-none-match": "*"}
