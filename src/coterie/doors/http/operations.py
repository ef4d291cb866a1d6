"""The operations of the API: one table, from which its routes, its OpenAPI document and its client are made.

An operation is an async function from a `Call` to a value. What it takes and gives is declared beside it, as
msgspec types: a body or a query that does not fit is refused before the function is called.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from coterie.doors.http.problems import Problem
from coterie.kernel.values import to_plain
from coterie.shell.gate import permitted
from coterie.words.digest import digest
from coterie.words.principal import Principal, Role

if TYPE_CHECKING:
    from coterie.doors.http.roster import Kept, Roster
    from coterie.doors.http.service import Service
    from coterie.shell.host import Host

Handler = Callable[["Call"], Awaitable[Any]]
H = TypeVar("H", bound=Handler)


class Operation(Struct, frozen=True, kw_only=True):
    """One thing that a client can ask for."""

    method: str
    path: str
    does: str
    needs: Role | None
    handler: Handler
    body: Any = None
    query: Any = None
    gives: Any = None
    status: int = 200
    problems: tuple[int, ...] = ()
    media: str = "application/json"
    headers: tuple[str, ...] = ()
    """Headers that say something to it."""
    tagged: bool = False
    """Whether what it gives has an `ETag`, and is not given again to who has it."""

    @property
    def name(self) -> str:
        """What it is called in the OpenAPI document and in the client."""
        return self.handler.__name__

    @property
    def parameters(self) -> list[str]:
        """The names in its path."""
        return re.findall(r"{(\w+)(?::\w+)?}", self.path)


class Tagged(Struct, frozen=True):
    """What an operation gives, and the number of its version; what `moves` changes between two versions, too."""

    value: Any
    version: int
    moves: bool = False


class Some(Struct, frozen=True):
    """A page of a list, and where the next one begins: a `Link` header says it (RFC 8288)."""

    items: list[Any]
    next: str | None


class Call:
    """One request: who asks, of which host, and with what."""

    def __init__(self, service: Service, request: Request, operation: Operation) -> None:
        self.service = service
        self.request = request
        self.path: dict[str, str] = dict(request.path_params)
        self._operation = operation
        self.body: Any = None
        self.query: Any = None

    @property
    def by(self) -> Principal:
        """Who asks."""
        principal: Principal = self.request.user.principal
        return principal

    @property
    def host(self) -> Host:
        """The runs of the tenant that asks."""
        return self.service.host(self.by.tenant)

    @property
    def roster(self) -> Roster:
        """Who and what the tenant that asks has written."""
        return self.service.roster(self.by.tenant)

    def after(self, asked: int) -> int:
        """The number after which a stream goes on: what `Last-Event-ID` says, or else what was asked."""
        last = self.request.headers.get("last-event-id", "").strip()
        return int(last) if last.isascii() and last.lstrip("-").isdigit() and len(last) < 17 else asked

    @property
    def version(self) -> int | None:
        """The number of the version that `If-Match` names (RFC 9110, 13.1.1); None for any.

        Raises:
            Problem: 428 if it is not said, 412 if it can be none.
        """
        said = self.request.headers.get("if-match", "").strip()
        if not said:
            raise Problem(428, "say which version you have read: its ETag as If-Match")
        if said == "*":
            return None
        number = said.removeprefix("W/").strip('"').partition(".")[0]
        if not number.isascii() or not number.isdigit():
            raise Problem(412, f"{said!r} is no version of this: read it again")
        return int(number[:18])

    def version_of(self, kept: Kept[Any]) -> int:
        """The number of the version that `If-Match` names; if it names any, that of what is kept.

        Raises:
            Problem: 428 if it is not said, 412 if it can be none.
        """
        version = self.version
        return kept.version if version is None else version

    def permitted(self, action: str, resource: str, **context: Any) -> None:
        """See that the policy of the service lets who asks do something, right now.

        Raises:
            Denied: if it does not, or leaves it to a person.
        """
        policy = self.service.policy
        if policy is not None:
            permitted(policy, self.by, action, resource, context)

    async def read(self) -> None:
        """Read body and query.

        Raises:
            Problem: if either does not fit what is declared.
        """
        if self._operation.query is not None:
            self.query = _converted(dict(self.request.query_params), self._operation.query, "query")
        if self._operation.body is not None:
            self.body = _decoded(await self.request.body(), self._operation.body)


class Operations:
    """A table of operations that grows by decorating functions."""

    def __init__(self) -> None:
        self.table: list[Operation] = []

    def add(self, method: str, path: str, *, needs: Role | None, **declared: Any) -> Callable[[H], H]:
        """Have the decorated function answer `method` on `path`; see `Operation` for what is declared."""

        def put(handler: H) -> H:
            does = (handler.__doc__ or "").strip().splitlines()[0]
            self.table.append(
                Operation(method=method, path=path, needs=needs, does=does, handler=handler, **declared)
            )
            return handler

        return put


def routes(service: Service, table: list[Operation]) -> list[Route]:
    """The routes of a table, one a path."""
    by_path: dict[str, dict[str, Operation]] = {}
    for one in table:
        by_path.setdefault(one.path, {})[one.method] = one
    return [Route(path, _endpoint(service, ways), methods=[*ways]) for path, ways in by_path.items()]


def _endpoint(service: Service, ways: dict[str, Operation]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        operation = ways["GET" if request.method == "HEAD" else request.method]
        call = Call(service, request, operation)
        if operation.needs is not None and not call.by.may(operation.needs):
            raise Problem(
                403, f"{call.by.name!r} is a {call.by.role}; this needs the role {operation.needs!r}"
            )
        await call.read()
        return _response(call, operation, await operation.handler(call))

    return endpoint


def _response(call: Call, operation: Operation, value: Any) -> Response:
    if isinstance(value, Response):
        return value
    if operation.status == 204:
        return Response(status_code=204)
    headers: dict[str, str] = {}
    if isinstance(value, Some):
        if value.next is not None:
            headers["link"] = f'<{call.request.url.include_query_params(after=value.next)}>; rel="next"'
        value = value.items
    tagged = value if isinstance(value, Tagged) else None
    body = msgspec.json.encode(to_plain(value if tagged is None else tagged.value))
    if tagged is not None or operation.tagged:
        headers["etag"] = _tag(tagged, body)
        if call.request.method in ("GET", "HEAD") and _has(call.request, headers["etag"]):
            return Response(status_code=304, headers=headers)
    return Response(body, operation.status, headers, "application/json")


def _tag(tagged: Tagged | None, body: bytes) -> str:
    """The tag of what is given: the number of its version, a digest of it, or both with a dot between."""
    parts = [] if tagged is None else [str(tagged.version)]
    if tagged is None or tagged.moves:
        parts.append(digest(body).hex()[:24])
    return f'"{".".join(parts)}"'


def _has(request: Request, tag: str) -> bool:
    """Whether who asks has that version already (`If-None-Match`; RFC 9110, 13.1.2)."""
    said = request.headers.get("if-none-match", "")
    return said.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in said.split(",")]


def _decoded(body: bytes, kind: Any) -> Any:
    if not body:
        raise Problem(400, "this needs a JSON body")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise Problem(422, f"the body does not fit: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f"the body is no JSON: {error}") from error


def _converted(given: dict[str, str], kind: Any, what: str) -> Any:
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Problem(422, f"the {what} does not fit: {error}") from error
