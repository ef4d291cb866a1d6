"""Control: one conversation, whose turn it is, and all that is known by now.

Whoever has the conversation is shown what was said and what is known. What it finds out is added; what
it does not mention stays. The state is on the board at every turn, so the journal has it.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from coterie.actor import Actor
from coterie.errors import BadOutput, NoProgress
from coterie.patterns.answers import again
from coterie.patterns.choose import fields_in
from coterie.words.digest import digest_of, plain
from coterie.words.effect import Mark, Put
from coterie.words.failure import Failure
from coterie.words.handover import Handover, Transfer
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.thread import Thread


class Line:
    """One conversation: who has it, all that is known, and what was said."""

    def __init__(
        self,
        crew: Mapping[str, Actor],
        ways: Mapping[str, dict[str, bool]],
        needs: Mapping[str, tuple[str, ...]],
        hops: int,
        begun: Handover,
        task: Task,
        key: str,
    ) -> None:
        self.crew, self.ways, self.needs = crew, ways, needs
        self.hops = hops
        self.now = begun
        self.text, self.thread = task.text, task.context or Thread()
        self.key = key
        self.parts: list[Message] = []
        self.wrong: list[Failure] = []

    async def serve(self, owner: str) -> Message:
        """The answer of `owner`, or of whoever it transfers the conversation to.

        Raises:
            NoProgress: if control goes round with nothing new, or moves too often.
        """
        while True:
            self.now = replace(self.now, owner=owner)
            await Put(self.key, self.now)
            said, move = await self._turn(owner)
            if not move.to:
                return self._answer(said, move, owner)
            self.now = self.now.after(move, owner)
            await self._hop(move.to)
            self.text = f"{owner} hands the conversation over to {move.to}. {_known(self.now)}"
            if self.ways[owner][move.to]:
                answer = await self.serve(move.to)
                self.text = (
                    f"{move.to} has answered {owner}: {answer.text}\n{owner} goes on. {_known(self.now)}"
                )
            else:
                owner = move.to

    async def _hop(self, to: str) -> None:
        """Let control move, unless it has been there with the very same things known."""
        self.hops -= 1
        if self.hops < 0:
            raise NoProgress(f"control moved too often, the last time to {to!r}: raise max_hops, or say less")
        state = digest_of(replace(self.now, owner="", overwritten=())).hex()[:8]
        await Mark(f"{to} (knowing {state})")

    def _answer(self, said: Message, move: Transfer, owner: str) -> Message:
        """What an owner says that keeps the conversation; a `Handover` it answers with is known from now on."""
        self.now = self.now.after(move, owner)
        if isinstance(said.output, Handover):
            self.now = self.now.after(said.output, owner)
            said = replace(said, output=said.output.answer)
        elif move is not PLAIN:
            said = replace(said, text=move.answer or move.progress or said.text, output=None)
        self.now = replace(self.now, answer=said.output)
        return said

    async def _turn(self, owner: str) -> tuple[Message, Transfer]:
        """What `owner` says, and where it wants control to be; a wrong choice goes back once.

        Raises:
            BadOutput: if the second is wrong too, and nobody is eligible.
        """
        ways = self.ways[owner]
        shown = self.thread.add(_rules(ways)) if ways else self.thread
        asked = Task(self.text, shown, self.now)
        problem, said, move = "", Message(sender=owner), PLAIN
        for _ in range(2):
            said = await self.crew[owner](asked)
            self.parts.append(said)
            try:
                move = _transfer_in(said)
                problem = self._wrong(owner, move)
            except ValueError as error:
                move, problem = PLAIN, str(error)
            if not problem:
                break
            asked = again(asked, said, problem)
        if problem:
            move = self._instead(owner, move, problem, said.text)
        self.thread = self.thread.add(Message(sender="user", text=self.text), said)
        return said, move

    def _wrong(self, owner: str, move: Transfer) -> str:
        """Why control cannot go where `move` says; empty if it can."""
        ways = self.ways[owner]
        if not move.to:
            return ""
        if move.to not in ways:
            return f"{owner!r} cannot hand over to {move.to!r}; eligible are {list(ways)}"
        lacking = self._lacking(owner, move, move.to)
        return f"{move.to!r} needs these resolved before it takes over: {lacking}" if lacking else ""

    def _lacking(self, owner: str, move: Transfer, to: str) -> list[str]:
        known = self.now.after(move, owner).resolved
        return [one for one in self.needs[to] if known.get(one) is None]

    def _instead(self, owner: str, move: Transfer, problem: str, raw: str) -> Transfer:
        """The transfer to the first member that is eligible, where one was meant and could not be had."""
        fit = [to for to in self.ways[owner] if not self._lacking(owner, move, to)]
        if move is PLAIN or not fit:
            raise BadOutput(f"{owner!r} cannot hand over: {problem}", raw=raw)
        message = f"{owner!r} handed over to {fit[0]!r} by rule, after two wrong choices: {problem}"
        self.wrong.append(Failure(kind="BadOutput", message=message, raw=raw))
        return replace(move, to=fit[0])


PLAIN = Transfer(to="")
"""What an answer that is no `Transfer` says about who has the conversation."""


def _transfer_in(said: Message) -> Transfer:
    """The transfer that a member's output or text is; `PLAIN` for whatever is none.

    Raises:
        ValueError: if it is meant as a transfer, and is none.
    """
    if isinstance(said.output, Transfer):
        return said.output
    given = fields_in(said) if said.output is None or isinstance(said.output, dict) else None
    return msgspec.convert(given, Transfer) if given and "to" in given else PLAIN


def _rules(ways: Mapping[str, bool]) -> Message:
    """What an owner is told about where control may go from it."""
    listed = ", ".join(f"{to} (comes back to you)" if back else to for to, back in ways.items())
    text = (
        'Answer, or hand the conversation over with JSON: {"to": "...", "progress": "...", "knowledge": [], '
        f'"constraints": [], "resolved": {{}}, "artefacts": []}}. To whom: {listed}'
    )
    return Message(sender="user", text=text)


def _known(handover: Handover) -> str:
    """All that is known, for who takes over."""
    known = replace(handover, owner="", data=None, answer=None, overwritten=())
    return f"This is known: {msgspec.json.encode(known, enc_hook=plain).decode()}"
