"""Quotas: what all runs of a tenant may use up together in one day."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from coterie.words.limits import COUNTED, AtCap
from coterie.words.usage import Usage

KINDS = (*COUNTED, "seconds", "runs")
"""What a quota counts, in this order."""
Spending: TypeAlias = tuple[float, ...]
"""How much of each of `KINDS`."""
NO_SPENDING: Spending = (0.0,) * len(KINDS)
SHARE = 64
"""One run sets aside ahead at most this part of what is left above the last quarter of a cap, which is only for what is
needed at once. So little of a day is idle in one run when another is refused."""


class Quota(Struct, frozen=True, dict=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Caps over all runs of a tenant in one day, which turns at 00:00 UTC; None is no cap.

    `runs` are those that are begun, `seconds` those in which runs are performed, added up. `prices` are as in
    `Limits`, which go before. `at_cap` is what happens at a cap; None leaves it to the limits of each run.
    """

    usd: float | None = None
    tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    requests: int | None = None
    tool_calls: int | None = None
    seconds: float | None = None
    runs: int | None = None
    at_cap: AtCap | None = None
    prices: dict[str, tuple[float, float]] = {}

    def __post_init__(self) -> None:
        for name in KINDS:
            cap = getattr(self, name)
            if cap is not None and cap < 0:
                raise ValueError(f"a quota is 0 or more: {name} is {cap}")

    @cached_property
    def caps(self) -> Spending:
        """How much of each of `KINDS` may be spent; infinite where there is no cap."""
        caps = [getattr(self, name) for name in KINDS]
        return tuple([math.inf if cap is None else float(cap) for cap in caps])

    @cached_property
    def by_tokens(self) -> bool:
        """Whether the tokens of a call have to be known before it is made."""
        return min(self.caps[:4]) < math.inf

    @property
    def by_time(self) -> bool:
        """Whether seconds are limited."""
        return self.seconds is not None


class Reserved(Struct, frozen=True, kw_only=True):
    """What one run has set aside of a day since its journal had `after` events; `epoch` is that of its lease."""

    run: str
    epoch: int
    day: str
    after: int
    amounts: Spending


def quota_of(given: Mapping[str, Any]) -> Quota:
    """The quota that names and values say.

    Raises:
        ValueError: if there is no such cap, or it cannot have that value.
    """
    if unknown := sorted(set(given) - {*KINDS, "at_cap", "prices"}):
        raise ValueError(f"there is no quota of {unknown[0]!r}; there are {', '.join(KINDS)}")
    return msgspec.convert(dict(given), Quota, strict=False)


def spending(usage: Usage, seconds: float = 0.0, runs: float = 0.0) -> Spending:
    """What was used, as a quota counts it."""
    into, out = usage.input_tokens, usage.output_tokens
    return (usage.usd, into + out, into, out, usage.requests, usage.tool_calls, seconds, runs)


def plus(one: Sequence[float], other: Sequence[float], sign: int = 1) -> Spending:
    """Both together, or with `sign` -1 the one without the other."""
    return tuple([a + sign * b for a, b in zip(one, other, strict=True)])


def granted(used: Sequence[float], caps: Spending, want: Spending, extra: Spending) -> Spending:
    """What may be set aside where `used` is: of `want` as much as there is room for, of `extra` a share of the rest."""
    amounts: list[float] = []
    for kind, spent, cap, wanted, more in zip(KINDS, used, caps, want, extra, strict=True):
        room = max(0.0, cap - spent)
        first = min(wanted, room)
        share = more if cap == math.inf else max(0.0, (room - first - cap / 4) / SHARE)
        amounts.append(first + min(more, share if kind == "usd" else share // 1))
    return tuple(amounts)
