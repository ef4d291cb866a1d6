"""Every error that Coterie raises, in one family, split by who must act.

* CoterieError
  x RunError              the work failed: read the result, change the task, or resume
    + EffectFailed        the world refused one step
      - ModelFailed       a model could not answer
      - ToolFailed        a tool raised
      - GuestFailed       a member from another framework raised
      - TimedOut          one step took longer than its own timeout
      - Unstorable        a value has no JSON shape or is too large
      - NotGranted        a tool that nobody above granted
      - OffLimits         an address that somebody named, and that may not be reached
      - Denied            a person did not approve a use of a tool
      - InDoubt           started before a crash, and nobody can tell whether it happened
        . SkippedInDoubt  so it was left, and not done again
    + BadOutput           an answer never fitted its type; `raw` holds the last try
    + BadPlan             a plan that cannot be run
    + BranchesFailed      a join has fewer successes than its policy asks for
    + Skipped             a step was not begun, because what it needs has no result
    + Declined            a member says that it will not take a task, and why
    + NobodyCan           everyone who could take a task declined or failed
      - NoBidder          an auction in which nobody was willing
    + Paused              the run takes nothing until it is resumed
    + InboxFull           a topic holds all it can, and refuses more
    + NoQuorum            too few votes for the rule to hold
    + CircuitOpen         a breaker refused a call: what it protects has failed too often
    + Conflict            two actors want one thing, and no strategy settled it
    + Late                a deadline passed
    + NotOpen             an answer came to a question that is not open
      - NotAsked          nobody ever asked it
      - Answered          it was answered already
      - Expired           nobody waits for an answer any more
    + Overloaded          as many runs are under way as may be
    + OverLimit           a limit of the run, the team or the agent allows no more
    + Stuck               the run can never move again
      - Deadlock          every strand waits, and nothing is under way
      - NoProgress        a loop came back to where it was
      - Circular          an actor was given, below itself, the very task it is working on
    + Cancelled           somebody stopped the run
    + ChildFailed         a run that this one began ended without an answer
    + Renewed             no failure: the run goes on as another
  x PlayError             the programmer: a play does what a play must not do
    + ForeignAwait        it awaited something that is not an effect
    + Diverged            it no longer asks what its journal says it asked
    + Unfit               the team is not the one that the run was opened with
    + BadInput            an argument, a file or a name is wrong
    + MissingExtra        a part of Coterie that is not installed
  x StoreError            the operator: journals cannot be read or written
    + Busy                another living writer holds the run
    + Fenced              another writer took the run over
    + Corrupt             the bytes are not what was written
    + Redacted            what is needed of a run was taken out of it
    + Changed             what was to be changed is not what it was when it was read
    + UnknownRun          there is no such run
    + EngineUnavailable   nobody can be told that a run is to be performed
    + ServiceFailed       a service that was asked over HTTP failed, refused, or cannot be reached
    + StoreUnavailable    the disk is full, the file is locked or is not a store
"""

from __future__ import annotations

from typing import Any

from coterie.words.failure import Failure
from coterie.words.usage import NOTHING, Usage


