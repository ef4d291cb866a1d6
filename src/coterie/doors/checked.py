"""What is wrong with a team, and what it may cost at most: the same report at every door. Nothing is run for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from coterie.actor import Actor
from coterie.doors import drawing
from coterie.teamfile import BadFile, TeamFile
from coterie.teamfile.findings import Finding, findings
from coterie.teamfile.survey import PROMPT, spend, survey
from coterie.teamfile.taints import Way, ways


class Report(Struct, frozen=True, kw_only=True):
    """What `check` has to say of one team; a bound that there is not is None.

    With `unknown` a play in the team does not say how often it calls, so the bounds hold for the rest.
    """

    team: str
    kind: str = ""
    most: str = ""
    calls: float | None = None
    output_tokens: float | None = None
    usd: float | None = None
    unpriced: tuple[str, ...] = ()
    unknown: bool = False
    findings: tuple[Finding, ...] = ()
    ways: tuple[Way, ...] = ()
    """From untrusted sources to sensitive tools: nothing to mend, but somebody has to be there to be asked."""


def looked_into(read: Callable[[], TeamFile]) -> tuple[Actor | None, list[Finding]]:
    """What was read, if it can be built, and everything that is wrong with it."""
    try:
        found = read()
        actor = found.actor
    except BadFile as error:
        return None, [Finding(_place(one), "file", one.message) for one in error.problems]
    idle = [Finding(_place(one), "unreachable", one.message) for one in found.idle]
    return actor, [*idle, *findings(actor)]


def report_of(
    team: str,
    actor: Actor | None,
    found: list[Finding],
    prices: Mapping[str, tuple[float, float]] | None = None,
    prompt: int = PROMPT,
) -> Report:
    """What there is to say of an actor, and of what was found; nothing but that of one that cannot be built."""
    if actor is None:
        return Report(team=team, findings=tuple(found))
    seen, most = survey(actor), spend(actor, prices or {}, prompt)
    return Report(
        team=actor.name,
        kind=seen.kind,
        most=drawing.calls(seen),
        calls=_finite(most.calls),
        output_tokens=_finite(most.output_tokens),
        usd=_finite(most.usd),
        unpriced=most.unpriced,
        unknown=seen.unknown,
        findings=tuple(found),
        ways=tuple(ways(actor)),
    )


def _place(problem: Any) -> str:
    return f"{problem.file}:{problem.line}" if problem.line else str(problem.file)


def _finite(number: float) -> float | None:
    return None if number == math.inf else number
