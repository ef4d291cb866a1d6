"""Mailboxes: what a ledger says of the messages to one standing agent, and which of them is next."""

from __future__ import annotations

from typing import Any

import msgspec

from coterie.kernel.topics import AGE
from coterie.words.standing import Lost, Mail, Said, Took


class Mailbox:
    """A fold of the entries of one ledger, which are given to it in order, each once.

    Next is the most urgent message, then the oldest; for every `AGE` turns that it waits, it rises by one priority.
    """

    def __init__(self) -> None:
        self.length = 0
        self.numbers: list[int] = []
        self.turns: list[int] = []
        self.lost: dict[int, str] = {}
        self.heads: dict[str, int] = {}
        self._keys: dict[str, int] = {}
        self._waiting: dict[int, tuple[int, int]] = {}

    def add(self, body: Any) -> None:
        """Take the next entry."""
        entry: Mail = msgspec.convert(body, Mail, strict=False)
        if isinstance(entry, Said):
            self._said(entry)
        elif isinstance(entry, Took):
            self._waiting.pop(entry.number, None)
            self.turns.append(entry.number)
        elif isinstance(entry, Lost):
            self.lost[entry.number] = entry.why
            self.turns = [number for number in self.turns if number != entry.number]
        else:
            self.heads.update(entry.heads)
        self.length += 1

    def _said(self, said: Said) -> None:
        self.numbers.append(self.length)
        self._waiting[self.length] = (int(said.priority), len(self.turns))
        if said.key:
            self._keys[said.key] = self.length
        if said.topic:
            self.heads[said.topic] = said.at

    @property
    def waiting(self) -> int:
        """How many messages nobody has begun."""
        return len(self._waiting)

    @property
    def next(self) -> int | None:
        """The number of the message whose turn is next."""
        turns = len(self.turns)

        def urgent(number: int) -> tuple[int, int]:
            priority, since = self._waiting[number]
            return -(priority + (turns - since) // AGE), number

        return min(self._waiting, key=urgent, default=None)

    def known(self, key: str) -> int | None:
        """The number of the message with a key, if there is one."""
        return self._keys.get(key) if key else None

    def turn(self, number: int) -> int:
        """The turn in which a message was begun, from 1; 0 for none."""
        return self.turns.index(number) + 1 if number in self.turns else 0
