"""Doubt: what becomes of a step that was under way when its run was interrupted, and may have happened."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

from coterie.words.effect import Think, Use

Doubt: TypeAlias = Literal["verify", "retry", "ask", "skip"]
"""Ask the tool's probe whether it happened, do it again, ask a person, or go on without it."""
DOUBTS: tuple[Doubt, ...] = ("verify", "retry", "ask", "skip")
NO_RULES: Mapping[str, Doubt] = {}


def in_doubt(step: Use | Think, rules: Mapping[str, Doubt] = NO_RULES) -> Doubt:
    """What becomes of a step in doubt: the first of `rules` whose pattern fits its name, else what it says itself.

    A tool that says nothing is done again if it is idempotent, and verified if it has a probe; a model is asked
    again unless it acts. About all else a person is asked, and so where there is no probe to verify by.
    """
    own: Doubt | None = getattr(step.by, "in_doubt", None)
    said = _by_rule(step.tool if isinstance(step, Use) else step.actor, rules) or own or _by_nature(step)
    return "ask" if said == "verify" and not getattr(step.by, "probe", None) else said


def _by_rule(name: str, rules: Mapping[str, Doubt]) -> Doubt | None:
    for pattern, said in rules.items():
        if fnmatchcase(name, pattern):
            return said
    return None


def _by_nature(step: Use | Think) -> Doubt:
    if isinstance(step, Think):
        return "ask" if step.acts else "retry"
    if step.by.idempotent:
        return "retry"
    return "verify" if step.by.probe else "ask"


def ruled(given: Mapping[str, str]) -> dict[str, Doubt]:
    """Rules by patterns of names, as somebody gave them.

    Raises:
        ValueError: if one is none of `DOUBTS`.
    """
    known: dict[str, Doubt] = {one: one for one in DOUBTS}
    for name, said in given.items():
        if said not in known:
            raise ValueError(
                f"a step in doubt is left to one of {', '.join(DOUBTS)}; for {name!r} it is {said!r}"
            )
    return {name: known[said] for name, said in given.items()}
