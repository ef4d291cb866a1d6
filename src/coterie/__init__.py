"""Coterie: teams of AI agents as durable programs.

Everyone is an actor: an async function from a task to a message. What happens is an event in
a journal; what should happen is an effect. Start with `Agent`, `run` and `coterie.patterns`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from coterie.actor import Actor, do, first, gather, race, within
from coterie.agent import Agent
from coterie.human import Human
from coterie.team import Team
from coterie.tool import tool
from coterie.words.effect import (
    Ask,
    Claim,
    Draw,
    Get,
    Hear,
    Here,
    Mark,
    Now,
    Put,
    Release,
    Send,
    Sleep,
    Watch,
)
from coterie.words.failure import Failure, best_effort, collect_all, fail_fast, quorum
from coterie.words.limits import Limits
from coterie.words.message import File, Message
from coterie.words.quota import Quota
from coterie.words.result import Result
from coterie.words.start import Begin, Group, Renew, Start, Tell
from coterie.words.task import Task
from coterie.words.usage import Usage

if TYPE_CHECKING:
    from coterie.remote.actor import Remote
    from coterie.shell.run import cancel, fork, replay, resume, run, run_sync, start

__version__ = "0.1.0"
__all__ = [
    "Actor", "Agent", "Human", "Remote", "Team", "tool",
    "Task", "Message", "File", "Result", "Failure", "Usage", "Limits", "Quota",
    "run", "run_sync", "start", "resume", "fork", "replay", "cancel",
    "do", "gather", "first", "race", "within", "fail_fast", "collect_all", "quorum", "best_effort",
    "Ask", "Claim", "Draw", "Get", "Hear", "Here", "Mark", "Now", "Put", "Release", "Send", "Sleep", "Watch",
    "Start", "Begin", "Renew", "Tell", "Group",
]  # fmt: skip
_LATER: dict[str, str] = dict.fromkeys(
    ("run", "run_sync", "start", "resume", "fork", "replay", "cancel"), "coterie.shell.run"
)
_LATER["Remote"] = "coterie.remote.actor"


def __getattr__(name: str) -> Any:
    """What performs runs is loaded when it is first used: an event loop is a quarter of all imports."""
    if name not in _LATER:
        raise AttributeError(f"module 'coterie' has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
