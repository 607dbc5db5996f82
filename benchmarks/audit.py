"""What the audit chain costs: savers of one user wait for each other's commits; and how fast a trail is verified.

On a PostgreSQL of its own that flushes every commit to disk, as a real one does. Beside the savers of one
user stand as many savers of as many users, who share no chain: the difference is the chain's. All savers are threads
of one process, which share its interpreter, and share the machine with the server.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import psutil
import psycopg

from algotrading.adapters.postgres.audit_trail import PostgresAuditTrail
from algotrading.adapters.postgres.database import Credentials, Database
from algotrading.adapters.postgres.ledger import PostgresLedger
from algotrading.adapters.postgres.migrate import ROLES, migrate
from algotrading.adapters.postgres.strategies import PostgresStrategies
from algotrading.adapters.postgres.users import PostgresUsers
from algotrading.domain.accounts import User, first_account_of
from algotrading.domain.audit_chain import ChainCheck
from algotrading.domain.decide import decide
from algotrading.domain.effects import Decision
from algotrading.domain.events import EntryDue, EntryMissed, Event
from algotrading.domain.instruments import Product
from algotrading.domain.policy import Policy
from algotrading.domain.strategy import Plan, Strategy, StrategyStatus
from benchmarks.figures import Figure, Progress, spread
from twin.servers import SUPERUSER, ServerAddress, start_postgres

_PASSWORD = "benchmark"
_NAME = "audit"
_BATCH = 500
_DURABLE = {"fsync": "on", "full_page_writes": "on"}
_DAY = date(2026, 11, 20)
_NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
_PLAN = Plan("NSE", "TCS", Product.MIS, time_of_day(9, 30), time_of_day(15, 0), Decimal(3500), 10)
_MISSED = EntryMissed(_NOW, "measured")
"""A decision that locks nothing for its user but the chain."""
_ENTRY = EntryDue(_NOW, _NOW, Decimal(3600))
"""An entry is held against its user's limits under a lock of the user's, too."""


def measure(progress: Progress, *, savers: int, rounds: int, records: int) -> list[Figure]:
    """Milliseconds of one decision's transaction, and records verified a second."""
    with TemporaryDirectory(prefix="audit-bench-") as folder, _database(Path(folder)) as server:
        progress(f"{savers} savers at once, {rounds} times: of one user, and of as many users")
        together = _save_at_once(server, _MISSED, savers, rounds, users=1)
        apart = _save_at_once(server, _MISSED, savers, rounds, users=savers)
        alone = _save_at_once(server, _MISSED, 1, max(rounds, 20), users=1)
        progress("entries, which are held against limits as well")
        entries = _save_at_once(server, _ENTRY, savers, rounds, users=1)
        entries_apart = _save_at_once(server, _ENTRY, savers, rounds, users=savers)
        progress(f"a trail of {records} records")
        _fill(server, records)
        seconds, growth = _verify(server)
    return [
        Figure(
            "audit",
            f"a decision's transaction, {savers} savers of one user at once",
            "ms",
            spread(together),
            len(together),
            peers={f"{savers} savers of {savers} users": spread(apart), "one saver alone": spread(alone)},
        ),
        Figure(
            "audit",
            f"an entry's transaction, limits included, {savers} savers of one user at once",
            "ms",
            spread(entries),
            len(entries),
            peers={f"{savers} savers of {savers} users": spread(entries_apart)},
        ),
        Figure("audit", "verified records", "records/s", {"median": round(records / seconds)}, records),
        Figure("audit", "memory of a verification, beyond its start", "MiB", {"median": round(growth, 1)}, records),
    ]


@contextmanager
def _database(folder: Path) -> Iterator[ServerAddress]:
    with start_postgres(folder, password=_PASSWORD, settings=_DURABLE) as server:
        with _owner(server, SUPERUSER) as connection:
            connection.execute(f"create database {_NAME}")
        with _owner(server, _NAME) as connection:
            migrate(connection, dict.fromkeys(ROLES, _PASSWORD))
        yield server


