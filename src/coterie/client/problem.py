"""From a problem that a service answers with to the error of ours that it stands for."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from coterie import errors
from coterie.errors import BadInput, CoterieError, ServiceFailed


class Said(Struct, frozen=True):
    """What a problem says (RFC 9457), and which error of ours it is."""

    detail: str = ""
    kind: str = ""
    path: str = ""


def error_of(status: int, body: bytes) -> CoterieError:
    """The error that an answer stands for: the very kind the service names, or `ServiceFailed` with its status."""
    try:
        said = msgspec.json.decode(body, type=Said)
    except (msgspec.DecodeError, msgspec.ValidationError):
        said = Said()
    kind = getattr(errors, said.kind, None)
    if isinstance(kind, type) and issubclass(kind, CoterieError) and kind is not ServiceFailed:
        return kind(said.detail, path=said.path)
    if status in (404, 422):
        return BadInput(said.detail or f"the service has nothing there ({status})")
    return ServiceFailed(f"the service answered {status}: {said.detail or 'and said nothing more'}")
