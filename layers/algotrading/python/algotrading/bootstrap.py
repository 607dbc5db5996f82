"""The only place that names concrete adapters: builds each entry point from its settings.

Nothing connects and no heavy library is loaded here: every builder imports what it needs itself, and
what a request needs (database, Redis, AWS clients) is made when the first request asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from algotrading.settings import (
    AuthorizerSettings,
    AuthSettings,
    BrokerSettings,
    ConvergeSettings,
    DatabaseSettings,
    DocsSettings,
    ExecutorSettings,
    InstrumentsSettings,
    MigrateSettings,
    ScheduleSettings,
    StrategySettings,
    TokenSettings,
    TriggerSettings,
)

if TYPE_CHECKING:
    from algotrading.adapters.eventbridge_schedules import EventBridgeSchedules
    from algotrading.adapters.postgres.database import Database
    from algotrading.adapters.postgres.migrate import Migrator
    from algotrading.adapters.tokens import JwtTokens
    from algotrading.entrypoints.api.strategy import StrategyServices
    from algotrading.entrypoints.authorizer import TokenAuthorizer
    from algotrading.entrypoints.http import HttpDoor
    from algotrading.entrypoints.queue import Redelivery
    from algotrading.services.accounts import Accounts
    from algotrading.services.broker_connection import BrokerConnections
    from algotrading.services.converge import Converge
    from algotrading.services.execute import Executor
    from algotrading.services.load_instruments import InstrumentLoader
    from algotrading.services.trigger import Trigger


def build_auth(settings: AuthSettings) -> HttpDoor:
    """lambdas/auth"""
    from algotrading.entrypoints.api.auth import AuthRoutes
    from algotrading.entrypoints.http import HttpDoor

    return HttpDoor(AuthRoutes(cache(lambda: _accounts(settings))).router())


def build_broker(settings: BrokerSettings) -> HttpDoor:
    """lambdas/broker"""
    from algotrading.entrypoints.api.broker import BrokerRoutes
    from algotrading.entrypoints.http import HttpDoor

    return HttpDoor(BrokerRoutes(cache(lambda: _broker_connections(settings))).router())


def build_strategy(settings: StrategySettings) -> HttpDoor:
    """lambdas/strategy"""
    from algotrading.entrypoints.api.strategy import StrategyRoutes
    from algotrading.entrypoints.http import HttpDoor

    return HttpDoor(StrategyRoutes(cache(lambda: _strategy_services(settings))).router())


def build_docs(settings: DocsSettings) -> HttpDoor:
    """lambdas/docs"""
    from algotrading.entrypoints.api.docs import DocsRoutes
    from algotrading.entrypoints.http import HttpDoor

    if settings.stage != "dev":
        raise ValueError(f"the document of the API is served in dev only, not in {settings.stage}")
    return HttpDoor(DocsRoutes().router())


def build_authorizer(settings: AuthorizerSettings) -> TokenAuthorizer:
    """lambdas/authorizer"""
    from algotrading.entrypoints.authorizer import TokenAuthorizer

    return TokenAuthorizer(cache(lambda: _tokens(settings)))


def build_instruments(settings: InstrumentsSettings) -> InstrumentLoader:
    """lambdas/instruments"""
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.emf_meter import EmfMeter
    from algotrading.adapters.postgres.instruments import PostgresInstruments
    from algotrading.brokers.kite.brokers import KiteBrokers
    from algotrading.services.load_instruments import SMALLEST_HONEST_DUMP, InstrumentLoader

    clock = SystemClock()
    return InstrumentLoader(
        brokers=KiteBrokers(api_url=settings.kite_api_url, login_url=settings.kite_login_url, clock=clock),
        instruments=PostgresInstruments(_database(settings)),
        meter=EmfMeter(clock=clock),
        # A simulated exchange lists a handful.
        smallest=1 if settings.stage == "dev" else SMALLEST_HONEST_DUMP,
    )


def build_migrate(settings: MigrateSettings) -> Migrator:
    """lambdas/migrate"""
    from algotrading.adapters.postgres.migrate import Migrator

    secrets = {"app_role": settings.app_secret_arn, "system_role": settings.system_secret_arn}
    return Migrator(
        _database(settings), lambda: {role: str(_read_secret(arn)["password"]) for role, arn in secrets.items()}
    )


def build_trigger(settings: TriggerSettings) -> Trigger:
    """lambdas/trigger"""
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.emf_meter import EmfMeter
    from algotrading.adapters.sqs_queue import SqsOrderQueue
    from algotrading.contracts.session_table import load_session_table
    from algotrading.services.trigger import Trigger

    return Trigger(
        clock=SystemClock(),
        queue=SqsOrderQueue(_client("sqs"), settings.orders_queue_url, settings.priority_queue_url),
        meter=EmfMeter(),
        table=load_session_table(settings.session_table),
        entry_grace=timedelta(seconds=settings.entry_grace_seconds),
    )


def build_executor(settings: ExecutorSettings) -> tuple[Executor, Redelivery]:
    """lambdas/executor and lambdas/priority_executor. Unlike the API's functions these load everything
    at start: a stop that has been hit must not wait for an import."""
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.emf_meter import EmfMeter
    from algotrading.adapters.kms_vault import KmsVault
    from algotrading.adapters.postgres.broker_accounts import PostgresBrokerAccounts
    from algotrading.adapters.postgres.instruments import PostgresInstruments
    from algotrading.adapters.postgres.ledger import PostgresLedger
    from algotrading.adapters.postgres.strategies import PostgresStrategies
    from algotrading.adapters.redis_runtime import RedisRuntime, make_redis_client
    from algotrading.adapters.sqs_queue import SqsRedelivery
    from algotrading.brokers.kite.brokers import KiteBrokers
    from algotrading.contracts.session_table import load_session_table
    from algotrading.domain.decide import Policy
    from algotrading.services.broker_sessions import BrokerSessions
    from algotrading.services.cycle_runner import Desk
    from algotrading.services.execute import Executor

    for module in ("psycopg", "redis", "algotrading.brokers.kite.broker", "algotrading.brokers.kite.official"):
        import_module(module)
    clock, database = SystemClock(), _database(settings)
    desk = Desk(
        clock=clock,
        ledger=PostgresLedger(database),
        runtime=RedisRuntime(make_redis_client(settings.redis_host, settings.redis_port, tls=settings.redis_tls)),
        strategies=PostgresStrategies(database),
        meter=EmfMeter(),
        policy=Policy(entry_grace=timedelta(seconds=settings.entry_grace_seconds)),
    )
    sessions = BrokerSessions(
        accounts=PostgresBrokerAccounts(database),
        vault=KmsVault(_client("kms"), settings.kms_key_id),
        brokers=KiteBrokers(api_url=settings.kite_api_url, login_url=settings.kite_login_url, clock=clock),
    )
    table = load_session_table(settings.session_table)
    executor = Executor(desk=desk, instruments=PostgresInstruments(database), sessions=sessions, table=table)
    queue_urls = (settings.orders_queue_url, settings.priority_queue_url)
    return executor, SqsRedelivery(_client("sqs"), queue_urls)


def build_converge(settings: ConvergeSettings) -> Converge:
    """lambdas/converge"""
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.emf_meter import EmfMeter
    from algotrading.adapters.postgres.instruments import PostgresInstruments
    from algotrading.adapters.postgres.ledger import PostgresLedger
    from algotrading.adapters.postgres.outbox import PostgresOutbox
    from algotrading.adapters.postgres.strategies import PostgresStrategies
    from algotrading.adapters.redis_runtime import RedisRuntime, make_redis_client
    from algotrading.adapters.sns_notifier import SnsNotifier
    from algotrading.adapters.sqs_queue import SqsOrderQueue
    from algotrading.contracts.session_table import load_session_table
    from algotrading.services.converge import Converge

    database = _database(settings)
    return Converge(
        clock=SystemClock(),
        strategies=PostgresStrategies(database),
        instruments=PostgresInstruments(database),
        ledger=PostgresLedger(database),
        outbox=PostgresOutbox(database),
        runtime=RedisRuntime(make_redis_client(settings.redis_host, settings.redis_port, tls=settings.redis_tls)),
        schedules=_schedules(settings),
        queue=SqsOrderQueue(_client("sqs"), settings.orders_queue_url, settings.priority_queue_url),
        notifier=SnsNotifier(_client("sns"), settings.notifications_topic_arn),
        meter=EmfMeter(),
        table=load_session_table(settings.session_table),
    )


def _accounts(settings: AuthSettings) -> Accounts:
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.passwords import Argon2Passwords
    from algotrading.adapters.postgres.broker_accounts import PostgresBrokerAccounts
    from algotrading.adapters.postgres.users import PostgresUsers
    from algotrading.services.accounts import Accounts

    database = _database(settings)
    return Accounts(
        users=PostgresUsers(database),
        broker_accounts=PostgresBrokerAccounts(database),
        passwords=Argon2Passwords(),
        tokens=_tokens(settings),
        clock=SystemClock(),
    )


def _broker_connections(settings: BrokerSettings) -> BrokerConnections:
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.kms_vault import KmsVault
    from algotrading.adapters.postgres.broker_accounts import PostgresBrokerAccounts
    from algotrading.adapters.postgres.ledger import PostgresLedger
    from algotrading.adapters.postgres.strategies import PostgresStrategies
    from algotrading.brokers.kite.brokers import KiteBrokers
    from algotrading.services.broker_connection import BrokerConnections

    database, clock = _database(settings), SystemClock()
    return BrokerConnections(
        accounts=PostgresBrokerAccounts(database),
        vault=KmsVault(_client("kms"), settings.kms_key_id),
        brokers=KiteBrokers(api_url=settings.kite_api_url, login_url=settings.kite_login_url, clock=clock),
        tokens=_tokens(settings),
        strategies=PostgresStrategies(database),
        ledger=PostgresLedger(database),
        clock=clock,
    )


def _strategy_services(settings: StrategySettings) -> StrategyServices:
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.emf_meter import EmfMeter
    from algotrading.adapters.postgres.broker_accounts import PostgresBrokerAccounts
    from algotrading.adapters.postgres.instruments import PostgresInstruments
    from algotrading.adapters.postgres.ledger import PostgresLedger
    from algotrading.adapters.postgres.strategies import PostgresStrategies
    from algotrading.adapters.redis_runtime import RedisRuntime, make_redis_client
    from algotrading.adapters.sqs_queue import SqsOrderQueue
    from algotrading.contracts.session_table import load_session_table
    from algotrading.entrypoints.api.strategy import StrategyServices
    from algotrading.services.check_plan import PlanChecker
    from algotrading.services.manage_strategy import StrategyManager
    from algotrading.services.publish_strategy import Publisher
    from algotrading.services.strategy_status import StrategyReader

    database, clock, meter = _database(settings), SystemClock(), EmfMeter()
    table = load_session_table(settings.session_table)
    strategies, ledger, instruments = (
        PostgresStrategies(database),
        PostgresLedger(database),
        PostgresInstruments(database),
    )
    runtime = RedisRuntime(make_redis_client(settings.redis_host, settings.redis_port, tls=settings.redis_tls))
    publisher = Publisher(
        runtime=runtime,
        schedules=_schedules(settings),
        queue=SqsOrderQueue(_client("sqs"), settings.orders_queue_url, settings.priority_queue_url),
        meter=meter,
        clock=clock,
        table=table,
        entry_grace=timedelta(seconds=settings.entry_grace_seconds),
    )
    manager = StrategyManager(
        strategies=strategies,
        ledger=ledger,
        instruments=instruments,
        accounts=PostgresBrokerAccounts(database),
        checker=PlanChecker(instruments, table),
        publisher=publisher,
        clock=clock,
    )
    return StrategyServices(manager, StrategyReader(strategies, ledger, instruments, runtime, meter, clock, table))


# --- parts ----------------------------------------------------------------------------------------


def _database(settings: DatabaseSettings) -> Database:
    """The database under the login role of the settings' secret."""
    from algotrading.adapters.postgres.database import Credentials, Database

    def credentials() -> Credentials:
        secret = _read_secret(settings.database_secret_arn)
        return Credentials(secret["username"], secret["password"])

    return Database(
        host=settings.database_host,
        port=settings.database_port,
        name=settings.database_name,
        credentials=credentials,
        tls=settings.database_tls,
    )


