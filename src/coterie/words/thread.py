"""A thread: the messages of a conversation, oldest first.

A thread never changes; adding to it makes another one. Threads that grow from one another
share one log, so a conversation of n messages costs n entries however many prompts are made
of it, and the digest of each prefix is computed once: `digest(n) = H(digest(n-1) + H(message n))`.
So is the size of each prefix, for whoever measures prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from coterie.words.digest import chain
from coterie.words.message import Message, content_digest


class Thread:
    """The first `len(thread)` messages of a log that several threads share."""

    __slots__ = ("_count", "_digests", "_log", "_sums")

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self._log: list[Message] = list(messages)
        self._digests: list[bytes] = []
        self._sums: dict[Callable[[Message], int], list[int]] = {}
        self._count = len(self._log)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Message]:
        return iter(self._log[: self._count])

    def __getitem__(self, index: int) -> Message:
        if not -self._count <= index < self._count:
            raise IndexError(f"message {index} of a thread of {self._count}")
        return self._log[index if index >= 0 else self._count + index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Thread):
            return NotImplemented
        return self._count == other._count and (self._log is other._log or self.digest == other.digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Thread({self._count} messages)"

    def add(self, *messages: Message) -> Thread:
        """This thread with `messages` after it; costs one entry each at the end of a log."""
        if self._count == len(self._log):
            self._log.extend(messages)
            return self._view(self._log, self._digests, self._sums, self._count + len(messages))
        log = self._log[: self._count]
        log.extend(messages)
        sums = {size: known[: self._count + 1] for size, known in self._sums.items()}
        return self._view(log, self._digests[: self._count], sums, len(log))

    @property
    def digest(self) -> bytes:
        """The digest of the whole chain; empty for an empty thread."""
        return self.links[-1] if self._count else b""

    @property
    def links(self) -> list[bytes]:
        """The digest of each prefix, the shortest first."""
        done = self._digests
        for message in self._log[len(done) : self._count]:
            done.append(chain(done[-1] if done else b"", content_digest(message)))
        return done if len(done) == self._count else done[: self._count]

    def sums(self, size: Callable[[Message], int]) -> list[int]:
        """The sizes of the messages added up: entry n is that of the first n.

        Each message is measured once, however many threads share it; the list may be longer than
        this thread, and nobody may change it.
        """
        sums = self._sums.setdefault(size, [0])
        for message in self._log[len(sums) - 1 : self._count]:
            sums.append(sums[-1] + size(message))
        return sums

    @classmethod
    def _view(
        cls,
        log: list[Message],
        digests: list[bytes],
        sums: dict[Callable[[Message], int], list[int]],
        count: int,
    ) -> Thread:
        thread = cls.__new__(cls)
        thread._log, thread._digests, thread._sums, thread._count = log, digests, sums, count
        return thread
