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
from coterie.words.which import Which


@runtime_checkable
class Archive(Protocol):
    """A store whose journals can be exported as they are kept."""

    async def kept(self, run: str, /) -> Kept:
        """What is kept of a run."""
        ...


@runtime_checkable
class Verifying(Protocol):
    """A store that can tell whether its journals are what was written."""

    async def verify(self, run: str, /) -> list[str]:
        """What is wrong with a journal, a line each."""
        ...


async def verified(store: Store, id: str) -> list[str]:
    """What is wrong with the journal of a run, a line each; nothing if it is what was written.

    Raises:
        UnknownRun: if the store has no such run.
        BadInput: if the store keeps nothing to check it by.
    """
    if not isinstance(store, Verifying):
        raise BadInput(f"a {type(store).__name__} cannot be verified: keep runs in SQLite or PostgreSQL")
    if not await store.runs(Which(id=id)):
        raise UnknownRun(f"no run {id!r} in this store; `coterie runs` lists them")
    return await store.verify(id)


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
