"""Boards of a tenant: entries by key, in versions that are compared before they are set; watched, and kept for good."""

from __future__ import annotations

import re
from typing import Any

from coterie.doors.http.api.kept import (
    After,
    BoardList,
    BoardShown,
    From,
    NewPosted,
    PostedHistory,
    PostedPage,
    PostedThen,
    Since,
)
from coterie.doors.http.operations import Call, Operations, Tagged
from coterie.doors.http.problems import Problem, there
from coterie.doors.http.sse import EntryStream
from coterie.errors import BadInput
from coterie.shell.feeds import BOARDS, Posted, posted_of

operations = Operations()
NAME = re.compile(r"[A-Za-z0-9_.:-]{1,200}")


@operations.add("GET", "/v1/boards", needs="viewer", query=After, gives=BoardList, tagged=True)
async def list_boards(call: Call) -> BoardList:
    """The boards on which anything was put, by name."""
    wanted: After = call.query
    found = await call.roster.boards.names(wanted.after, wanted.limit + 1)
    page, more = found[: wanted.limit], len(found) > wanted.limit
    shown = [BoardShown(name=name, updated=entry.time) for name, entry in page]
    return BoardList(boards=shown, next=page[-1][0] if more else None)


@operations.add(
    "GET", "/v1/boards/{board}/entries", needs="viewer", query=After, gives=PostedPage, tagged=True
)
async def read_board(call: Call) -> PostedPage:
    """What stands on a board, by key, a page at a time."""
    board, wanted = _board(call), call.query
    call.permitted("read", f"{board}/*")
    entries = await call.roster.boards.entries(board)
    found = [one for key, one in entries.items() if key > wanted.after]
    page, more = found[: wanted.limit], len(found) > wanted.limit
    return PostedPage(entries=page, next=page[-1].key if more else None)


@operations.add(
    "GET", "/v1/boards/{board}/entries/{key}", needs="viewer", gives=Posted, problems=(404,), tagged=True
)
async def read_entry(call: Call) -> Tagged:
    """One entry of a board; its `ETag` is its version."""
    call.permitted("read", f"{_board(call)}/{_key(call)}")
    found = await _standing(call)
    return Tagged(found, found.version)


@operations.add(
    "PUT",
    "/v1/boards/{board}/entries/{key}",
    needs="operator",
    body=NewPosted,
    gives=Posted,
    problems=(412,),
    headers=("If-Match", "If-None-Match"),
)
async def put_entry(call: Call) -> Tagged:
    """Put something under a key: in the place of what `If-Match` names, or with `If-None-Match: *` as new."""
    new = await _put(call, call.body.value)
    return Tagged(new, new.version)


@operations.add(
    "DELETE",
    "/v1/boards/{board}/entries/{key}",
    needs="operator",
    status=204,
    problems=(404, 412),
    headers=("If-Match",),
)
async def remove_entry(call: Call) -> None:
    """Have nothing stand under a key any more, if it is in the version that `If-Match` names; its history stays."""
    await _standing(call)
    await _put(call, None, gone=True)


@operations.add(
    "GET",
    "/v1/boards/{board}/entries/{key}/history",
    needs="viewer",
    query=From,
    gives=PostedHistory,
    problems=(404,),
    tagged=True,
)
async def entry_history(call: Call) -> PostedHistory:
    """All that ever stood under a key after a version, the oldest first, a page at a time."""
    board, key, wanted = _board(call), _key(call), call.query
    call.permitted("read", f"{board}/{key}")
    versions = await call.roster.boards.history(board, key)
    if not versions:
        raise Problem(404, f"nothing ever stood under {key!r}")
    found = [(when, one) for when, one in versions if one.version > wanted.after]
    page, more = found[: wanted.limit], len(found) > wanted.limit
    shown = [
        PostedThen(version=one.version, value=one.value, by=one.by, gone=one.gone, time=when)
        for when, one in page
    ]
    return PostedHistory(versions=shown, next=page[-1][1].version if more else None)


@operations.add(
    "GET",
    "/v1/boards/{board}/events",
    needs="viewer",
    query=Since,
    gives=Posted,
    media="text/event-stream",
    headers=("Last-Event-ID",),
)
async def watch_board(call: Call) -> EntryStream:
    """What is put on a board, from after a number on (or `Last-Event-ID`), each once and in order."""
    board = _board(call)
    call.permitted("read", f"{board}/*")
    batches = call.roster.feeds.batches(BOARDS + board, call.after(call.query.after))
    return EntryStream("posted", batches, posted_of, call.service.settings.slow)


async def _standing(call: Call) -> Posted:
    """What stands under the key that is asked for."""
    board, key = _board(call), _key(call)
    return there((await call.roster.boards.entries(board)).get(key), f"nothing stands under {key!r}")


async def _put(call: Call, value: Any, *, gone: bool = False) -> Posted:
    board, key = _board(call), _key(call)
    call.permitted("write", f"{board}/{key}")
    version: int | None = None
    if call.request.headers.get("if-none-match", "").strip() == "*":
        version = 0
    elif call.request.headers.get("if-match", "").strip():
        version = call.version
    return await call.roster.boards.put(board, key, value, by=call.by.name, version=version, gone=gone)


def _board(call: Call) -> str:
    return _named(call.path["board"], "board")


def _key(call: Call) -> str:
    return _named(call.path["key"], "entry")


def _named(name: str, what: str) -> str:
    if not NAME.fullmatch(name):
        raise BadInput(f"{name!r} cannot name a {what}: letters, digits and _ . : -, at most 200")
    return name
