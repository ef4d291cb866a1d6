"""Who may do what: policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from coterie.words.permit import Decision, Ruling
from coterie.words.principal import Principal


class Policy(Protocol):
    """Says who may do what: it is asked before anything is begun, and what it says is in the journal."""

    def __call__(
        self, principal: Principal, action: str, resource: str, context: Mapping[str, Any], /
    ) -> Decision | Ruling:
        """Whether `principal` may do `action` (one of `words.permit.ACTIONS`) to `resource`; a `Ruling` says why, too.

        `context` has the `run` and the `path` of the step; of a tool its `arguments`, `tags` and whether it is
        `sensitive`, of a model call at most how many `tokens` and how much `usd`, of memories their `tags`
        and `source`. Whatever it raises counts as a no. It is asked on the event loop: it waits for nothing.
        """
        ...
