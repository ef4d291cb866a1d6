"""Ledgers keep what all ledgers promise: in memory, in a file, and on a real PostgreSQL server."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from coterie.errors import BadInput, StoreUnavailable
from coterie.ports import Ledgers
from coterie.stores.ledgers import SqliteLedgers
from coterie.stores.pgledgers import PostgresLedgers
from coterie.stores.places import ledgers_at
from coterie.testing import LedgerPromises
from tests.stores.servers import postgres

_tenants = itertools.count()


class TestLedgersInMemory(LedgerPromises):
    @pytest.fixture
    def ledgers(self) -> Ledgers:
        return SqliteLedgers()


class TestSqliteLedgers(LedgerPromises):
    @pytest.fixture
    def ledgers(self, tmp_path) -> Ledgers:
        self.path = tmp_path / "deep" / "ledgers.db"
        return SqliteLedgers(self.path)

    def reopen(self, ledgers: Ledgers) -> Ledgers:
        return SqliteLedgers(self.path)


@pytest.fixture(scope="session")
def url():
    with postgres() as address:
        yield address


class TestPostgresLedgers(LedgerPromises):
    @pytest.fixture
    def ledgers(self, url) -> Ledgers:
        self.url, self.tenant = url, f"ledgers-{next(_tenants)}"
        return PostgresLedgers(url, tenant=self.tenant)

    def reopen(self, ledgers: Ledgers) -> Ledgers:
        return PostgresLedgers(self.url, tenant=self.tenant)


def test_tenants_of_a_server_are_apart(url):
    """One sees nothing of what the other has written under the same name."""

    async def scene():
        one, other = PostgresLedgers(url, tenant="apart-1"), PostgresLedgers(url, tenant="apart-2")
        await one.append("a", "mine")
        seen = await other.read("a"), await other.heads("")
        await one.close()
        await other.close()
        return seen

    assert asyncio.run(scene()) == ([], [])


def test_ledgers_lie_beside_their_store(tmp_path):
    """Each tenant's in its own folder; who cannot be called that has none, and a folder is no file."""
    assert ledgers_at(tmp_path / "runs.db").path == tmp_path / "ledgers.db"
    assert ledgers_at(tmp_path / "runs.db", "acme").path == tmp_path / "tenants" / "acme" / "ledgers.db"
    with pytest.raises(BadInput, match="cannot name a tenant"):
        ledgers_at(tmp_path / "runs.db", "../x")
    (tmp_path / "bad" / "ledgers.db").mkdir(parents=True)
    with pytest.raises(StoreUnavailable, match="is the folder there"):
        ledgers_at(tmp_path / "bad" / "runs.db")
