"""MCP servers as toolsets: their tools, by their own schemas, for any agent."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from coterie.errors import BadInput, InDoubt, ToolFailed
from coterie.reach.screen import Screen, place
from coterie.tool import Tool
from coterie.tools.access import Access, Entrance
from coterie.tools.connection import SERVER, Connection, Outcome, Question
from coterie.tools.transport import Target
from coterie.words.brief import ToolSpec
from coterie.words.digest import digest
from coterie.words.effect import Ask, Use

if TYPE_CHECKING:
    import mcp_types

TIMEOUT = 60.0
CONNECTING = 30.0
DECLINES = ("decline", "cancel", "no", "deny")
Progress: TypeAlias = Callable[[str, float, "float | None", "str | None"], None]
"""Hears how far a call is: the tool, how much, of how much, and in words."""


def mcp(
    server: str | Sequence[str],
    *,
    prefix: str = "",
    env: Mapping[str, str] | None = None,
    folder: str | None = None,
    headers: Mapping[str, str] | None = None,
    auth: Access | None = None,
    timeout: float = TIMEOUT,
    connecting: float = CONNECTING,
    progress: Progress | None = None,
    private: Sequence[str] = (),
    trusted: bool = True,
) -> McpServer:
    """A server of the Model Context Protocol: `with` it, one has its tools, for as long as the block lasts.

    `server` is a URL (streamable HTTP), or the command that starts it, as a list: it gets a clean environment
    and `env`. A URL is sent `headers`, and `auth` is how one comes in (`SignIn`, `Credentials`, `Vouched`, or an
    `httpx2.Auth` of yours). `prefix` stands before each name. A call may take `timeout` seconds; `connecting` is how
    long one waits for a server that is not there, or not there any more. A URL that you write may lead anywhere; one
    that somebody else gave you is not `trusted`: it has to be public, or among `private` (hosts, addresses, networks).

    Raises:
        BadInput: if `server` is neither, its URL has a user or a password in it, or a command is to be signed in to.
    """
    if isinstance(server, str) and not server.startswith(("http://", "https://")):
        raise BadInput(f"an MCP server is a URL or a command as a list, not {server!r}")
    screen = Screen(tuple(private))
    if isinstance(server, str):
        place(server)
        screen = screen.trusting(server) if trusted else screen
    if not server:
        raise BadInput("an MCP server's command names a program")
    if issuer := getattr(auth, "issuer", ""):
        screen = screen.trusting(issuer)
    if auth is not None and not isinstance(server, str):
        raise BadInput("one signs in to a URL; a command that is started here gets its secrets by `env`")
    target = Target(
        command=() if isinstance(server, str) else tuple(server),
        url=server if isinstance(server, str) else "",
        env=dict(env or {}),
        folder=folder,
        headers=dict(headers or {}),
        screen=screen,
        entrance=None if auth is None or not isinstance(server, str) else Entrance(server, auth),
    )
    return McpServer(Connection(target, timeout=timeout, connecting=connecting), prefix, progress)


class McpServer:
    """A server to be connected to. On the way out of its `with` nothing of it is left running."""

    def __init__(self, connection: Connection, prefix: str, progress: Progress | None) -> None:
        self.connection = connection
        self._prefix = prefix
        self._progress = progress

    def __enter__(self) -> tuple[McpTool, ...]:
        self.connection.start()
        return tuple(
            McpTool(self.connection, tool, self._prefix, self._progress) for tool in self.connection.tools
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.stop()

    async def __aenter__(self) -> tuple[McpTool, ...]:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.connection.stop)


class McpTool(Tool):
    """A tool of an MCP server.

    It is idempotent if the server says so, or that it only reads. What the server asks in the middle of a call
    is asked of a person by the run, and so is what to do where nobody knows whether a call happened.
    """

    __slots__ = ("connection", "remote", "schema")

    def __init__(
        self, connection: Connection, tool: mcp_types.Tool, prefix: str, progress: Progress | None
    ) -> None:
        async def call(**arguments: Any) -> dict[str, Any]:
            """A call of the server's tool, as far as it goes by itself."""
            report = None if progress is None else _reporting(progress, self.name)
            calling = connection.call(tool.name, arguments, idempotent=self.idempotent, report=report)
            return _step(await calling)

        hints = tool.annotations
        reads = bool(hints and hints.read_only_hint)
        super().__init__(
            call_nothing,
            name=prefix + tool.name,
            description=tool.description or tool.title or tool.name,
            idempotent=reads or bool(hints and hints.idempotent_hint),
            timeout=connection.timeout + connection.connecting + 5,
            sensitive=not reads and bool(hints and hints.destructive_hint),
            tags=["mcp", "read"] if reads else ["mcp"],
            owner=str(connection.target),
        )
        self.function, self.is_async, self.returns = call, True, None
        self.connection, self.remote, self.schema = connection, tool.name, tool.input_schema
        self.parameters = tuple(tool.input_schema.get("properties", {}))
        self.spec = ToolSpec(self.name, self.spec.description, tool.input_schema)

    def checked(self, arguments: dict[str, Any]) -> dict[str, Any]:
        given = _without_nothings(arguments, self.schema)
        _fit(given, self.schema)
        return given

    async def using(self, use: Use, tools: Iterable[str]) -> Any:
        """The tool's result, after whatever the server and a doubt had to be asked.

        Raises:
            ToolFailed: if the server says that it failed.
        """
        step = await self._sure(use)
        ticket = 0
        try:
            while "asks" in step:
                ticket = step["ticket"]
                answer = await _answer(self.name, Question(**step["asks"]))
                try:
                    step = await Use(self.name, {"args": [ticket, answer]}, _Going(self))
                except InDoubt:
                    step = await self._doubted(use)
        finally:
            self.connection.forget(ticket)
        if step["failed"]:
            raise ToolFailed(self.told(step) or f"{self.name!r} failed")
        return step

    async def _sure(self, use: Use) -> dict[str, Any]:
        """What a use comes to; a person decides where its server died under it."""
        try:
            return cast("dict[str, Any]", await use)
        except InDoubt as error:
            if error.raw != SERVER:
                raise
            return await self._doubted(use)

    async def _doubted(self, use: Use) -> dict[str, Any]:
        if not self.idempotent:
            question = (
                f"The server of {self.name}({use.arguments}) died under it, and nobody can tell whether it happened. "
                "Do it again, or give it up?"
            )
            if await Ask(question, "in_doubt", ("again", "give up")) != "again":
                raise InDoubt(f"a person gave {self.name!r} up")
        return await self._sure(use)

    def told(self, value: Any) -> str:
        if not isinstance(value, dict):
            return super().told(value)
        step = cast("dict[str, Any]", value)
        parts = [_block(block) for block in step["content"]]
        if not parts and step["structured"] is not None:
            parts = [json.dumps(step["structured"])]
        return "\n".join(parts)