def _owner(server: ServerAddress, name: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=server.host, port=server.port, user=SUPERUSER, password=_PASSWORD, dbname=name, autocommit=True
    )


def _open(server: ServerAddress, role: str) -> Database:
    credentials = Credentials(role, _PASSWORD)
    return Database(
        host=server.host,
        port=server.port,
        name=_NAME,
        credentials=lambda: credentials,
        tls=False,
        # Measured to the end, however long that is.
        statement_seconds=60,
        lock_seconds=60,
    )


# --- savers -----------------------------------------------------------------------------------------


def _save_at_once(server: ServerAddress, event: Event, savers: int, rounds: int, *, users: int) -> list[float]:
    """How long each transaction took, all savers beginning at the same moment in every round."""
    setup = _open(server, "app_role")
    owners = [_add_user(setup) for _ in range(users)]
    strategies = [_add_strategy(setup, owners[n % users], n) for n in range(savers)]
    setup.close()
    at_once = threading.Barrier(savers)
    taken: list[float] = []

    def save(strategy: Strategy) -> None:
        database = _open(server, "app_role")
        ledger = PostgresLedger(database)
        for number in range(rounds):
            decision = _decide(ledger, strategy, event, number)
            at_once.wait(60)
            began = time.perf_counter()
            ledger.save(decision, event=event, now=_NOW)
            taken.append((time.perf_counter() - began) * 1000)
        database.close()

    _in_threads([lambda strategy=strategy: save(strategy) for strategy in strategies])  # type: ignore[misc]
    return taken


def _decide(ledger: PostgresLedger, strategy: Strategy, event: Event, number: int) -> Decision:
    """The same of another day each time."""
    return decide(ledger.take(strategy, date.fromordinal(_DAY.toordinal() + number)), event, Policy())


def _in_threads(works: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _add_user(database: Database) -> User:
    user = User(uuid4(), f"{uuid4().hex}@example.com", _NOW)
    PostgresUsers(database).add(user, "hash")
    return user


def _add_strategy(database: Database, user: User, number: int) -> Strategy:
    plan = replace(_PLAN, symbol=f"S{number}")
    strategy = Strategy(
        uuid4(), user.user_id, first_account_of(user.user_id), plan, StrategyStatus.RUNNING, 1, _NOW, _NOW
    )
    PostgresStrategies(database).add(strategy)
    return strategy


# --- verification -----------------------------------------------------------------------------------


def _fill(server: ServerAddress, records: int) -> None:
    """Copies of a real decision's record, chained by the function that chains real ones."""
    with _owner(server, _NAME) as connection:
        row = connection.execute(
            "select record, user_id, (select count(*) from audit_log) from audit_log where kind = 'decision' limit 1"
        ).fetchone()
        assert row is not None
        record, user_id, present = row
        connection.execute("select set_config('app.user_id', %s, false)", (str(user_id),))
        for _ in range((records - int(str(present))) // _BATCH):
            connection.execute("select count(audit_append(%s)) from generate_series(1, %s)", (record, _BATCH))
        connection.execute("analyze audit_log")


def _verify(server: ServerAddress) -> tuple[float, float]:
    """Seconds of one verification, and by how many MiB this process grew meanwhile."""
    database = _open(server, "system_role")
    trail = PostgresAuditTrail(database)
    process = psutil.Process()
    check, before, most = ChainCheck(), process.memory_info().rss, 0
    began = time.perf_counter()

    def watched() -> Iterator[object]:
        nonlocal most
        for number, row in enumerate(trail.chains()):
            if number % 10_000 == 0:
                most = max(most, process.memory_info().rss)
            yield row

    breaks = list(check.follow(watched(), trail.empty_heads()))  # type: ignore[arg-type]
    seconds = time.perf_counter() - began
    database.close()
    assert breaks == []
    return seconds, (max(most, process.memory_info().rss) - before) / 2**20
