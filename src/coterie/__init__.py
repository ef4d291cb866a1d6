"""Coterie: teams of AI agents as durable programs.

Everyone is an actor: an async function from a task to a message. What happens is an event in
a journal; what should happen is an effect. Start with `Agent`, `run` and `coterie.patterns`.
"""

from coterie.actor import Actor, do, first, gather, race, within
from coterie.agent import Agent
from coterie.shell.run import cancel, fork, replay, resume, run, run_sync, start
from coterie.team import Team
from coterie.tool import tool
from coterie.words.effect import Ask, Draw, Get, Hear, Mark, Now, Put, Send, Sleep, Watch
from coterie.words.failure import Failure, best_effort, collect_all, fail_fast, quorum
from coterie.words.message import Message
from coterie.words.result import Result
from coterie.words.task import Task
from coterie.words.usage import Usage

__version__ = "0.1.0"
