"""Names for values: BLAKE2b (RFC 7693), 32 bytes, over canonical MessagePack.

BLAKE2b because it is as strong as SHA-256 here and takes half its time on machines without
SHA instructions.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, cast

import msgspec
from msgspec.msgpack import Ext

SIZE = 32
"""Bytes in a digest."""
INLINE = 2048
"""Letters up to which a text stands where it is said; a longer one is mentioned by its digest."""
REF = 1
"""The MessagePack extension code of a mention."""


def plain(value: Any) -> Any:
    """The JSON shape of a value that MessagePack does not know: pydantic models, and sets in order."""
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(mode="json")
    if isinstance(value, (set, frozenset)):
        members = cast("set[Any]", value)
        return sorted(members)
    raise NotImplementedError(f"a {type(value).__name__} cannot be stored")


encode = msgspec.msgpack.Encoder(enc_hook=plain, order="deterministic").encode
"""Canonical bytes of a value: the same value gives the same bytes, whatever the hash seed."""


def digest(body: bytes) -> bytes:
    """The name of some bytes."""
    return blake2b(body, digest_size=SIZE).digest()


def digest_of(value: Any) -> bytes:
    """The name of a value."""
    return blake2b(encode(value), digest_size=SIZE).digest()


def chain(before: bytes, body: bytes) -> bytes:
    """The next link: the digest of what came before and of `body`."""
    return blake2b(before + body, digest_size=SIZE).digest()


def mention(body: bytes) -> Ext:
    """What stands for some bytes that are kept under their digest."""
    return Ext(REF, digest(body))
