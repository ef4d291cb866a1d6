"""A team as an agent in an editor: Zed's Agent Client Protocol (version 1), spoken over stdin and stdout.

1. A prompt is a run; what was said in the session before is its context.
2. The answer is the agent's message. What members say on the way are thoughts, and tools in use are tool calls.
3. A question with choices is a permission request. One that takes any answer ends the turn: the next prompt answers it.
4. A cancelled turn stops the run; what was finished stays.
"""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
from acp import PROTOCOL_VERSION, RequestError
from acp.helpers import (
    start_tool_call,
    text_block,
    tool_content,
    update_agent_message_text,
    update_agent_thought_text,
    update_tool_call,
)
from acp.interfaces import Client
from acp.schema import (
    AgentCapabilities,
    DeniedOutcome,
    Implementation,
    InitializeResponse,
    NewSessionResponse,
    PermissionOption,
    PromptResponse,
    ToolCallStatus,
    ToolCallUpdate,
)

from coterie import __version__
from coterie.approval import YES
from coterie.doors.http.library import Library
from coterie.doors.refusal import refuse
from coterie.errors import CoterieError, NotOpen
from coterie.kernel.inquiries import Inquiry, questions
from coterie.kernel.replay import counted
from coterie.kernel.values import to_plain
from coterie.shell.host import Host
from coterie.words.delta import Piece, Shown
from coterie.words.effect import Use, body_of, kind_of
from coterie.words.event import Asked, Record, Settled
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.thread import Thread

DECISIONS = {"approval": ("approve", "deny")}
"""The choices of questions that have none of their own."""
WHO = "editor"
"""Who answers."""


class Conversation:
    """A session: what was said in it, the run of its last prompt, and the question that the next one answers."""

    def __init__(self) -> None:
        self.said: list[Message] = []
        self.run = ""
        self.asked: Inquiry | None = None


