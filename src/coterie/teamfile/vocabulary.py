"""Functions that team files know by name, where a pattern takes a function.

A parameter whose type is a function can always be `python: module:name`. What stands here can be said
without Python, by the name of the type that the pattern gives it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from coterie import patterns
from coterie.patterns import votes
from coterie.patterns.backlog import More
from coterie.words.message import Message
from coterie.words.plan import Plan
from coterie.words.task import Task


def lines(task: Task) -> list[str]:
    """The lines of a task that say something."""
    return [line.strip() for line in task.text.splitlines() if line.strip()]


def paragraphs(task: Task) -> list[str]:
    """The paragraphs of a task: what empty lines part."""
    return [part.strip() for part in re.split(r"\n\s*\n", task.text) if part.strip()]


def items(task: Task) -> list[Any]:
    """The data of a task, which has to be a list."""
    return [*(task.data or ())]


def merge_strict(messages: Sequence[Message]) -> Message:
    """As `merge`, but nobody may say something else than another."""
    return patterns.merge(messages, strict=True)


def has(*entries: str) -> Callable[[Mapping[str, Any]], bool]:
    """Done as soon as the board has all of `entries`."""

    def done(board: Mapping[str, Any]) -> bool:
        return all(one in board for one in entries)

    done.__name__ = f"has {', '.join(entries)}"
    return done


def _by_name(*functions: Any) -> dict[str, Any]:
    return {function.__name__: function for function in functions}


_RULES = _by_name(
    votes.majority, votes.plurality, votes.approval, votes.borda, votes.instant_runoff, votes.unanimous
)
NAMED: dict[str, dict[str, Any]] = {
    "committee.Rule": _RULES,
    "votes.Rule": _RULES,
    "parallel.Joiner": _by_name(patterns.concatenate, patterns.merge, merge_strict),
    "mapreduce.Joiner": _by_name(patterns.concatenate, patterns.merge, merge_strict),
    "mapreduce.Split": _by_name(lines, paragraphs, items),
    "debate.Stop": _by_name(patterns.agreed),
    "auction.Score": _by_name(patterns.worth),
    "router.Choose": {"scored": patterns.scored()},
    "claimed.Strategy": {
        "by_priority": patterns.by_priority,
        "in_order": patterns.in_order(),
        "escalating": patterns.escalating(),
    },
}
"""By pattern and type: what the functions or values of that type are called."""
CALLED: dict[str, tuple[Callable[..., Any], ...]] = {
    "committee.Rule": (votes.weighted, votes.at_least, votes.first_declared),
    "blackboard.Done": (has,),
    "claimed.Strategy": (patterns.merging, patterns.escalating, patterns.in_order),
}
"""By pattern and type: functions that make one of that type."""
MADE: dict[str, type] = {"Answers": patterns.Cache, "Record": patterns.TrackRecord}
"""By type: the class that keeps its promise, where the type is a protocol."""
CHECKED = ("Check", "Critic")
"""Types of functions that say what is wrong with a message; checks as plain data are such functions."""
TYPES: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        patterns.Assignments,
        patterns.Bid,
        patterns.Handover,
        More,
        Plan,
        patterns.Requests,
        patterns.Review,
        patterns.Transfer,
        patterns.Turn,
        patterns.Vote,
    )
}
"""Types of answers that patterns read."""
