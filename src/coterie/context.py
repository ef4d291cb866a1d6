"""Context: how much of a conversation an agent is shown, within a budget of tokens.

Theory of operation. An agent holds the whole thread; a context decides what of it is in a prompt.

1. The first message (what the conversation began with) and the last before the agent's own work (what it is
   asked now) are always there. A context chooses what there is between them; the agent's work on its
   task follows.
2. With a budget, a prompt has at most that many tokens, instructions and tools included. What does not fit
   goes from the oldest on, in blocks of half of what there is room for: so the beginning of a prompt stays
   the same for many turns, and what a provider has cached of it counts.
3. A tool's results are left out together with the call they answer, or not at all.
4. One message has at most a sixth of the room; of a longer one its beginning is shown.
5. What is left out is said in the prompt, and where to get it: `reread`, a tool that the agent has from then
   on. It reads the very thread that the agent was given, so it needs no rights and asks nothing of the world.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import msgspec
from msgspec import Struct

from coterie.actor import Actor
from coterie.check import label
from coterie.errors import BadInput
from coterie.kernel.values import to_plain
from coterie.words.brief import ToolSpec
from coterie.words.thread import Thread
from coterie.words.tokens import Count, tokens

SHARE = 6
"""The part of the room that one message may have: a sixth."""
NOTICE = 96
"""Tokens for saying what is left out."""
SMALLEST = 120
"""Tokens that one message may have at least, or a budget is refused."""
REREAD = ToolSpec(
    "reread",
    "Read what was left out of this conversation: message number `id`, from character `start` on.",
    {
        "type": "object",
        "properties": {"id": {"type": "string"}, "start": {"type": "integer", "minimum": 0}},
        "required": ["id"],
        "additionalProperties": False,
    },
)
"""How an agent gets what was left out."""


class Context(Struct, frozen=True, kw_only=True):
    """Base of the policies. `budget` is in tokens, for a whole prompt; `count` measures texts.

    `reread` says whether the agent gets the tool for what was left out; without it the prompt still says
    what that is.
    """

    what: ClassVar[str] = "context"
    budget: int | None = None
    count: Count = tokens
    reread: bool = True

    def __post_init__(self) -> None:
        if self.budget is not None and self.budget < 1:
            raise BadInput(f"a context's budget is 1 token or more, not {self.budget}")

    def describe(self) -> Any:
        """What this is, as plain data."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return [self.what, {name: label(one) if callable(one) else one for name, one in fields.items()}]

    def chosen(self, thread: Thread, until: int, actor: str) -> Sequence[int] | None:
        """Which of the first `until` messages count, by index, beside the first and the last; None for all."""
        return None


class Whole(Context, frozen=True, kw_only=True):
    """All that was said."""

    what: ClassVar[str] = "whole"


class Last(Context, frozen=True, kw_only=True):
    """The last `n` messages before the agent's own work."""

    what: ClassVar[str] = "last"
    n: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n < 1:
            raise BadInput(f"the last {self.n} messages are none: n is 1 or more")

    def chosen(self, thread: Thread, until: int, actor: str) -> Sequence[int]:
        begin = max(1, until - self.n)
        while 1 < begin < until and thread[begin].answers:
            begin -= 1
        return range(begin, until)


class Own(Context, frozen=True, kw_only=True):
    """What the agent said itself, what its tools answered, and what the user said."""

    what: ClassVar[str] = "own"

    def chosen(self, thread: Thread, until: int, actor: str) -> Sequence[int]:
        found: list[int] = []
        for at in range(1, until):
            said = thread[at]
            follows = bool(said.answers) and bool(found) and found[-1] == at - 1
            if follows or (said.sender in (actor, "user") and not said.answers):
                found.append(at)
        return found


class Summary(Context, frozen=True, kw_only=True):
    """All that was said; what is beyond the budget, as a summary.

    `by` is the actor that summarises; without one the agent's own model does. Summaries are on the run's
    board, so members who leave out the same share one, and each is made from the one before: a long
    conversation is read once.
    """

    what: ClassVar[str] = "summary"
    by: Actor | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.budget is None:
            raise BadInput("a summary needs a budget: what is beyond it is summarised")


class Select(Context, frozen=True, kw_only=True):
    """Nothing that was said, but values by `keys`: board entries, or fields of the task's data.

    A field is named by its path, such as `resolved.order` of a hand-off.
    """

    what: ClassVar[str] = "select"
    keys: tuple[str, ...]

    def chosen(self, thread: Thread, until: int, actor: str) -> Sequence[int]:
        return ()


def field_of(data: Any, path: str) -> Any:
    """The field of `data` that `path` leads to; None where there is none."""
    found = to_plain(data)
    for name in path.split("."):
        found = cast("dict[str, Any]", found).get(name) if isinstance(found, dict) else None
    return found


def cut(sums: Sequence[int], size: int, room: int, blocks: int | None = None) -> tuple[int, int]:
    """How many of the oldest of `size` entries have to go for the rest to fit `room`, and how many blocks that is.

    `sums` are sizes added up, from 0. A block is half of `room`, so half of it stays filled.
    """
    block = max(1, room // 2)
    if blocks is None:
        blocks = max(0, -(-(sums[size] - room) // block))
    return bisect_left(sums, blocks * block, 0, size), blocks


def clipped(text: str, room: int, count: Count) -> str:
    """As much of the beginning of `text` as has at most `room` tokens."""
    if len(text) <= room * 3 and count(text) <= room:
        return text
    low, high = 0, min(len(text), room * 8)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(text[:middle]) <= room else (low, middle - 1)
    return text[:low]


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """What `reread` is asked for."""

    id: str | int
    start: int = 0
