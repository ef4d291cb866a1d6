"""What a play remembers beyond its run and finds again, each as one journaled step.

The run says with what: `run(..., memory=Memory("memory.db"))`. What was found is in the journal, so
a replay asks no index; what was remembered is kept once, however often the step is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from coterie.errors import BadInput
from coterie.kernel.values import to_plain
from coterie.words.effect import Forget, Recall, Remember
from coterie.words.envelope import Trust
from coterie.words.fence import fenced
from coterie.words.memory import By, Episode, Query, Recalled, Remembered

HOW_MANY = 6
"""Things that are recalled unless it is said otherwise."""


async def remember(
    text: str,
    *,
    key: str = "",
    tags: Iterable[str] = (),
    source: str = "",
    trust: Trust = "untrusted",
    shared: Iterable[str] = (),
    data: Any = None,
) -> str:
    """Keep `text` beyond the run; gives its key (default: one of this step). A key that is there is replaced.

    `source` is where it came from (default: the run and this step); `shared` is who may read it beside the
    owner: names, `@group`, or `*` for everyone in the tenant.
    """
    return await Remember(
        Remembered(
            text=text,
            key=key,
            tags=tuple(tags),
            source=source,
            trust=trust,
            shared=tuple(shared),
            data=to_plain(data),
        )
    )


async def recall(
    text: str,
    *,
    limit: int = HOW_MANY,
    tags: Iterable[str] = (),
    source: str = "",
    minutes: float | None = None,
    by: By = "both",
) -> list[Recalled]:
    """What is known that fits `text` best: only with all `tags`, from `source`, and `minutes` old at most."""
    return await found(
        Query(
            text=text,
            limit=limit,
            kind="knowledge",
            tags=tuple(tags),
            source=source,
            minutes=minutes,
            by=by,
        )
    )


async def recent(minutes: float, *, limit: int = HOW_MANY, tags: Iterable[str] = ()) -> list[Recalled]:
    """What was remembered in the last `minutes`, the newest first."""
    return await found(Query(limit=limit, kind="knowledge", tags=tuple(tags), minutes=minutes))


async def forget(*keys: str, tags: Iterable[str] = (), source: str = "") -> int:
    """Delete what is one's own and has one of `keys`, all `tags` and a source that begins so; how many that were.

    Raises:
        BadInput: if nothing is named.
    """
    query = Query(keys=keys, tags=tuple(tags), source=source)
    if not query.narrows:
        raise BadInput("say what to forget: keys, tags= or source=")
    return await Forget(query)


async def found(query: Query) -> list[Recalled]:
    """What a query finds, the best first."""
    return msgspec.convert(await Recall(query), list[Recalled])


async def decided(
    task: str, choice: str, *, outcome: str = "", score: float, options: Iterable[str] = (), key: str = ""
) -> str:
    """Remember a decision and how well it turned out, from 0 to 1; the same key again replaces it."""
    return await Remember(
        remembered(
            Episode(task=task, choice=choice, outcome=outcome, score=score, options=tuple(options)), key
        )
    )


async def past(task: str, *, choice: str = "", limit: int = HOW_MANY) -> list[Episode]:
    """What was decided about tasks like this one, the most alike first; of one `choice`, or of any."""
    tags = (f"choice:{choice}",) if choice else ()
    return episodes(await found(Query(text=task, kind="episode", limit=limit, tags=tags)))


def remembered(episode: Episode, key: str = "") -> Remembered:
    """An episode as it is kept: found by its task, and by who was chosen."""
    return Remembered(
        text=episode.task,
        key=key,
        kind="episode",
        tags=(f"choice:{episode.choice}",),
        data=to_plain(episode),
    )


def episodes(entries: Iterable[Remembered]) -> list[Episode]:
    """The episodes behind what was recalled."""
    return [msgspec.convert(entry.data, Episode) for entry in entries if entry.kind == "episode"]


def told(entries: Sequence[Remembered]) -> str:
    """What was recalled as it stands in a prompt: each entry fenced, with its source."""
    if not entries:
        return "Nothing that fits is remembered."
    return "\n\n".join(fenced(entry.text, f"memory, {entry.source}") for entry in entries)
