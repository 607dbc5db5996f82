"""Puts the watcher together from its settings. Nothing connects before it runs."""

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
from algotrading.adapters.postgres.strategies import PostgresStrategies
from algotrading.adapters.redis_runtime import RedisRuntime
from algotrading.adapters.redis_runtime import make_redis_client as make_blocking_redis_client
from algotrading.adapters.secrets import SecretReader
from algotrading.adapters.sqs_queue import SqsOrderQueue
from algotrading.contracts.session_table import load_session_table
from algotrading.services.order_hints import OrderHints
from algotrading.settings import ListenerSettings
from fargate_listener.changes import ChangeStream
from fargate_listener.counters import Counters
from fargate_listener.durations import Durations
from fargate_listener.feed import Feed
from fargate_listener.feed_account import FeedAccount, FeedCredentials, TraderAccounts
from fargate_listener.feeds import Feeds
from fargate_listener.health import Health, HealthServer, Loaded
from fargate_listener.hit_queue import SqsHitQueue
from fargate_listener.hit_sender import SENDERS, HitSender
from fargate_listener.liveness import Liveness
from fargate_listener.market_hours import MarketHours
from fargate_listener.market_table import MarketTable
from fargate_listener.operation import operate
from fargate_listener.order_news import OrderNews
from fargate_listener.order_sockets import OrderSockets
from fargate_listener.price_publisher import PricePublisher
from fargate_listener.redis_client import make_redis_client
from fargate_listener.reporter import Reporter
from fargate_listener.rest_cover import RestCover
from fargate_listener.sight import SightReporter
from fargate_listener.stop_guard import StopGuard
from fargate_listener.truth import Truth
from fargate_listener.watcher import Watcher
from fargate_listener.watchlist import Watchlist

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


def build_watcher(settings: ListenerSettings) -> Watcher:
    """The whole process, ready to run."""
    clock, counters, durations, table, loaded = SystemClock(), Counters(), Durations(), MarketTable(), Loaded()
    sender = HitSender(open_queue=lambda: _hit_queue(settings), clock=clock, monotonic=time.monotonic)
    guard = StopGuard(table=table, report=sender.put, counters=counters, decisions=durations.decisions)
    watchlist = Watchlist(guard, time.monotonic)
    news = OrderNews(open_hints=lambda: _order_hints(settings, clock), clock=clock, counters=counters)
    feeds = Feeds(
        feeds=[
            Feed(
                url=settings.kite_socket_url,
                credentials=_feed_credentials(settings, email),
                guard=guard,
                counters=counters,
                monotonic=time.monotonic,
                name=f"feed {number}",
                sentinel=sentinel,
                hear_order=news.hear,
            )
            # Settings see to it that there are as many sentinels, or more.
            for number, (email, sentinel) in enumerate(
                zip(settings.feed_account_email, settings.feed_sentinels, strict=False), start=1
            )
        ],
        watchlist=watchlist,
        counters=counters,
        monotonic=time.monotonic,
    )
    hours = MarketHours(load_session_table(settings.session_table), clock)
    liveness = Liveness(
        feeds=feeds,
        table=table,
        watchlist=watchlist,
        hours=hours,
        clock=clock,
        monotonic=time.monotonic,
        counters=counters,
    )
    cover = RestCover(
        read=_quotes(settings),
        feeds=feeds,
        liveness=liveness,
        table=table,
        guard=guard,
        watchlist=watchlist,
        hours=hours,
        monotonic=time.monotonic,
        counters=counters,
    )
    health = Health(feeds=feeds, guard=guard, sender=sender, loaded=loaded, liveness=liveness, cover=cover)
    meter = EmfMeter(clock=clock)
    return Watcher(
        truth=_truth(settings, clock),
        changes=ChangeStream(redis=_redis(settings), counters=counters),
        watchlist=watchlist,
        guard=guard,
        feed=feeds,
        liveness=liveness,
        cover=cover,
        publisher=PricePublisher(
            redis=_redis(settings), table=table, watchlist=watchlist, clock=clock, counters=counters
        ),
        sight=SightReporter(redis=_redis(settings), sees=health.sees, clock=clock, counters=counters),
        news=news,
        order_sockets=_order_sockets(
            settings,
            clock,
            counters,
            # The feeds' own sockets bring their owners' updates already.
            wanted=lambda: watchlist.armed_users - feeds.owners,
            hear=news.hear,
        ),
        operation=operate(
            redis=_redis(settings),
            table=table,
            watchlist=watchlist,
            hours=hours,
            clock=clock,
            monotonic=time.monotonic,
            counters=counters,
            durations=durations,
        ),
        sender=sender,
        reporter=Reporter(
            table=table,
            counters=counters,
            durations=durations,
            sender=sender,
            feed=feeds,
            guard=guard,
            health=health,
            meter=meter,
        ),
        health=HealthServer(health.document, settings.health_port, stops=health.stops),
        loaded=loaded,
        counters=counters,
        monotonic=time.monotonic,
    )


