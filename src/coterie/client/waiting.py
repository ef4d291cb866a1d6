"""As `kept`, for programs without an event loop: each method waits."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from coterie.client.kept import Keeping
from coterie.doors.checked import Report
from coterie.doors.http.api.kept import AgentPage, AgentShown, Drawn, MemoryPage, TeamKept
from coterie.doors.http.api.shapes import RunShown
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
