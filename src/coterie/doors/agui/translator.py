"""From a run's records to AG-UI events (schema 1.0), one stream at a time.

1. A stream opens with RUN_STARTED and closes with one of RUN_FINISHED (success, interrupt, cancelled) and RUN_ERROR.
2. A frame below the first is a subagent: what happens in it carries its path as `subagentRunId`.
3. What a model says is a text message, named after the step that asked for it; what was shown of an attempt that
   is taken back ends, and the event `retracted` names it.
4. A tool that a model calls is a tool call of that message. A step that a play takes itself is a step.
5. The board is the state: a snapshot at the start, a delta a write.
6. Whatever is open at the end is closed in order, the deepest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from ag_ui._generated.models import AddOperation, ReplaceOperation
from ag_ui.core import (
    BaseEvent,
    CustomEvent,
    Interrupt,
    RunErrorEvent,
    RunFinishedCancelledOutcome,
    RunFinishedEvent,
    RunFinishedInterruptOutcome,
    RunFinishedSuccessOutcome,
    RunStartedEvent,
    StateDeltaEvent,
    StateSnapshotEvent,
    StepFinishedEvent,
    StepStartedEvent,
    SubagentErrorEvent,
    SubagentFinishedEvent,
    SubagentFinishedSuspendedOutcome,
    SubagentStartedEvent,
    TextMessageContentEvent,
    TextMessageEndEvent,
    TextMessageStartEvent,
    TokenUsage,
    ToolCallArgsEvent,
    ToolCallEndEvent,
    ToolCallResultEvent,
    ToolCallStartEvent,
)

from coterie.kernel.inquiries import Inquiry
from coterie.kernel.values import to_plain
from coterie.words.delta import Piece, Retracted, Shown
from coterie.words.effect import Think, Use, body_of, kind_of
from coterie.words.event import Asked, Noted, Record, Settled
from coterie.words.message import Message, ToolCall
from coterie.words.result import Result
from coterie.words.usage import Usage


class Translator:
    """Makes the events of one AG-UI run; `root` is the path of the frame that all others are below."""

    def __init__(self, thread: str, run: str, root: str) -> None:
        self._thread = thread
        self._run = run
        self._root = root
        self._frames: dict[str, str] = {}
        self._thinks: set[str] = set()
        self._uses: dict[str, tuple[str, dict[str, Any]]] = {}
        self._called: list[tuple[str, ToolCall]] = []
        self._steps: set[str] = set()
        self._calls: dict[str, str] = {}
        self._open: dict[str, str] = {}
        self._attempts: dict[str, int] = {}
        self._board: dict[str, Any] = {}
        self._said = ""

    def started(self) -> list[BaseEvent]:
        """How a stream opens."""
        state = {"board": dict(self._board)}
        return [
            RunStartedEvent(thread_id=self._thread, run_id=self._run, protocol_version="1.0"),
            StateSnapshotEvent(snapshot=state),
            *(self._announced(path, name) for path, name in self._frames.items()),
            *(StepStartedEvent(step_name=path, **self._whose(path)) for path in sorted(self._steps)),
        ]

    def caught_up(self, records: Iterable[Record]) -> None:
        """Live through what an earlier stream has told already."""
        for record in records:
            self.record(record)
        self._open.clear()

    def record(self, record: Record) -> list[BaseEvent]:
        """What a record is, in events."""
        match record.event:
            case Noted(path=path, fact="entered") if path != self._root:
                self._frames[path] = path.rpartition("/")[2].partition(".")[0]
                return [self._announced(path, self._frames[path])]
            case Noted(path=path, fact="left") if self._frames.pop(path, None):
                return [SubagentFinishedEvent(subagent_run_id=path)]
            case Noted(path=path, fact="failed", about=why) if self._frames.pop(path, None):
                return [SubagentErrorEvent(subagent_run_id=path, message=why)]
            case Noted(path=path, fact="dropped"):
                return self._dropped(path)
            case Noted(path=path, fact="put", about=key, value=value):
                return [self._written(key, value, path)]
            case Asked():
                return self._asked(record.event)
            case Settled():
                return self._settled(record.event)
            case _:
                return []

    def shown(self, shown: Shown) -> list[BaseEvent]:
        """What a model is saying, in events."""
        if isinstance(shown, Retracted):
            return self._retracted(shown.path)
        if not isinstance(shown, Piece) or shown.kind != "text":
            return []
        events: list[BaseEvent] = []
        if shown.path not in self._open:
            name = shown.path if not shown.attempt else f"{shown.path}~{shown.attempt}"
            events.append(self._begun(shown.path, name))
        named = self._open[shown.path]
        return [
            *events,
            TextMessageContentEvent(message_id=named, delta=shown.text, **self._whose(shown.path)),
        ]

    def ended(self, result: Result, questions: Sequence[Inquiry]) -> list[BaseEvent]:
        """How a stream closes: with an answer, with questions, stopped, or failed."""
        suspended = {one.path.rpartition("/")[0]: one.id for one in questions}
        events = [*self._closed(suspended if questions else None, result)]
        spent = _usage(result.usage)
        if questions:
            outcome = RunFinishedInterruptOutcome(interrupts=[self._interrupt(one) for one in questions])
            return [*events, self._finished(outcome, None, spent)]
        if result.status == "cancelled":
            return [*events, self._finished(RunFinishedCancelledOutcome(), None, spent)]
        if result.message is None:
            why = result.failure.message if result.failure else f"the run is {result.status}"
            kind = result.failure.kind if result.failure else result.status
            return [*events, RunErrorEvent(message=why, code=kind, usage=spent)]
        if self._said != result.text:
            events += self._whole(self._root + "/answer", result.text, result.message.sender)
        return [*events, self._finished(RunFinishedSuccessOutcome(), _value(result), spent)]

    def _finished(self, outcome: Any, value: Any, spent: list[TokenUsage]) -> BaseEvent:
        return RunFinishedEvent(
            thread_id=self._thread, run_id=self._run, outcome=outcome, result=value, usage=spent
        )

    def _interrupt(self, asked: Inquiry) -> Interrupt:
        ask = asked.ask
        schema = {"type": "string", "enum": [*ask.choices]} if ask.choices else {}
        return Interrupt(
            id=asked.id,
            reason=ask.about,
            message=ask.question,
            response_schema=schema or None,
            metadata={"to": ask.to, "path": asked.path},
            **self._whose(asked.path),
        )

    def _whose(self, path: str) -> dict[str, Any]:
        """The subagent that a step or a frame below it belongs to, as a field; none for the first frame."""
        above = path.rpartition("/")[0]
        while above and above not in self._frames:
            above = above.rpartition("/")[0]
        return {"subagent_run_id": above} if above else {}

    def _announced(self, path: str, name: str) -> BaseEvent:
        above = self._whose(path).get("subagent_run_id")
        return SubagentStartedEvent(subagent_run_id=path, name=name, parent_subagent_run_id=above)

    def _written(self, key: str, value: Any, path: str) -> BaseEvent:
        where = f"/board/{key.replace('~', '~0').replace('/', '~1')}"
        known = key in self._board
        self._board[key] = value
        change = (
            ReplaceOperation(op="replace", path=where, value=value)
            if known
            else AddOperation(op="add", path=where, value=value)
        )
        return StateDeltaEvent(delta=[change], **self._whose(path))

    def _asked(self, asked: Asked) -> list[BaseEvent]:
        kind, path = kind_of(asked.effect), asked.path
        if kind == Think.kind:
            self._thinks.add(path)
        if kind != Use.kind:
            return []
        tool, arguments = msgspec.msgpack.decode(body_of(asked.effect))
        for at, (_, call) in enumerate(self._called):
            if call.name == tool and call.arguments == arguments:
                self._calls[path] = self._called.pop(at)[1].id
                return []
        self._steps.add(path)
        return [StepStartedEvent(step_name=path, **self._whose(path))]

    def _settled(self, settled: Settled) -> list[BaseEvent]:
        path = settled.path
        if path in self._steps:
            self._steps.remove(path)
            return [StepFinishedEvent(step_name=path, **self._whose(path))]
        call = self._calls.pop(path, None)
        if call is not None:
            said = str(settled.failure) if settled.failure else _text(settled.value)
            return [
                ToolCallResultEvent(message_id=path, tool_call_id=call, content=said, **self._whose(path))
            ]
        if path not in self._thinks:
            return []
        self._thinks.remove(path)
        if not isinstance(settled.value, Message):
            return self._retracted(path)
        return self._answered(path, settled.value)

    def _answered(self, path: str, message: Message) -> list[BaseEvent]:
        events: list[BaseEvent] = []
        if path in self._open:
            events.append(TextMessageEndEvent(message_id=self._open.pop(path), **self._whose(path)))
        elif message.text:
            events += self._whole(path, message.text, message.sender)
        if message.text and not self._whose(path):
            self._said = message.text
        for call in message.calls:
            named = ToolCall(f"{path}#{call.id}", call.name, call.arguments)
            self._called.append((path, named))
            events += self._tool_call(path, named)
        return events

    def _tool_call(self, path: str, call: ToolCall) -> list[BaseEvent]:
        whose = self._whose(path)
        arguments = msgspec.json.encode(to_plain(call.arguments)).decode()
        return [
            ToolCallStartEvent(
                tool_call_id=call.id, tool_call_name=call.name, parent_message_id=path, **whose
            ),
            ToolCallArgsEvent(tool_call_id=call.id, delta=arguments, **whose),
            ToolCallEndEvent(tool_call_id=call.id, **whose),
        ]

    def _begun(self, path: str, name: str) -> BaseEvent:
        self._open[path] = name
        who = path.rpartition("/")[0].rpartition("/")[2].partition(".")[0]
        return TextMessageStartEvent(message_id=name, role="assistant", name=who, **self._whose(path))

    def _whole(self, path: str, text: str, who: str) -> list[BaseEvent]:
        whose = self._whose(path)
        return [
            TextMessageStartEvent(message_id=path, role="assistant", name=who, **whose),
            TextMessageContentEvent(message_id=path, delta=text, **whose),
            TextMessageEndEvent(message_id=path, **whose),
        ]

    def _retracted(self, path: str) -> list[BaseEvent]:
        name = self._open.pop(path, None)
        if name is None:
            return []
        whose = self._whose(path)
        return [
            TextMessageEndEvent(message_id=name, **whose),
            CustomEvent(name="retracted", value={"messageId": name}, **whose),
        ]

    def _dropped(self, path: str) -> list[BaseEvent]:
        self._thinks.discard(path)
        self._calls.pop(path, None)
        if path in self._steps:
            self._steps.remove(path)
            return [StepFinishedEvent(step_name=path, **self._whose(path))]
        return self._retracted(path)

    def _closed(self, suspended: dict[str, str] | None, result: Result) -> Iterable[BaseEvent]:
        """Close what is open: suspended where people are asked, else as the run has ended."""
        for path in list(self._open):
            yield from self._retracted(path)
        for path in sorted(self._steps):
            yield StepFinishedEvent(step_name=path, **self._whose(path))
        for path in reversed(list(self._frames)):
            if suspended is not None:
                own = [suspended[path]] if path in suspended else []
                outcome = SubagentFinishedSuspendedOutcome(interrupt_ids=own)
                yield SubagentFinishedEvent(subagent_run_id=path, outcome=outcome)
            elif result.status in ("succeeded", "unverified"):
                yield SubagentFinishedEvent(subagent_run_id=path)
            else:
                yield SubagentErrorEvent(subagent_run_id=path, message=f"the run is {result.status}")
        self._frames.clear()
        self._steps.clear()


def _usage(spent: Usage) -> list[TokenUsage]:
    return [TokenUsage(input_tokens=spent.input_tokens, output_tokens=spent.output_tokens)]


def _value(result: Result) -> dict[str, Any]:
    message = result.message
    assert message is not None  # only an answer has a value
    return {
        "text": result.text,
        "output": to_plain(message.output),
        "status": result.status,
        "unverified": message.unverified,
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(to_plain(value)).decode()