def _redis(settings: ListenerSettings) -> Redis:
    return make_redis_client(settings.redis_host, settings.redis_port, tls=settings.redis_tls)


def _hit_queue(settings: ListenerSettings) -> SqsHitQueue:
    with _MAKING_A_CLIENT:
        client = boto3.client("sqs", config=_NO_RETRIES)
    return SqsHitQueue(client, settings.priority_queue_url)


def _truth(settings: ListenerSettings, clock: SystemClock) -> Truth:
    database = _database(settings)
    return Truth(
        strategies=PostgresStrategies(database),
        ledger=PostgresLedger(database),
        instruments=PostgresInstruments(database),
        clock=clock,
    )


def _feed_credentials(settings: ListenerSettings, email: str) -> Callable[[], FeedCredentials]:
    """A connection of its own: a redial never waits for a full check."""

    @cache
    def account() -> FeedAccount:
        with _MAKING_A_CLIENT:
            kms = boto3.client("kms", config=_PATIENT)
        return FeedAccount(
            accounts=PostgresBrokerAccounts(_database(settings)),
            vault=KmsVault(kms, settings.kms_key_id),
            email=email,
        )

    return lambda: account().credentials()


def _quotes(settings: ListenerSettings) -> Callable[[FeedCredentials, Sequence[str]], Sequence[Quote]]:
    """Loads the official client when the first quotes are read, in the thread that reads them."""

    @lru_cache(maxsize=2 * len(settings.feed_account_email))
    def session(credentials: FeedCredentials) -> KiteQuotes:
        from algotrading.brokers.kite.quotes import KiteQuotes

        return KiteQuotes(
            api_url=settings.kite_api_url, api_key=credentials.api_key, access_token=credentials.access_token
        )

    return lambda credentials, keys: session(credentials).read(keys)


def _order_hints(settings: ListenerSettings, clock: SystemClock) -> OrderHints:
    """With a database connection of its own, like everything else that must not wait for another."""
    with _MAKING_A_CLIENT:
        queue = boto3.client("sqs", config=_PATIENT)
    redis = make_blocking_redis_client(settings.redis_host, settings.redis_port, tls=settings.redis_tls)
    return OrderHints(
        clock=clock,
        ledger=PostgresLedger(_database(settings)),
        runtime=RedisRuntime(redis),
        queue=SqsOrderQueue(queue, settings.orders_queue_url, settings.priority_queue_url),
        meter=EmfMeter(clock=clock),
    )


def _order_sockets(
    settings: ListenerSettings,
    clock: SystemClock,
    counters: Counters,
    *,
    wanted: Callable[[], Collection[UUID]],
    hear: Callable[[UUID, object], None],
) -> OrderSockets | None:
    if not settings.order_update_sockets:
        return None

    @cache
    def accounts() -> TraderAccounts:
        with _MAKING_A_CLIENT:
            kms = boto3.client("kms", config=_PATIENT)
        return TraderAccounts(
            accounts=PostgresBrokerAccounts(_database(settings)),
            vault=KmsVault(kms, settings.kms_key_id),
            clock=clock,
        )

    return OrderSockets(
        url=settings.kite_socket_url,
        credentials=lambda user_id: accounts().credentials(user_id),
        wanted=wanted,
        hear=hear,
        counters=counters,
        monotonic=time.monotonic,
    )


def _database(settings: ListenerSettings) -> Database:
    @cache
    def secrets() -> SecretReader:
        with _MAKING_A_CLIENT:
            return SecretReader(boto3.client("secretsmanager", config=_PATIENT))

    def credentials() -> Credentials:
        secret = secrets().json(settings.database_secret_arn)
        return Credentials(secret["username"], secret["password"])

    return Database(
        host=settings.database_host,
        port=settings.database_port,
        name=settings.database_name,
        credentials=credentials,
        tls=settings.database_tls,
    )
