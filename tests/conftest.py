"""Fixtures shared by every kind of test: real servers, one of each per test process."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator

import pytest

from tests.stores import OWNER_PASSWORD, PostgresStore, create_store, create_template
from twin.servers import ServerAddress, start_postgres, start_valkey

TEARDOWN_SECONDS = 60


def pytest_configure(config: pytest.Config) -> None:
    """A process that a test starts finds what pytest's `pythonpath` lets the test find: bare `pytest` is enough."""
    folders = [str(folder) for folder in config.getini("pythonpath")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [*folders, os.environ.get("PYTHONPATH")]))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests first: the other worker goes through the rest meanwhile."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Every fixture's end is limited too: pytest-timeout stops counting at a test's first failure, and
    what a failed test leaves behind is just what may never end."""

    def fail(_number: int, _frame: object) -> None:
        pytest.fail(f"a fixture did not end within {TEARDOWN_SECONDS} s after {item.nodeid}")

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, TEARDOWN_SECONDS, TEARDOWN_SECONDS)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


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
