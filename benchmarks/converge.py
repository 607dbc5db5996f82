"""How long a run of converge takes by the number of running strategies.

PostgreSQL and Valkey are real ones, filled with strategies that have bought and are held, five to a user. What AWS
does for it is left out: schedules are listed from memory and messages are counted, so a run in AWS takes longer by a
request for each message. It is ten on a trading day, and the waves of looks do not wait for their seconds.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import psycopg

from algotrading.adapters.postgres.database import Credentials, Database
from algotrading.adapters.postgres.instruments import PostgresInstruments
from algotrading.adapters.postgres.ledger import PostgresLedger
from algotrading.adapters.postgres.migrate import ROLES, migrate
from algotrading.adapters.postgres.outbox import PostgresOutbox
from algotrading.adapters.postgres.risks import PostgresRisks
from algotrading.adapters.postgres.snapshots import PostgresSnapshots
from algotrading.adapters.postgres.strategies import PostgresStrategies
from algotrading.adapters.redis_runtime import RedisRuntime, make_redis_client
from algotrading.contracts.messages import OrderCommand
from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.ports import Alarm, Lane
from algotrading.ports.notices import Notice
from algotrading.services.alarms import alarm_names
from algotrading.services.converge import Converge, Repairs
from benchmarks.figures import Figure, Progress, Target, spread
from twin.servers import SUPERUSER, ServerAddress, start_postgres, start_valkey

TARGET = Target("max", 24.0)
"""Half of the time after which a run leaves the rest for the next one."""
_PASSWORD = "benchmark"
_TEN = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
_INSTRUMENTS = 2_000
_STRATEGIES_OF_A_USER = 5


def measure(progress: Progress, *, sizes: tuple[int, ...], rounds: int) -> list[Figure]:
    """Seconds of a run with nothing to repair, and of the first one after Redis was emptied."""
    figures: list[Figure] = []
    for strategies in sizes:
        progress(f"{strategies} strategies are held")
        figures += _measure_one(strategies, rounds)
    return figures


def _measure_one(strategies: int, rounds: int) -> Iterator[Figure]:
    with TemporaryDirectory(prefix="converge-bench-") as folder, _stores(Path(folder), strategies) as (sql, redis):
        world = _World(strategies)
        converge = world.build(sql, redis)
        first, repaired = _run(converge)
        assert repaired.runtime_restored == 2 * strategies, repaired
        runs = [_run(converge) for _ in range(rounds)]
        for _, repairs in runs:
            assert (repairs.cycles_swept, repairs.failures, repairs.runtime_restored) == (strategies, 0, 0), repairs
        assert (world.sent, world.counted) == (strategies * (1 + rounds), {}), (world.sent, world.counted)
    what = f"a run over {strategies:,} held strategies"
    yield Figure("converge", what, "s", spread([seconds for seconds, _ in runs]), rounds, target=TARGET)
    yield Figure("converge", f"{what}, Redis emptied before", "s", spread([first]), 1)


def _run(converge: Converge) -> tuple[float, Repairs]:
    begun = time.perf_counter()
    repairs = converge.run()
    return time.perf_counter() - begun, repairs


@dataclass(slots=True)
class _World:
    """Clock, queue, schedules, notifier and meter, all in memory."""

    strategies: int
    begun: float = field(default_factory=time.monotonic)
    sent: int = 0
    counted: Counter[str] = field(default_factory=Counter)

    def build(self, sql: Database, redis: RedisRuntime) -> Converge:
        return Converge(
            clock=self,
            strategies=PostgresStrategies(sql),
            instruments=PostgresInstruments(sql),
            ledger=PostgresLedger(sql),
            risks=PostgresRisks(sql),
            outbox=PostgresOutbox(sql),
            snapshots=PostgresSnapshots(sql),
            runtime=redis,
            schedules=self,
            queue=self,
            notifier=self,
            meter=self,
            table=NSE_SESSIONS,
        )

    def now(self) -> datetime:
        """See ports.Clock."""
        return _TEN + timedelta(seconds=time.monotonic() - self.begun)

    def sleep(self, seconds: float) -> None:
        """Waiting is not measured."""

    def sleep_until(self, instant: datetime) -> None:
        """Waiting is not measured."""

    def send(self, _command: OrderCommand, _lane: Lane) -> None:
        """See ports.OrderQueue."""
        self.sent += 1

    def put(self, alarm: Alarm) -> None:
        """See ports.Schedules."""
        raise AssertionError(f"{alarm.name} was not missing")

    def remove(self, name: str) -> None:
        """See ports.Schedules."""
        raise AssertionError(f"{name} was not left over")

    def names(self) -> frozenset[str]:
        """See ports.Schedules."""
        return frozenset(name for number in range(1, self.strategies + 1) for name in alarm_names(UUID(int=number)))

    def find(self, name: str) -> Alarm | None:
        """See ports.Schedules."""
        raise AssertionError(f"{name} had not changed lately")

    def publish(self, notice: Notice) -> None:
        """See ports.Notifier."""
        raise AssertionError(f"nothing was to be told: {notice}")

    def count(self, metric: str, value: int = 1) -> None:
        """See ports.Meter."""
        self.counted[metric] += value

    def milliseconds(self, metric: str, value: float) -> None:
        """See ports.Meter."""

    def distribution(self, metric: str, milliseconds: object) -> None:
        """See ports.Meter."""


@contextmanager
def _stores(folder: Path, strategies: int) -> Iterator[tuple[Database, RedisRuntime]]:
    (folder / "valkey").mkdir()
    with (
        start_postgres(folder / "postgres", password=_PASSWORD) as server,
        start_valkey(folder / "valkey") as valkey,
    ):
        _fill(server, strategies)
        credentials = Credentials("system_role", _PASSWORD)
        sql = Database(host=server.host, port=server.port, name=SUPERUSER, credentials=lambda: credentials, tls=False)
        try:
            yield sql, RedisRuntime(make_redis_client(valkey.host, valkey.port, tls=False))
        finally:
            sql.close()


def _fill(server: ServerAddress, strategies: int) -> None:
    numbers = {"strategies": strategies, "instruments": _INSTRUMENTS, "each": _STRATEGIES_OF_A_USER, "at": _TEN}
    with psycopg.connect(
        host=server.host, port=server.port, user=SUPERUSER, password=_PASSWORD, dbname=SUPERUSER, autocommit=True
    ) as connection:
        migrate(connection, dict.fromkeys(ROLES, _PASSWORD))
        for statement in _ROWS:
            connection.execute(statement, numbers)
        connection.execute("analyze")


_NAME = "lpad(to_hex(n), 32, '0')::uuid"
_OWNER = "lpad(to_hex(16777216 + n / %(each)s), 32, '0')::uuid"
_PLAN = "'NSE', 'S' || n %% %(instruments)s, 'MIS', '09:20', '15:10'"
_ROWS = (
    f"""
    insert into users (id, email, password_hash, created_at)
    select distinct on (1) {_OWNER}, n / %(each)s || '@example.com', 'x', %(at)s::timestamptz - interval '9 days'
    from generate_series(1, %(strategies)s) n
    """,
    """
    insert into instruments (exchange, tradingsymbol, instrument_token, name, segment, instrument_type, tick_size,
                             lot_size, has_derivatives)
    select 'NSE', 'S' || n, (n + 1) * 256 + 1, 'S' || n, 'NSE', 'EQ', 0.05, 1, false
    from generate_series(0, %(instruments)s - 1) n
    """,
    f"""
    insert into strategies (strategy_id, user_id, exchange, symbol, product, buy_time, sell_time, stop_loss, quantity,
                            status, version, created_at, updated_at)
    select {_NAME}, {_OWNER}, {_PLAN}, 100 + n %% 1000, 1 + n %% 100, 'running', 1,
           %(at)s::timestamptz - interval '8 days', %(at)s::timestamptz - interval '8 days'
    from generate_series(1, %(strategies)s) n
    """,
    f"""
    insert into cycles (strategy_id, trading_day, user_id, epoch, state, exchange, symbol, product, buy_time,
                        sell_time, stop_loss, quantity, updated_at)
    select {_NAME}, date '2026-11-20', {_OWNER}, 1, 'long', {_PLAN}, 100 + n %% 1000, 1 + n %% 100, %(at)s
    from generate_series(1, %(strategies)s) n
    """,
    f"""
    insert into order_intents (strategy_id, trading_day, leg, attempt, user_id, tag, side, quantity, state, created_at,
                               due_at, filled, average_price)
    select {_NAME}, date '2026-11-20', 'entry', 1, {_OWNER}, 'T' || n, 'BUY', 1 + n %% 100, 'done',
           %(at)s::timestamptz - interval '40 minutes', %(at)s::timestamptz - interval '40 minutes', 1 + n %% 100, 1200
    from generate_series(1, %(strategies)s) n
    """,
)
