"""Windows: a conversation as one agent is shown it while it works on one task (see `context.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from coterie.context import (
    NOTICE,
    REREAD,
    SHARE,
    SMALLEST,
    Context,
    Select,
    Summary,
    Wanted,
    clipped,
    cut,
    field_of,
)
from coterie.errors import BadInput, OverLimit
from coterie.kernel.values import to_plain
from coterie.typed import value_of
from coterie.words.brief import Brief
from coterie.words.effect import Claim, Get, Put, Release, Think
from coterie.words.message import Message, ToolCall
from coterie.words.task import Task
from coterie.words.thread import Thread
from coterie.words.tokens import FRAME, Count, shown, size_of

UNBOUNDED = 1 << 50
"""Tokens of a prompt without a budget."""
SUMMARIZE = (
    "Summarize the conversation so far for somebody who goes on with it: what was asked, decided, found and "
    "is still open, with names and numbers. Leave out what is settled and needed no more."
)


class Size(Struct, frozen=True):
    """Measures messages: one of more than `most` tokens counts as that many, for no more of it is shown."""

    count: Count
    most: int = UNBOUNDED

    def __call__(self, message: Message) -> int:
        return min(size_of(message, self.count), self.most)


class Lens(Struct, frozen=True):
    """What an agent's context comes to in numbers: how much of its prompts is there for what."""

    context: Context
    actor: str
    brief: Brief
    room: int
    """Tokens for the conversation: the budget without instructions and tools."""

    @property
    def share(self) -> int:
        """Tokens that one message has at most."""
        return self.room // SHARE

    @property
    def free(self) -> int:
        """Tokens for messages beside the two that are always there and what is said of those left out."""
        return self.room - 3 * self.share - NOTICE

    @property
    def more(self) -> Brief:
        """The brief of an agent that can ask for what was left out."""
        if not self.context.reread:
            return self.brief
        return replace(self.brief, tools=(*self.brief.tools, REREAD))


def lens_of(context: Context, actor: str, brief: Brief) -> Lens:
    """The lens of the agent called `actor`.

    Raises:
        BadInput: if the budget leaves no room for a conversation beside the agent's instructions and
            tools, or a tool has the name of the one for what was left out.
    """
    if any(spec.name == REREAD.name for spec in brief.tools):
        raise BadInput(f"agent {actor!r}: with a context, {REREAD.name!r} is the tool for what was left out")
    lens = Lens(context, actor, brief, UNBOUNDED)
    if context.budget is None:
        return lens
    fixed = context.count(shown(to_plain(lens.more))) + NOTICE
    least = fixed + SHARE * SMALLEST
    if context.budget < least:
        raise BadInput(
            f"agent {actor!r}: a budget of {context.budget} tokens is too small: its instructions and tools "
            f"take {fixed}, so give it {least} or more"
        )
    return replace(lens, room=context.budget - fixed)


