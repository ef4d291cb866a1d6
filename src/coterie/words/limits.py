"""Limits: what a run, a team or an agent may use up, and what happens where that is not enough."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, TypeAlias, cast

import msgspec
from msgspec import Struct

from coterie.words.usage import Usage

AtCap: TypeAlias = Literal["stop", "finalize", "ask"]
"""At a cap: fail the step, then answer once from what is there, or wait for a person to raise it."""
LAST = Usage(input_tokens=2_000, output_tokens=500, requests=1)
"""What `finalize` keeps back for the last answer."""
ANSWER = 4_096
"""Output tokens that a model call may cost where its settings have no `max_tokens`."""


class Limits(Struct, frozen=True, dict=True, kw_only=True, omit_defaults=True):
    """Caps over everything below one frame; None is no cap, and the defaults protect.

    `usd` is money by `prices`: US dollars for a million tokens in and out, by model name. `tokens` is
    input and output together. `seconds` is by the clock, from the opening of the run. `depth` is
    frames below one another, `fan_out` branches of one join.
    """

    usd: float | None = 10.0
    tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    requests: int | None = 100_000
    tool_calls: int | None = 100_000
    seconds: float | None = None
    depth: int | None = 64
    fan_out: int | None = 50_000
    at_cap: AtCap = "stop"
    prices: dict[str, tuple[float, float]] = {}

    def __post_init__(self) -> None:
        for name in CAPS:
            cap = getattr(self, name)
            if cap is not None and cap < 0:
                raise ValueError(f"a limit is 0 or more: {name} is {cap}")

    @cached_property
    def caps(self) -> tuple[float, ...]:
        """How much of each of `COUNTED` may be spent before the last answer; infinite where there is no cap."""
        caps = [math.inf if cap is None else cap for cap in [getattr(self, name) for name in COUNTED]]
        if self.at_cap == "finalize":
            kept = [self._last_usd, *[getattr(LAST, name) for name in COUNTED[1:]]]
            caps = [max(0, cap - last) for last, cap in zip(kept, caps, strict=True)]
        return tuple(caps)

    @property
    def _last_usd(self) -> float:
        """What the last answer may cost, by the dearest of the models that have a price."""
        into, out = LAST.input_tokens, LAST.output_tokens
        return max([(into * a + out * b) / 1e6 for a, b in self.prices.values()], default=0.0)

    @cached_property
    def by_tokens(self) -> bool:
        """Whether the tokens of a call have to be known before it is made."""
        return bool(self.prices) or min(self.caps[1:4]) < math.inf

    def raised(self, new: dict[str, Any]) -> Limits:
        """These limits with what `new` says in their place.

        Raises:
            ValueError: if `new` names no limit, or gives one a value that it cannot have.
        """
        if unknown := sorted(set(new) - set(CAPS) - {"at_cap"}):
            raise ValueError(f"there is no limit {unknown[0]!r}; there are {', '.join(CAPS)}")
        return msgspec.convert({**msgspec.to_builtins(self), **new}, Limits, strict=False)

    def within(self, caps: Mapping[str, Any]) -> Limits:
        """These limits, none of them above what `caps` says; what it says of anything else is nothing to us.

        Raises:
            ValueError: if it gives a limit a value that it cannot have.
        """
        lower: dict[str, Any] = {}
        for name in CAPS:
            cap, mine = caps.get(name), getattr(self, name)
            if cap is None:
                continue
            if isinstance(cap, bool) or not isinstance(cap, int | float) or not cap >= 0:
                raise ValueError(f"a limit is a number, 0 or more: {name} is {cap!r}")
            if mine is None or cap < mine:
                lower[name] = cap if name in ("usd", "seconds") else int(cap)
        return self.raised(lower) if lower else self


COUNTED = ("usd", "tokens", "input_tokens", "output_tokens", "requests", "tool_calls")
"""The limits that usage counts against."""
CAPS = (*COUNTED, "seconds", "depth", "fan_out")
"""The limits there are."""
NONE = Limits(usd=None, requests=None, tool_calls=None, depth=None, fan_out=None)
"""No cap on anything."""
DEFAULT = Limits()
"""What a run may use up where nobody says otherwise."""


def parsed(given: Any) -> dict[str, Any]:
    """The limits that an object names, or a text like `usd=2.5 requests=50`.

    Raises:
        ValueError: if it names none that there is, or gives one a value that it cannot have.
    """
    if not isinstance(given, dict):
        pairs = [part.partition("=") for part in str(given).split()]
        given = {name: value for name, _, value in pairs}
    named = cast("dict[str, Any]", given)
    DEFAULT.raised(named)
    return named
