"""A policy as a list of rules: the first that fits decides, and what none fits is denied."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct

from coterie.words.permit import Decision, Ruling
from coterie.words.principal import Principal


class Rule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is decided where all that the rule says fits; what it does not say fits everything.

    `principals`, `groups`, `tenants`, `actions` and `resources` are patterns as file names have them (`*`, `?`,
    `[ab]`); letters count as they are written. `tags` are patterns of the tags of a tool or a memory. `above` names
    amounts of the context, as `usd` or `tokens`: it fits where one of them is higher. `sensitive` is about tools.
    `why` is told to whoever is refused or asked because of it.
    """

    decision: Decision
    principals: tuple[str, ...] = ("*",)
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ("*",)
    actions: tuple[str, ...] = ("*",)
    resources: tuple[str, ...] = ("*",)
    tags: tuple[str, ...] = ()
    sensitive: bool | None = None
    above: dict[str, float] = {}
    why: str = ""

    def fits(self, principal: Principal, action: str, resource: str, context: Mapping[str, Any]) -> bool:
        """Whether it says what is decided here."""
        return (
            _one(self.actions, action)
            and _one(self.resources, resource)
            and _one(self.principals, principal.name)
            and _one(self.tenants, principal.tenant)
            and (not self.roles or principal.role in self.roles)
            and (not self.groups or any(_one(self.groups, group) for group in principal.groups))
            and (not self.tags or any(_one(self.tags, tag) for tag in context.get("tags", ())))
            and self.sensitive in (None, context.get("sensitive", False))
            and (not self.above or any(context.get(name, 0) > most for name, most in self.above.items()))
        )


class Rules(Struct, frozen=True):
    """A policy: the first rule that fits decides; where none does, `default`."""

    rules: tuple[Rule, ...]
    default: Decision = "deny"

    def __call__(
        self, principal: Principal, action: str, resource: str, context: Mapping[str, Any], /
    ) -> Decision | Ruling:
        for rule in self.rules:
            if rule.fits(principal, action, resource, context):
                return Ruling(rule.decision, rule.why) if rule.why else rule.decision
        return self.default


def rules(*given: Rule, default: Decision = "deny") -> Rules:
    """The policy of these rules."""
    return Rules(given, default)


def _one(patterns: tuple[str, ...], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