class Window:
    """What an agent is shown for one task. `begun` is how many messages there were before its own work."""

    def __init__(self, lens: Lens, task: Task, begun: int, model: tuple[str, Any]) -> None:
        self.lens, self.task, self.asked, self.model = lens, task, begun - 1, model
        self.past = begun - 1 if task.text else begun
        self.count = lens.context.count
        self.whole = Size(self.count)
        self.size = Size(self.count, lens.share)
        self.known: dict[str, str] = {}

    async def show(self, thread: Thread) -> tuple[Brief, Thread]:
        """The brief and the thread of the next prompt.

        Raises:
            OverLimit: if one call and its results are more than the budget, however short each is shown.
        """
        lens, size = self.lens, len(thread)
        between = lens.context.chosen(thread, self.past, lens.actor)
        if between is None and thread.sums(self.whole)[size] <= lens.room:
            return lens.brief, thread
        known = await self._selected(lens.context) if isinstance(lens.context, Select) else []
        if between is None:
            at: Sequence[int] = range(size)
            sums = thread.sums(self.size)
        else:
            at = sorted({0, *between, *range(self.asked, size)})
            sums = [0, *accumulate(self._size(thread, n) for n in at)]
        begin, blocks = cut(sums, len(at), lens.free)
        kept = at[_at_a_call(thread, at, begin) :]
        asked = [self.asked] if 0 < self.asked < kept[0] else []
        rest = [n for n in kept if n]
        if blocks and isinstance(lens.context, Summary):
            known = await self._summary(thread, blocks)
        told = [*_left_out(thread, {0, *asked, *rest}, lens.context.reread), *known]
        most = self._most(thread, kept)
        rows = [self._excerpt(thread, n, lens.share) for n in (0, *asked)]
        rows += [self._excerpt(thread, n, most) for n in rest]
        if not told and all(row is thread[n] for n, row in enumerate(rows)):
            return lens.brief, thread
        return lens.more, Thread([rows[0], *told, *rows[1:]])

    def reread(self, call: ToolCall, thread: Thread) -> str:
        """What a model gets that asks for something that was left out."""
        try:
            wanted = value_of(call.arguments, Wanted)
        except ValueError as error:
            return f"error: bad arguments: {error}"
        name = str(wanted.id)
        if name in self.known:
            what, text = f"the value of {name!r}", self.known[name]
        elif name.isdecimal() and 1 <= int(name) <= len(thread):
            said = thread[int(name) - 1]
            what, text = f"message {name} of {len(thread)}, by {said.sender!r}", _in_full(said)
        else:
            return f"error: there is no {name!r}; there are messages 1 to {len(thread)}, and {[*self.known]}"
        begin = min(max(0, wanted.start), len(text))
        head = f"[{what}, characters {begin} to %d of {len(text)}%s]\n"
        on = f'; reread("{name}", %d) goes on'
        longest = head % (len(text), on % len(text))
        room = self.lens.share - self.count(longest) - self.count(REREAD.name) - 2 * FRAME
        piece = clipped(text[begin:], max(FRAME, room), self.count)
        end = begin + len(piece)
        return head % (end, on % end if end < len(text) else "") + piece

    async def _selected(self, select: Select) -> list[Message]:
        """The values that were chosen by key, as one message; each has an equal part of what one may have."""
        lines: list[str] = []
        for key in select.keys:
            entry = await Get(key)
            value = entry.value if entry.version else field_of(self.task.data, key)
            if value is None:
                lines.append(f"{key}: [nothing is known of it]")
                continue
            text = self.known[key] = shown(to_plain(value))
            part = clipped(text, max(1, self.lens.share // len(select.keys) - 3 * FRAME), self.count)
            more = f'[and more: reread("{key}", {len(part)})]' if len(part) < len(text) else ""
            lines.append(f"{key}: {part}{more}")
        return [_note("\n".join(["This is known.", *lines]))]

    async def _summary(self, thread: Thread, blocks: int) -> list[Message]:
        """What the first blocks of the conversation came to, made from the summary of those before the last."""
        ends = [self._end(thread, n) for n in range(blocks + 1)]
        told, done = "", blocks
        while done:
            entry = await Get(self._key(thread, ends[done]))
            if entry.version:
                told = str(entry.value)
                break
            done -= 1
        for n in range(done + 1, blocks + 1):
            told = await self._summarized(thread, max(1, ends[n - 1]), ends[n], told)
        return [_note(f"In short, that was: {told}")] if told else []

    def _end(self, thread: Thread, blocks: int) -> int:
        sums = thread.sums(self.size)
        return _at_a_call(thread, range(len(thread)), cut(sums, len(thread), self.lens.free, blocks)[0])

    def _key(self, thread: Thread, end: int) -> str:
        """Where on the board the summary of the first `end` messages is."""
        by = self.lens.context.by if isinstance(self.lens.context, Summary) else None
        prefix = thread.links[end - 1].hex()[:32] if end else ""
        return f"context.summary/{by.name if by else self.model[0]}/{self.lens.share}/{prefix}"

    async def _summarized(self, thread: Thread, begin: int, end: int, before: str) -> str:
        """The summary of messages `begin` to `end`, and of what came `before`; made once for all who ask."""
        if begin >= end:
            return before
        key = self._key(thread, end)
        await Claim(key)
        entry = await Get(key)
        told = str(entry.value)
        if not entry.version:
            rows = [self._excerpt(thread, n, self.lens.share) for n in range(begin, end)]
            if before:
                rows.insert(0, _note(f"In short, before this: {before}"))
            told = clipped((await self._asked(Thread(rows))).text, self.lens.share - 3 * FRAME, self.count)
            await Put(key, told)
        await Release(key)
        return told

    async def _asked(self, rows: Thread) -> Message:
        by = self.lens.context.by if isinstance(self.lens.context, Summary) else None
        if by is not None:
            return await by(Task(SUMMARIZE, rows))
        brief = Brief(SUMMARIZE, settings={"max_tokens": self.lens.share})
        name, model = self.model
        return await Think(
            self.lens.actor, name, brief, rows.add(_note("Summarize this conversation.")), model
        )

    def _size(self, thread: Thread, at: int) -> int:
        sums = thread.sums(self.size)
        return sums[at + 1] - sums[at]

    def _most(self, thread: Thread, kept: Sequence[int]) -> int:
        """Tokens that each message of those kept may have; less than usual where a call has many results."""
        lens = self.lens
        if sum(self._size(thread, n) for n in kept) <= lens.free:
            return lens.share
        most = lens.free // len(kept)
        if most < SMALLEST:
            raise OverLimit(
                f"agent {lens.actor!r}: a call with {len(kept) - 1} results is more than its context's budget of "
                f"{lens.context.budget} tokens: raise it, or have it ask for less at once"
            )
        return most

    def _excerpt(self, thread: Thread, at: int, most: int) -> Message:
        """A message with as much of it as `most` tokens allow, and where the rest is."""
        said = thread[at]
        sums = thread.sums(self.whole)
        if sums[at + 1] - sums[at] <= most:
            return said
        values = max(1, sum(len(call.arguments) for call in said.calls))
        room = (most - self.count(said.sender) - 2 * FRAME) // (2 if said.calls else 1)
        calls = tuple(self._shorter(call, at, room // values - 4 * FRAME) for call in said.calls)
        part = clipped(said.text, room - 4 * FRAME, self.count)
        more = f'[{len(part)} of {len(said.text)} characters; reread("{at + 1}", {len(part)}) has the rest]'
        text = said.text if part == said.text else f"{part}\n{more}"
        return replace(said, text=text, calls=calls, output=None, parts=(), missing=())

    def _shorter(self, call: ToolCall, at: int, most: int) -> ToolCall:
        """A call with the beginnings of its longest arguments."""
        short: dict[str, Any] = {}
        for name, value in call.arguments.items():
            text = shown(value)
            part = clipped(text, max(1, most), self.count)
            short[name] = value if part == text else f'{part}[and more: reread("{at + 1}")]'
        return replace(call, arguments=short)


def _at_a_call(thread: Thread, at: Sequence[int], begin: int) -> int:
    """The first place from `begin` on where no results stand without their call; at worst the last call."""
    place = begin
    while place < len(at) and thread[at[place]].answers:
        place += 1
    if place < len(at):
        return place
    place = len(at) - 1
    while place and thread[at[place]].answers:
        place -= 1
    return place


def _left_out(thread: Thread, visible: set[int], reread: bool) -> list[Message]:
    """What is said of the messages that are not shown."""
    count = len(thread) - len(visible)
    if not count:
        return []
    first = next(n for n in range(len(thread)) if n not in visible) + 1
    last = next(n for n in range(len(thread) - 1, -1, -1) if n not in visible) + 1
    how = f'; reread("{first}") shows one' if reread else ""
    # No total is said here: the beginning of a prompt would change with every turn, and no cache would hold it.
    if count == 1:
        return [_note(f"[1 earlier message is left out, number {first}{how.replace('one', 'it')}]")]
    return [_note(f"[{count} earlier messages are left out, from number {first} to {last}{how}]")]


def _in_full(said: Message) -> str:
    calls = [f"{call.name}({shown(call.arguments)})" for call in said.calls]
    return "\n".join([*filter(None, [said.text]), *calls])


def _note(text: str) -> Message:
    return Message(sender="user", text=text)
