"""What the API takes and gives of what is kept beside runs: agents, teams, messages, memories, topics and boards."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from coterie.doors.http.api.shapes import Caps, Name, Text
from coterie.shell.feeds import Posted
from coterie.words.memory import By, Kind
from coterie.words.standing import OnBusy

Called = Annotated[str, Meta(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9_-]+$")]
Topic = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")]
"""Words with dots between."""
Subjects = Annotated[
    str, Meta(min_length=1, max_length=200, pattern=r"^([A-Za-z0-9_-]+|\*)(\.([A-Za-z0-9_-]+|\*))*(\.>)?$")
]
"""A pattern of topics: `*` stands for one word, a `>` at the end for one or more."""
Limit = Annotated[int, Meta(ge=1, le=500)]
Turns = Annotated[int, Meta(ge=1, le=100)]
Budget = Annotated[int, Meta(ge=400, le=1_000_000)]
Tools = Annotated[list[Name], Meta(max_length=100)]
Topics = Annotated[list[Subjects], Meta(max_length=100)]
Tags = Annotated[list[Annotated[str, Meta(min_length=1, max_length=200)]], Meta(max_length=100)]
Word = Annotated[str, Meta(min_length=1, max_length=500)]


class After(Struct, frozen=True, kw_only=True):
    """From where a list goes on, and how much of it one page has."""

    after: Annotated[str, Meta(max_length=500)] = ""
    limit: Limit = 50


class NewAgent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agent to be kept: who it is, which of the offered tools it may use, and how it takes messages.

    `turns` are model calls for one message, `limits` what one may use up, `budget` the tokens of the conversation that
    it is given. `output` is a JSON schema of its answers, `topics` are patterns of what it hears.
    """

    name: Called
    description: Annotated[str, Meta(max_length=2_000)] = ""
    instructions: Text = ""
    model: Name | None = None
    tools: Tools = []
    memory: bool = True
    limits: Caps = Caps()
    turns: Turns = 16
    output: dict[str, Any] | None = None
    busy: OnBusy = "queue"
    budget: Budget = 8_000
    topics: Topics = []


class AgentChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of an agent is to be another way from its next message on; what is left out stays (RFC 7396)."""

    description: Annotated[str, Meta(max_length=2_000)] | UnsetType = UNSET
    instructions: Text | UnsetType = UNSET
    model: Name | UnsetType | None = UNSET
    tools: Tools | UnsetType = UNSET
    memory: bool | UnsetType = UNSET
    limits: Caps | UnsetType = UNSET
    turns: Turns | UnsetType = UNSET
    output: dict[str, Any] | UnsetType | None = UNSET
    busy: OnBusy | UnsetType = UNSET
    budget: Budget | UnsetType = UNSET
    topics: Topics | UnsetType = UNSET


class AgentShown(Struct, frozen=True, kw_only=True):
    """A standing agent as it is written now; `version` is its ETag, by whom and when (since the epoch) it was made."""

    name: str
    version: int
    description: str
    instructions: str
    model: str | None
    tools: tuple[str, ...]
    memory: bool
    limits: dict[str, Any]
    turns: int
    output: dict[str, Any] | None
    busy: OnBusy
    budget: int
    topics: tuple[str, ...]
    by: str
    created: float


class AgentPage(Struct, frozen=True, kw_only=True):
    """Some agents by name, and where the next page begins."""

    agents: list[AgentShown]
    next: str | None


class TeamDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A team in the grammar of team files: YAML as a text, or the same as JSON. It names no code and no files."""

    document: dict[str, Any] | Text


