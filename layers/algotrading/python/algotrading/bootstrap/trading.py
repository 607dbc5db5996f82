"""Builds the functions of the trading path."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from algotrading.bootstrap import parts
from algotrading.settings import ConvergeSettings, ExecutorSettings, TriggerSettings

if TYPE_CHECKING:
    from algotrading.entrypoints.hold import RenewedHold
    from algotrading.entrypoints.queue import Redelivery
    from algotrading.services.converge import Converge
    from algotrading.services.errand import Desk
    from algotrading.services.execute import Executor
    from algotrading.services.trigger import Trigger

_ANSWER_SECONDS = 9.0
"""How long an executor waits for the broker's answer before the order counts as unknown: Kite was seen
to answer after 8 s, and the priority executor lives for 15."""


def build_trigger(settings: TriggerSettings) -> Trigger:
    """lambdas/trigger"""
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.emf_meter import EmfMeter
    from algotrading.adapters.sqs_queue import SqsOrderQueue
    from algotrading.contracts.session_table import load_session_table
    from algotrading.services.trigger import Trigger

    return Trigger(
        clock=SystemClock(),
        queue=SqsOrderQueue(parts.client("sqs"), settings.orders_queue_url, settings.priority_queue_url),
        meter=EmfMeter(),
        table=load_session_table(settings.session_table),
        entry_grace=timedelta(seconds=settings.entry_grace_seconds),
    )


def build_executor(settings: ExecutorSettings) -> tuple[Executor, Redelivery]:
    """lambdas/executor and lambdas/priority_executor. An environment that is loaded ahead of need loads
    everything and reaches its stores: a stop that has been hit must not wait for that."""
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.emf_meter import EmfMeter
    from algotrading.adapters.kms_vault import KmsVault
    from algotrading.adapters.postgres.broker_accounts import PostgresBrokerAccounts
    from algotrading.adapters.postgres.instruments import PostgresInstruments
    from algotrading.adapters.postgres.ledger import PostgresLedger
    from algotrading.adapters.postgres.named_accounts import PostgresNamedAccounts
    from algotrading.adapters.postgres.outbox import PostgresOutbox
    from algotrading.adapters.postgres.risks import PostgresRisks
    from algotrading.adapters.postgres.snapshots import PostgresSnapshots
    from algotrading.adapters.postgres.strategies import PostgresStrategies
    from algotrading.adapters.postgres.summaries import PostgresSummaries
    from algotrading.adapters.redis_runtime import RedisRuntime, make_redis_client
    from algotrading.adapters.sns_notifier import SnsNotifier
    from algotrading.adapters.sqs_queue import SqsRedelivery
    from algotrading.brokers.kite.brokers import KiteBrokers
    from algotrading.brokers.kite.line import Limits
    from algotrading.contracts.session_table import load_session_table
    from algotrading.domain.policy import Policy
    from algotrading.services.broker_sessions import BrokerSessions
    from algotrading.services.check_plan import PlanChecker
    from algotrading.services.courier import Courier
    from algotrading.services.errand import Desk
    from algotrading.services.execute import Executor
    from algotrading.services.last_call import LastCall
    from algotrading.services.paced_broker import Pacing
    from algotrading.services.preflight import PreflightReader
    from algotrading.services.way_out import WayOut

    clock, database = SystemClock(), parts.database(settings)
    desk = Desk(
        clock=clock,
        ledger=PostgresLedger(database),
        runtime=RedisRuntime(make_redis_client(settings.redis_host, settings.redis_port, tls=settings.redis_tls)),
        strategies=PostgresStrategies(database),
        meter=EmfMeter(),
        policy=Policy(
            entry_grace=timedelta(seconds=settings.entry_grace_seconds),
            evidence_window=timedelta(seconds=settings.evidence_window_seconds),
        ),
    )
    brokers = KiteBrokers(
        api_url=settings.kite_api_url,
        login_url=settings.kite_login_url,
        clock=clock,
        limits=Limits(order_seconds=_ANSWER_SECONDS),
    )
    accounts, instruments, risks = (
        PostgresBrokerAccounts(database),
        PostgresInstruments(database),
        PostgresRisks(database),
    )
    sessions = BrokerSessions(
        accounts=accounts,
        vault=KmsVault(parts.client("kms"), settings.kms_key_id),
        brokers=brokers,
        clock=clock,
        pacing=Pacing(desk.runtime, clock, desk.meter, desk.policy.rates),
    )
    table = load_session_table(settings.session_table)
    # Whoever delivers here holds up a worker of the trading path: what does not arrive at once is left to converge.
    impatient = partial(parts.client, "sns", read_seconds=1, attempts=1)
    courier = Courier(
        clock=clock,
        outbox=PostgresOutbox(database),
        notifier=SnsNotifier(impatient, settings.notifications_topic_arn),
        meter=desk.meter,
    )
    named = PostgresNamedAccounts(database)
    preflight = PreflightReader(
        desk.strategies,
        accounts,
        named,
        risks,
        desk.runtime,
        PlanChecker(instruments, table),
        clock,
        settings.egress_bound,
    )
    executor = Executor(
        desk=desk,
        instruments=instruments,
        sessions=sessions,
        snapshots=PostgresSnapshots(database),
        table=table,
        risks=risks,
        courier=courier,
        way_out=WayOut(brokers, clock, desk.meter, settings.egress_bound),
        last_call=LastCall(preflight, PostgresSummaries(database), courier, clock, desk.meter),
    )
    if parts.is_provisioned():
        _get_ready(desk)
    queue_urls = (settings.orders_queue_url, settings.priority_queue_url)
    return executor, SqsRedelivery(partial(parts.client, "sqs"), queue_urls)


def build_hold(settings: ExecutorSettings) -> RenewedHold:
    """lambdas/executor. Its client is made here and not when it is needed: clients must not be made by two threads
    at once. It asks once and gives up soon, since the next renewal is the better second try."""
    from algotrading.adapters.sqs_queue import SqsRedelivery
    from algotrading.entrypoints.hold import RenewedHold

    client = parts.client("sqs", read_seconds=2, attempts=1)
    return RenewedHold(SqsRedelivery(lambda: client, (settings.orders_queue_url,)))


def _get_ready(desk: Desk) -> None:
    nobody = UUID(int=0)
    parts.get_ready(
        *("psycopg", "redis", "algotrading.brokers.kite.broker", "algotrading.brokers.kite.official"),
        reaches=(lambda: desk.strategies.list_for(nobody), lambda: desk.runtime.read_strategies([nobody])),
    )


def build_converge(settings: ConvergeSettings) -> Converge:
    """lambdas/converge"""
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.emf_meter import EmfMeter
    from algotrading.adapters.postgres.instruments import PostgresInstruments
    from algotrading.adapters.postgres.ledger import PostgresLedger
    from algotrading.adapters.postgres.outbox import PostgresOutbox
    from algotrading.adapters.postgres.risks import PostgresRisks
    from algotrading.adapters.postgres.snapshots import PostgresSnapshots
    from algotrading.adapters.postgres.strategies import PostgresStrategies
    from algotrading.adapters.redis_runtime import RedisRuntime, make_redis_client
    from algotrading.adapters.sns_notifier import SnsNotifier
    from algotrading.adapters.sqs_queue import SqsOrderQueue
    from algotrading.contracts.session_table import load_session_table
    from algotrading.services.converge import Converge

    database = parts.database(settings)
    return Converge(
        clock=SystemClock(),
        strategies=PostgresStrategies(database),
        instruments=PostgresInstruments(database),
        ledger=PostgresLedger(database),
        risks=PostgresRisks(database),
        outbox=PostgresOutbox(database),
        snapshots=PostgresSnapshots(database),
        runtime=RedisRuntime(make_redis_client(settings.redis_host, settings.redis_port, tls=settings.redis_tls)),
        schedules=parts.schedules(settings),
        queue=SqsOrderQueue(parts.client("sqs"), settings.orders_queue_url, settings.priority_queue_url),
        notifier=SnsNotifier(partial(parts.client, "sns"), settings.notifications_topic_arn),
        meter=EmfMeter(),
        table=load_session_table(settings.session_table),
    )
