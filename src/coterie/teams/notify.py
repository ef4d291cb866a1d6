"""Notify: watch a feed or a folder, decide what somebody has to know, and send that once.

Watch, decide, send: each reacts to what the one before publishes. The decider says what kind of thing the wish and
each new item are about; an item of a wanted kind concerns the reader. What is sent is the item's own words.
Sending goes through a tool with a probe, so no message is sent twice, whatever crashes. Last the outbox is
read: everything that was decided has to be in it once. That is the team's done-when.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from msgspec import convert, defstruct

from coterie.actor import Play, do
from coterie.agent import Agent
from coterie.errors import BadInput
from coterie.kernel.values import to_plain
from coterie.patterns.choose import one_of
from coterie.patterns.events import Event, events, on
from coterie.team import Team
from coterie.teams.option import Option
from coterie.teams.outbox import Item, Notice, items, missed, notices, send
from coterie.words.effect import Get, Put, Sleep
from coterie.words.message import Message
from coterie.words.task import Task

LONGEST = 600
"""Characters of an item that the decider is shown, and of it that are sent."""
_TELL = re.compile(
    r"^\s*(?:please\s+)?(?:tell|notify|inform|warn)\s+\w+\s+(?:when(?:ever)?|about|if|of)\b", re.IGNORECASE
)
KINDS = {
    "failure": "high", "danger": "high", "complaint": "normal", "order": "normal", "request": "normal",
    "offer": "normal", "event": "low", "news": "low", "rule": "low", "praise": "low",
}  # fmt: skip
"""What things are about, and how urgent each is: single words, which small models sort by best."""


STAGES = ("watch", "decide", "send")
"""Who reacts, in the order of the work."""
Label = defstruct("Label", [("kind", one_of(KINDS))], frozen=True)
"""What the decider answers with."""
DECIDER = Agent("decider", "You say what kind of note it is.", output=Label, settings={"max_tokens": 16})
OPTIONS = (
    Option(
        name="feed",
        help="A file with a line of JSON an item (id, text), or a folder of .txt files.",
        kind="path",
        required=True,
    ),
    Option(name="outbox", help="The file that messages are added to.", kind="output", required=True),
    Option(name="polls", help="How often to look.", kind="number", default=1),
    Option(name="every", help="Seconds between two looks.", kind="number", default=60),
)


def build(feed: str | Path, outbox: str | Path, polls: float = 1, every: float = 60) -> Team:
    """A team that looks `polls` times, `every` so many seconds, and sends what the task asks for to `outbox`.

    Raises:
        BadInput: if there is no such feed, an item cannot be read, `outbox` is a folder, or `polls` is below 1.
    """
    if not Path(feed).exists():
        raise BadInput(f"there is no feed {str(feed)!r}: give a file of JSON lines or a folder")
    if Path(outbox).is_dir():
        raise BadInput(f"{str(outbox)!r} is a folder: name a file for the messages")
    if polls < 1 or every < 0:
        raise BadInput(f"polls is 1 or more and every 0 or more, not {polls:g} and {every:g}")
    source, target, looks = str(Path(feed).resolve()), str(Path(outbox).resolve()), int(polls)
    items.function(source)

    async def play(task: Task) -> Message:
        await Put("notify/wanted", await _wanted(task.text))
        said = await team(Task(task.text, data=0))
        decided = [part.output for part in said.parts if isinstance(part.output, Notice)]
        lines = [f"[{one.urgency}] {one.text} ({one.item})" for one in decided]
        text = "\n".join(lines) or "Nothing to tell."
        parts = tuple(sorted(said.parts, key=lambda part: STAGES.index(part.sender)))  # whoever was first
        return Message(sender="notify", text=text, output=decided, parts=parts, missing=said.missing)

    team = events(
        on("task", Team("watch", (), _watching(source, target, looks, every))),
        on("item", Team("decide", [DECIDER], _decided)),
        on("notice", Team("send", (), _sending(target))),
        hops=looks + 2,
        name="flow",
    )
    settings = {"polls": looks, "every": every}
    return Team("notify", [team], play, settings=settings, done_when=partial(_all_sent, target))


def _watching(source: str, outbox: str, looks: int, every: float) -> Play:
    """The play that publishes what is new since the last look, and the next look."""

    async def play(task: Task) -> Message:
        look: int = task.data
        if look:
            await Sleep(every)
        known = set((await Get("notify/seen")).value or [one.item for one in await do(notices, outbox)])
        fresh = [one for one in await do(items, source) if one.id not in known]
        await Put("notify/seen", sorted(known | {one.id for one in fresh}))
        published = [Event("item", one.text, one) for one in fresh]
        if look + 1 < looks:
            published.append(Event("task", task.text, look + 1))
        return Message(sender="watch", text=f"{len(fresh)} new", output=published)

    return play


async def _decided(task: Task) -> Message:
    """Publish a notice, if the item is of a kind that the reader asked for."""
    item = convert(to_plain(task.data), Item)
    wanted: list[str] = (await Get("notify/wanted")).value
    kind = (await DECIDER(item.text[:LONGEST])).output.kind
    if kind not in wanted:
        return Message(sender="decide", text=f"{item.id}: {kind}, not wanted")
    notice = Notice(item.id, KINDS[kind], " ".join(item.text[:LONGEST].split()))
    return Message(sender="decide", text=f"{item.id}: {kind}", output=[Event("notice", notice.text, notice)])


async def _wanted(wish: str) -> list[str]:
    """The kinds that a wish names, or else the kind of what it speaks of."""
    named = [kind for kind in KINDS if re.search(rf"\b{kind}s?\b", wish, re.IGNORECASE)]
    return named or [(await DECIDER(_TELL.sub("", wish).strip())).output.kind]


def _sending(outbox: str) -> Play:
    """The play that sends what was decided."""

    async def play(task: Task) -> Message:
        notice = convert(to_plain(task.data), Notice)
        await do(send, outbox, notice)
        return Message(sender="send", text=notice.text, output=notice)

    return play


async def _all_sent(outbox: str, message: Message) -> str:
    """What was decided and is not in the outbox exactly once, and who failed on the way."""
    decided: list[Notice] = message.output
    lost = [str(failure) for failure in message.missing]
    return "; ".join([*missed(await do(notices, outbox), decided), *lost])
