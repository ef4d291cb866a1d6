"""What members say when work moves between them, and what travels with it."""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace


class Done(Struct, frozen=True, tag_field="move", tag="done"):
    """The task is done, and this is the answer; a plain text means the same."""

    text: str


class Help(Struct, frozen=True, tag_field="move", tag="help"):
    """Somebody who can do `can` does `task`, and the asker goes on with the result."""

    can: str
    task: str


class Part(Struct, frozen=True):
    """One part of a split task, for whoever can do `can` (empty: anybody else)."""

    task: str
    can: str = ""


class Split(Struct, frozen=True, tag_field="move", tag="split"):
    """The parts are done at once, and the asker makes one answer of the results."""

    parts: tuple[Part, ...]


class HandOver(Struct, frozen=True, tag_field="move", tag="hand_over"):
    """The task goes to whoever can do `to`, or is called that; its answer is the answer."""

    to: str


class Decline(Struct, frozen=True, tag_field="move", tag="decline"):
    """Somebody else has to do it, for this reason."""

    reason: str


Move: TypeAlias = Done | Help | Split | HandOver | Decline
"""What a peer does with a task."""


class Transfer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a member says that hands the conversation `to` another, and what it has found out.

    With an empty `to` it keeps the conversation, and `answer` is what it says. `resolved` are
    values that are settled, by name; `artefacts` say where things are that were made.
    """

    to: str
    answer: str = ""
    progress: str = ""
    knowledge: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    resolved: dict[str, Any] = {}
    artefacts: tuple[str, ...] = ()


class Overwritten(Struct, frozen=True):
    """A resolved value that `by` has replaced."""

    name: str
    old: Any
    new: Any
    by: str


class Handover(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What travels with a conversation: who has the next turn, and all that is known by now.

    `task` and `data` are what the conversation began with; `answer` is the typed output of the last
    answer, where it had one.
    """

    owner: str
    task: str
    progress: str = ""
    knowledge: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    resolved: dict[str, Any] = {}
    artefacts: tuple[str, ...] = ()
    overwritten: tuple[Overwritten, ...] = ()
    data: Any = None
    answer: Any = None

    def after(self, said: Transfer | Handover, by: str) -> Handover:
        """This with what `by` has found out; what it does not mention stays."""
        old, new = self.resolved, said.resolved
        replaced = [Overwritten(at, old[at], new[at], by) for at in new if at in old and old[at] != new[at]]
        return replace(
            self,
            progress=said.progress or self.progress,
            knowledge=tuple(dict.fromkeys((*self.knowledge, *said.knowledge))),
            constraints=tuple(dict.fromkeys((*self.constraints, *said.constraints))),
            resolved={**old, **new},
            artefacts=tuple(dict.fromkeys((*self.artefacts, *said.artefacts))),
            overwritten=(*self.overwritten, *replaced),
        )
