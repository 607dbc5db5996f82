"""The watcher's process with everything real around it."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import boto3
import pytest
from redis import Redis

import algotrading
from algotrading.adapters.kms_vault import KmsVault
from algotrading.adapters.postgres.broker_accounts import PostgresBrokerAccounts
from algotrading.adapters.postgres.instruments import PostgresInstruments
from algotrading.adapters.postgres.ledger import PostgresLedger
from algotrading.adapters.postgres.strategies import PostgresStrategies
from algotrading.adapters.postgres.users import PostgresUsers
from algotrading.adapters.redis_runtime import RedisRuntime, make_redis_client
from algotrading.contracts.messages import OrderCommand, StopChange
from algotrading.domain.accounts import BrokerName, ConnectionStatus, SealedBrokerAccount, User, first_account_of
from algotrading.domain.cycle import Cycle, CycleState
from algotrading.domain.effects import Decision
from algotrading.domain.events import BookRead
from algotrading.domain.orders import BookReading
from algotrading.domain.sessions import trading_day_of
from algotrading.domain.strategy import Strategy, StrategyStatus
from exchange_simulator.accounts import App
from exchange_simulator.session_table import SESSION_TABLE
from exchange_simulator.threaded import ThreadedExchange
from tests.fakes.examples import MOMENT, TRADING_DAY, make_instrument, make_strategy, make_user
from tests.integration.fargate_listener.desks import PATIENCE
from tests.integration.hand_orders import buy_by_hand
from tests.stores import ROLE_PASSWORDS, PostgresStore
from twin.aws import AwsAccess, start_emulator
from twin.processes import Child, StateFolder, start_module
from twin.servers import ServerAddress, free_port

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LIBRARY = Path(algotrading.__file__).parents[1]
INFY = 408065
FEED_EMAIL = "feed@example.com"


@dataclass
class World:
    """Stores, queue, exchange and the way to start a watcher among them."""

    state: StateFolder
    postgres: PostgresStore
    redis: Redis
    runtime: RedisRuntime
    exchange: ThreadedExchange
    app: App
    aws: AwsAccess
    environment: dict[str, str]
    queue_url: str
    watchers: list[Child] = field(default_factory=list)
    health_port: int = field(default_factory=free_port)
    feed_user_id: UUID = field(default_factory=uuid4)

    @property
    def sqs(self) -> SQSClient:
        client: SQSClient = boto3.client("sqs", **self.aws.client_options())
        return client

    async def start_watcher(self) -> Child:
        """`python -m fargate_listener`, as the container starts it."""
        environment = self.environment | {"HEALTH_PORT": str(self.health_port)}
        watcher = await start_module(self.state, "watcher", "fargate_listener", environment=environment)
        self.watchers.append(watcher)
        return watcher

    async def health_exit_code(self) -> int | None:
        """What the container's health check says."""
        environment = self.environment | {"HEALTH_PORT": str(self.health_port)}
        check = await start_module(self.state, "health", "fargate_listener", "--health", environment=environment)
        return await check.process.wait()

    def log_in_feed_account(self) -> None:
        """The feed account's owner logs in to the broker."""
        self.feed_user_id = self.log_in(make_user(FEED_EMAIL), self.app)

    def log_in(self, user: User, app: App) -> UUID:
        """A user registers and logs in to the broker."""
        PostgresUsers(self.postgres.app).add(user, "hash")
        kms = boto3.client("kms", **self.aws.client_options())
        vault = KmsVault(kms, self.environment["KMS_KEY_ID"])
        secrets = {"api_key": app.api_key, "api_secret": app.api_secret, "access_token": app.access_token or ""}
        sealed = vault.seal(user.user_id, secrets)
        account = SealedBrokerAccount(
            user_id=user.user_id,
            account_id=first_account_of(user.user_id),
            broker=BrokerName.KITE,
            broker_user_id=app.user_id,
            status=ConnectionStatus.CONNECTED,
            token_at=datetime.now(UTC),
            updated_at=MOMENT,
            api_key=sealed["api_key"],
            api_secret=sealed["api_secret"],
            access_token=sealed["access_token"],
        )
        PostgresBrokerAccounts(self.postgres.app).save(account)
        return user.user_id

    async def buy_by_hand(self, app: App) -> None:
        """An order in INFY as the broker's own app places it."""
        await asyncio.to_thread(buy_by_hand, self.exchange.url, app.api_key, app.access_token, "INFY")

    def add_running_strategy(self, stop_loss: str, user_id: UUID | None = None) -> Strategy:
        """A running strategy in INFY, of a trader of its own unless told whose."""
        if user_id is None:
            user = make_user()
            PostgresUsers(self.postgres.app).add(user, "hash")
            user_id = user.user_id
        strategy = make_strategy(user_id, status=StrategyStatus.RUNNING, symbol="INFY", stop_loss=Decimal(stop_loss))
        PostgresStrategies(self.postgres.app).add(strategy)
        return strategy

    def buy_today(self, strategy: Strategy) -> Cycle:
        """The cycle of the day on which this runs holds its shares."""
        return self.buy(strategy, trading_day_of(datetime.now(UTC)))

    def buy(self, strategy: Strategy, day: date = TRADING_DAY) -> Cycle:
        """A day's cycle of the strategy holds its shares."""
        ledger = PostgresLedger(self.postgres.app)
        cycle = replace(ledger.take(strategy, day), state=CycleState.LONG)
        nothing_read = BookRead(MOMENT, BookReading(MOMENT, (), ()))
        ledger.save(Decision(cycle), event=nothing_read, now=MOMENT)
        return cycle

    async def next_command(self) -> OrderCommand:
        """The next message of the priority queue."""
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await asyncio.to_thread(self._receive)
                for message in answer:
                    return message

    def _receive(self) -> list[OrderCommand]:
        sqs = self.sqs
        messages = sqs.receive_message(QueueUrl=self.queue_url, WaitTimeSeconds=2).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return [OrderCommand.model_validate_json(message["Body"]) for message in messages]


