"""Memory: what is known beyond runs, as who asks may see and change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import asdict

from coterie.doors.http.api.kept import (
    Count,
    MemoryAdded,
    MemoryFilter,
    MemoryForgotten,
    MemoryKept,
    MemoryPage,
    MemoryShown,
)
from coterie.doors.http.operations import Call, Operations
from coterie.doors.http.problems import Problem, there
from coterie.words.memory import Query
from coterie.words.principal import Principal

if TYPE_CHECKING:
    import coterie.memory

operations = Operations()


@operations.add("POST", "/v1/memory", needs="operator", body=MemoryAdded, gives=MemoryKept, status=201)
async def remember(call: Call) -> MemoryKept:
    """Remember something as one's own. Nobody has vouched for it, so prompts quote it with its source."""
    new: MemoryAdded = call.body
    call.permitted("remember", new.key, tags=new.tags, source=new.source, shared=new.shared)
    memory = call.service.memory(call.by)
    key = await memory.remember(
        new.text, key=new.key, tags=new.tags, source=new.source, shared=new.shared, data=new.data
    )
    return MemoryKept(key=key)


@operations.add(
    "GET",
    "/v1/memory",
    needs="viewer",
    query=MemoryFilter,
    gives=MemoryPage,
    problems=(404, 503),
    tagged=True,
)
async def recall(call: Call) -> MemoryPage:
    """What fits a text best, or the newest, of all that one may read: one's own, and what is shared with one."""
    wanted: MemoryFilter = call.query
    tags = tuple(filter(None, (one.strip() for one in wanted.tags.split(","))))
    call.permitted("recall", "", tags=list(tags), source=wanted.source)
    query = Query(
        text=wanted.text,
        limit=wanted.after + wanted.limit + 1,
        tags=tags,
        source=wanted.source,
        minutes=wanted.minutes,
        by=wanted.by,
    )
    memory = await _memory(call, wanted.of)
    found = (await memory.find(query, memory.now()))[wanted.after :]
    page, more = found[: wanted.limit], len(found) > wanted.limit
    shown = [MemoryShown(**asdict(one)) for one in page]
    return MemoryPage(memories=shown, next=wanted.after + wanted.limit if more else None)


@operations.add(
    "POST", "/v1/memory/forget", needs="operator", body=MemoryForgotten, gives=Count, problems=(404, 503)
)
async def forget(call: Call) -> Count:
    """Forget what is one's own and is named, for good; of an agent's memory if that is asked for (an admin may)."""
    gone: MemoryForgotten = call.body
    if gone.of is not None and not call.by.may("admin"):
        raise Problem(
            403, f"{call.by.name!r} is a {call.by.role}; what an agent remembers is an admin's to forget"
        )
    call.permitted("forget", ",".join(gone.keys), tags=gone.tags, source=gone.source)
    memory = await _memory(call, gone.of)
    count = await memory.forget(*gone.keys, tags=gone.tags, source=gone.source, everything=gone.everything)
    return Count(count=count)


async def _memory(call: Call, of: str | None) -> coterie.memory.Memory:
    """The memory of who asks, or of a standing agent."""
    if of is None:
        return call.service.memory(call.by)
    one = there(await call.roster.standing(of), f"no agent is called {of!r}")
    return call.service.memory(Principal(one.owner, call.by.tenant))
