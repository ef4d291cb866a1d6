"""As `kept`, for programs without an event loop: each method waits."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine, Iterable, Iterator
from typing import Any, TypeVar

from coterie.client.kept import Keeping
from coterie.doors.checked import Report
from coterie.doors.http.api.kept import (
    AgentPage,
    AgentShown,
    BoardList,
    Drawn,
    MemoryPage,
    PostedHistory,
    PostedPage,
    PublishedPage,
    PublishedShown,
    TeamKept,
    ToolPage,
    TopicPage,
)
from coterie.doors.http.api.shapes import RunShown
from coterie.shell.feeds import Posted
from coterie.words.memory import By
from coterie.words.standing import Doing, Letter

T = TypeVar("T")


class Waiting:
    """The part of a client that works with agents and memories; see `Keeping` for what each gives and raises."""

    @property
    def _kept(self) -> Keeping:
        raise NotImplementedError

    def _do(self, work: Coroutine[Any, Any, T] | Any) -> T:
        raise NotImplementedError

    def create_agent(self, name: str, instructions: str = "", **options: Any) -> AgentShown:
        """Keep an agent."""
        return self._do(self._kept.create_agent(name, instructions, **options))

    def agents(self, *, after: str = "", limit: int = 50) -> AgentPage:
        """A page of the standing agents."""
        return self._do(self._kept.agents(after=after, limit=limit))

    def agent(self, name: str) -> AgentShown:
        """One standing agent."""
        return self._do(self._kept.agent(name))

    def change_agent(self, name: str, version: int, **changes: Any) -> AgentShown:
        """Change an agent, if it is still in that version."""
        return self._do(self._kept.change_agent(name, version, **changes))

    def delete_agent(self, name: str, version: int | None = None) -> None:
        """Delete an agent with its mailbox and its memory."""
        self._do(self._kept.delete_agent(name, version))

    def agent_state(self, name: str) -> Doing:
        """What an agent does now."""
        return self._do(self._kept.agent_state(name))

    def tell(
        self,
        name: str,
        text: str,
        *,
        data: Any = None,
        priority: str = "normal",
        wait: float = 0.0,
        key: str = "",
    ) -> Letter:
        """Say something to an agent, once."""
        return self._do(self._kept.tell(name, text, data=data, priority=priority, wait=wait, key=key))

    def messages(self, name: str, *, before: int | None = None, limit: int = 20) -> list[Letter]:
        """What was said to an agent, the newest first."""
        return self._do(self._kept.messages(name, before=before, limit=limit))

    def message(self, name: str, number: int, *, wait: float = 0.0) -> Letter:
        """One message to an agent."""
        return self._do(self._kept.message(name, number, wait=wait))

    def start_pattern(self, pattern: str, members: Any, task: str, **options: Any) -> RunShown:
        """Begin a run of a pattern."""
        return self._do(self._kept.start_pattern(pattern, members, task, **options))

    def write_team(self, name: str, document: Any) -> TeamKept:
        """Keep a team under a name."""
        return self._do(self._kept.write_team(name, document))

    def read_team(self, name: str) -> TeamKept:
        """What was written of a team."""
        return self._do(self._kept.read_team(name))

    def change_team(self, name: str, version: int, document: Any) -> TeamKept:
        """Write a team anew, if it is still in that version."""
        return self._do(self._kept.change_team(name, version, document))

    def delete_team(self, name: str, version: int | None = None) -> None:
        """Delete a team that was written there."""
        self._do(self._kept.delete_team(name, version))

    def check(self, document: Any) -> Report:
        """What is wrong with a document."""
        return self._do(self._kept.check(document))

    def graph(self, name: str) -> Drawn:
        """A team drawn."""
        return self._do(self._kept.graph(name))

    def remember(self, text: str, **options: Any) -> str:
        """Remember something; its key."""
        return self._do(self._kept.remember(text, **options))

    def recall(
        self,
        text: str = "",
        *,
        tags: Iterable[str] = (),
        source: str = "",
        minutes: float | None = None,
        by: By = "both",
        of: str | None = None,
        after: int = 0,
        limit: int = 20,
    ) -> MemoryPage:
        """What one may read that fits `text` best, or the newest."""
        return self._do(
            self._kept.recall(
                text, tags=tags, source=source, minutes=minutes, by=by, of=of, after=after, limit=limit
            )
        )

    def forget(self, *keys: str, **options: Any) -> int:
        """Forget what is one's own."""
        return self._do(self._kept.forget(*keys, **options))

    def publish(self, topic: str, message: Any, *, key: str = "") -> PublishedShown:
        """Publish on a topic, once."""
        return self._do(self._kept.publish(topic, message, key=key))

    def topics(self, *, after: str = "", limit: int = 50) -> TopicPage:
        """A page of the topics."""
        return self._do(self._kept.topics(after=after, limit=limit))

    def topic(self, name: str, *, after: int = -1, limit: int = 50) -> PublishedPage:
        """A page of what was published on a topic."""
        return self._do(self._kept.topic(name, after=after, limit=limit))

    def heard(self, topic: str, after: int = -1) -> Iterator[PublishedShown]:
        """What is published on a topic, each once and in order, without an end."""
        return self._each(self._kept.heard(topic, after))

    def boards(self, *, after: str = "", limit: int = 50) -> BoardList:
        """A page of the boards."""
        return self._do(self._kept.boards(after=after, limit=limit))

    def board(self, name: str, *, after: str = "", limit: int = 50) -> PostedPage:
        """A page of what stands on a board."""
        return self._do(self._kept.board(name, after=after, limit=limit))

    def entry(self, board: str, key: str) -> Posted:
        """What stands under a key of a board."""
        return self._do(self._kept.entry(board, key))

    def put(self, board: str, key: str, value: Any, *, version: int | None = None) -> Posted:
        """Put something under a key, if that is in `version`."""
        return self._do(self._kept.put(board, key, value, version=version))

    def remove(self, board: str, key: str, *, version: int | None = None) -> None:
        """Have nothing stand under a key any more."""
        self._do(self._kept.remove(board, key, version=version))

    def history(self, board: str, key: str, *, after: int = -1, limit: int = 50) -> PostedHistory:
        """A page of all that ever stood under a key."""
        return self._do(self._kept.history(board, key, after=after, limit=limit))

    def watched(self, board: str, after: int = -1) -> Iterator[Posted]:
        """What is put on a board, each once and in order, without an end."""
        return self._each(self._kept.watched(board, after))

    def tools(self, *, after: str = "", limit: int = 50) -> ToolPage:
        """A page of the tools that agents may name."""
        return self._do(self._kept.tools(after=after, limit=limit))

    def _each(self, stream: AsyncGenerator[T, None]) -> Iterator[T]:
        """Everything of a stream, as it comes."""
        try:
            while True:
                try:
                    one: T = self._do(anext(stream))
                except StopAsyncIteration:
                    return
                yield one
        finally:
            self._do(stream.aclose())
