"""Policy files: rules in YAML, read with the line of every mistake."""

from __future__ import annotations

from typing import Any

from coterie.policy.rules import Rule, Rules
from coterie.teamfile.problems import Problems
from coterie.teamfile.source import Node, parsed, plain
from coterie.words.permit import ACTIONS, DECISIONS
from coterie.words.principal import ROLES

LISTS = ("principals", "groups", "roles", "tenants", "actions", "resources", "tags")
AMOUNTS = ("usd", "tokens")
"""What of a context a rule may ask to be above something."""
_MEANT = {name[:-1]: name for name in LISTS}


def read(body: bytes, file: str) -> Rules:
    """The policy that a file says: `rules`, the first that fits, and `default`.

    Raises:
        BadFile: if it says none; the message has every line that is wrong.
    """
    node, problems = parsed(body, file), Problems(file)
    if node.mapping is None:
        problems.add(node.line, f"a policy is a mapping with `rules` and `default`, not {node.what}")
    for key in sorted(set(node.entries) - {"rules", "default"}):
        problems.add(node.keys[key], f"a policy has no {key!r}; it has rules and default")
    given = node.entries.get("rules")
    if given is not None and given.items is None:
        problems.add(given.line, f"`rules` is a list, not {given.what}")
    made = [_rule(one, problems) for one in (given.items or () if given is not None else ())]
    default: Any = _decision(node.entries["default"], problems) if "default" in node.entries else "deny"
    problems.settle()
    return Rules(tuple(Rule(**one) for one in made), default)


def _rule(node: Node, problems: Problems) -> dict[str, Any]:
    """The fields of one rule."""
    found: dict[str, Any] = {}
    if node.mapping is None:
        problems.add(node.line, f"a rule is a mapping, not {node.what}")
    elif "decision" not in node.mapping:
        problems.add(node.line, f"a rule has a decision: {', '.join(DECISIONS)}")
    for key, value in node.entries.items():
        name = _MEANT.get(key, key)
        if name in found:
            problems.add(node.keys[key], f"{key!r} is said twice in this rule")
        elif name in LISTS:
            found[name] = _names(name, value, problems)
        elif name in _OTHERS:
            found[name] = _OTHERS[name](value, problems)
        else:
            known = ", ".join((*LISTS, *_OTHERS))
            problems.add(node.keys[key], f"a rule has no {key!r}; it has {known}")
    return found


def _names(name: str, node: Node, problems: Problems) -> tuple[str, ...]:
    """One pattern, or a list of them; of what there is a fixed number of, one that there is."""
    said: list[Any] = [plain(one) for one in node.items] if node.items is not None else [node.value]
    for one in said:
        if not isinstance(one, str) or not one:
            problems.add(node.line, f"{name!r} is a text, or a list of texts, not {one!r}")
        elif name in _CLOSED and one not in _CLOSED[name] and not (name == "actions" and "*" in one):
            problems.add(node.line, f"there is no {name[:-1]} {one!r}; there are {', '.join(_CLOSED[name])}")
    return tuple(said)


_CLOSED: dict[str, tuple[str, ...]] = {"actions": ACTIONS, "roles": ROLES}


def _decision(node: Node, problems: Problems) -> Any:
    if node.value not in DECISIONS:
        problems.add(node.line, f"a decision is one of {', '.join(DECISIONS)}, not {node.what}")
    return node.value


def _flag(node: Node, problems: Problems) -> Any:
    if not isinstance(node.value, bool):
        problems.add(node.line, f"it is true or false, not {node.what}")
    return node.value


def _text(node: Node, problems: Problems) -> Any:
    if not isinstance(node.value, str):
        problems.add(node.line, f"a reason is a text, not {node.what}")
    return node.value


def _amounts(node: Node, problems: Problems) -> dict[str, Any]:
    for key, value in node.entries.items():
        number = isinstance(value.value, int | float) and not isinstance(value.value, bool)
        if key not in AMOUNTS or not number:
            problems.add(node.keys[key], f"`above` has {' and '.join(AMOUNTS)}, each a number")
    if not node.entries:
        problems.add(node.line, f"`above` is a mapping with {' or '.join(AMOUNTS)}, not {node.what}")
    return {key: value.value for key, value in node.entries.items()}


_OTHERS: dict[str, Any] = {
    "decision": _decision,
    "sensitive": _flag,
    "above": _amounts,
    "why": _text,
}
