"""PostgreSQL keeps what every store promises, on a real server."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from coterie.errors import BadInput, StoreUnavailable
from coterie.ports import Store
from coterie.stores.postgres import PostgresStore
from coterie.testing import StorePromises
from tests.stores.servers import postgres

_tenants = itertools.count()


@pytest.fixture(scope="session")
def url(tmp_path_factory):
    return postgres(tmp_path_factory.mktemp("postgres"))


class TestPostgresStore(StorePromises):
    @pytest.fixture
    def store(self, url) -> Store:
        self.url, self.tenant = url, f"tenant-{next(_tenants)}"
        return PostgresStore(url, tenant=self.tenant)

    def reopen(self, store: Store) -> Store:
        return PostgresStore(self.url, tenant=self.tenant)


def test_a_server_that_is_not_there_is_said():
    """One clear error, and nothing hangs."""
    store = PostgresStore("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StoreUnavailable, match="is the server there"):
        asyncio.run(store.read("r"))
    with pytest.raises(BadInput, match="'full' or 'relaxed'"):
        PostgresStore("postgresql://", durability="normal")