def announced(strategy: Strategy, **changes: Any) -> StopChange:
    """What the API or an executor announces of a strategy: watched and armed unless told otherwise."""
    values: dict[str, Any] = {
        "strategy_id": strategy.strategy_id,
        "user_id": strategy.user_id,
        "exchange": "NSE",
        "symbol": "INFY",
        "instrument_token": INFY,
        "watched": True,
        "armed": True,
        "stop_loss": strategy.plan.stop_loss,
        "trading_day": TRADING_DAY,
    }
    return StopChange(**values | changes)


@pytest.fixture(autouse=True)
def collection_as_it_was() -> Iterator[None]:
    """A watcher within the test's process takes garbage collection into its own hands."""
    yield
    gc.unfreeze()
    gc.enable()


@pytest.fixture
def exchange() -> Iterator[ThreadedExchange]:
    with ThreadedExchange() as exchange:
        yield exchange


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsAccess]:
    state = StateFolder(tmp_path_factory.mktemp("aws"))
    state.logs.mkdir()
    with asyncio.Runner() as runner:
        emulator, access = runner.run(start_emulator(state, "000000000000", "ap-south-1"))
        yield access
        runner.run(emulator.stop())


@pytest.fixture
async def world(
    tmp_path: Path,
    aws: AwsAccess,
    exchange: ThreadedExchange,
    postgres_store: PostgresStore,
    valkey_server: ServerAddress,
) -> AsyncIterator[World]:
    options = aws.client_options()
    sqs = boto3.client("sqs", **options)
    name = uuid4().hex
    queue_url = sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    key_id = boto3.client("kms", **options).create_key()["KeyMetadata"]["KeyId"]
    login = {"username": "system_role", "password": ROLE_PASSWORDS["system_role"]}
    secret = boto3.client("secretsmanager", **options).create_secret(Name=name, SecretString=json.dumps(login))
    environment = aws.environment() | {
        "PYTHONPATH": str(LIBRARY),
        "STAGE": "dev",
        "DATABASE_HOST": postgres_store.server.host,
        "DATABASE_PORT": str(postgres_store.server.port),
        "DATABASE_NAME": postgres_store.name,
        "DATABASE_SECRET_ARN": secret["ARN"],
        "DATABASE_TLS": "false",
        "REDIS_HOST": valkey_server.host,
        "REDIS_PORT": str(valkey_server.port),
        "REDIS_TLS": "false",
        "KMS_KEY_ID": key_id,
        "KITE_SOCKET_URL": exchange.ws_url,
        "KITE_API_URL": exchange.url,
        "SESSION_TABLE": json.dumps(SESSION_TABLE),
        "ORDERS_QUEUE_URL": queue_url,
        "PRIORITY_QUEUE_URL": queue_url,
        "FEED_ACCOUNT_EMAIL": FEED_EMAIL,
    }
    redis = make_redis_client(valkey_server.host, valkey_server.port, tls=False)
    redis.flushall()
    state = StateFolder(tmp_path / "watcher")
    state.logs.mkdir(parents=True)
    open_account: Callable[[Any], App] = lambda server: server.create_account()  # noqa: E731
    world = World(
        state=state,
        postgres=postgres_store,
        redis=redis,
        runtime=RedisRuntime(redis),
        exchange=exchange,
        app=exchange.run(open_account),
        aws=aws,
        environment=environment,
        queue_url=queue_url,
    )
    PostgresInstruments(postgres_store.system).replace_all(
        [make_instrument("INFY", instrument_token=INFY), make_instrument("TCS")]
    )
    yield world
    for watcher in world.watchers:
        await watcher.stop()
    redis.close()
