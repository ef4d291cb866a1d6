"""Topics of a tenant: published on, read and watched from any number on; standing agents hear them, too."""

from __future__ import annotations

import re

import msgspec

from coterie.doors.http.api.kept import (
    After,
    From,
    NewPublished,
    PublishedPage,
    PublishedShown,
    Since,
    TopicPage,
    TopicShown,
)
from coterie.doors.http.operations import Call, Operations
from coterie.doors.http.sse import EntryStream
from coterie.errors import BadInput
from coterie.ports import Entry
from coterie.shell.feeds import Published, ledger_of

operations = Operations()
NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
LONGEST = 200


@operations.add("GET", "/v1/topics", needs="viewer", query=After, gives=TopicPage, tagged=True)
async def list_topics(call: Call) -> TopicPage:
    """The topics on which anything was published, by name."""
    wanted: After = call.query
    found = await call.roster.topics.heads(wanted.after, wanted.limit + 1)
    page, more = found[: wanted.limit], len(found) > wanted.limit
    shown = [TopicShown(name=name, last=entry.seq, updated=entry.time) for name, entry in page]
    return TopicPage(topics=shown, next=page[-1][0] if more else None)


@operations.add(
    "POST",
    "/v1/topics/{name}/messages",
    needs="operator",
    body=NewPublished,
    gives=PublishedShown,
    status=201,
    headers=("Idempotency-Key",),
)
async def publish(call: Call) -> PublishedShown:
    """Publish on a topic; it is durable when this returns. The same `Idempotency-Key` is the same message."""
    topic = _topic(call)
    call.permitted("write", ledger_of(topic))
    key = call.request.headers.get("idempotency-key", "")[:500]
    said = Published(message=call.body.message, by=call.by.name, key=key)
    return _shown(topic, await call.roster.publish(topic, said))


@operations.add(
    "GET", "/v1/topics/{name}/messages", needs="viewer", query=From, gives=PublishedPage, tagged=True
)
async def read_topic(call: Call) -> PublishedPage:
    """What was published on a topic after a number, the oldest first, a page at a time."""
    topic, wanted = _topic(call), call.query
    call.permitted("read", ledger_of(topic))
    found = await call.roster.topics.read(topic, wanted.after, wanted.limit + 1)
    page, more = found[: wanted.limit], len(found) > wanted.limit
    shown = [_shown(topic, entry) for entry in page]
    return PublishedPage(messages=shown, next=page[-1].seq if more else None)


@operations.add(
    "GET",
    "/v1/topics/{name}/events",
    needs="viewer",
    query=Since,
    gives=PublishedShown,
    media="text/event-stream",
    headers=("Last-Event-ID",),
)
async def watch_topic(call: Call) -> EntryStream:
    """What is published on a topic, from after a number on (or `Last-Event-ID`), each once and in order."""
    topic = _topic(call)
    call.permitted("read", ledger_of(topic))
    batches = call.roster.feeds.batches(ledger_of(topic), call.after(call.query.after))
    return EntryStream("published", batches, lambda entry: _shown(topic, entry), call.service.settings.slow)


def _topic(call: Call) -> str:
    name = call.path["name"]
    if len(name) > LONGEST or not NAME.fullmatch(name):
        raise BadInput(f"{name!r} cannot name a topic: words with dots between, at most {LONGEST} letters")
    return name


def _shown(topic: str, entry: Entry) -> PublishedShown:
    said = msgspec.convert(entry.body, Published)
    return PublishedShown(number=entry.seq, topic=topic, message=said.message, by=said.by, time=entry.time)
