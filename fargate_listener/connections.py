"""What the watcher connects to, each made from its settings. Nothing connects before it is used."""

from __future__ import annotations

import threading
import time
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from algotrading.adapters.clock import SystemClock
from algotrading.adapters.emf_meter import EmfMeter
from algotrading.adapters.kms_vault import KmsVault
from algotrading.adapters.postgres.broker_accounts import PostgresBrokerAccounts
from algotrading.adapters.postgres.database import Credentials, Database
from algotrading.adapters.postgres.instruments import PostgresInstruments
from algotrading.adapters.postgres.ledger import PostgresLedger
from algotrading.adapters.rds_tokens import RdsTokens, own_rds_tokens
from algotrading.adapters.redis_runtime import RedisRuntime
from algotrading.adapters.redis_runtime import make_redis_client as make_blocking_redis_client
from algotrading.adapters.secrets import SecretReader
from algotrading.adapters.sqs_queue import SqsOrderQueue
from algotrading.services.order_hints import OrderHints
from algotrading.settings import ListenerSettings
from fargate_listener.counters import Counters
from fargate_listener.feed_account import Account, FeedAccount, FeedCredentials, TraderAccounts
from fargate_listener.hit_queue import SqsHitQueue
from fargate_listener.hit_sender import SENDERS
from fargate_listener.order_sockets import OrderSockets
from fargate_listener.owed_hits import RedisOwedHits
from fargate_listener.redis_client import make_redis_client
from fargate_listener.staked_accounts import StakedAccounts
from fargate_listener.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from uuid import UUID

    from redis.asyncio import Redis

    from algotrading.brokers.kite.quotes import KiteQuotes, Quote

_NO_RETRIES = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"total_max_attempts": 1},
    max_pool_connections=SENDERS,
    tcp_keepalive=True,
)
"""The sender's own retries are quicker, and counted."""
_PATIENT = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2})
_MAKING_A_CLIENT = threading.Lock()
"""Clients may be shared between threads; making them may not."""
_ANSWER_SECONDS = 6.0
"""For one answer of PostgreSQL, which itself ends a statement after five: no thread waits longer for one that hangs."""


def open_redis(settings: ListenerSettings) -> Redis:
    """Of the event loop; connects at its first command."""
    return make_redis_client(settings.redis_host, settings.redis_port, tls=settings.redis_tls)


def open_owed_hits(settings: ListenerSettings) -> RedisOwedHits:
    """For the threads that send hits; connects at its first command."""
    redis = make_blocking_redis_client(settings.redis_host, settings.redis_port, tls=settings.redis_tls, decodes=False)
    return RedisOwedHits(redis)


def open_hit_queue(settings: ListenerSettings) -> SqsHitQueue:
    """The priority lane. Blocking."""
    return _open_queue(settings.priority_queue_url)


def open_orders_queue(settings: ListenerSettings) -> SqsHitQueue:
    """The other lane, which news of orders goes to: to ask whether it is there. Blocking."""
    return _open_queue(settings.orders_queue_url)


def _open_queue(url: str) -> SqsHitQueue:
    with _MAKING_A_CLIENT:
        client = boto3.client("sqs", config=_NO_RETRIES)
    return SqsHitQueue(client, url)


def make_truth(settings: ListenerSettings, clock: SystemClock) -> Truth:
    """With a database connection of its own."""
    database = make_database(settings)
    return Truth(
        ledger=PostgresLedger(database),
        instruments=PostgresInstruments(database),
        clock=clock,
    )


def read_feed_credentials(settings: ListenerSettings, email: str) -> Callable[[], FeedCredentials]:
    """A connection of its own: a redial never waits for a full check."""

    @cache
    def account() -> FeedAccount:
        with _MAKING_A_CLIENT:
            kms = boto3.client("kms", config=_PATIENT)
        return FeedAccount(
            accounts=PostgresBrokerAccounts(make_database(settings)),
            vault=KmsVault(kms, settings.kms_key_id),
            clock=SystemClock(),
            email=email,
        )

    return lambda: account().credentials()


def read_quotes(settings: ListenerSettings) -> Callable[[FeedCredentials, Sequence[str]], Sequence[Quote]]:
    """Loads the official client when the first quotes are read, in the thread that reads them."""

    @lru_cache(maxsize=2 * len(settings.feed_account_email))
    def session(credentials: FeedCredentials) -> KiteQuotes:
        from algotrading.brokers.kite.quotes import KiteQuotes

        return KiteQuotes(
            api_url=settings.kite_api_url, api_key=credentials.api_key, access_token=credentials.access_token
        )

    return lambda credentials, keys: session(credentials).read(keys)


def open_order_hints(settings: ListenerSettings, clock: SystemClock) -> OrderHints:
    """With a database connection of its own, like everything else that must not wait for another."""
    with _MAKING_A_CLIENT:
        queue = boto3.client("sqs", config=_PATIENT)
    redis = make_blocking_redis_client(settings.redis_host, settings.redis_port, tls=settings.redis_tls)
    return OrderHints(
        clock=clock,
        ledger=PostgresLedger(make_database(settings)),
        runtime=RedisRuntime(redis),
        queue=SqsOrderQueue(queue, settings.orders_queue_url, settings.priority_queue_url),
        meter=EmfMeter(clock=clock),
    )


def make_order_sockets(
    settings: ListenerSettings,
    clock: SystemClock,
    counters: Counters,
    *,
    traders: Callable[[], Collection[UUID]],
    heard: Callable[[], Collection[Account]],
    hear: Callable[[Account, object], None],
) -> OrderSockets | None:
    """Sockets of the accounts of `traders`, but for those whose updates are `heard` otherwise. None where the
    environment does not let the watcher open traders' tokens."""
    if not settings.order_update_sockets:
        return None

    @cache
    def accounts() -> TraderAccounts:
        with _MAKING_A_CLIENT:
            kms = boto3.client("kms", config=_PATIENT)
        return TraderAccounts(
            accounts=PostgresBrokerAccounts(make_database(settings)),
            vault=KmsVault(kms, settings.kms_key_id),
            clock=clock,
        )

    staked = StakedAccounts(
        traders=traders,
        read=lambda user_ids: accounts().of_traders(user_ids),
        heard=heard,
        counters=counters,
        monotonic=time.monotonic,
    )
    return OrderSockets(
        url=settings.kite_socket_url,
        credentials=lambda account: accounts().credentials(account),
        wanted=staked.wanted,
        hear=hear,
        counters=counters,
        monotonic=time.monotonic,
    )


def read_database_login(settings: ListenerSettings) -> Callable[[], Credentials]:
    """Reads the secret of the system role, or makes a token for it. Blocking."""

    @cache
    def secrets() -> SecretReader:
        with _MAKING_A_CLIENT:
            return SecretReader(boto3.client("secretsmanager", config=_PATIENT))

    @cache
    def tokens() -> RdsTokens:
        with _MAKING_A_CLIENT:
            return own_rds_tokens()

    def credentials() -> Credentials:
        if user := settings.database_user:
            token = tokens().make(host=settings.database_host, port=settings.database_port, user=user)
            return Credentials(user, token)
        secret = secrets().json(settings.database_secret_arn)
        return Credentials(secret["username"], secret["password"])

    return credentials


def make_database(settings: ListenerSettings) -> Database:
    """PostgreSQL as the settings' user; one more connection for whoever must not wait for another."""
    return Database(
        host=settings.database_host,
        port=settings.database_port,
        name=settings.database_name,
        credentials=read_database_login(settings),
        tls=settings.database_tls,
        answer_seconds=_ANSWER_SECONDS,
    )
