"""How often the stores of this process have renewed leases of runs."""

from __future__ import annotations

import threading


class Renewals:
    """A count, from any thread."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def add(self, leases: int) -> None:
        """Count leases that were renewed."""
        with self._lock:
            self.count += leases


renewals = Renewals()
"""Those of all stores of the process."""