def call_nothing() -> None:
    """What stands for a function until a tool has its own."""


class _Going:
    """The rest of a call that had asked something: a step of the play, and no tool that a model could see."""

    __slots__ = ("function", "idempotent", "is_async", "name", "probe", "returns", "takes_key", "timeout")

    def __init__(self, tool: McpTool) -> None:
        async def go_on(ticket: int, answer: dict[str, Any]) -> dict[str, Any]:
            return _step(await tool.connection.go_on(ticket, answer))

        self.name = tool.name
        self.function: Callable[..., Awaitable[Any]] = go_on
        self.is_async = True
        self.idempotent = True  # after a crash nothing is left to go on with, and the connection says so
        self.probe = None
        self.returns = None
        self.takes_key = False
        self.timeout: float | None = tool.timeout


def _reporting(progress: Progress, name: str) -> Callable[[float, float | None, str | None], Awaitable[None]]:
    async def report(done: float, total: float | None, message: str | None) -> None:
        progress(name, done, total, message)

    return report


def _step(outcome: Outcome) -> dict[str, Any]:
    """An outcome as the journal keeps it."""
    question = outcome.question
    if question is None:
        return cast("dict[str, Any]", outcome.result)
    asks = {"message": question.message, "schema": question.schema, "url": question.url}
    return {"asks": asks, "ticket": outcome.ticket}


