"""Puts the watcher together from its settings. Nothing connects before it runs."""

from __future__ import annotations

import time

from algotrading.adapters.clock import SystemClock
from algotrading.adapters.emf_meter import EmfMeter
from algotrading.contracts.session_table import load_session_table
from algotrading.settings import ListenerSettings
from fargate_listener.changes import ChangeStream
from fargate_listener.connections import (
    make_order_sockets,
    make_truth,
    open_hit_queue,
    open_order_hints,
    open_owed_hits,
    open_redis,
    read_feed_credentials,
    read_quotes,
)
from fargate_listener.counters import Counters
from fargate_listener.durations import Durations
from fargate_listener.feed import Feed
from fargate_listener.feeds import Feeds
from fargate_listener.health import Health, HealthServer, Loaded
from fargate_listener.health_log import HealthLog
from fargate_listener.hit_sender import HitSender
from fargate_listener.liveness import Liveness
from fargate_listener.market_hours import MarketHours
from fargate_listener.market_table import MarketTable
from fargate_listener.operation import operate
from fargate_listener.order_news import OrderNews
from fargate_listener.price_publisher import PricePublisher
from fargate_listener.reporter import Reporter
from fargate_listener.rest_cover import RestCover
from fargate_listener.sight import SightReporter
from fargate_listener.stop_guard import StopGuard
from fargate_listener.watcher import Watcher
from fargate_listener.watchlist import Watchlist


def build_watcher(settings: ListenerSettings) -> Watcher:
    """The whole process, ready to run."""
    clock, counters, durations, table, loaded = SystemClock(), Counters(), Durations(), MarketTable(), Loaded()
    sender = HitSender(
        open_queue=lambda: open_hit_queue(settings),
        clock=clock,
        monotonic=time.monotonic,
        owed=open_owed_hits(settings),
    )
    guard = StopGuard(table=table, report=sender.put, counters=counters, decisions=durations.decisions)
    watchlist = Watchlist(guard, time.monotonic)
    news = OrderNews(open_hints=lambda: open_order_hints(settings, clock), clock=clock, counters=counters)
    feeds = Feeds(
        feeds=[
            Feed(
                url=settings.kite_socket_url,
                credentials=read_feed_credentials(settings, email),
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
        read=read_quotes(settings),
        feeds=feeds,
        liveness=liveness,
        table=table,
        guard=guard,
        watchlist=watchlist,
        hours=hours,
        monotonic=time.monotonic,
        counters=counters,
    )
    changes = ChangeStream(redis=open_redis(settings), counters=counters)
    health = Health(
        feeds=feeds, guard=guard, sender=sender, loaded=loaded, changes=changes, liveness=liveness, cover=cover
    )
    meter = EmfMeter(clock=clock)
    return Watcher(
        truth=make_truth(settings, clock),
        changes=changes,
        watchlist=watchlist,
        guard=guard,
        feed=feeds,
        liveness=liveness,
        cover=cover,
        publisher=PricePublisher(
            address=(settings.redis_host, settings.redis_port),
            tls=settings.redis_tls,
            table=table,
            watchlist=watchlist,
            clock=clock,
            counters=counters,
        ),
        sight=SightReporter(redis=open_redis(settings), sees=health.sees, clock=clock, counters=counters),
        news=news,
        order_sockets=make_order_sockets(
            settings,
            clock,
            counters,
            traders=lambda: watchlist.armed_users,
            # The feeds' own sockets bring their accounts' updates already.
            heard=lambda: feeds.accounts,
            hear=news.hear,
        ),
        operation=operate(
            redis=open_redis(settings),
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
        health_log=HealthLog(reasons=health.reasons, notes=health.notes),
        loaded=loaded,
        counters=counters,
        monotonic=time.monotonic,
        leave_seconds=settings.leave_seconds,
    )
