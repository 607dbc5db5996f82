"""Builds the functions behind the HTTP API."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING
from uuid import UUID

from algotrading.bootstrap import parts
from algotrading.settings import (
    AuthorizerSettings,
    AuthSettings,
    BrokerSettings,
    DocsSettings,
    PostbackSettings,
    StrategySettings,
)

if TYPE_CHECKING:
    from algotrading.domain.sessions import SessionTable
    from algotrading.entrypoints.api.broker import BrokerServices
    from algotrading.entrypoints.api.risk import RiskServices
    from algotrading.entrypoints.api.strategy import StrategyServices
    from algotrading.entrypoints.authorizer import TokenAuthorizer
    from algotrading.entrypoints.http import HttpDoor
    from algotrading.ports import Clock, Meter
    from algotrading.services.accounts import Accounts
    from algotrading.services.postbacks import Postbacks
    from algotrading.services.publish_strategy import Publisher


def build_auth(settings: AuthSettings) -> HttpDoor:
    """lambdas/auth"""
    from algotrading.entrypoints.api.account_data import AccountDataRoutes
    from algotrading.entrypoints.api.account_links import AccountLinkRoutes
    from algotrading.entrypoints.api.auth import AuthRoutes
    from algotrading.entrypoints.api.keys import KeyRoutes
    from algotrading.entrypoints.api.password import PasswordRoutes
    from algotrading.entrypoints.api.registration import RegistrationRoutes
    from algotrading.entrypoints.api.viewers import ViewerRoutes
    from algotrading.entrypoints.http import HttpDoor

    accounts = cache(lambda: _accounts(settings))
    return HttpDoor(
        RegistrationRoutes(lambda: accounts().registrar).router(),
        AuthRoutes(accounts).router(),
        AccountLinkRoutes(lambda: accounts().links).router(),
        PasswordRoutes(lambda: accounts().password_change).router(),
        AccountDataRoutes(lambda: accounts().data).router(),
        ViewerRoutes(lambda: accounts().viewers).router(),
        KeyRoutes(lambda: accounts().programs).router(),
        admission=cache(lambda: parts.admission(settings)),
        keyed=cache(lambda: parts.keyed_requests(settings)),
        meter=parts.meter(),
    )


def build_broker(settings: BrokerSettings) -> HttpDoor:
    """lambdas/broker"""
    from algotrading.entrypoints.api.broker import BrokerRoutes
    from algotrading.entrypoints.api.broker_accounts import BrokerAccountRoutes
    from algotrading.entrypoints.http import HttpDoor

    services = cache(lambda: _broker_services(settings))
    return HttpDoor(
        BrokerRoutes(services).router(),
        BrokerAccountRoutes(lambda: services().keeper).router(),
        admission=cache(lambda: parts.admission(settings)),
        keyed=cache(lambda: parts.keyed_requests(settings)),
        meter=parts.meter(),
    )


def build_postback(settings: PostbackSettings) -> HttpDoor:
    """lambdas/postback"""
    from algotrading.entrypoints.api.postback import PostbackRoutes
    from algotrading.entrypoints.http import HttpDoor

    return HttpDoor(PostbackRoutes(cache(lambda: _postbacks(settings))).router())


def build_strategy(settings: StrategySettings) -> HttpDoor:
    """lambdas/strategy. An environment that is loaded ahead of need reaches its stores: whoever stops or kills must
    not wait for that."""
    from algotrading.entrypoints.api.risk import RiskRoutes
    from algotrading.entrypoints.api.strategy import StrategyRoutes
    from algotrading.entrypoints.http import HttpDoor

    services = cache(lambda: _strategy_services(settings))
    if parts.is_provisioned():
        _get_ready(services()[0])
    strategies, risk = StrategyRoutes(lambda: services()[0]), RiskRoutes(lambda: services()[1])
    admission = cache(lambda: parts.admission(settings))
    keyed = cache(lambda: parts.keyed_requests(settings))
    return HttpDoor(strategies.router(), risk.router(), admission=admission, keyed=keyed, meter=parts.meter())


def _get_ready(services: StrategyServices) -> None:
    manager, nobody = services.manager, UUID(int=0)
    parts.get_ready(
        reaches=(
            lambda: manager.strategies.list_for(nobody),
            lambda: manager.publisher.runtime.read_strategies([nobody]),
        )
    )


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

    tokens = cache(lambda: parts.tokens(settings))
    if parts.is_provisioned():
        parts.get_ready("jwt", reaches=(lambda: tokens().keys_in_use(),))
    return TokenAuthorizer(tokens)


def _accounts(settings: AuthSettings) -> Accounts:
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.common_passwords import CommonPasswords
    from algotrading.adapters.kms_vault import SECOND_FACTOR, KmsVault
    from algotrading.adapters.passwords import Argon2Passwords
    from algotrading.adapters.postgres.account_records import PostgresAccountRecords
    from algotrading.adapters.postgres.api_keys import PostgresApiKeys
    from algotrading.adapters.postgres.broker_accounts import PostgresBrokerAccounts
    from algotrading.adapters.postgres.email_links import PostgresEmailLinks
    from algotrading.adapters.postgres.logins import PostgresLogins
    from algotrading.adapters.postgres.named_accounts import PostgresNamedAccounts
    from algotrading.adapters.postgres.registrations import PostgresRegistrations
    from algotrading.adapters.postgres.second_factors import PostgresSecondFactors
    from algotrading.adapters.postgres.users import PostgresUsers
    from algotrading.adapters.postgres.viewer_grants import PostgresViewerGrants
    from algotrading.adapters.redis_runtime import make_redis_client
    from algotrading.adapters.sqs_errands import SqsErrands
    from algotrading.adapters.throttles import LocalThrottle, RedisThrottle
    from algotrading.services.account_data import AccountData
    from algotrading.services.account_links import AccountLinks
    from algotrading.services.accounts import Accounts
    from algotrading.services.password_change import PasswordChange
    from algotrading.services.password_check import PasswordCheck
    from algotrading.services.programs import Programs
    from algotrading.services.registrar import Registrar
    from algotrading.services.second_factor import SecondFactorKeeper
    from algotrading.services.viewers import Viewers

    database, clock = parts.database(settings), SystemClock()
    users, passwords, is_common = PostgresUsers(database), Argon2Passwords(), CommonPasswords().__contains__
    redis = make_redis_client(settings.redis_host, settings.redis_port, tls=settings.redis_tls)
    throttle = RedisThrottle(redis, LocalThrottle())
    vault = KmsVault(parts.client("kms"), settings.kms_key_id, purpose=SECOND_FACTOR)
    second_factors = SecondFactorKeeper(PostgresSecondFactors(database), vault, clock, passwords)
    logins = PostgresLogins(database)
    errands = SqsErrands(lambda: parts.client("sqs"), settings.mail_queue_url)
    links = AccountLinks(
        users=users,
        logins=logins,
        links=PostgresEmailLinks(database),
        errands=errands,
        passwords=passwords,
        throttle=throttle,
        clock=clock,
        is_common=is_common,
    )
    check = PasswordCheck(users, passwords, links, throttle)
    return Accounts(
        users=users,
        logins=logins,
        throttle=throttle,
        links=links,
        registrar=Registrar(users, PostgresRegistrations(database), errands, passwords, throttle, clock, is_common),
        password_check=check,
        password_change=PasswordChange(check, logins, passwords, clock, is_common),
        access_lasts=timedelta(seconds=settings.access_token_seconds),
        broker_accounts=PostgresBrokerAccounts(database),
        named=PostgresNamedAccounts(database),
        passwords=passwords,
        data=AccountData(users, PostgresAccountRecords(database), passwords, second_factors, throttle, clock, errands),
        viewers=Viewers(users, PostgresViewerGrants(database), throttle, clock),
        programs=Programs(PostgresApiKeys(database), second_factors, throttle, clock),
        second_factors=second_factors,
        tokens=parts.tokens(settings),
        clock=clock,
        is_common=is_common,
    )


def _broker_services(settings: BrokerSettings) -> BrokerServices:
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.emf_meter import EmfMeter
    from algotrading.adapters.kms_vault import KmsVault
    from algotrading.adapters.postgres.broker_accounts import PostgresBrokerAccounts
    from algotrading.adapters.postgres.ledger import PostgresLedger
    from algotrading.adapters.postgres.named_accounts import PostgresNamedAccounts
    from algotrading.adapters.postgres.second_factors import PostgresSecondFactors
    from algotrading.adapters.postgres.snapshots import PostgresSnapshots
    from algotrading.adapters.postgres.standings import PostgresStandings
    from algotrading.adapters.postgres.strategies import PostgresStrategies
    from algotrading.adapters.postgres.users import PostgresUsers
    from algotrading.adapters.sqs_queue import SqsOrderQueue
    from algotrading.brokers.kite.brokers import KiteBrokers
    from algotrading.entrypoints.api.broker import BrokerServices
    from algotrading.services.account_guard import AccountGuard
    from algotrading.services.broker_account_keeper import BrokerAccountKeeper
    from algotrading.services.broker_books import BrokerBooks
    from algotrading.services.broker_connection import BrokerConnections
    from algotrading.services.login_wake import LoginWake
    from algotrading.services.safe_login import SafeLogins

    database, clock = parts.database(settings), SystemClock()
    ledger, strategies, users = PostgresLedger(database), PostgresStrategies(database), PostgresUsers(database)
    accounts, named = PostgresBrokerAccounts(database), PostgresNamedAccounts(database)
    safe_logins = SafeLogins(
        users=users,
        second_factors=PostgresSecondFactors(database),
        needs_second_factor=settings.second_factor_required,
        needs_verified_email=settings.email_verification_required,
    )
    # For what a login wakes alone: it is stored by then, its owner waits for the page, and converge asks as well.
    impatient = parts.client("sqs", read_seconds=1, attempts=1)
    queue = SqsOrderQueue(impatient, settings.orders_queue_url, settings.priority_queue_url)
    connections = BrokerConnections(
        accounts=accounts,
        named=named,
        guard=AccountGuard(accounts, ledger, clock),
        safe_logins=safe_logins,
        vault=KmsVault(parts.client("kms"), settings.kms_key_id),
        brokers=KiteBrokers(api_url=settings.kite_api_url, login_url=settings.kite_login_url, clock=clock),
        tokens=parts.tokens(settings),
        clock=clock,
        is_bound=settings.egress_bound,
        feed_emails=frozenset(email.lower() for email in settings.feed_account_email),
        users=users,
        standings=PostgresStandings(database),
        login_wake=LoginWake(ledger, queue, clock, EmfMeter()),
    )
    books = BrokerBooks(PostgresSnapshots(database), named, ledger, clock)
    keeper = BrokerAccountKeeper(named, connections, strategies, safe_logins, clock)
    return BrokerServices(connections, books, keeper)


def _postbacks(settings: PostbackSettings) -> Postbacks:
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.emf_meter import EmfMeter
    from algotrading.adapters.kms_vault import KmsVault
    from algotrading.adapters.postgres.broker_accounts import PostgresBrokerAccounts
    from algotrading.adapters.postgres.ledger import PostgresLedger
    from algotrading.adapters.redis_runtime import RedisRuntime, make_redis_client
    from algotrading.adapters.sqs_queue import SqsOrderQueue
    from algotrading.services.order_hints import OrderHints
    from algotrading.services.postbacks import Postbacks

    database, clock, meter = parts.database(settings), SystemClock(), EmfMeter()
    redis = make_redis_client(settings.redis_host, settings.redis_port, tls=settings.redis_tls)
    queue = SqsOrderQueue(parts.client("sqs"), settings.orders_queue_url, settings.priority_queue_url)
    return Postbacks(
        accounts=PostgresBrokerAccounts(database),
        vault=KmsVault(parts.client("kms"), settings.kms_key_id),
        hints=OrderHints(clock, PostgresLedger(database), RedisRuntime(redis), queue, meter),
        clock=clock,
        meter=meter,
    )


def _strategy_services(settings: StrategySettings) -> tuple[StrategyServices, RiskServices]:
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.emf_meter import EmfMeter
    from algotrading.adapters.postgres.audit_trail import PostgresAuditTrail
    from algotrading.adapters.postgres.broker_accounts import PostgresBrokerAccounts
    from algotrading.adapters.postgres.instruments import PostgresInstruments
    from algotrading.adapters.postgres.ledger import PostgresLedger
    from algotrading.adapters.postgres.named_accounts import PostgresNamedAccounts
    from algotrading.adapters.postgres.risks import PostgresRisks
    from algotrading.adapters.postgres.strategies import PostgresStrategies
    from algotrading.contracts.session_table import load_session_table
    from algotrading.entrypoints.api.risk import RiskServices
    from algotrading.entrypoints.api.strategy import StrategyServices
    from algotrading.services.check_plan import PlanChecker
    from algotrading.services.day_chart import DayChartReader
    from algotrading.services.flatten import Flattener
    from algotrading.services.kill_switch import KillSwitch
    from algotrading.services.live_prices import LivePrices
    from algotrading.services.manage_strategy import StrategyManager
    from algotrading.services.preflight import PreflightReader
    from algotrading.services.risk_profile import RiskProfiles
    from algotrading.services.strategy_status import StrategyReader
    from algotrading.services.timeline import TimelineReader

    database, clock, meter = parts.database(settings), SystemClock(), EmfMeter()
    strategies, ledger = PostgresStrategies(database), PostgresLedger(database)
    instruments, risks = PostgresInstruments(database), PostgresRisks(database)
    table = load_session_table(settings.session_table)
    publisher = _publisher(settings, clock, meter, table)
    prices = LivePrices(publisher.runtime, meter)
    accounts, named = PostgresBrokerAccounts(database), PostgresNamedAccounts(database)
    manager = StrategyManager(
        strategies=strategies,
        ledger=ledger,
        instruments=instruments,
        accounts=accounts,
        named=named,
        risks=risks,
        checker=PlanChecker(instruments, table),
        publisher=publisher,
        prices=prices,
        clock=clock,
    )
    reader = StrategyReader(strategies, ledger, instruments, prices, clock, table)
    timeline = TimelineReader(strategies, ledger, PostgresAuditTrail(database), clock, table)
    switch = KillSwitch(risks, ledger, Flattener(risks, ledger, publisher.queue), clock, meter)
    checker = PlanChecker(instruments, table)
    preflight = PreflightReader(
        strategies, accounts, named, risks, publisher.runtime, checker, clock, settings.egress_bound
    )
    day_chart = DayChartReader(strategies, ledger, publisher.runtime, clock, meter)
    return (
        StrategyServices(manager, reader, timeline, preflight, day_chart),
        RiskServices(RiskProfiles(risks, prices, clock, ledger), switch),
    )


def _publisher(settings: StrategySettings, clock: Clock, meter: Meter, table: SessionTable) -> Publisher:
    from algotrading.adapters.redis_runtime import RedisRuntime, make_redis_client
    from algotrading.adapters.sqs_queue import SqsOrderQueue
    from algotrading.services.publish_strategy import Publisher

    redis = make_redis_client(settings.redis_host, settings.redis_port, tls=settings.redis_tls)
    return Publisher(
        runtime=RedisRuntime(redis),
        schedules=parts.schedules(settings),
        queue=SqsOrderQueue(parts.client("sqs"), settings.orders_queue_url, settings.priority_queue_url),
        meter=meter,
        clock=clock,
        table=table,
        entry_grace=timedelta(seconds=settings.entry_grace_seconds),
    )
