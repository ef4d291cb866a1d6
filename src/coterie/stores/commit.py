"""What goes into one commit of PostgreSQL, and who waits for it."""

from __future__ import annotations

import asyncio
from typing import Any

from coterie.stores.held import Added


class Commit:
    """The pages of any number of runs, and the contents that are kept apart from them."""

    def __init__(self) -> None:
        self.pages: list[Added] = []
        self.blobs: list[tuple[bytes, bytes]] = []
        self.done: asyncio.Future[set[int]] = asyncio.get_running_loop().create_future()
        """The runs whose lease was held: what they brought is written."""

    def values(self, tenant: str) -> dict[str, Any]:
        """What the statement `tables.COMMIT` is told."""
        pages = self.pages
        held = {page.held.key: page.held for page in pages}
        return {
            "ids": [*held],
            "epochs": [one.epoch for one in held.values()],
            "runs": [page.held.key for page in pages],
            "seqs": [page.seq for page in pages],
            "counts": [page.count for page in pages],
            "hashes": [page.hash for page in pages],
            "bodies": [page.body for page in pages],
            "contents": [page.contents for page in pages],
            "tenant": tenant,
            "names": [name for name, _ in self.blobs],
            "values": [body for _, body in self.blobs],
        }