class NewTeam(TeamDocument, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A team to be kept under a name."""

    name: Called


class TeamKept(Struct, frozen=True, kw_only=True):
    """A team as it is written now; `version` is its ETag, by whom and when (since the epoch) it was made."""

    name: str
    version: int
    document: Any
    by: str
    created: float


class Drawn(Struct, frozen=True, kw_only=True):
    """A team as a picture: a tree of text, a Mermaid flowchart, and an SVG."""

    text: str
    mermaid: str
    svg: str


class NewMessage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something to say to an agent, how urgent it is, and for how many seconds its reply is waited for."""

    text: Annotated[str, Meta(min_length=1, max_length=1_000_000)]
    data: Any = None
    priority: Literal["low", "normal", "high", "urgent"] = "normal"
    wait: Annotated[float, Meta(ge=0, le=60)] = 0.0


class MessageFilter(Struct, frozen=True, kw_only=True):
    """Which messages: those numbered below `before`, the newest first."""

    before: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class Patience(Struct, frozen=True, kw_only=True):
    """For how many seconds something is waited for."""

    wait: Annotated[float, Meta(ge=0, le=60)] = 0.0


class MemoryAdded(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something to remember: the same key again replaces it; `shared` is who may read it, too: names, `@group`, `*`."""

    text: Text
    key: Annotated[str, Meta(max_length=500)] = ""
    tags: Tags = []
    source: Annotated[str, Meta(max_length=500)] = ""
    shared: Tags = []
    data: Any = None


class MemoryKept(Struct, frozen=True, kw_only=True):
    """Under which key something is remembered."""

    key: str


class MemoryFilter(Struct, frozen=True, kw_only=True):
    """What is looked for: the best for `text`, or without one the newest.

    `tags` are commas apart; `of` is a standing agent, whose memory is looked through instead of one's own.
    """

    text: Annotated[str, Meta(max_length=10_000)] = ""
    tags: Annotated[str, Meta(max_length=2_000)] = ""
    source: Annotated[str, Meta(max_length=500)] = ""
    minutes: Annotated[float, Meta(ge=0)] | None = None
    by: By = "both"
    of: Called | None = None
    after: Annotated[int, Meta(ge=0, le=10_000)] = 0
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class MemoryShown(Struct, frozen=True, kw_only=True):
    """Something that is remembered, where it came from, and how well it fits (higher is better)."""

    key: str
    text: str
    kind: Kind
    tags: tuple[str, ...]
    source: str
    trust: Literal["trusted", "untrusted"]
    shared: tuple[str, ...]
    data: Any
    owner: str
    time: float
    score: float


class MemoryPage(Struct, frozen=True, kw_only=True):
    """Some memories, the best or the newest first, and where the next page begins."""

    memories: list[MemoryShown]
    next: int | None


class MemoryForgotten(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to forget of one's own (or of the agent `of`): what has one of `keys`, all `tags` and the `source`."""

    keys: Annotated[list[Word], Meta(max_length=100)] = []
    tags: Tags = []
    source: Annotated[str, Meta(max_length=500)] = ""
    everything: bool = False
    of: Called | None = None


class Count(Struct, frozen=True, kw_only=True):
    """How many there were."""

    count: int


class NewPublished(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something to publish; any JSON."""

    message: Any


class PublishedShown(Struct, frozen=True, kw_only=True):
    """What was published on a topic: its number there, by whom, and when (since the epoch)."""

    number: int
    topic: str
    message: Any
    by: str
    time: float


class TopicShown(Struct, frozen=True, kw_only=True):
    """A topic: the number of its last message, and when that came."""

    name: str
    last: int
    updated: float


class TopicPage(Struct, frozen=True, kw_only=True):
    """Some topics by name, and where the next page begins."""

    topics: list[TopicShown]
    next: str | None


class PublishedPage(Struct, frozen=True, kw_only=True):
    """Some messages of a topic, the oldest first, and the number after which the next page begins."""

    messages: list[PublishedShown]
    next: int | None


class From(Struct, frozen=True, kw_only=True):
    """After which number a list goes on, and how much of it one page has."""

    after: Annotated[int, Meta(ge=-1, le=2**53)] = -1
    limit: Limit = 50


class Since(Struct, frozen=True, kw_only=True):
    """After which number a stream goes on; `Last-Event-ID` says it, too."""

    after: Annotated[int, Meta(ge=-1, le=2**53)] = -1


class BoardShown(Struct, frozen=True, kw_only=True):
    """A board, and when something was put there last."""

    name: str
    updated: float


class BoardList(Struct, frozen=True, kw_only=True):
    """Some boards by name, and where the next page begins."""

    boards: list[BoardShown]
    next: str | None


class PostedPage(Struct, frozen=True, kw_only=True):
    """Some entries of a board by key, and where the next page begins."""

    entries: list[Posted]
    next: str | None


class NewPosted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to stand under a key; any JSON."""

    value: Any


class PostedThen(Struct, frozen=True, kw_only=True):
    """A version of an entry, and when it was put there (since the epoch)."""

    version: int
    value: Any
    by: str
    gone: bool
    time: float


class PostedHistory(Struct, frozen=True, kw_only=True):
    """Some versions of an entry, the oldest first, and the version after which the next page begins."""

    versions: list[PostedThen]
    next: int | None


class ToolShown(Struct, frozen=True, kw_only=True):
    """A tool that is offered: what it does, its arguments as a JSON schema, and what is said of it."""

    name: str
    description: str
    parameters: dict[str, Any]
    tags: list[str]
    sensitive: bool
    needs_approval: bool
    idempotent: bool


class ToolPage(Struct, frozen=True, kw_only=True):
    """Some tools by name, and where the next page begins."""

    tools: list[ToolShown]
    next: str | None
