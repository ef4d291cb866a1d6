"""Exports of runs, from the store that keeps them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from coterie.errors import BadInput, UnknownRun
from coterie.kernel.story import opened
from coterie.ports import Store
from coterie.wire.export import Kept, export, redacted
from coterie.wire.journal import Reader
from coterie.wire.signature import Key


@runtime_checkable
class Archive(Protocol):
    """A store whose journals can be exported as they are kept."""

    async def kept(self, run: str, /) -> Kept:
        """What is kept of a run."""
        ...


async def exported(store: Store, id: str, *, key: Key | None = None, without: Iterable[int] = ()) -> bytes:
    """A run as one file, signed with `key`, and without the events that are to be taken out (see `wire.export`).

    Raises:
        UnknownRun: if the store has no such run.
        BadInput: if the store keeps no pages, if there is no event to be taken out, or for the public half of a key.
    """
    if not isinstance(store, Archive):
        raise BadInput(f"a {type(store).__name__} cannot export: keep runs in SQLite or PostgreSQL")
    kept = await store.kept(id)
    if not kept.pages:
        raise UnknownRun(f"no run {id!r} in this store; `coterie runs` lists them")
    first, reader = kept.pages[0], Reader(kept.contents.get)
    actor = opened(reader.page(first.seq, first.body, first.contents)).actor
    signer, sign = (b"", None) if key is None else (key.public, key.sign)
    kept = redacted(kept, without)
    return export(id, kept, made=time.time(), actor=actor, signer=signer, sign=sign)
