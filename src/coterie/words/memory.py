"""What is remembered beyond one run: by whom, for whom, where it came from, and how it is asked for."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import asdict

from coterie.words.envelope import Trust
from coterie.words.principal import Principal

Kind: TypeAlias = Literal["knowledge", "episode"]
"""What is known, or what was decided once and how that turned out."""
By: TypeAlias = Literal["both", "meaning", "words"]
"""What a search compares: vectors, words, or both merged."""


class Remembered(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is remembered.

    `key` names it among what its owner has: the same key again replaces it. `shared` says who may
    read it beside the owner: a name, `@group`, or `*` for everyone in the tenant. `source` says where
    it came from, and stays with it wherever it goes; it is `untrusted` unless somebody vouches for it.
    `data` is JSON-shaped. `time` is in seconds since the epoch; 0 stands for now.
    """

    text: str
    key: str = ""
    kind: Kind = "knowledge"
    tags: tuple[str, ...] = ()
    source: str = ""
    trust: Trust = "untrusted"
    shared: tuple[str, ...] = ()
    data: Any = None
    owner: str = ""
    time: float = 0.0


class Recalled(Remembered, frozen=True, kw_only=True, omit_defaults=True):
    """Something that was found again; within one search a higher score is better."""

    score: float = 0.0


def recalled(entry: Remembered, score: float = 0.0) -> Recalled:
    """An entry as something that was found."""
    fields = dict[str, Any](asdict(entry), score=score)
    return Recalled(**fields)


class Query(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is looked for: the best for `text`, or without one the newest.

    Only what has all of `tags`, one of `keys`, and a source that begins with `source`, and is at most
    `minutes` old, as far as these are given.
    """

    text: str = ""
    limit: int = 6
    kind: Kind | Literal[""] = ""
    tags: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    source: str = ""
    minutes: float | None = None
    by: By = "both"

    def fits(self, entry: Remembered, now: float) -> bool:
        """Whether an entry passes the filters, whatever its text."""
        return (
            (not self.kind or entry.kind == self.kind)
            and set(self.tags) <= set(entry.tags)
            and (not self.keys or entry.key in self.keys)
            and entry.source.startswith(self.source)
            and (self.minutes is None or entry.time >= now - 60 * self.minutes)
        )

    @property
    def narrows(self) -> bool:
        """Whether it names some of what there is, and not all of it."""
        return bool(self.tags or self.keys or self.source or self.kind)


class Episode(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was decided once: for which task, what was chosen of what, how it turned out, and how well (0 to 1)."""

    task: str
    choice: str
    outcome: str = ""
    score: float = 0.0
    options: tuple[str, ...] = ()


def may_read(who: Principal, entry: Remembered) -> bool:
    """Whether an entry of the tenant of `who` is its own, or shared with it."""
    return entry.owner == who.name or not set(who.readers).isdisjoint(entry.shared)
