"""Claims: who may read or write a resource now, and who waits for it.

1. Many may read a resource at once, one may write it, or as many as its claims say slots. What a frame
   has claimed is given back when it releases it, and at the latest when the frame ends, however it ends.
2. Who waits is served by priority, then in order; a reader does not pass a writer that waits.
3. A claim that would close a circle of waits is refused with `Deadlock`, which names the circle.
   (The wait-for graph of Holt, "Some deadlock properties of computer systems", 1972.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coterie.errors import BadInput, Deadlock
from coterie.kernel.frames import Frame, Strand
from coterie.words.effect import Claim, Release
from coterie.words.failure import CollectAll, FailFast


class Held:
    """One resource: the frames that have it, and the strands that wait for it."""

    __slots__ = ("holders", "waiting", "writing")

    def __init__(self) -> None:
        self.holders: dict[Frame, Strand] = {}
        self.writing = False
        self.waiting: list[tuple[Strand, Claim]] = []

    def allows(self, claim: Claim, frame: Frame) -> bool:
        """Whether `claim` can be granted now."""
        others = [holder for holder in self.holders if holder is not frame]
        if claim.slots > 1:
            return len(others) < claim.slots
        return not others or not (self.writing or claim.write)


class Claims:
    """All claims of a run. `wake` lets a strand go on."""

    __slots__ = ("_held", "_wake")

    def __init__(self, wake: Callable[[tuple[Strand, Any, None]], None]) -> None:
        self._held: dict[str, Held] = {}
        self._wake = wake

    def claim(self, strand: Strand, claim: Claim) -> bool:
        """Whether the claim is granted now; if not, `strand` waits for it.

        Raises:
            Deadlock: if it would wait for ever.
        """
        held = self._held.setdefault(claim.resource, Held())
        if held.allows(claim, strand.frame) and not self._passes(held, claim):
            self._grant(held, strand, claim)
            return True
        circle = self._circle(strand, held)
        if circle:
            raise Deadlock(f"a circle of claims: {' -> '.join(circle)}", path=strand.frame.path)
        held.waiting.append((strand, claim))
        return False

    def release(self, strand: Strand, release: Release) -> None:
        """Give back what the frame of `strand` has claimed.

        Raises:
            BadInput: if it has not.
        """
        held = self._held.get(release.resource)
        if held is None or strand.frame not in held.holders:
            raise BadInput(f"{strand.frame.path!r} has not claimed {release.resource!r}")
        del held.holders[strand.frame]
        self._serve(release.resource)

    def leave(self, frame: Frame) -> None:
        """Give back all that `frame` has claimed."""
        for resource, held in list(self._held.items()):
            if held.holders.pop(frame, None) is not None:
                self._serve(resource)

    def _passes(self, held: Held, claim: Claim) -> bool:
        """Whether granting `claim` would pass somebody who has waited and is as urgent."""
        return any(other.priority >= claim.priority for strand, other in held.waiting if strand.wait is other)

    def _grant(self, held: Held, strand: Strand, claim: Claim) -> None:
        held.writing = claim.write or (held.writing and strand.frame in held.holders)
        held.holders[strand.frame] = strand

    def _serve(self, resource: str) -> None:
        """Grant what can be granted now, the most urgent first."""
        held = self._held[resource]
        held.writing = held.writing and bool(held.holders)
        live = [
            (strand, claim) for strand, claim in held.waiting if strand.wait is claim and not strand.closed
        ]
        held.waiting = sorted(live, key=lambda wait: -wait[1].priority)
        while held.waiting and held.allows(held.waiting[0][1], held.waiting[0][0].frame):
            strand, claim = held.waiting.pop(0)
            self._grant(held, strand, claim)
            self._wake((strand, None, None))
        if not held.holders and not held.waiting:
            del self._held[resource]

    def _circle(self, strand: Strand, held: Held) -> list[str]:
        """The paths of a circle of waits that `strand` would close by waiting for `held`; or nothing."""
        trail: list[str] = []
        seen: set[int] = set()

        def leads_back(one: Strand) -> bool:
            if one is strand:
                return True
            if id(one) in seen or one.closed:
                return False
            seen.add(id(one))
            if any(leads_back(other) for other in self._needs(one)):
                trail.append(one.frame.path)
                return True
            return False

        for frame, holder in held.holders.items():
            if frame is not strand.frame and leads_back(holder):
                return [strand.frame.path, *reversed(trail), strand.frame.path]
        return []

    def _needs(self, strand: Strand) -> list[Strand]:
        """The strands without which `strand` cannot go on."""
        if isinstance(strand.wait, Claim):
            held = self._held.get(strand.wait.resource)
            return [] if held is None else list(held.holders.values())
        join = strand.join
        if join is not None and isinstance(join.policy, (FailFast, CollectAll)) and join.seconds is None:
            return [branch for branch in join.strands if not branch.closed]
        return []
