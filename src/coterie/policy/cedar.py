"""Cedar policies (cedarpolicy.com) as a policy: `pip install 'coterie[cedar]'`.

A principal is `User::"name"` in its `Role`, its `Group`s and its `Tenant`; an action is `Action::"use"`; a resource
is a `Team`, an `Actor`, a `Tool`, a `Model`, a `Memory` or an `Entry` of the board. Cedar knows yes and no. What is
allowed only by policies whose `@id` begins with `ask` is left to a person.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from coterie.errors import BadInput, MissingExtra
from coterie.words.permit import Decision
from coterie.words.principal import Principal

TYPES = {
    "run": "Team",
    "call": "Actor",
    "use": "Tool",
    "spend": "Model",
    "remember": "Memory",
    "recall": "Memory",
    "forget": "Memory",
    "read": "Entry",
    "write": "Entry",
}
"""What an action is done to."""
ASK = "ask"
"""How the id of a policy begins that leaves it to a person."""


class Cedar:
    """A policy that asks a set of Cedar policies."""

    def __init__(self, cedarpy: Any, policies: Any) -> None:
        self._cedarpy = cedarpy
        self._policies = policies

    def __call__(
        self, principal: Principal, action: str, resource: str, context: Mapping[str, Any], /
    ) -> Decision:
        request = {
            "principal": _named("User", principal.name),
            "action": _named("Action", action),
            "resource": _named(TYPES[action], resource),
            "context": _context(context),
        }
        found = self._cedarpy.is_authorized(request, self._policies, [_entity(principal)])
        if found.diagnostics.errors:  # Cedar would leave out the policy that failed, a forbidding one too
            raise BadInput(f"Cedar: {'; '.join(found.diagnostics.errors)}")
        if not found.allowed:
            return "deny"
        ids: dict[str, str] = found.diagnostics.id_annotations_by_reason
        asks = all(ids.get(reason, "").startswith(ASK) for reason in found.diagnostics.reasons)
        return "ask" if asks else "allow"


def cedar(text: str, file: str = "the policies") -> Cedar:
    """The policy that Cedar policies say.

    Raises:
        BadInput: if they are none.
        MissingExtra: without `coterie[cedar]`.
    """
    try:
        import cedarpy
    except ModuleNotFoundError as error:
        raise MissingExtra.of("cedar", "a Cedar policy") from error
    try:
        return Cedar(cedarpy, cedarpy.PolicySet.from_str(text))
    except ValueError as error:
        raise BadInput(f"{file}: not Cedar: {error}") from error


def _named(kind: str, name: str) -> str:
    return f"{kind}::{json.dumps(name, ensure_ascii=False)}"


def _entity(principal: Principal) -> dict[str, Any]:
    above = [("Role", principal.role), ("Tenant", principal.tenant)]
    above += [("Group", group) for group in principal.groups]
    return {
        "uid": {"type": "User", "id": principal.name},
        "attrs": {},
        "parents": [{"type": kind, "id": id} for kind, id in above],
    }


def _context(context: Mapping[str, Any]) -> dict[str, Any]:
    """A context in Cedar's types: money as a decimal, arguments as their JSON."""
    made: dict[str, Any] = {
        name: value for name, value in context.items() if isinstance(value, str | bool | int | list)
    }
    if "usd" in context:
        made["usd"] = {"__extn": {"fn": "decimal", "arg": f"{context['usd']:.4f}"}}
    if "arguments" in context:
        made["arguments"] = json.dumps(context["arguments"], ensure_ascii=False, sort_keys=True)
    return made
