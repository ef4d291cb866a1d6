"""The gate: what an effect has to pass before it is begun.

1. It is asked about each effect once, before the journal says that the effect is asked. What it denies is noted
   there as refused, and what a person decides is noted as a question: so neither is in doubt after a crash.
2. What a policy says is not asked again by whoever replays the run. What is still open is: a rule that has
   changed since holds for what has not been begun.
3. A policy that raises, or says what is no decision, has said no.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from coterie.errors import CoterieError, Denied, OverLimit, failure_of
from coterie.kernel.budget import Account, prompted
from coterie.kernel.machine import Machine
from coterie.kernel.taint import told
from coterie.kernel.values import to_plain
from coterie.ports import Policy
from coterie.shell.purse import Purse
from coterie.words.effect import Effect, Forget, Recall, Remember, Think, Use
from coterie.words.event import Asked, Event, Settled
from coterie.words.permit import DECISIONS, Decision, Permit, Ruling
from coterie.words.principal import Principal


class Verdict(Struct, frozen=True):
    """What is to be done with an effect: `deny` and `ask` say `why`; `error` is what a denial is."""

    decision: Decision
    why: str = ""
    error: type[CoterieError] = Denied


ALLOWED = Verdict("allow")


class Gate:
    """What may be begun in one run: by a policy, for `principal`, and by what is in the `purse` of its tenant's day."""

    def __init__(
        self, policy: Policy | None, principal: Principal, run: str, purse: Purse | None = None
    ) -> None:
        self._policy = policy
        self._principal = principal
        self._run = run
        self._purse = purse
        self._short: dict[str, str] = {}
        self._asks = False

    async def prepare(self, settled: Sequence[Event], asked: Sequence[Asked], machine: Machine) -> None:
        """Set aside what effects may cost that a verdict is wanted on next; what has `settled` is counted."""
        if self._purse is not None:
            self._short = await self._purse.refusals(settled, asked, machine)
            self._asks = machine.budget.root.limits.at_cap == "ask"

    def short(self, path: str) -> bool:
        """Whether the day did not allow the effect at `path` when it was looked at last."""
        return path in self._short

    def tick(self, arrive: Callable[[Event], None]) -> None:
        """Have the time count that passes from now on, if it does; `arrive` is told when it is over."""
        if self._purse is not None:
            self._purse.tick(arrive)

    async def close(self) -> None:
        """Give back what was set aside."""
        if self._purse is not None:
            await self._purse.close()

    def verdict(self, asked: Asked, account: Account) -> Verdict:
        """What is to be done with an effect that counts against `account`."""
        said = ALLOWED if self._policy is None else self._ruled(self._policy, asked, account)
        why = self._short.get(asked.path)
        if why is None or said.decision == "deny":
            return said
        if self._asks:
            return Verdict(
                "ask", f"{why}. When it is raised, or the day has turned: approve, and it is tried again"
            )
        return Verdict("deny", why, OverLimit)

    def _ruled(self, policy: Policy, asked: Asked, account: Account) -> Verdict:
        """What a policy says."""
        found = subject(asked.effect, account)
        if found is None:
            return ALLOWED
        action, resource, about = found
        context = {"run": self._run, "path": asked.path, **about}
        said = ruled(policy, self._principal, action, resource, context)
        return replace(said, why=said.why + _with(about)) if said.decision == "ask" else said


def ruled(
    policy: Policy, principal: Principal, action: str, resource: str, context: Mapping[str, Any]
) -> Verdict:
    """What a policy says of one thing that somebody wants to do."""
    who = f"{principal.name!r} ({principal.role} in {principal.tenant!r})"
    what = f"{action} {resource!r}"
    try:
        said = policy(principal, action, resource, context)
    except Exception as error:  # somebody's rules meet the shell here, and may throw anything
        return Verdict("deny", f"the policy failed, so {who} may not {what}: {type(error).__name__}: {error}")
    ruling = said if isinstance(said, Ruling) else Ruling(said)
    because = f": {ruling.why}" if ruling.why else ""
    if ruling.decision == "allow":
        return ALLOWED
    if ruling.decision == "ask":
        return Verdict("ask", f"{who} wants to {what}, which the policy leaves to a person{because}")
    wrong = "" if ruling.decision in DECISIONS else f" (it said {said!r})"
    return Verdict("deny", f"the policy does not let {who} {what}{because}{wrong}")


