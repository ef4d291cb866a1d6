"""A provider on this machine: real HTTP, the shapes of OpenAI and Anthropic, and every way of going wrong."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import pytest

Sent = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What the server says to one request, or how it fails to."""

    text: str = ""
    calls: tuple[tuple[str, Any], ...] = ()
    """Names and arguments; arguments that are a text are sent as they are."""
    thinking: str = ""
    finish: str = "stop"
    tokens: tuple[int, int, int] = (11, 7, 0)
    """Input, output, and how many of the input came from a cache."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    hangs: bool = False
    cut: int = 0
    """Bytes of the body after which the connection breaks."""
    body: bytes | None = None
    """A body to send instead of an answer."""


Plan = Callable[[Sent], Reply]


class CannedServer:
    """Listens on loopback in a thread of its own; `sent` is what it was asked, `times` when."""

    def __init__(self, *replies: Reply | Plan) -> None:
        self.sent: list[Sent] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.replies = list(replies)
        self.port = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="canned")

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    @property
    def url(self) -> str:
        """The address for OpenAI's SDK; Anthropic's wants it without `/v1`."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection is good for another."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        sent = {"path": first.split()[1], **json.loads(body or b"{}")}
        self.headers.append(headers)
        self.times.append(self._loop.time())
        self.sent.append(sent)
        reply = self._reply(sent)
        if reply.delay:
            await asyncio.sleep(reply.delay)
        if reply.hangs:
            await asyncio.Event().wait()
        return await self._write(writer, sent, reply)

    def _reply(self, sent: Sent) -> Reply:
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return reply if isinstance(reply, Reply) else reply(sent)

    async def _write(self, writer: asyncio.StreamWriter, sent: Sent, reply: Reply) -> bool:
        streams = bool(sent.get("stream")) and reply.status == 200 and reply.body is None
        pieces = list(events(sent, reply)) if streams else [_body(sent, reply)]
        kind = "text/event-stream" if streams else "application/json"
        size = "" if streams else f"content-length: {len(pieces[0])}\r\n"
        extra = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
        close = "connection: close\r\n" if streams else ""
        writer.write(
            f"HTTP/1.1 {reply.status} X\r\ncontent-type: {kind}\r\n{size}{close}{extra}\r\n".encode()
        )
        left = reply.cut or -1
        for piece in pieces:
            writer.write(piece if left < 0 else piece[:left])
            await writer.drain()
            if left >= 0 and len(piece) >= left:
                return False
            left = left - len(piece) if left >= 0 else left
        return not streams


@pytest.fixture
def canned() -> Iterator[Callable[..., CannedServer]]:
    """Starts servers, and stops them after the test."""
    running: list[CannedServer] = []

    def start(*replies: Reply | Plan) -> CannedServer:
        running.append(CannedServer(*replies).__enter__())
        return running[-1]

    yield start
    for server in running:
        server.__exit__()


def _body(sent: Sent, reply: Reply) -> bytes:
    if reply.body is not None:
        return reply.body
    if reply.status != 200:
        error = {"type": "canned_error", "message": f"canned {reply.status}", "code": "canned"}
        return json.dumps({"type": "error", "error": error}).encode()
    return json.dumps(_SHAPES[_dialect(sent)](sent, reply)).encode()


def _dialect(sent: Sent) -> str:
    return str(sent["path"]).partition("?")[0].rsplit("/", 1)[-1]


def _args(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _chat(sent: Sent, reply: Reply) -> Sent:
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": _args(args)}}
        for n, (name, args) in enumerate(reply.calls)
    ]
    message = {
        "role": "assistant",
        "content": reply.text or None,
        "reasoning_content": reply.thinking or None,
    }
    choice = {
        "index": 0,
        "message": {**message, **({"tool_calls": calls} if calls else {})},
        "finish_reason": "tool_calls" if calls and reply.finish == "stop" else reply.finish,
    }
    return {**_chat_head(sent), "object": "chat.completion", "choices": [choice], "usage": _chat_usage(reply)}


def _chat_head(sent: Sent) -> Sent:
    return {"id": "chatcmpl-1", "created": 1_780_000_000, "model": sent["model"]}


