"""Each port's suite runs over the in-memory fake and over the real adapter on a real server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import cast
from uuid import UUID, uuid4

import pytest

from algotrading.adapters.postgres.account_records import PostgresAccountRecords
from algotrading.adapters.postgres.administration import PostgresAdministration
from algotrading.adapters.postgres.api_keys import PostgresApiKeys
from algotrading.adapters.postgres.audit_trail import PostgresAuditTrail
from algotrading.adapters.postgres.broker_accounts import PostgresBrokerAccounts
from algotrading.adapters.postgres.deliveries import PostgresDeliveries
from algotrading.adapters.postgres.egress_routes import DeployedRoute, store_routes
from algotrading.adapters.postgres.email_links import PostgresEmailLinks
from algotrading.adapters.postgres.instruments import PostgresInstruments
from algotrading.adapters.postgres.kept_answers import PostgresKeptAnswers
from algotrading.adapters.postgres.ledger import PostgresLedger
from algotrading.adapters.postgres.logins import PostgresLogins
from algotrading.adapters.postgres.named_accounts import PostgresNamedAccounts
from algotrading.adapters.postgres.notifications import PostgresNotifications
from algotrading.adapters.postgres.outbox import PostgresOutbox
from algotrading.adapters.postgres.push_devices import PostgresPushDevices
from algotrading.adapters.postgres.registrations import PostgresRegistrations
from algotrading.adapters.postgres.risks import PostgresRisks
from algotrading.adapters.postgres.second_factors import PostgresSecondFactors
from algotrading.adapters.postgres.sms_codes import PostgresSmsCodes
from algotrading.adapters.postgres.snapshots import PostgresSnapshots
from algotrading.adapters.postgres.standings import PostgresStandings
from algotrading.adapters.postgres.strategies import PostgresStrategies
from algotrading.adapters.postgres.summaries import PostgresSummaries
from algotrading.adapters.postgres.users import PostgresUsers
from algotrading.adapters.postgres.viewer_grants import PostgresViewerGrants
from algotrading.domain.accounts import User
from algotrading.domain.cycle import Cycle
from algotrading.domain.named_accounts import NamedAccount
from algotrading.domain.strategy import Strategy, StrategyStatus
from algotrading.ports import (
    AccountRecords,
    Administration,
    ApiKeys,
    AuditTrail,
    BrokerAccounts,
    Deliveries,
    EmailLinks,
    Instruments,
    Ledger,
    Logins,
    NamedAccounts,
    Notifications,
    Outbox,
    PushDevices,
    Registrations,
    Risks,
    SecondFactors,
    SmsCodes,
    Snapshots,
    Standings,
    Strategies,
    Summaries,
    Users,
    ViewerGrants,
)
from algotrading.ports.requests import KeptAnswers
from tests.fakes.access import MemoryApiKeys, MemoryStandings, MemoryViewerGrants
from tests.fakes.account_records import MemoryAccountRecords
from tests.fakes.accounts import MemoryBrokerAccounts, MemoryLogins, MemorySecondFactors, MemoryUsers
from tests.fakes.administration import MemoryAdministration
from tests.fakes.audit import MemoryAuditTrail
from tests.fakes.database import MemoryDatabase
from tests.fakes.examples import TRADING_DAY, make_strategy, make_user
from tests.fakes.instruments import MemoryInstruments
from tests.fakes.kept_answers import MemoryKeptAnswers
from tests.fakes.ledger import MemoryLedger, MemoryOutbox
from tests.fakes.mails import MemoryEmailLinks
from tests.fakes.named_accounts import MemoryNamedAccounts
from tests.fakes.notifications import MemoryDeliveries, MemoryNotifications, MemorySmsCodes, MemorySummaries
from tests.fakes.push import MemoryPushDevices
from tests.fakes.registrations import MemoryRegistrations
from tests.fakes.risks import MemoryRisks
from tests.fakes.snapshots import MemorySnapshots
from tests.fakes.strategies import MemoryStrategies
from tests.stores import PostgresStore


@dataclass(frozen=True, slots=True)
class Stores:
    """Every repository over one store; `system` ones as the system role sees it."""

    users: Users
    logins: Logins
    second_factors: SecondFactors
    registrations: Registrations
    email_links: EmailLinks
    records: AccountRecords
    notifications: Notifications
    deliveries: Deliveries
    push_devices: PushDevices
    sms_codes: SmsCodes
    summaries: Summaries
    system_summaries: Summaries
    standings: Standings
    system_standings: Standings
    viewers: ViewerGrants
    api_keys: ApiKeys
    administration: Administration
    """The system's."""
    kept_answers: KeptAnswers
    named_accounts: NamedAccounts
    broker_accounts: BrokerAccounts
    system_broker_accounts: BrokerAccounts
    strategies: Strategies
    system_strategies: Strategies
    instruments: Instruments
    system_instruments: Instruments
    ledger: Ledger
    system_ledger: Ledger
    risks: Risks
    system_risks: Risks
    outbox: Outbox
    system_outbox: Outbox
    snapshots: Snapshots
    system_snapshots: Snapshots
    audit_trail: AuditTrail
    system_audit_trail: AuditTrail
    deploy: Callable[[tuple[DeployedRoute, ...]], None]
    """Stores the deployment's pairs of addresses, as its owner does."""
    add_account: Callable[[User], UUID]
    """Stores another broker account of a user, which is not the default."""

    def add_user(self, email: str | None = None) -> User:
        """A stored user."""
        user = make_user(email)
        self.users.add(user, "hash")
        return user

    def add_strategy(self, user: User, *, status: StrategyStatus = StrategyStatus.RUNNING, **plan: object) -> Strategy:
        """A stored strategy, running unless told otherwise."""
        strategy = make_strategy(user.user_id, status=status, **plan)
        self.strategies.add(strategy)
        return strategy

    def take_cycle(self) -> Cycle:
        """A cycle of a new user's new running strategy, taken for the first time."""
        return self.ledger.take(self.add_strategy(self.add_user()), TRADING_DAY)


