"""Budgets: nothing is begun that might cost more than is left.

1. Limits make a tree over frames. An effect counts against every account from its frame up.
2. Before an effect is begun its worst case is reserved; when it ends, the truth is counted instead.
   What is cancelled or refused gives its reservation back.
3. A refusal is no decision of the play's: the effect is asked all the same, and whoever performs it
   settles it as `OverLimit`. So it is in the journal, and a raised limit changes no replay.
4. The worst case of a model call is one request, its prompt, and the most it may answer. A prompt's
   tokens are counted from above (`words/tokens.py`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from coterie.errors import OverLimit, failure_of
from coterie.words.brief import Brief
from coterie.words.effect import Effect, Think, Use
from coterie.words.event import Settled
from coterie.words.limits import ANSWER, COUNTED, NONE, Limits
from coterie.words.thread import Thread
from coterie.words.tokens import size_of
from coterie.words.usage import NOTHING, ONE_TOOL_CALL, Usage

if TYPE_CHECKING:
    from coterie.kernel.frames import Strand

Amounts: TypeAlias = tuple[tuple[int, float], ...]
"""Numbers of `COUNTED`, and how much of each."""
REQUEST: Amounts = ((4, 1),)
TOOL_CALL: Amounts = ((5, 1),)
FREE: Amounts = ()
AT_MOST: dict[type, Amounts] = {Think: REQUEST, Use: TOOL_CALL}
"""What the effects that cost something cost at most, where tokens and money are not limited."""


class Account:
    """What may be spent below one frame, and what is spent or set aside."""

    __slots__ = ("above", "by_tokens", "caps", "limits", "path", "used")

    def __init__(self, limits: Limits, path: str, above: Account | None) -> None:
        self.path = path
        self.above = above
        self.used: list[float] = [0, 0, 0, 0, 0, 0]
        self.allow(limits)

    def allow(self, limits: Limits) -> None:
        """Have `limits` from now on."""
        self.limits = limits
        self.caps = limits.caps
        self.by_tokens: bool = limits.by_tokens or (self.above is not None and self.above.by_tokens)

    def open_up(self) -> None:
        """Let what was kept back for the last answer be spent."""
        self.caps = replace(self.limits, at_cap="stop").caps

    def reserve(self, worst: Amounts) -> Refusal | None:
        """Set `worst` aside, here and above; or say what it would exceed, and set nothing aside."""
        account: Account | None = self
        while account is not None:
            used, caps = account.used, account.caps
            for n, amount in worst:
                if used[n] + amount > caps[n]:
                    why = account.said(n)
                    self._give_back(worst, account, n)
                    return Refusal(account, why)
                used[n] += amount
            account = account.above
        return None

    def _give_back(self, worst: Amounts, refuser: Account, kind: int) -> None:
        """Take back what was set aside here and above before `refuser` refused an amount of `kind`."""
        account: Account | None = self
        while account is not None:
            for n, amount in worst:
                if account is refuser and n == kind:
                    return
                account.used[n] -= amount
            account = account.above

    def settle(self, held: Amounts, spent: Usage) -> None:
        """Count what was spent in the place of what was held."""
        account: Account | None = self
        while account is not None:
            used = account.used
            for n, amount in held:
                used[n] -= amount
            if spent is not NOTHING:
                usd, tokens, into, out, requests, calls = used
                more, less = spent.input_tokens, spent.output_tokens
                account.used = [
                    usd + spent.usd,
                    tokens + more + less,
                    into + more,
                    out + less,
                    requests + spent.requests,
                    calls + spent.tool_calls,
                ]
            account = account.above

    def said(self, n: int) -> str:
        """Why nothing more of a kind may be spent."""
        name = COUNTED[n]
        cap, used = getattr(self.limits, name), self.used[n]
        return f"{name} of {self.path!r}: {used:,g} of {cap:,g} are spent or set aside, and this needs more"


def left(account: Account | None, depth: int) -> Limits:
    """What may still be used up at that depth, by an account and all above it; seconds are not counted here."""
    found = NONE
    while account is not None:
        limits = account.limits
        amounts = zip(COUNTED, account.caps, account.used, strict=True)
        caps = {name: max(0.0, cap - used) for name, cap, used in amounts if cap < math.inf}
        if limits.depth is not None:
            caps["depth"] = max(0, limits.depth - depth)
        if limits.fan_out is not None:
            caps["fan_out"] = limits.fan_out
        found = found.within(caps)
        account = account.above
    return found


class Refusal(Struct, frozen=True):
    """Which account does not allow an effect, and why."""

    account: Account
    why: str


class Budget:
    """What a run may use up: the account at its root, and what was asked that no limit allows."""

    __slots__ = ("refused", "root")

    def __init__(self, limits: Limits, path: str) -> None:
        self.root = Account(limits, path, None)
        self.refused: dict[str, tuple[Strand, Effect[Any], Refusal]] = {}

    def take(self, strand: Strand, path: str, effect: Effect[Any]) -> Refusal | None:
        """Set aside what `effect` may cost; or remember that it is refused, and give why."""
        account = strand.frame.account or self.root
        worst = prompted(effect, account) if account.by_tokens else AT_MOST[type(effect)]
        refusal = account.reserve(worst)
        if refusal is None:
            strand.held = worst
        else:
            self.refused[path] = (strand, effect, refusal)
        return refusal

    def settle(self, strand: Strand, path: str, spent: Usage) -> None:
        """Count what the effect that `strand` waited for has cost."""
        if self.refused:
            self.refused.pop(path, None)
        held, strand.held = strand.held, FREE
        if spent is not ONE_TOOL_CALL or held is not TOOL_CALL:  # else what was set aside is the truth
            (strand.frame.account or self.root).settle(held, spent)

    def release(self, strand: Strand, path: str) -> None:
        """Give back what was set aside for an effect that nobody waits for any more."""
        self.refused.pop(path, None)
        (strand.frame.account or self.root).settle(strand.held, NOTHING)
        strand.held = FREE

    def refusal(self, path: str) -> Settled | None:
        """How the effect at `path` ends if a limit does not allow it; nobody may perform it then."""
        refused = self.refused.get(path)
        if refused is None:
            return None
        return Settled(path, failure=failure_of(OverLimit(refused[2].why, path=path)))

    def petition(self, path: str) -> str:
        """Why the effect at `path` is refused, if a person is to be asked to raise the limit; or empty."""
        refused = self.refused.get(path)
        return refused[2].why if refused and refused[2].account.limits.at_cap == "ask" else ""

    def account(self, strand: Strand | None) -> Account:
        """What counts whatever a strand asks for."""
        return self.root if strand is None else strand.frame.account or self.root

    def owner(self, path: str) -> str:
        """The path of the frame whose limit refuses the effect at `path`."""
        return self.refused[path][2].account.path

    def allow(self, raised: dict[str, Any], owner: str) -> None:
        """Raise limits of the frame at `owner`, or of the run; what they refused is looked at once more.

        Raises:
            ValueError: if one is no limit.
        """
        owners = [refusal.account for _, _, refusal in self.refused.values() if refusal.account.path == owner]
        account = owners[0] if owners else self.root
        account.allow(account.limits.raised(raised))
        refused, self.refused = self.refused, {}
        for path, (strand, effect, _) in refused.items():
            self.take(strand, path, effect)


def prompted(effect: Effect[Any], account: Account) -> Amounts:
    """The most that an effect may cost where tokens or money are limited."""
    if not isinstance(effect, Think):
        return AT_MOST[type(effect)]
    into = estimated(effect.brief, effect.thread)
    out = int(effect.brief.settings.get("max_tokens", ANSWER))
    price_in, price_out = price(account, effect.model)
    return ((0, (into * price_in + out * price_out) / 1e6), (1, into + out), (2, into), (3, out), (4, 1))


def estimated(brief: Brief, thread: Thread) -> int:
    """The tokens of a prompt, from above."""
    return thread.sums(size_of)[len(thread)] + brief.size


def price(account: Account | None, model: str) -> tuple[float, float]:
    """The nearest price that is known of a model, in US dollars for a million tokens in and out."""
    while account is not None:
        if model in account.limits.prices:
            return account.limits.prices[model]
        account = account.above
    return (0.0, 0.0)
