"""Errors as an HTTP client reads them: `application/problem+json` (RFC 9457), one status a kind of error."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from coterie import errors

T = TypeVar("T")
MEDIA = "application/problem+json"
STATUS: dict[type[Exception], int] = {
    errors.UnknownRun: 404,
    errors.NotAsked: 404,
    errors.Denied: 403,
    errors.Answered: 409,
    errors.Busy: 409,
    errors.Changed: 412,
    errors.Paused: 409,
    errors.Expired: 410,
    errors.BadInput: 422,
    errors.OverLimit: 429,
    errors.Overloaded: 503,
    errors.MissingExtra: 501,
    errors.Corrupt: 500,
    errors.StoreError: 503,
    errors.CoterieError: 422,
}
"""The status for each kind of error, the most special first."""
RETRY_AFTER = 1
"""Seconds after which an overloaded service may be asked again."""


class Problem(Exception):
    """An answer that is a problem: its status, and what the client has to know and to do."""

    def __init__(
        self, status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more

    def response(self) -> Response:
        """The problem as an answer."""
        title = HTTPStatus(self.status).phrase
        body = {
            "type": "about:blank",
            "title": title,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        return Response(msgspec.json.encode(body), self.status, self.headers, MEDIA)


def there(found: T | None, why: str) -> T:
    """What was found.

    Raises:
        Problem: 404, if nothing was; `why` says what there is not.
    """
    if found is None:
        raise Problem(404, why)
    return found


def problem_of(error: Exception) -> Problem:
    """The problem that stands for an error of ours."""
    status = next(status for kind, status in STATUS.items() if isinstance(error, kind))
    headers = {"Retry-After": str(RETRY_AFTER)} if status == 503 else {}
    if after := getattr(error, "retry_after", 0.0):
        headers = {"Retry-After": str(int(after) + 1)}
    where = getattr(error, "path", "")
    more: dict[str, Any] = {"kind": type(error).__name__} | ({"path": where} if where else {})
    return Problem(status, getattr(error, "message", str(error)), headers, **more)


async def on_problem(_: Request, error: Exception) -> Response:
    """How Starlette answers with a `Problem`."""
    assert isinstance(error, Problem)
    return error.response()


async def on_error(_: Request, error: Exception) -> Response:
    """How Starlette answers with an error of ours."""
    return problem_of(error).response()