class Editor:
    """The agent that an editor speaks to: the team `name` of a library, performed by `host`."""

    def __init__(self, host: Host, library: Library, name: str) -> None:
        self._host = host
        self._library = library
        self._name = name
        self._sessions: dict[str, Conversation] = {}
        self._client: Client | None = None

    def on_connect(self, conn: Client) -> None:
        """Remember whom to tell."""
        self._client = conn

    async def initialize(self, protocol_version: int, **_: Any) -> InitializeResponse:
        """Say who this is, and which version it speaks."""
        return InitializeResponse(
            protocol_version=min(protocol_version, PROTOCOL_VERSION),
            agent_capabilities=AgentCapabilities(),
            agent_info=Implementation(name="coterie", title=f"Coterie: {self._name}", version=__version__),
        )

    async def new_session(self, cwd: str, **_: Any) -> NewSessionResponse:
        """Begin a conversation."""
        id = str(uuid.uuid4())
        self._sessions[id] = Conversation()
        return NewSessionResponse(session_id=id)

    async def prompt(self, session_id: str, prompt: list[Any], **_: Any) -> PromptResponse:
        """Have the team work on a prompt, or on with what it asked; how the turn ended."""
        session = self._session(session_id)
        text = "\n".join(filter(None, (_text(block) for block in prompt)))
        try:
            after = await self._taken(session, text)
            return await self._turn(session_id, session, after)
        except CoterieError as error:
            raise RequestError.invalid_params({"why": str(error)}) from error

    async def cancel(self, session_id: str, **_: Any) -> None:
        """Stop the run of a session."""
        session = self._session(session_id)
        if session.run:
            await self._host.cancel(session.run, "its editor has cancelled the turn")

    def _session(self, id: str) -> Conversation:
        if id not in self._sessions:
            raise RequestError.invalid_params({"why": f"there is no session {id!r}"})
        return self._sessions[id]

    async def _taken(self, session: Conversation, text: str) -> int:
        """Take a prompt as an answer, or begin a run with it; the last event that was told already."""
        if session.asked is not None:
            asked, session.asked = session.asked, None
            after = len(await self._host.journal(asked.run)) - 1
            await self._host.answer(asked.id, text, WHO)
            return after
        origin = self._library.origin(self._name, {}, None) | {"by": WHO, "door": "acp-editor"}
        task = Task(text, Thread(session.said) if session.said else None)
        session.run = await self._host.begin(self._library.actor(origin), task, origin=origin)
        session.said = [*session.said, Message(sender="user", text=text)]
        return -1

    async def _turn(self, id: str, session: Conversation, after: int) -> PromptResponse:
        tools: dict[str, str] = {}
        while True:
            async for seen in self._host.stream(session.run, after):
                after = seen.seq if isinstance(seen, Record) else after
                if (update := _shown(session.run, seen, tools)) is not None:
                    await self._tell(id, update)
            asked = [*questions(session.run, counted(await self._host.journal(session.run))).values()]
            if not asked:
                return await self._ended(id, session)
            choices = asked[0].ask.choices or DECISIONS.get(asked[0].ask.about, ())
            if not choices:
                session.asked = asked[0]
                await self._tell(id, update_agent_message_text(asked[0].ask.question))
                return PromptResponse(stop_reason="end_turn")
            await self._permitted(id, asked[0], choices)

    async def _ended(self, id: str, session: Conversation) -> PromptResponse:
        result = await self._host.result(session.run)
        if result.status == "cancelled":
            return PromptResponse(stop_reason="cancelled")
        if result.message is not None:
            session.said = [*session.said, result.message]
            text = result.text
        else:
            text = f"{result.status}: {result.failure.message if result.failure else 'there is no answer'}"
        await self._tell(id, update_agent_message_text(text))
        return PromptResponse(stop_reason="end_turn")

    async def _permitted(self, id: str, asked: Inquiry, choices: tuple[str, ...]) -> None:
        """Have the editor's user choose; somebody may have answered elsewhere meanwhile."""
        assert self._client is not None  # it has sent the prompt
        call = ToolCallUpdate(tool_call_id=asked.id, title=asked.ask.question, status="pending")
        options = [_option(choice, at) for at, choice in enumerate(choices)]
        given = await self._client.request_permission(session_id=id, tool_call=call, options=options)
        try:
            if isinstance(given.outcome, DeniedOutcome):
                await refuse(self._host, asked, WHO)
            else:
                await self._host.answer(asked.id, given.outcome.option_id, WHO)
        except NotOpen:
            return

    async def _tell(self, id: str, update: Any) -> None:
        assert self._client is not None  # it has sent the prompt
        await self._client.session_update(session_id=id, update=update)


def _option(choice: str, at: int) -> PermissionOption:
    """A choice; the first is shown as the yes where none says so itself."""
    yes = choice.lower() in YES or (at == 0 and choice.lower() not in ("no", "deny", "stop"))
    return PermissionOption(option_id=choice, name=choice, kind="allow_once" if yes else "reject_once")


def _text(block: Any) -> str:
    """What a part of a prompt says: its text, that of a file put into it, or where a file is."""
    resource = getattr(block, "resource", None)
    return str(getattr(block, "text", "") or getattr(resource, "text", "") or getattr(block, "uri", ""))


def _shown(run: str, seen: Record | Shown, tools: dict[str, str]) -> Any:
    """What of a run the editor is told; None for what is of no interest. `tools` are those in use, by their path."""
    if isinstance(seen, Piece):
        return update_agent_thought_text(seen.text) if seen.kind != "call" else None
    if not isinstance(seen, Record):
        return None
    match seen.event:
        case Asked(path=path, effect=effect) if kind_of(effect) == Use.kind:
            tool, arguments = msgspec.msgpack.decode(body_of(effect))[:2]
            tools[path] = f"{run}:{path}"
            return start_tool_call(
                tools[path], str(tool), status="in_progress", raw_input=to_plain(arguments)
            )
        case Settled(path=path, failure=failure, value=value) if path in tools:
            text = str(failure) if failure else msgspec.json.encode(to_plain(value)).decode()
            status: ToolCallStatus = "failed" if failure else "completed"
            return update_tool_call(tools.pop(path), status=status, content=[tool_content(text_block(text))])
        case _:
            return None
