"""Trials: how long a client asks a service that is away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from coterie.errors import ServiceFailed

if TYPE_CHECKING:
    import httpx

PAUSE = 0.2
"""Seconds before the first try to reconnect; each further pause is twice as long, to 5 seconds."""


class Trial:
    """How long a service has been away, and how long to wait before it is asked again."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.works()

    def works(self) -> None:
        """Begin anew: the service has answered."""
        self.left = self._patience
        self._pause = PAUSE

    async def failed(self, error: httpx.TransportError) -> None:
        """Wait before the next try.

        Raises:
            ServiceFailed: if it has been away for too long.
        """
        if self.left <= 0:
            raise ServiceFailed(
                f"the service cannot be reached: {str(error) or type(error).__name__}; is it running?"
            ) from error
        await asyncio.sleep(self._pause)
        self.left -= self._pause
        self._pause = min(self._pause * 2, 5.0)