def add_account(named: NamedAccounts, user: User, name: str = "of the family") -> UUID:
    """One more broker account of the user, which is not the default."""
    begun = user.created_at + timedelta(seconds=1)
    account = NamedAccount(uuid4(), user.user_id, name, is_default=False, created_at=begun)
    named.add(account)
    return account.account_id


def memory_stores() -> Stores:
    """Everything in memory."""
    database = MemoryDatabase()
    accounts, strategies = MemoryBrokerAccounts(database), MemoryStrategies(database)
    instruments, ledger = MemoryInstruments(database), MemoryLedger(database)
    snapshots = MemorySnapshots(database)
    return Stores(
        users=MemoryUsers(database),
        logins=MemoryLogins(database),
        second_factors=MemorySecondFactors(database),
        registrations=MemoryRegistrations(database),
        email_links=MemoryEmailLinks(database),
        records=MemoryAccountRecords(database),
        notifications=MemoryNotifications(database),
        deliveries=MemoryDeliveries(database),
        push_devices=MemoryPushDevices(database),
        sms_codes=MemorySmsCodes(database),
        summaries=MemorySummaries(database),
        system_summaries=MemorySummaries(database),
        standings=MemoryStandings(database),
        system_standings=MemoryStandings(database),
        viewers=MemoryViewerGrants(database),
        api_keys=MemoryApiKeys(database),
        administration=MemoryAdministration(database),
        kept_answers=MemoryKeptAnswers(database),
        named_accounts=MemoryNamedAccounts(database),
        broker_accounts=accounts,
        system_broker_accounts=accounts,
        strategies=strategies,
        system_strategies=strategies,
        instruments=instruments,
        system_instruments=instruments,
        ledger=ledger,
        system_ledger=ledger,
        risks=MemoryRisks(database),
        system_risks=MemoryRisks(database),
        outbox=MemoryOutbox(database),
        system_outbox=MemoryOutbox(database),
        snapshots=snapshots,
        system_snapshots=snapshots,
        audit_trail=MemoryAuditTrail(database),
        system_audit_trail=MemoryAuditTrail(database),
        deploy=database.deploy_routes,
        add_account=partial(add_account, MemoryNamedAccounts(database)),
    )


def postgres_stores(store: PostgresStore) -> Stores:
    """Everything in PostgreSQL, as the app role and the system role."""

    def deploy(routes: tuple[DeployedRoute, ...]) -> None:
        with store.owner() as connection:
            store_routes(connection, routes)

    return Stores(
        users=PostgresUsers(store.app),
        logins=PostgresLogins(store.app),
        second_factors=PostgresSecondFactors(store.app),
        registrations=PostgresRegistrations(store.app),
        email_links=PostgresEmailLinks(store.app),
        records=PostgresAccountRecords(store.app),
        notifications=PostgresNotifications(store.app),
        deliveries=PostgresDeliveries(store.app),
        push_devices=PostgresPushDevices(store.app),
        sms_codes=PostgresSmsCodes(store.app),
        summaries=PostgresSummaries(store.app),
        system_summaries=PostgresSummaries(store.system),
        standings=PostgresStandings(store.app),
        system_standings=PostgresStandings(store.system),
        viewers=PostgresViewerGrants(store.app),
        api_keys=PostgresApiKeys(store.app),
        administration=PostgresAdministration(store.system),
        kept_answers=PostgresKeptAnswers(store.app),
        named_accounts=PostgresNamedAccounts(store.app),
        broker_accounts=PostgresBrokerAccounts(store.app),
        system_broker_accounts=PostgresBrokerAccounts(store.system),
        strategies=PostgresStrategies(store.app),
        system_strategies=PostgresStrategies(store.system),
        instruments=PostgresInstruments(store.app),
        system_instruments=PostgresInstruments(store.system),
        ledger=PostgresLedger(store.app),
        system_ledger=PostgresLedger(store.system),
        risks=PostgresRisks(store.app),
        system_risks=PostgresRisks(store.system),
        outbox=PostgresOutbox(store.app),
        system_outbox=PostgresOutbox(store.system),
        snapshots=PostgresSnapshots(store.app),
        system_snapshots=PostgresSnapshots(store.system),
        audit_trail=PostgresAuditTrail(store.app),
        system_audit_trail=PostgresAuditTrail(store.system, page=2),
        deploy=deploy,
        add_account=partial(add_account, PostgresNamedAccounts(store.app)),
    )


@pytest.fixture
def in_memory() -> Stores:
    """The fakes."""
    return memory_stores()


@pytest.fixture
def in_postgres(postgres_store: PostgresStore) -> Stores:
    """The real adapters."""
    return postgres_stores(postgres_store)


@pytest.fixture(params=["in_memory", "in_postgres"])
def stores(request: pytest.FixtureRequest) -> Stores:
    """First the one, then the other."""
    return cast(Stores, request.getfixturevalue(request.param))
