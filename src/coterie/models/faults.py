"""What goes wrong at a provider, by whose fault it was: pydantic-ai's errors as ours."""

from __future__ import annotations

from typing import Any, cast

from pydantic_ai import exceptions as theirs

from coterie.errors import BadInput, CoterieError, ModelRefused, ModelUnavailable, NoAccess, RateLimited
from coterie.models.providers import PROVIDERS

_RETRYABLE = {408, 409, 425}
"""Statuses below 500 that may be gone the next time: timeout, conflict, too early (RFC 9110, RFC 8470)."""
_LINE = 400
"""Letters of them that are told on one line."""
_ADVICE: dict[type[CoterieError], str] = {
    NoAccess: "check {keys}, and what that account may use",
    ModelUnavailable: "try again later, or name another model with `fallback`",
}
_RAW = 2000
"""Letters of a provider's own words that are kept with a failure."""


def failure(error: Exception, name: str) -> CoterieError:
    """Their error as ours, by whose fault it was; it says what happened and what to do next."""
    made = _failure(error, f"model {name!r}: {_said(error)}")
    advice = _ADVICE.get(type(made))
    if advice:
        made.message = f"{made.message}; {advice.format(keys=' or '.join(_keys(name)) or 'its key')}"
        made.args = (made.message,)
    if isinstance(error, theirs.ModelAPIError):
        made.retry_after = error.retry_after or 0.0
        made.raw = "" if error.body is None else str(error.body)[:_RAW]
    elif isinstance(error, theirs.UnexpectedModelBehavior):
        made.raw = (error.body or "")[:_RAW]
    return made


def _keys(name: str) -> tuple[str, ...]:
    return PROVIDERS[name.partition(":")[0]].keys


def _failure(error: Exception, message: str) -> CoterieError:
    if isinstance(error, theirs.UserError):
        return BadInput(message)
    if isinstance(error, theirs.ModelRateLimitError):
        return RateLimited(message)
    if isinstance(error, (theirs.ModelAuthenticationError, theirs.ModelQuotaExceededError)):
        return NoAccess(message)
    if isinstance(error, (theirs.ModelRequestRejectedError, theirs.ContentFilterError)):
        return ModelRefused(message)
    if isinstance(error, theirs.OutputTokenLimitExceeded):
        return ModelRefused(f"{message}: raise max_tokens")
    if isinstance(error, theirs.ModelHTTPError):
        return _by_status(error.status_code, message)
    return ModelUnavailable(message)


def _by_status(status: int, message: str) -> CoterieError:
    if status == 429:
        return RateLimited(message)
    if status in (401, 403):
        return NoAccess(message)
    return ModelUnavailable(message) if status in _RETRYABLE or status >= 500 else ModelRefused(message)


def _said(error: Exception) -> str:
    """What a provider said in its own words, on one line; or what kind of error it was."""
    body = getattr(error, "body", None)
    inner = cast("dict[str, Any]", body).get("error", body) if isinstance(body, dict) else None
    words = cast("dict[str, Any]", inner).get("message") if isinstance(inner, dict) else None
    said = " ".join(str(words or error).split())[:_LINE] or type(error).__name__
    status = getattr(error, "status_code", None)
    return f"{status}, {said}" if status else said
