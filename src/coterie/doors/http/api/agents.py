"""Standing agents: kept by name, told things one after the other, and remembering across restarts."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from msgspec.structs import asdict

from coterie.doors.http.api.kept import (
    After,
    AgentChange,
    AgentPage,
    AgentShown,
    MessageFilter,
    NewAgent,
    NewMessage,
    Patience,
)
from coterie.doors.http.api.shapes import Caps
from coterie.doors.http.operations import Call, Operations, Tagged
from coterie.doors.http.problems import Problem, there
from coterie.doors.http.roster import Kept
from coterie.words.envelope import Priority
from coterie.words.principal import Principal
from coterie.words.standing import Doing, Letter, Said, Standing

operations = Operations()


@operations.add("GET", "/v1/agents", needs="viewer", query=After, gives=AgentPage, tagged=True)
async def list_agents(call: Call) -> AgentPage:
    """The standing agents by name, a page at a time."""
    wanted: After = call.query
    found = await call.roster.agents(wanted.after, wanted.limit + 1)
    page, more = found[: wanted.limit], len(found) > wanted.limit
    return AgentPage(agents=[_shown(one) for one in page], next=page[-1].value.name if more else None)


@operations.add(
    "POST", "/v1/agents", needs="admin", body=NewAgent, gives=AgentShown, status=201, problems=(409, 412)
)
async def create_agent(call: Call) -> Tagged:
    """Keep an agent under a name of its own; it takes messages from now on."""
    new: NewAgent = call.body
    roster = call.roster
    given = asdict(new) | {"limits": _limits(new.limits), "by": call.by.name, "created": time.time()}
    one = msgspec.convert({**given, "born": await roster.births(new.name)}, Standing)
    kept = await roster.place(one)
    await roster.subscribe(one)
    return Tagged(_shown(kept), kept.version)


@operations.add("GET", "/v1/agents/{name}", needs="viewer", gives=AgentShown, problems=(404,), tagged=True)
async def show_agent(call: Call) -> Tagged:
    """One standing agent as it is written now; its `ETag` changes with it."""
    kept = await _kept(call)
    return Tagged(_shown(kept), kept.version)


@operations.add(
    "PATCH",
    "/v1/agents/{name}",
    needs="admin",
    body=AgentChange,
    gives=AgentShown,
    problems=(404, 412, 428),
    headers=("If-Match",),
)
async def change_agent(call: Call) -> Tagged:
    """Change an agent from its next message on, if it is still the version that `If-Match` names."""
    kept, change = await _kept(call), call.body
    given = {name: value for name, value in asdict(change).items() if value is not msgspec.UNSET}
    if "limits" in given:
        given["limits"] = _limits(given["limits"])
    one = msgspec.convert({**asdict(kept.value), **given}, Standing)
    new = await call.roster.place(one, call.version_of(kept))
    await call.roster.subscribe(one, kept.value.topics)
    return Tagged(_shown(new), new.version)


@operations.add(
    "DELETE", "/v1/agents/{name}", needs="admin", status=204, problems=(404, 412, 428), headers=("If-Match",)
)
async def delete_agent(call: Call) -> None:
    """Stop an agent, and delete it with its mailbox and its memory; its runs stay."""
    kept, roster = await _kept(call), call.roster
    await roster.remove(kept.value, call.version_of(kept))
    await roster.keeper.dismiss(kept.value)
    await call.service.memory(Principal(kept.value.owner, call.by.tenant)).forget(everything=True)


@operations.add("GET", "/v1/agents/{name}/state", needs="viewer", gives=Doing, problems=(404,), tagged=True)
async def agent_state(call: Call) -> Doing:
    """What an agent does now: the run it works on, and how many messages wait."""
    return await call.roster.keeper.doing((await _kept(call)).value)


@operations.add(
    "POST",
    "/v1/agents/{name}/messages",
    needs="operator",
    body=NewMessage,
    gives=Letter,
    status=201,
    problems=(404, 409),
    headers=("Idempotency-Key",),
)
async def tell_agent(call: Call) -> Letter:
    """Say something to an agent; it is durable when this returns. The same `Idempotency-Key` is the same message."""
    new: NewMessage = call.body
    one, keeper = (await _kept(call)).value, call.roster.keeper
    call.permitted("call", one.name, sender=call.by.name)
    said = Said(
        text=new.text,
        data=new.data,
        priority=Priority[new.priority.upper()],
        by=call.by.name,
        role=call.by.role,
        key=call.request.headers.get("idempotency-key", "")[:500],
    )
    number = await keeper.say(one, said)
    return await _letter(call, one, number, new.wait)


@operations.add(
    "GET",
    "/v1/agents/{name}/messages",
    needs="viewer",
    query=MessageFilter,
    gives=list[Letter],
    problems=(404,),
    tagged=True,
)
async def list_messages(call: Call) -> list[Letter]:
    """What was said to an agent and what became of it, the newest first; the next page is `before` the last one."""
    wanted: MessageFilter = call.query
    one = (await _kept(call)).value
    return await call.roster.keeper.letters(one, wanted.before, wanted.limit)


@operations.add(
    "GET",
    "/v1/agents/{name}/messages/{number}",
    needs="viewer",
    query=Patience,
    gives=Letter,
    problems=(404,),
    tagged=True,
)
async def show_message(call: Call) -> Letter:
    """One message and what has become of it, at the latest `wait` seconds from now."""
    one, number = (await _kept(call)).value, call.path["number"]
    if not number.isascii() or not number.isdigit() or len(number) > 15:
        raise Problem(404, f"there is no message {number!r}")
    return await _letter(call, one, int(number), call.query.wait)


async def _letter(call: Call, one: Standing, number: int, wait: float) -> Letter:
    """A message to an agent, with its reply if there is one within `wait` seconds."""
    return there(await call.roster.keeper.letter(one, number, wait), f"there is no message {number}")


async def _kept(call: Call) -> Kept[Standing]:
    """The agent that is asked for, and its version."""
    name = call.path["name"]
    return there(await call.roster.agent(name), f"no agent is called {name!r}")


def _shown(kept: Kept[Standing]) -> AgentShown:
    known = {name: value for name, value in asdict(kept.value).items() if name != "born"}
    return AgentShown(version=kept.version, **known)


def _limits(caps: Caps) -> dict[str, Any]:
    return {name: cap for name, cap in asdict(caps).items() if cap is not None}