async def _answer(tool: str, question: Question) -> dict[str, Any]:
    """What a person says to a server's question, as the server wants to hear it."""
    problem = ""
    while True:
        said = await Ask(problem + _words(tool, question), "question")
        if isinstance(said, str) and said.strip().lower() in DECLINES:
            return {"action": "cancel" if said.strip().lower() == "cancel" else "decline"}
        if question.schema is None:
            return {"action": "accept"}
        try:
            return {"action": "accept", "content": _content(said, question.schema)}
        except ValueError as error:
            problem = f"That cannot be used: {error}\n"


def _words(tool: str, question: Question) -> str:
    about = f"The MCP tool {tool!r} asks: {question.message}\n"
    if question.schema is None:
        return f"{about}Open {question.url}, then say done, or decline."
    fields = json.dumps(question.schema.get("properties", {}))
    return f"{about}Answer with an object with these fields, or say decline: {fields}"


def _content(said: Any, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an answer; what was left out is as the server proposes.

    Raises:
        ValueError: if it does not fit the schema.
    """
    fields: dict[str, Any] = schema.get("properties", {})
    if isinstance(said, str) and said.lstrip().startswith("{"):
        said = json.loads(said)
    if not isinstance(said, dict) and len(fields) == 1:
        said = {next(iter(fields)): said}
    if not isinstance(said, dict):
        raise ValueError(f"{said!r} is no object with the fields {list(fields)}")  # noqa: TRY004 - one kind for the caller
    proposed = {name: field["default"] for name, field in fields.items() if "default" in field}
    content = {**proposed, **cast("dict[str, Any]", said)}
    _fit(content, schema)
    return content


def _without_nothings(arguments: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as a server takes them: many models say null where they mean to leave something out."""
    fields: Mapping[str, Any] = schema.get("properties", {})
    needed = schema.get("required", ())

    def said(name: str) -> bool:
        return name in needed or "null" in fields.get(name, {}).get("type", "null")

    return {name: value for name, value in arguments.items() if value is not None or said(name)}


def _fit(value: Any, schema: Mapping[str, Any]) -> None:
    """See that a value fits a JSON schema. What it refers to elsewhere is not fetched; the server checks that itself.

    Raises:
        ValueError: if it does not; the message is the validator's.
    """
    from jsonschema import ValidationError, validators
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    nothing: Registry[Any] = Registry()
    validator = validators.validator_for(schema, validators.Draft202012Validator)(schema, registry=nothing)
    try:
        with suppress(Unresolvable):
            validator.validate(value)
    except ValidationError as error:
        raise ValueError(f"{error.message} (at {error.json_path})") from error


def _block(block: Mapping[str, Any]) -> str:
    """A part of a result as a model reads it; what is no text is named by its digest."""
    kind = block.get("type")
    if kind == "text":
        return str(block["text"])
    if kind == "resource" and "text" in block["resource"]:
        return str(block["resource"]["text"])
    if kind == "resource_link":
        return f"[{block.get('name', 'a resource')}: {block['uri']}]"
    inner = cast("Mapping[str, Any]", block.get("resource", block))
    data = str(inner.get("data") or inner.get("blob") or "")
    raw = data.encode()
    with suppress(ValueError):
        raw = base64.b64decode(data, validate=True)
    return f"[{kind} {inner.get('mimeType', '')}, {len(raw):,} bytes, {digest(raw).hex()[:16]}]"