def _tokens(settings: TokenSettings) -> JwtTokens:
    """The signer of bearer tokens. Its secret holds {"key"}."""
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.tokens import JwtTokens

    return JwtTokens(lambda: str(_read_secret(settings.jwt_secret_arn)["key"]), SystemClock())


def _schedules(settings: ScheduleSettings) -> EventBridgeSchedules:
    """The environment's schedule group."""
    from algotrading.adapters.eventbridge_schedules import EventBridgeSchedules

    return EventBridgeSchedules(
        _client("scheduler"),
        settings.schedule_group,
        settings.schedule_target_arn,
        settings.schedule_role_arn,
        settings.schedule_dlq_arn,
    )


def _read_secret(arn: str) -> dict[str, Any]:
    secret: dict[str, Any] = _secret_reader().json(arn)
    return secret


@cache
def _secret_reader() -> Any:
    from algotrading.adapters.secrets import SecretReader

    return SecretReader(_client("secretsmanager"))


@cache
def _client(service: str) -> Any:
    """An AWS client that gives up in seconds: the functions' own time-outs are short. Its address can be
    changed through botocore's own AWS_ENDPOINT_URL."""
    import boto3
    from botocore.config import Config

    make_client: Callable[..., Any] = boto3.client
    patience = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    return make_client(service, config=patience)
