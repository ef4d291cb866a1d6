"""`coterie mcp`, started by the SDK's own client as an MCP client starts it."""

from __future__ import annotations

import asyncio
import sys

from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import ElicitResult

TEAMS = """
from coterie import Human, Sleep, Team, do

person = Human("ada", choices=("yes", "no"))

def counted():
    with open("done.txt", "a") as file:
        file.write("x")

async def _twice(task):
    await do(counted)
    said = await person(task)
    return f"{said.text} to {task.text}"

twice = Team("twice", (person,), _twice)
"""


def command(folder):
    (folder / "team.py").write_text(TEAMS)
    return StdioServerParameters(
        command=sys.executable, args=["-m", "coterie", "mcp", "team.py:twice"], cwd=folder
    )


async def yes(context, params):
    return ElicitResult(action="accept", content={"answer": "yes"})


def test_a_team_answers_by_stdio(tmp_path):
    """With what it asks on the way; an older revision is asked while the call goes on."""

    async def performed():
        async with Client(command(tmp_path), mode="legacy", elicitation_callback=yes) as client:
            return await client.call_tool("twice", {"task": "Go?"})

    answer = asyncio.run(asyncio.wait_for(performed(), 40))
    assert (answer.is_error, answer.content[0].text) == (False, "yes to Go?")


def test_an_answer_reaches_its_run_after_a_restart(tmp_path):
    """What the client carries meanwhile is good at the next start, and nothing is done twice."""

    async def asked():
        async with Client(command(tmp_path), elicitation_callback=yes) as client:
            return await client.session.call_tool("twice", {"task": "Go?"}, allow_input_required=True)

    async def answered(waits):
        given = {
            key: ElicitResult(action="accept", content={"answer": "yes"}) for key in waits.input_requests
        }
        async with Client(command(tmp_path), elicitation_callback=yes) as client:
            return await client.call_tool(
                "twice", {"task": "Go?"}, input_responses=given, request_state=waits.request_state
            )

    waits = asyncio.run(asyncio.wait_for(asked(), 40))
    assert waits.result_type == "input_required"
    answer = asyncio.run(asyncio.wait_for(answered(waits), 40))
    assert answer.content[0].text == "yes to Go?"
    assert (tmp_path / "done.txt").read_text() == "x"