def permitted(
    policy: Policy, principal: Principal, action: str, resource: str, context: Mapping[str, Any]
) -> None:
    """See that a policy lets somebody do something at a door, where nobody can be asked.

    Raises:
        Denied: if it does not, or leaves it to a person.
    """
    said = ruled(policy, principal, action, resource, {"run": "", "path": "", **context})
    if said.decision != "allow":
        raise Denied(f"{said.why}; nobody is asked here" if said.decision == "ask" else said.why)


def judged(gate: Gate | None, asked: Asked, account: Account, sources: tuple[str, ...]) -> Verdict:
    """What is to be done with an effect that a policy, and where the words came from, may be against."""
    said = ALLOWED if gate is None else gate.verdict(asked, account)
    short = gate is not None and gate.short(asked.path)
    return _tainted(asked, sources) if sources and not short and said.decision != "deny" else said


def forbidden(path: str, by: str, *, short: bool = False) -> Settled:
    """How a step ends that a person, `by`, does not allow; `short`, where the tenant's day did not."""
    who = by or "a person"
    said = (
        OverLimit(f"{who} stopped {path!r} at a cap of the day")
        if short
        else Denied(f"{who} did not allow {path!r}")
    )
    return Settled(path, failure=failure_of(said, path))


def _tainted(asked: Asked, sources: tuple[str, ...]) -> Verdict:
    """What is to be done with the use of a sensitive tool to which somebody's words led who is no member."""
    use = asked.effect
    what = (
        f"{use.tool!r} is sensitive; arguments: {str(use.arguments)[:MOST]}" if isinstance(use, Use) else ""
    )
    return Verdict("ask", f"{told(sources)} {what}")


def subject(effect: Effect[Any], account: Account) -> tuple[str, str, dict[str, Any]] | None:
    """What a policy is asked about an effect: action, resource and context; None for what needs no leave."""
    look = _SUBJECTS.get(type(effect))
    return None if look is None else look(effect, account)


def _permit(permit: Permit, _: Account) -> tuple[str, str, Mapping[str, Any]]:
    return permit.action, permit.resource, {}


def _spend(think: Think, account: Account) -> tuple[str, str, Mapping[str, Any]]:
    most = dict(prompted(think, account))
    return "spend", think.model, {"usd": most[0], "tokens": int(most[1])}


def _use(use: Use, _: Account) -> tuple[str, str, Mapping[str, Any]] | None:
    tool = use.by
    if not hasattr(tool, "tags"):  # a step of the play itself is no tool
        return None
    about = {"arguments": to_plain(_named(use)), "tags": sorted(tool.tags), "sensitive": tool.sensitive}
    return "use", use.tool, about


def _named(use: Use) -> dict[str, Any]:
    """The arguments of a tool by name, as a policy and an approval see them, however a play gave them."""
    arguments = use.arguments
    if "args" not in arguments or "args" in use.by.parameters:
        return arguments
    named: dict[str, Any] = dict(zip(use.by.parameters, arguments["args"], strict=False))
    return {**named, **arguments.get("kwargs", {})}


def _remember(remember: Remember, _: Account) -> tuple[str, str, Mapping[str, Any]]:
    entry = remember.entry
    return (
        "remember",
        entry.key,
        {"tags": list(entry.tags), "source": entry.source, "shared": list(entry.shared)},
    )


def _query(effect: Recall | Forget, _: Account) -> tuple[str, str, Mapping[str, Any]]:
    query = effect.query
    return effect.kind, ",".join(query.keys), {"tags": list(query.tags), "source": query.source}


_SUBJECTS: dict[type, Callable[..., Any]] = {
    Permit: _permit,
    Think: _spend,
    Use: _use,
    Remember: _remember,
    Recall: _query,
    Forget: _query,
}


def _with(about: Mapping[str, Any]) -> str:
    """What a person is told beside who wants what."""
    known = {name: value for name, value in about.items() if name in SHOWN and value}
    return "".join(f"; {name}: {str(value)[:MOST]}" for name, value in known.items())


SHOWN = ("arguments", "usd", "tokens", "source")
"""What of a context a question shows."""
MOST = 2_000
"""Letters of each that it shows."""