def _chat_usage(reply: Reply) -> Sent:
    read, said, cached = reply.tokens
    details = {"cached_tokens": cached}
    return {
        "prompt_tokens": read,
        "completion_tokens": said,
        "total_tokens": read + said,
        "prompt_tokens_details": details,
    }


def _responses(sent: Sent, reply: Reply) -> Sent:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_780_000_000,
        "model": sent["model"],
        "status": "completed",
        "output": list(_items(reply)),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": reply.tokens[0],
            "output_tokens": reply.tokens[1],
            "total_tokens": sum(reply.tokens[:2]),
            "input_tokens_details": {"cached_tokens": reply.tokens[2]},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }


def _items(reply: Reply) -> Iterator[Sent]:
    if reply.thinking:
        summary = [{"type": "summary_text", "text": reply.thinking}]
        yield {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "sealed"}
    if reply.text:
        content = [{"type": "output_text", "text": reply.text, "annotations": []}]
        yield {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": content,
        }
    for n, (name, args) in enumerate(reply.calls):
        call = {"id": f"fc_{n}", "call_id": f"call_{n}", "name": name, "arguments": _args(args)}
        yield {"type": "function_call", "status": "completed", **call}


def _messages(sent: Sent, reply: Reply) -> Sent:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": sent["model"],
        "content": list(_blocks(reply)),
        "stop_reason": _stop(reply),
        "stop_sequence": None,
        "usage": _anthropic_usage(reply),
    }


def _blocks(reply: Reply) -> Iterator[Sent]:
    if reply.thinking:
        yield {"type": "thinking", "thinking": reply.thinking, "signature": "signed"}
    if reply.text:
        yield {"type": "text", "text": reply.text}
    for n, (name, args) in enumerate(reply.calls):
        yield {"type": "tool_use", "id": f"toolu_{n}", "name": name, "input": args}


def _stop(reply: Reply) -> str:
    if reply.finish == "length":
        return "max_tokens"
    return "tool_use" if reply.calls else "end_turn"


def _anthropic_usage(reply: Reply) -> Sent:
    read, said, cached = reply.tokens
    return {
        "input_tokens": read - cached,
        "output_tokens": said,
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": 0,
    }


_SHAPES = {"completions": _chat, "responses": _responses, "messages": _messages}


def events(sent: Sent, reply: Reply) -> Iterator[bytes]:
    """The events of a stream, each as bytes."""
    for event in _STREAMS[_dialect(sent)](sent, reply):
        name = f"event: {event['type']}\n" if isinstance(event, dict) and "type" in event else ""
        yield f"{name}data: {event if isinstance(event, str) else json.dumps(event)}\n\n".encode()


def _words(text: str) -> list[str]:
    return [text[at : at + 6] for at in range(0, len(text), 6)]


def _chat_stream(sent: Sent, reply: Reply) -> Iterator[Sent | str]:
    head = {**_chat_head(sent), "object": "chat.completion.chunk"}

    def chunk(delta: Sent, finish: str | None = None) -> Sent:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": ""})
    yield from (chunk({"reasoning_content": word}) for word in _words(reply.thinking))
    yield from (chunk({"content": word}) for word in _words(reply.text))
    for n, (name, args) in enumerate(reply.calls):
        start = {"index": n, "id": f"call_{n}", "type": "function"}
        yield chunk({"tool_calls": [{**start, "function": {"name": name, "arguments": ""}}]})
        for word in _words(_args(args)):
            yield chunk({"tool_calls": [{"index": n, "function": {"arguments": word}}]})
    yield chunk({}, "tool_calls" if reply.calls and reply.finish == "stop" else reply.finish)
    yield {**head, "choices": [], "usage": _chat_usage(reply)}
    yield "[DONE]"


