"""Taint: where the words come from that an actor has read, if somebody wrote them who is no member.

1. A frame is tainted by what it reads: results of tools, what is remembered and nobody vouches for, messages
   from outside, and whatever another tainted frame said, sent or wrote. It stays so to its end.
2. Whatever a tainted frame makes is tainted as it is: its answer, the tasks it gives, what it sends, writes on
   the board or remembers. A summary, a vote or a plan made of tainted words is no cleaner than they are.
3. So a frame's taint is never too small as far as words travel by effects, and may be too large: a frame that
   read a page is tainted by it, though its answer may be a number. It costs an approval, never a leak.
4. A sensitive tool that is reached from a tainted frame is used only if a person, who is shown the sources,
   says so. A play that has asked one says it by `Vouch`, for one use with one set of arguments.
5. Labels are made of the events alone, so a replay finds the same ones.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Protocol, TypeAlias, cast

import msgspec
from msgspec.structs import replace

from coterie.words.digest import digest, encode
from coterie.words.effect import Effect, Recall, Remember, Use
from coterie.words.event import Settled
from coterie.words.fence import inert
from coterie.words.message import Message
from coterie.words.task import Task

Sources: TypeAlias = tuple[str, ...]
"""Where tainted words came from, each a line; empty for words that members and the task alone have brought."""
MOST = 16
"""Sources that are kept one by one."""
SHOWN = 160
"""Letters of each."""
MORE = "and others"
TAINT = "taint"
"""The entry of a run's origin that says what its task is tainted by."""
AFTER = "; after "
"""What stands in a source before that of which it was made."""
_LONG = 1024
"""Bytes of arguments above which a label is not remembered."""
_letters = msgspec.json.Encoder(enc_hook=str).encode
RECALLED: Sources = ("memory",)
"""What a recall brings, until it is known what was found."""


class Frame(Protocol):
    """Whose words are followed."""

    taint: Sources

    def read(self, taint: Sources, /) -> None:
        """Be tainted by what was read."""
        ...


class Reader(Protocol):
    """A strand, as far as it reads."""

    brings: Sources
    vouched: bytes
    wait: Any

    @property
    def frame(self) -> Frame:
        """Where it is."""
        ...


def merged(one: Sources, other: Sources) -> Sources:
    """Both, each once, in the order in which they came; where there are too many, no more come in."""
    if not one:
        return other
    if not other or one == other or full(one):
        return one
    both = tuple(dict.fromkeys((*one, *other)))
    return both if len(both) <= MOST else (*[source for source in both if source != MORE][:MOST], MORE)


def full(taint: Sources) -> bool:
    """Whether there are so many sources that one more is not told."""
    return bool(taint) and taint[-1] == MORE


def source_of(tool: Any, arguments: Any) -> Sources:
    """Where the result of a tool comes from; nowhere, if the tool only says what is its own."""
    if getattr(tool, "trusted", False):
        return ()
    asked = _letters(arguments) if arguments else b""
    return _label(tool.name, asked) if len(asked) <= _LONG else _label.__wrapped__(tool.name, asked)


@lru_cache(maxsize=1024)  # a call is labelled where it is made and where it is answered
def _label(tool: str, asked: bytes) -> Sources:
    return (line(f"tool {tool} {asked.decode()}"),)


def line(text: str) -> str:
    """A source in one line that is no more than it says."""
    return " ".join(inert(text).split())[:SHOWN]


STARTED: Sources = ("",)
"""What a child brings: what its answer is tainted by."""


def brought(brings: Sources, settled: Settled) -> Sources:
    """What the outcome of an effect taints its frame by."""
    if brings is STARTED:
        return getattr(settled.value, "taint", ())
    if brings is not RECALLED:
        return brings
    found = cast("list[dict[str, Any]]", settled.value or [])
    untrusted = [one for one in found if one.get("trust", "untrusted") != "trusted"]
    return merged((), tuple(dict.fromkeys(line(f"memory {one.get('source', '')}") for one in untrusted)))


def read(strand: Reader, settled: Settled, suspects: dict[str, Sources]) -> Any:
    """The value that a strand gets; its frame is tainted by it from now on."""
    if suspects:
        suspects.pop(settled.path, None)
    frame = strand.frame
    if brings := strand.brings:
        strand.brings = ()
        if brings is not frame.taint:
            frame.taint = merged(frame.taint, brought(brings, settled))
    value = settled.value
    return labelled(value, frame.taint) if type(value) is Message else value


def tainted(task: Task) -> Sources:
    """What a run is tainted by from its beginning: its task, and the conversation before it."""
    taint = task.taint
    for message in task.context or ():
        taint = merged(taint, message.taint)
    return taint


def kept(taint: Sources, remember: Remember) -> Remember:
    """What a tainted frame remembers: nobody vouches for it, and its source says why."""
    entry = remember.entry
    source = f"{entry.source}{AFTER}{' | '.join(taint)}"
    return Remember(replace(entry, trust="untrusted", source=source))


def told(sources: Sources) -> str:
    """The sources as a person reads them."""
    return "What led here was read in: " + "; ".join(sources) + "."


def labelled(value: Any, taint: Sources) -> Any:
    """A message with the taint of whoever said it; all else as it is."""
    if not taint or not isinstance(value, Message) or value.taint == taint:
        return value
    return replace(value, taint=merged(value.taint, taint))


def name_of(tool: str, arguments: Any) -> bytes:
    """The name of one use of a tool: nothing else has it."""
    return digest(encode((tool, arguments)))


def using(strand: Reader, use: Use, suspects: dict[str, Sources]) -> None:
    """Know what a use of a tool will bring, and whether a person has to say that it may be."""
    taint, vouched = strand.frame.taint, strand.vouched
    if not taint or taint[-1] is not MORE:
        strand.brings = source_of(use.by, use.arguments)
    if vouched:
        strand.vouched = b""
    if not taint or not getattr(use.by, "sensitive", False):
        return
    if not vouched or vouched != name_of(use.tool, use.arguments):
        suspects[strand.wait] = taint


class Asking(Protocol):
    """A machine, as far as it asks."""

    def ask(self, strand: Any, effect: Any) -> Any:
        """Have a strand wait for an effect of the world."""
        ...


def recall(machine: Asking, strand: Any, asked: Any) -> Any:
    """Ask for what is remembered, and know that it taints."""
    strand.brings = RECALLED
    return machine.ask(strand, asked)


def remember(machine: Asking, strand: Any, asked: Remember) -> Any:
    """Ask for something to be remembered, with where its words came from."""
    taint = strand.frame.taint
    return machine.ask(strand, kept(taint, asked) if taint else asked)


MEMORIES: Final[dict[type[Effect[Any]], Callable[[Any, Any, Any], Any]]] = {
    Recall: recall,
    Remember: remember,
}
"""How a machine handles memories."""
