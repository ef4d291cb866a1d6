"""What the real `acp-sdk` client is told, as lines of JSON; run by a Python that has it, and nothing of ours."""

from __future__ import annotations

import asyncio
import json
import sys

from acp_sdk.client import Client
from acp_sdk.models import ACPError, Message, MessageAwaitResume, MessagePart


def say(what, value):
    print(json.dumps([what, value]), flush=True)


def answer(text):
    return MessageAwaitResume(message=Message(parts=[MessagePart(content=text)]))


async def refused(awaitable):
    try:
        await awaitable
    except ACPError as error:
        return error.error.code
    return "taken"


async def main(url, token):
    async with Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client:
        await client.ping()
        say("agents", [agent.name async for agent in client.agents()])
        say("agent", (await client.agent(name="panel")).name)
        run = await client.run_sync("Rust?", agent="panel")
        say("sync", [run.status, str(run.output[0]), run.output[0].role])
        say("events", [event.type async for event in client.run_events(run_id=run.run_id)][-3:])
        say("stream", [event.type async for event in client.run_stream("Rust?", agent="panel")])
        waits = await client.run_sync("Go?", agent="person")
        say("awaits", [waits.status, str(waits.await_request.message)])
        say("wrong", await refused(client.run_resume_sync(answer("perhaps"), run_id=waits.run_id)))
        done = await client.run_resume_sync(answer("yes"), run_id=waits.run_id)
        say("resumed", [done.status, str(done.output[0])])
        waits = await client.run_sync("Go?", agent="person")
        told = client.run_resume_stream(answer("no"), run_id=waits.run_id)
        say("resumed stream", [event.type async for event in told][-1])
        slow = await client.run_async("Sleep", agent="slow")
        say("async", (await client.run_status(run_id=slow.run_id)).status)
        await client.run_cancel(run_id=slow.run_id)
        say("cancelled", (await client.run_status(run_id=slow.run_id)).status)
        say("twice", await refused(client.run_cancel(run_id=slow.run_id)))
        say("nobody", await refused(client.run_sync("Rust?", agent="nobody")))
        async with client.session() as talk:
            await talk.run_sync("My name is Ada.", agent="echo")
            say("session", str((await talk.run_sync("Who am I?", agent="echo")).output[0]))


asyncio.run(main(*sys.argv[1:]))
