"""How long a watcher that starts with 100,000 armed stops in PostgreSQL is without them.

`python -m benchmarks.watcher --restart`. The whole process as the container runs it, from its start to the answer of
its health port that every stop is armed: PostgreSQL and Valkey as the integration tests use them, the login from an
emulated Secrets Manager. There is no feed: no account has a login, and what the first prices take once the stops are
armed comes on top. The first start compiles the tick path where nothing is kept, and is not counted: the image has it
(fargate_listener/kept_code.py).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import UUID, uuid4

import boto3
import psutil
import psycopg

from algotrading.adapters.postgres.migrate import ROLES, migrate
from exchange_simulator.session_table import SESSION_TABLE
from fargate_listener.feeds import ROOM
from twin.aws import AwsAccess, start_emulator
from twin.processes import StateFolder, start_module
from twin.servers import SUPERUSER, ServerAddress, free_port, start_postgres, start_valkey
from twin.synthesis import LIBRARY

STOPS = 100_000
ROUNDS = 5
_OWNER_PASSWORD = "owner-of-the-benchmark"
_PASSWORDS = {role: f"{role}-of-the-benchmark" for role in ROLES}
_PATIENCE = 120.0
_LOOK_SECONDS = 0.02
_OWNER = UUID(int=1)
_LOADED = "the stops are loaded"
"""What the watcher logs, with how long it took."""


@dataclass(frozen=True, slots=True)
class Restart:
    """Seconds from the start of the process to every stop armed, and what it then took."""

    stops: int
    seconds: list[float]
    cpu_seconds: list[float]
    """Of the process alone: what a start would take on a machine that does nothing else."""
    megabytes: float
    read_seconds: list[float]
    """Of each start: until PostgreSQL's rows were in memory, from the watcher's first wish for them."""
    armed_seconds: list[float]
    """Of each start: from then until every stop was armed."""

    @property
    def median(self) -> float:
        """The usual start."""
        return median(self.seconds)


def measure_restart(folder: Path, *, stops: int = STOPS, rounds: int = ROUNDS) -> Restart:
    """Fill a database, and start a watcher on it again and again; each is killed as a lost host is."""
    with start_postgres(folder / "postgres", password=_OWNER_PASSWORD) as postgres, start_valkey(folder) as valkey:
        _fill(postgres, stops)
        return asyncio.run(_measure(folder, postgres, valkey, stops, rounds))


async def _measure(folder: Path, postgres: ServerAddress, valkey: ServerAddress, stops: int, rounds: int) -> Restart:
    state = StateFolder(folder / "state")
    state.logs.mkdir(parents=True)
    emulator, aws = await start_emulator(state, "000000000000", "ap-south-1")
    try:
        environment = await asyncio.to_thread(_environment, postgres, valkey, aws)
        found = [await _start_once(state, environment, stops) for _ in range(rounds + 1)]
    finally:
        await emulator.stop()
    kept = found[1:]
    took = [json.loads(line) for line in (state.logs / "watcher.log").read_text().splitlines() if _LOADED in line]
    return Restart(
        stops=stops,
        seconds=[each[0] for each in kept],
        cpu_seconds=[each[1] for each in kept],
        megabytes=max(each[2] for each in kept),
        read_seconds=[line["read_seconds"] for line in took[-rounds:]],
        armed_seconds=[line["armed_seconds"] for line in took[-rounds:]],
    )


async def _start_once(state: StateFolder, environment: dict[str, str], stops: int) -> tuple[float, float, float]:
    port = free_port()
    begun = time.monotonic()
    child = await start_module(
        state, "watcher", "fargate_listener", environment=environment | {"HEALTH_PORT": str(port)}
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            while await asyncio.to_thread(_armed, port) != stops:
                if child.process.returncode is not None:
                    raise child.fault()
                await asyncio.sleep(_LOOK_SECONDS)
        took, process = time.monotonic() - begun, psutil.Process(child.pid)
        used = process.cpu_times()
        return took, used.user + used.system, process.memory_info().rss / (1 << 20)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        await child.process.wait()


def _armed(port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return int(json.load(answer)["armed_stops"])
    except urllib.error.HTTPError as unhealthy:
        with unhealthy:
            return int(json.load(unhealthy)["armed_stops"])
    except OSError:
        return -1


def _environment(postgres: ServerAddress, valkey: ServerAddress, aws: AwsAccess) -> dict[str, str]:
    options = aws.client_options()
    name = uuid4().hex
    queue = boto3.client("sqs", **options).create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})
    login = {"username": "system_role", "password": _PASSWORDS["system_role"]}
    secret = boto3.client("secretsmanager", **options).create_secret(Name=name, SecretString=json.dumps(login))
    return aws.environment() | {
        "PYTHONPATH": str(LIBRARY),
        "STAGE": "dev",
        "LOG_LEVEL": "INFO",
        "DATABASE_HOST": postgres.host,
        "DATABASE_PORT": str(postgres.port),
        "DATABASE_NAME": SUPERUSER,
        "DATABASE_SECRET_ARN": secret["ARN"],
        "DATABASE_TLS": "false",
        "REDIS_HOST": valkey.host,
        "REDIS_PORT": str(valkey.port),
        "REDIS_TLS": "false",
        "KMS_KEY_ID": "no-account-is-opened",
        "KITE_SOCKET_URL": f"ws://127.0.0.1:{free_port()}",
        "SESSION_TABLE": json.dumps(SESSION_TABLE),
        "ORDERS_QUEUE_URL": queue["QueueUrl"],
        "PRIORITY_QUEUE_URL": queue["QueueUrl"],
        "FEED_ACCOUNT_EMAIL": "feed@example.com",
    }


@contextmanager
def _owner(postgres: ServerAddress) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(
        host=postgres.host,
        port=postgres.port,
        user=SUPERUSER,
        password=_OWNER_PASSWORD,
        dbname=SUPERUSER,
        autocommit=True,
    ) as connection:
        yield connection


def _fill(postgres: ServerAddress, stops: int) -> None:
    """A day's cycles, each holding the shares of its one buy."""
    numbers = {"owner": _OWNER, "stops": stops, "instruments": ROOM}
    with _owner(postgres) as connection:
        migrate(connection, _PASSWORDS)
        for statement in _ROWS:
            connection.execute(statement, numbers)
        connection.execute("analyze")