def _responses_stream(sent: Sent, reply: Reply) -> Iterator[Sent | str]:
    whole = _responses(sent, reply)
    number = iter(range(10_000))

    def event(kind: str, **more: Any) -> Sent:
        return {"type": f"response.{kind}", "sequence_number": next(number), **more}

    yield event("created", response={**whole, "output": [], "status": "in_progress", "usage": None})
    for at, item in enumerate(whole["output"]):
        where = {"output_index": at, "item_id": item["id"]}
        opening = {**item, "content": [], "summary": []} if item["type"] != "function_call" else item
        yield event("output_item.added", output_index=at, item={**opening, "arguments": ""})
        if item["type"] == "message":
            part = {"type": "output_text", "text": "", "annotations": []}
            yield event("content_part.added", **where, content_index=0, part=part)
            for word in _words(reply.text):
                yield event("output_text.delta", **where, content_index=0, delta=word, logprobs=[])
        elif item["type"] == "reasoning":
            part = {"type": "summary_text", "text": ""}
            yield event("reasoning_summary_part.added", **where, summary_index=0, part=part)
            for word in _words(reply.thinking):
                yield event("reasoning_summary_text.delta", **where, summary_index=0, delta=word)
        else:
            for word in _words(item["arguments"]):
                yield event("function_call_arguments.delta", **where, delta=word)
        yield event("output_item.done", output_index=at, item=item)
    yield event("completed", response=whole)


def _messages_stream(sent: Sent, reply: Reply) -> Iterator[Sent | str]:
    whole = _messages(sent, reply)
    usage = {**whole["usage"], "output_tokens": 1}
    yield {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None, "usage": usage}}
    kinds = {"text": ("text_delta", "text"), "thinking": ("thinking_delta", "thinking")}
    for at, block in enumerate(whole["content"]):
        empty = {"text": "", "thinking": "", "signature": "", "input": {}}
        yield {
            "type": "content_block_start",
            "index": at,
            "content_block": {**block, **{key: value for key, value in empty.items() if key in block}},
        }
        kind, key = kinds.get(block["type"], ("input_json_delta", "partial_json"))
        text = block[key] if key in block else _args(block["input"])
        for word in _words(text):
            yield {"type": "content_block_delta", "index": at, "delta": {"type": kind, key: word}}
        if block["type"] == "thinking":
            signed = {"type": "signature_delta", "signature": block["signature"]}
            yield {"type": "content_block_delta", "index": at, "delta": signed}
        yield {"type": "content_block_stop", "index": at}
    yield {"type": "message_delta", "delta": {"stop_reason": _stop(reply)}, "usage": whole["usage"]}
    yield {"type": "message_stop"}


_STREAMS = {"completions": _chat_stream, "responses": _responses_stream, "messages": _messages_stream}


def sensible(sent: Sent) -> Reply:
    """What a good model would say: a call where a tool is asked for, JSON that fits, or a greeting."""
    tools = {tool_name(tool): tool for tool in sent.get("tools") or ()}
    final = next((name for name in tools if name.startswith("final_answer")), None)
    if final is not None:
        return Reply(calls=((final, sample(_parameters(tools[final]))),))
    schema = _schema(sent)
    if schema is not None:
        return Reply(json.dumps(sample(schema)))
    if tools and "Use the tool" in json.dumps(sent):
        name, tool = next(iter(tools.items()))
        return Reply(calls=((name, sample(_parameters(tool))),))
    return Reply("Hello there.")


def tool_name(tool: Sent) -> str:
    """The name of a tool, in either shape."""
    return str(tool.get("name") or tool["function"]["name"])


def _parameters(tool: Sent) -> Sent:
    found: Sent = tool.get("input_schema") or tool.get("parameters") or tool["function"]["parameters"]
    return found


def _schema(sent: Sent) -> Sent | None:
    """The schema of a native answer, in any of the three shapes."""
    for asked in (sent.get("response_format"), (sent.get("text") or {}).get("format"), _output_format(sent)):
        if asked and asked.get("type") == "json_schema":
            found: Sent = asked.get("schema") or asked["json_schema"]["schema"]
            return found
    return None


def _output_format(sent: Sent) -> Sent | None:
    found: Sent | None = (sent.get("output_config") or {}).get("format") or sent.get("output_format")
    return found


def sample(schema: Sent, root: Sent | None = None) -> Any:
    """A value that fits a schema."""
    root = schema if root is None else root
    if "$ref" in schema:
        return sample(root["$defs"][schema["$ref"].rsplit("/", 1)[-1]], root)
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return sample(schema["anyOf"][0], root)
    if schema.get("type") == "object":
        return {name: sample(part, root) for name, part in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [sample(schema.get("items", {"type": "string"}), root)]
    return {"integer": 3, "number": 3.5, "boolean": True}.get(schema.get("type", ""), "Oslo")
