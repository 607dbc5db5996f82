"""Fixtures shared by every kind of test: real servers, one of each per test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stores import OWNER_PASSWORD, PostgresStore, create_store, create_template
from twin.servers import ServerAddress, start_postgres, start_valkey


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerAddress]:
    """A PostgreSQL server of this test process."""
    with start_postgres(tmp_path_factory.mktemp("postgres"), password=OWNER_PASSWORD) as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerAddress]:
    """A Valkey server of this test process."""
    with start_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres_server: ServerAddress) -> str:
    """The name of a migrated, empty database."""
    return create_template(postgres_server)


@pytest.fixture(scope="module")
def postgres_module_store(postgres_server: ServerAddress, postgres_template: str) -> Iterator[PostgresStore]:
    """A migrated database of the requesting module."""
    with create_store(postgres_server, postgres_template) as store:
        yield store


@pytest.fixture
def postgres_store(postgres_module_store: PostgresStore) -> Iterator[PostgresStore]:
    """The module's database, empty again after each test."""
    yield postgres_module_store
    postgres_module_store.clear()