_NAME = "lpad(to_hex(n), 32, '0')::uuid"
_PLAN = "'NSE', 'S' || n %% %(instruments)s, 'MIS', '09:20', '15:10'"
_ROWS = (
    "insert into users (id, email, password_hash, created_at) values (%(owner)s, 'one@example.com', 'x', now())",
    """
    insert into instruments (exchange, tradingsymbol, instrument_token, name, segment, instrument_type, tick_size,
                             lot_size, has_derivatives)
    select 'NSE', 'S' || n, (n + 1) * 256 + 1, 'S' || n, 'NSE', 'EQ', 0.05, 1, false
    from generate_series(0, %(instruments)s - 1) n
    """,
    f"""
    insert into strategies (strategy_id, user_id, exchange, symbol, product, buy_time, sell_time, stop_loss, quantity,
                            status, version, created_at, updated_at)
    select {_NAME}, %(owner)s, {_PLAN}, 100 + n %% 1000, 1 + n %% 100, 'running', 1, now(), now()
    from generate_series(1, %(stops)s) n
    """,
    f"""
    insert into cycles (strategy_id, trading_day, user_id, epoch, state, exchange, symbol, product, buy_time,
                        sell_time, stop_loss, quantity, updated_at)
    select {_NAME}, current_date, %(owner)s, 1, 'long', {_PLAN}, 100 + n %% 1000, 1 + n %% 100, now()
    from generate_series(1, %(stops)s) n
    """,
    f"""
    insert into order_intents (strategy_id, trading_day, leg, attempt, user_id, tag, side, quantity, state, created_at,
                               due_at, filled, average_price)
    select {_NAME}, current_date, 'entry', 1, %(owner)s, 'T' || n, 'BUY', 1 + n %% 100, 'done', now(), now(),
           1 + n %% 100, 1200
    from generate_series(1, %(stops)s) n
    """,
)
