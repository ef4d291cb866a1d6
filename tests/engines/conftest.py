"""Real servers, one of a kind for each file that asks for it."""

import pytest

from tests.stores.servers import nats, postgres, temporal


@pytest.fixture(scope="module")
def broker():
    with nats() as server:
        yield server


@pytest.fixture(scope="module")
def workflows():
    with temporal() as server:
        yield server


@pytest.fixture(scope="module")
def server():
    with postgres() as url:
        yield url