class CoterieError(Exception):
    """Base of every error that Coterie raises on purpose."""

    retryable = False
    retry_after = 0.0
    """Seconds to wait before trying again, where somebody said so."""
    usage: Usage = NOTHING
    """What was spent on it all the same."""

    def __init__(self, message: str, *, path: str = "", raw: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.raw = raw

    def __str__(self) -> str:
        return f"{self.message} (at {self.path!r})" if self.path else self.message


class RunError(CoterieError):
    """The work itself failed; `finished` holds what its branches had answered by then."""

    finished: tuple[Any, ...] = ()


class EffectFailed(RunError):
    """The world refused one step."""


class ModelFailed(EffectFailed):
    """A model could not answer."""

    retryable = True


class RateLimited(ModelFailed):
    """A provider asks to wait; `retry_after` is how many seconds, or 0 where it does not say."""


class ModelUnavailable(ModelFailed):
    """A provider is not reached, is overloaded, broke down, took too long, or sent what nobody can read."""


class ModelRefused(ModelFailed):
    """A provider will not answer this request as it is: it is malformed, too long, or not allowed."""

    retryable = False


class NoAccess(ModelFailed):
    """There is no key for a provider, or the key is not good for what was asked."""

    retryable = False


class ToolFailed(EffectFailed):
    """A tool raised."""


class GuestFailed(EffectFailed):
    """A member from another framework raised; the message is in its own words."""


class TimedOut(EffectFailed):
    """One step took longer than its own timeout."""

    retryable = True


class Unstorable(EffectFailed):
    """A value has no JSON shape or is too large to be journaled."""


class NotGranted(EffectFailed):
    """A tool that nobody above granted was to be used; it did not run."""


class OffLimits(EffectFailed):
    """An address that somebody else has named may not be reached; nothing was sent to it."""


class RemoteFailed(EffectFailed):
    """A remote agent ended a task without doing it; the message is what it says."""


class Denied(EffectFailed):
    """A policy, or a person, did not allow a step; it did not run."""


class InDoubt(EffectFailed):
    """A step with consequences was under way at a crash, and nobody can tell whether it happened."""


class SkippedInDoubt(InDoubt):
    """A step was under way at a crash, and was left as it is: it may have happened, and was not done again."""


class BadOutput(RunError):
    """An answer never fitted the type that was asked for; `raw` is the last one."""


class BadPlan(RunError):
    """A plan has a cycle, an unknown worker, a missing dependency or too many steps."""


class BranchesFailed(RunError):
    """A join has fewer successes than its policy asks for."""


class Skipped(RunError):
    """A step was not begun, because a step that it needs has no result."""


class Declined(RunError):
    """A member says that it will not take a task; the message says why."""


class NobodyCan(RunError):
    """Everyone who could take a task declined or failed; the message says who and why."""


class NoBidder(NobodyCan):
    """An auction in which nobody was willing."""


class InboxFull(RunError):
    """A topic holds all the messages it can, and refuses more."""

    retryable = True


class NoQuorum(RunError):
    """Too few votes came in for the rule to hold."""


class CircuitOpen(RunError):
    """A breaker refused a call without making it, because what it protects has failed too often."""

    retryable = True


class Conflict(RunError):
    """Two actors want one thing, and no strategy settled it."""


class Late(RunError):
    """A deadline passed before the work was done."""

    retryable = True


class NotOpen(RunError):
    """An answer came to a question that is not open; it changes nothing."""


class NotAsked(NotOpen):
    """Nobody ever asked the question."""


class Answered(NotOpen):
    """The question was answered already."""


class Expired(NotOpen):
    """Nobody waits for an answer any more: it came too late, or another one was enough."""


class Paused(RunError):
    """The run is paused, so it takes nothing; resume it first."""

    retryable = True


class Overloaded(RunError):
    """As many runs are under way as may be; later there is room."""

    retryable = True


class OverLimit(RunError):
    """A limit of the run, the team or the agent allows no more; a raised one lets the run go on."""


class Stuck(RunError):
    """The run can never move again."""


class Deadlock(Stuck):
    """Every strand waits and nothing is under way; the message names each wait."""


class NoProgress(Stuck):
    """A loop came back to where it was; the message names the cycle."""


class Circular(Stuck):
    """An actor was given, below itself, the very task it is working on."""


class Cancelled(RunError):
    """Somebody stopped the run."""


class ChildFailed(RunError):
    """A run that this one began ended without an answer."""


class Renewed(RunError):
    """The run goes on as another: `run`, with `task`."""

    def __init__(self, run: str, task: Any = None) -> None:
        super().__init__(f"it goes on as run {run!r}")
        self.run = run
        self.task = task


class PlayError(CoterieError):
    """A play does what a play must not do."""


class ForeignAwait(PlayError):
    """A play awaited something that is not an effect."""


class Diverged(PlayError):
    """A play no longer asks what its journal says it asked."""


class Unfit(PlayError):
    """The team is not the one that the run was opened with."""


class BadInput(PlayError):
    """An argument, a file or a name is wrong."""


class MissingExtra(PlayError):
    """A part of Coterie that is not installed."""

    @classmethod
    def of(cls, extra: str, needed_for: str) -> MissingExtra:
        """The error that names the extra and how to get it."""
        return cls(f"{needed_for} needs the extra [{extra}]: pip install 'coterie[{extra}]'")


class StoreError(CoterieError):
    """Journals cannot be read or written."""


class Busy(StoreError):
    """Another living writer holds the run."""


class Fenced(StoreError):
    """Another writer took the run over; this one has written nothing since."""


class Corrupt(StoreError):
    """The bytes are not what was written."""


class Changed(StoreError):
    """What was to be changed is not what it was when it was read; nothing was written. Read it again."""


class Redacted(StoreError):
    """What is needed of a run was taken out of it; the message says by whom."""


class UnknownRun(StoreError):
    """There is no such run."""


class EngineUnavailable(StoreError):
    """Nobody can be told that a run is to be performed; it is in the store, and nothing of it is lost."""


class ServiceFailed(StoreError):
    """A service that was asked over HTTP failed, refused, or cannot be reached."""


class StoreUnavailable(StoreError):
    """The disk is full, the file is locked, or it is not a store."""


def failure_of(error: BaseException, path: str = "") -> Failure:
    """The failure that stands for `error` in a result or a journal."""
    where = getattr(error, "path", "") or path
    if isinstance(error, CoterieError):
        kind, message, raw = type(error).__name__, error.message, error.raw
        after = error.retry_after
        return Failure(
            kind=kind, message=message, path=where, raw=raw, retryable=error.retryable, retry_after=after
        )
    return Failure(kind=type(error).__name__, message=str(error) or repr(error), path=where)


def error_of(failure: Failure) -> CoterieError:
    """The error that stands for `failure`; the same failure gives the same error at every replay."""
    known = _BY_NAME.get(failure.kind)
    message = failure.message if known else f"{failure.kind}: {failure.message}"
    error = (known or ToolFailed)(message, path=failure.path, raw=failure.raw)
    error.retryable = failure.retryable
    error.retry_after = failure.retry_after
    return error


def _family(root: type[CoterieError]) -> dict[str, type[CoterieError]]:
    kinds = {root.__name__: root}
    for kind in root.__subclasses__():
        kinds |= _family(kind)
    return kinds


_BY_NAME = _family(CoterieError)
