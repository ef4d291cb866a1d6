"""What the API takes and gives, as msgspec types: the schemas of its OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from coterie.doors.spending import By
from coterie.words.failure import Failure
from coterie.words.limits import AtCap
from coterie.words.result import Status
from coterie.words.usage import Usage

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.:-]+$")]
Text = Annotated[str, Meta(max_length=1_000_000)]


class Caps(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Limits of a run; what is left out stays as it is by default."""

    usd: Annotated[float, Meta(ge=0)] | None = None
    tokens: Annotated[int, Meta(ge=0)] | None = None
    input_tokens: Annotated[int, Meta(ge=0)] | None = None
    output_tokens: Annotated[int, Meta(ge=0)] | None = None
    requests: Annotated[int, Meta(ge=0)] | None = None
    tool_calls: Annotated[int, Meta(ge=0)] | None = None
    seconds: Annotated[float, Meta(ge=0)] | None = None
    depth: Annotated[int, Meta(ge=0)] | None = None
    fan_out: Annotated[int, Meta(ge=0)] | None = None
    at_cap: AtCap | None = None


class NewRun(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run to be begun: of which team, on which task. A team is called by its name, or written out by a pattern.

    `team` is a team that is offered, or a team or an agent that was written here. With `pattern` it is that one of the
    catalogue: of `members`, which stand beside its name in a team file, with its `options`. A member is a name, or
    written out as it is there, and `agents` are members by name.
    """

    task: Text
    team: Name | None = None
    pattern: Name | None = None
    members: Any = None
    agents: dict[str, Any] = {}
    options: dict[str, Any] = {}
    model: Name | None = None
    limits: Caps = Caps()
    id: Name | None = None


class Fork(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be another way: from which event, and the new task or what that event comes out as.

    `set` has new instructions and models of agents, as `AGENT.instructions` and `AGENT.model`.
    """

    at: Annotated[int, Meta(ge=1)] | None = None
    set: dict[str, Text] = {}
    task: Text | None = None
    value: Any = None
    changed: Literal["task", "value", "nothing"] = "nothing"


class Raise(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits to put in the place of those that a run has."""

    limits: Caps = Caps()


class Said(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message to a run, on a topic."""

    topic: Annotated[str, Meta(min_length=1, max_length=200)]
    message: Any


class Decided(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer to a question."""

    value: Any


class Reason(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why something is stopped."""

    reason: Annotated[str, Meta(max_length=500)] = "cancelled"


class Pause(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why something is paused, and how many seconds what is under way may take to settle."""

    reason: Annotated[str, Meta(max_length=500)] = "paused"
    grace: Annotated[float, Meta(ge=0, le=3600)] = 30.0


class RunSeen(Struct, frozen=True, kw_only=True):
    """One run at a glance; times are seconds since the epoch."""

    id: str
    team: str
    task: str
    status: str
    events: int
    started: float
    updated: float
    usage: Usage


class RunShown(Struct, frozen=True, kw_only=True):
    """One run: what it has come to by now, what it waits for, and what it has spent."""

    id: str
    team: str
    task: str
    status: Status
    text: str
    output: Any
    failure: Failure | None
    unverified: str
    missing: tuple[Failure, ...]
    usage: Usage
    questions: list[QuestionShown]
    events: int
    started: float
    updated: float
    origin: dict[str, Any]


class QuestionShown(Struct, frozen=True, kw_only=True):
    """A question to a person: where it is asked, since when, and what is accepted.

    One of a run that is `paused` can be answered when the run has been resumed.
    """

    id: str
    run: str
    path: str
    question: str
    about: str
    choices: tuple[str, ...]
    to: str
    since: float
    state: Literal["open", "answered", "over"]
    by: str = ""
    paused: bool = False


class Verified(Struct, frozen=True, kw_only=True):
    """Whether a journal is what was written: what is wrong with it, a line each; nothing if it is."""

    run: str
    problems: list[str]


class Replayed(Struct, frozen=True, kw_only=True):
    """A journal lived again: whether it came out the same, what it came to, and else the first difference."""

    run: str
    same: bool
    events: int
    status: Status
    difference: str = ""


class RunPage(Struct, frozen=True, kw_only=True):
    """Some runs, the newest first, and where the next page begins."""

    runs: list[RunSeen]
    next: str | None


class RunFilter(Struct, frozen=True, kw_only=True):
    """Which runs to list; each of `words` begins a word of the task."""

    status: Status | Literal["interrupted"] | None = None
    team: str | None = None
    words: Annotated[str, Meta(max_length=1000)] | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    before: str | None = None


class UsageFilter(Struct, frozen=True, kw_only=True):
    """Of which runs, and by what; times are seconds since the epoch, days are UTC."""

    by: By = "team"
    since: Annotated[float, Meta(ge=0)] | None = None
    team: str | None = None


class After(Struct, frozen=True, kw_only=True):
    """From where an event stream goes on, and whether what models are saying is shown between the events."""

    after: Annotated[int, Meta(ge=-1)] = -1
    live: bool = True


class OptionShown(Struct, frozen=True, kw_only=True):
    """What a team can be told."""

    name: str
    help: str
    kind: str
    required: bool
    default: Any


class TeamShown(Struct, frozen=True, kw_only=True):
    """A team that is offered, or that was written here: then it has a version, and is `written`."""

    name: str
    options: list[OptionShown]
    members: list[str]
    written: bool = False
    version: int | None = None


class NewKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to be made: for whom, what it may, and for how many seconds."""

    name: Name
    role: Literal["viewer", "operator", "admin"] = "operator"
    seconds: Annotated[float, Meta(gt=0)] | None = None


class KeyShown(Struct, frozen=True, kw_only=True):
    """What is known of a key; the key itself is there once, when it is made."""

    id: str
    name: str
    role: Literal["viewer", "operator", "admin"]
    created: float
    expires: float | None
    key: str = ""


class Health(Struct, frozen=True, kw_only=True):
    """Whether the service lives, and takes runs."""

    status: Literal["ok", "stopping"]
    version: str
