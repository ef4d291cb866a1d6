"""`coterie acp-editor`, started by the client side of the protocol's own package as an editor starts it."""

from __future__ import annotations

import asyncio
import sys

from acp import spawn_agent_process, text_block
from acp.schema import AllowedOutcome, DeniedOutcome, RequestPermissionResponse

TEAMS = """
from coterie import Ask, Human, Sleep, Team, do

def counted(word):
    return len(word)

async def _counting(task):
    before = len(task.context) if task.context else 0
    return f"{await do(counted, task.text)} letters, after {before}"

counting = Team("counting", (), _counting)
choosing = Human("ada", choices=("yes", "no"))

async def _asking(task):
    return f"to {await Ask('To whom?')}"

asking = Team("asking", (), _asking)

async def _slow(task):
    await Sleep(3600)

slow = Team("slow", (), _slow)
"""


class Person:
    """The editor's user, who permits what is asked first, or nothing."""

    def __init__(self, choice=None):
        self.choice = choice
        self.updates = []
        self.more = asyncio.Event()

    async def request_permission(self, session_id, tool_call, options, **_):
        self.updates.append(("permission", tool_call.title, [(one.option_id, one.kind) for one in options]))
        if self.choice is None:
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        return RequestPermissionResponse(outcome=AllowedOutcome(outcome="selected", option_id=self.choice))

    async def session_update(self, session_id, update, **_):
        text = getattr(getattr(update, "content", None), "text", None)
        self.updates.append((update.session_update, text or getattr(update, "status", None)))
        self.more.set()

    def on_connect(self, conn):
        pass


def played(tmp_path, team, play, choice=None):
    (tmp_path / "team.py").write_text(TEAMS)

    async def performed():
        person = Person(choice)
        command = [sys.executable, "-m", "coterie", "acp-editor", f"team.py:{team}"]
        async with spawn_agent_process(person, *command, cwd=tmp_path) as (agent, _):
            hello = await agent.initialize(protocol_version=1)
            session = (await agent.new_session(cwd=str(tmp_path), mcp_servers=[])).session_id
            return hello, await play(agent, session), person.updates

    return asyncio.run(asyncio.wait_for(performed(), 40))


async def said(agent, session, text):
    return (await agent.prompt(session_id=session, prompt=[text_block(text)])).stop_reason


def test_a_prompt_is_answered(tmp_path):
    """With its tools shown, and the turns before as context."""

    async def play(agent, session):
        return [await said(agent, session, "four"), await said(agent, session, "seven")]

    hello, ends, updates = played(tmp_path, "counting", play)
    assert (hello.protocol_version, hello.agent_info.name) == (1, "coterie")
    assert ends == ["end_turn", "end_turn"]
    assert [what for what, *_ in updates] == ["tool_call", "tool_call_update", "agent_message_chunk"] * 2
    assert [text for what, text in updates if what == "agent_message_chunk"] == [
        "4 letters, after 0",
        "5 letters, after 2",
    ]


def test_choices_are_permissions(tmp_path):
    """What the user chooses is the answer."""

    async def play(agent, session):
        return await said(agent, session, "Go?")

    _, end, updates = played(tmp_path, "choosing", play, "yes")
    assert end == "end_turn"
    assert updates[0] == ("permission", "Go?", [("yes", "allow_once"), ("no", "reject_once")])
    assert updates[-1] == ("agent_message_chunk", "yes")


def test_who_will_not_choose_stops_the_run(tmp_path):
    """A dismissed permission is no answer that the team could go on with."""

    async def play(agent, session):
        return await said(agent, session, "Go?")

    assert played(tmp_path, "choosing", play)[1] == "cancelled"


def test_a_question_is_answered_by_the_next_prompt(tmp_path):
    """It ends the turn, and the same run goes on."""

    async def play(agent, session):
        return [await said(agent, session, "Send it"), await said(agent, session, "Ada")]

    _, ends, updates = played(tmp_path, "asking", play)
    assert ends == ["end_turn", "end_turn"]
    assert updates == [("agent_message_chunk", "To whom?"), ("agent_message_chunk", "to Ada")]


def test_a_turn_is_cancelled(tmp_path):
    """The prompt is answered by that."""

    async def play(agent, session):
        turn = asyncio.create_task(said(agent, session, "Sleep"))
        while not turn.done():
            await asyncio.sleep(0.05)
            await agent.cancel(session_id=session)
        return turn.result()

    assert played(tmp_path, "slow", play)[1] == "cancelled"
