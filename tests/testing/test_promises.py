import json
from pathlib import Path

import pytest

from coterie.models import scripted
from coterie.ports import Model, Store
from coterie.stores import MemoryStore, SqliteStore
from coterie.testing import KeeperPromises, ModelPromises, TallyPromises


class TestMemoryStore(KeeperPromises, TallyPromises):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()


class TestSqliteStore(KeeperPromises, TallyPromises):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        self.path = tmp_path / "runs.db"
        return SqliteStore(self.path)

    def reopen(self, store: Store) -> Store:
        return SqliteStore(self.path)


class TestScripted(ModelPromises):
    @pytest.fixture
    def model(self) -> Model:
        return scripted(lambda think: json.dumps({"name": "Bergen", "rainy": True}))
