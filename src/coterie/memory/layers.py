"""One small API over what is remembered beyond a run: knowledge, and how decisions turned out.

The working layer is the frame of a play, and the session layer is the conversation that
`run(..., session=...)` goes on with; neither needs anything here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from coterie.errors import BadInput
from coterie.kernel.values import to_plain
from coterie.memory.folder import LIMITS, Limits, read_folder
from coterie.memory.knowledge import MemoryKnowledge
from coterie.memory.meaning import Embedding
from coterie.memory.passages import Passage, passages
from coterie.memory.places import knowledge_at
from coterie.ports import Knowledge
from coterie.recall import HOW_MANY, episodes, remembered
from coterie.words.digest import digest
from coterie.words.envelope import Trust
from coterie.words.memory import By, Episode, Query, Recalled, Remembered
from coterie.words.principal import LOCAL, Principal

EVERYTHING = 10_000_000
"""More entries than one folder has."""
PORTION = 128
"""Entries that are written or forgotten at once."""


class Memory:
    """What is known, as one principal may see and change it: in a file, PostgreSQL, this process, any `Knowledge`.

    `embed` makes vectors: the embedded model where NumPy is installed, an embedder of your own, or None
    for full text alone; memory in this process has none unless it is given one. Pass it to `run`.
    """

    def __init__(
        self,
        place: str | Path | Knowledge | None = None,
        who: Principal = LOCAL,
        *,
        embed: Embedding = "auto",
        clock: Callable[[], float] = time.time,
    ) -> None:
        if place is None:
            place = MemoryKnowledge(None if embed == "auto" else embed)
        elif isinstance(place, (str, Path)):
            place = knowledge_at(place, embed)
        self.knowledge: Knowledge = place
        self.who = who
        self._clock = clock

    def of(self, name: str, *, tenant: str = LOCAL.tenant, groups: Iterable[str] = ()) -> Memory:
        """The same knowledge as somebody else sees it."""
        return Memory(self.knowledge, Principal(name, tenant, tuple(groups)), clock=self._clock)

    def now(self) -> float:
        """The time that it goes by, in seconds since the epoch."""
        return self._clock()

    async def remember(
        self,
        text: str,
        *,
        key: str = "",
        tags: Iterable[str] = (),
        source: str = "",
        trust: Trust = "untrusted",
        shared: Iterable[str] = (),
        data: Any = None,
    ) -> str:
        """Keep `text`; gives its key (default: a digest of the text). A key that is there is replaced.

        `source` is where it came from (default: the principal); `shared` is who may read it beside the
        owner: names, `@group`, or `*` for everyone in the tenant.

        Raises:
            BadInput: if there is nothing to keep.
        """
        entry = Remembered(
            text=text,
            key=key or digest(text.encode()).hex()[:16],
            tags=tuple(tags),
            source=source,
            trust=trust,
            shared=tuple(shared),
            data=to_plain(data),
        )
        return await self.keep(entry, self._clock())

    async def recall(
        self,
        text: str,
        *,
        limit: int = HOW_MANY,
        tags: Iterable[str] = (),
        source: str = "",
        minutes: float | None = None,
        by: By = "both",
    ) -> list[Recalled]:
        """What is known that fits `text` best: only with all `tags`, from `source`, and `minutes` old at most."""
        query = Query(
            text=text,
            limit=limit,
            kind="knowledge",
            tags=tuple(tags),
            source=source,
            minutes=minutes,
            by=by,
        )
        return await self.find(query, self._clock())

    async def recent(
        self, minutes: float, *, limit: int = HOW_MANY, tags: Iterable[str] = ()
    ) -> list[Recalled]:
        """What was remembered in the last `minutes`, the newest first."""
        query = Query(limit=limit, kind="knowledge", tags=tuple(tags), minutes=minutes)
        return await self.find(query, self._clock())

    async def forget(
        self, *keys: str, tags: Iterable[str] = (), source: str = "", everything: bool = False
    ) -> int:
        """Delete what is the principal's own and has one of `keys`, all `tags` and a source that begins so.

        Vectors and words go, too. Gives how many entries that were.

        Raises:
            BadInput: if nothing is named, and it is not `everything` that is meant.
        """
        query = Query(keys=keys, tags=tuple(tags), source=source)
        if query.narrows == everything:
            raise BadInput("say what to forget: keys, tags=, source=, or else everything=True")
        return await self.drop(query)

    async def decided(self, task: str, choice: str, *, outcome: str = "", score: float, key: str = "") -> str:
        """Remember a decision and how well it turned out, from 0 to 1; the same key again replaces it."""
        episode = Episode(task=task, choice=choice, outcome=outcome, score=score)
        name = key or digest(f"{task}\0{choice}".encode()).hex()[:16]
        return await self.keep(remembered(episode, f"episode:{name}"), self._clock())

    async def past(self, task: str, *, choice: str = "", limit: int = HOW_MANY) -> list[Episode]:
        """What was decided about tasks like this one, the most alike first; of one `choice`, or of any."""
        tags = (f"choice:{choice}",) if choice else ()
        query = Query(text=task, kind="episode", limit=limit, tags=tags)
        return episodes(await self.find(query, self._clock()))

    async def add_folder(
        self,
        root: str | Path,
        *,
        name: str = "",
        tags: Iterable[str] = (),
        shared: Iterable[str] = (),
        limits: Limits = LIMITS,
        told: Callable[[int, int], None] | None = None,
    ) -> int:
        """Keep every passage of a folder's texts, in the place of what it had before; how many there are.

        The source of each is `file:`, the `name` of the folder (default: its full path), and the file and
        lines. `told` hears how many are done, and of how many.

        Raises:
            BadInput: if there is no such folder, or nothing in it can be read.
        """
        folder = await asyncio.to_thread(read_folder, root, limits)
        place, now = f"file:{name or _full(root)}/", self._clock()
        entries = [
            _passage_entry(place, passage, tuple(tags), tuple(shared), now)
            for document in folder.documents
            for passage in passages(document)
        ]
        known = await self.find(Query(limit=EVERYTHING, source=place), now)
        gone = {one.key for one in known if one.owner == self.who.name} - {one.key for one in entries}
        for at in range(0, len(entries), PORTION):
            await self.knowledge.remember(self.who, entries[at : at + PORTION])
            if told is not None:
                told(min(at + PORTION, len(entries)), len(entries))
        for some in _portions(sorted(gone)):
            await self.knowledge.forget(self.who, Query(keys=some, source=place))
        return len(entries)

    async def keep(self, entry: Remembered, /, now: float) -> str:
        """Keep an entry as the principal's own; gives its key.

        Raises:
            BadInput: if its text is empty.
        """
        if not entry.text.strip():
            raise BadInput("there is nothing to remember: the text is empty")
        source = entry.source or f"principal {self.who.name}"
        whole = replace(entry, source=source, time=entry.time or now, owner=self.who.name)
        await self.knowledge.remember(self.who, [whole])
        return entry.key

    async def find(self, query: Query, /, now: float) -> list[Recalled]:
        """What the query finds of what the principal may read, the best first."""
        return await self.knowledge.recall(self.who, query, now)

    async def drop(self, query: Query, /) -> int:
        """Delete what the query's filters fit and is the principal's own; how many entries that were."""
        return await self.knowledge.forget(self.who, query)

    async def close(self) -> None:
        """Let go of the file."""
        await self.knowledge.close()


def _passage_entry(
    place: str, passage: Passage, tags: tuple[str, ...], shared: tuple[str, ...], now: float
) -> Remembered:
    source = f"{place}{passage.file}:{passage.first}-{passage.last}"
    trail = " / ".join(passage.headings)
    text = f"{trail}\n{passage.text}" if trail else passage.text
    return Remembered(text=text, key=source, tags=tags, source=source, shared=shared, time=now)


def _full(root: str | Path) -> str:
    return Path(root).resolve().as_posix()


def _portions(keys: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Keys in portions that one question takes."""
    for at in range(0, len(keys), PORTION):
        yield tuple(keys[at : at + PORTION])
