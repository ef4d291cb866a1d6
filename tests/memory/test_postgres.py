"""The promises of knowledge, kept by a real PostgreSQL, with vectors and without."""

from __future__ import annotations

import asyncio
import json

import psycopg
import pytest
from click.testing import CliRunner

from coterie.doors.cli.commands import coterie
from coterie.errors import BadInput, StoreUnavailable
from coterie.memory import Memory, PostgresKnowledge
from coterie.testing import KnowledgePromises
from coterie.testing.knowledge import ADA, NOW, note, texts
from coterie.words.memory import Query
from tests.memory.hashing import Hashing
from tests.stores.servers import postgres


@pytest.fixture(scope="module")
def server():
    with postgres() as url:
        yield url


@pytest.fixture
def url(server):
    """A database that nobody has used yet."""
    with psycopg.connect(server, autocommit=True) as db:
        db.execute("drop table if exists memory, memory_vector; drop sequence if exists memory_order")
    return server


class TestPostgresWords(KnowledgePromises):
    operations = 500

    @pytest.fixture
    def knowledge(self, url):
        return PostgresKnowledge(url, None)

    def reopen(self, knowledge):
        return PostgresKnowledge(knowledge.url, None)


class TestPostgresVectors(KnowledgePromises):
    operations = 500

    @pytest.fixture
    def knowledge(self, url):
        return PostgresKnowledge(url, Hashing())

    def reopen(self, knowledge):
        return PostgresKnowledge(knowledge.url, Hashing())


def test_the_likest_come_first_whoever_wrote_them(url):
    """What another process wrote by words only gets its vectors when one that can searches."""

    async def scene():
        bare, able = PostgresKnowledge(url, None), PostgresKnowledge(url, Hashing())
        await bare.remember(ADA, [note("a heron in the reeds", "1"), note("a gull over the sea", "2")])
        found = await texts(able, ADA, "heron reeds", by="meaning", limit=1)
        await bare.close()
        await able.close()
        return found

    assert asyncio.run(scene()) == ["a heron in the reeds"]


def test_vectors_of_another_maker_are_not_compared(url):
    """Numbers of two embedders mean nothing to each other: it is said, with whose they are."""

    async def scene():
        one, other = (
            PostgresKnowledge(url, Hashing(), name="one"),
            PostgresKnowledge(url, Hashing(), name="two"),
        )
        await one.remember(ADA, [note("a heron", "1")])
        try:
            await other.recall(ADA, Query(text="heron"), NOW)
        finally:
            await one.close()
            await other.close()

    with pytest.raises(BadInput, match="are of 'one', and this process makes those of 'two'"):
        asyncio.run(scene())


def test_what_cannot_be_a_name_is_refused_and_text_may_be_anything(url):
    """NUL has no place in a key of PostgreSQL; in a text it comes back as it was."""

    async def scene():
        knowledge = PostgresKnowledge(url, None)
        await knowledge.remember(ADA, [note("a\0heron", "1")])
        found = await texts(knowledge, ADA, "heron")
        try:
            await knowledge.remember(ADA, [note("a gull", "2\0")])
        finally:
            await knowledge.close()
        return found

    with pytest.raises(BadInput, match="has NUL in its key"):
        asyncio.run(scene())


def test_two_begin_at_once(url):
    """The tables are made once, whoever comes first."""

    async def scene():
        some = [PostgresKnowledge(url, Hashing()) for _ in range(6)]
        await asyncio.gather(*(one.remember(ADA, [note("heron", str(n))]) for n, one in enumerate(some)))
        found = await texts(some[0], ADA, "heron")
        for one in some:
            await one.close()
        return found

    assert asyncio.run(scene()) == ["heron"] * 6


def test_an_address_names_it(url, monkeypatch):
    """What takes a file takes an address: `Memory`, `--memory` and COTERIE_MEMORY."""
    monkeypatch.setenv("COTERIE_MEMORY", url)
    added = CliRunner().invoke(coterie, ["memory", "add", "--words", "--text", "a heron in the reeds"])
    found = CliRunner().invoke(coterie, ["memory", "search", "--words", "--json", "herons"])

    async def scene():
        memory = Memory(url, embed=None)
        recalled = await memory.recall("herons")
        await memory.close()
        return [one.text for one in recalled]

    assert (added.exit_code, found.exit_code) == (0, 0), added.output + found.output
    assert json.loads(found.stdout)["text"] == "a heron in the reeds"
    assert asyncio.run(scene()) == ["a heron in the reeds"]


def test_a_server_that_is_not_there_is_said():
    """The message says what to look at, and the password stays out of it."""

    async def scene():
        knowledge = PostgresKnowledge("postgresql://ada:secret@127.0.0.1:1/none", None)
        await knowledge.recall(ADA, Query(text="heron"), NOW)

    with pytest.raises(StoreUnavailable, match="is the server there") as caught:
        asyncio.run(scene())
    assert "secret" not in str(caught.value)
