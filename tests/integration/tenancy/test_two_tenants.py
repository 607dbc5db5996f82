"""Two tenants through random operations: whatever they do, neither meets anything of the other."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from algotrading.domain.accounts import first_account_of
from algotrading.domain.cycle import CycleState
from algotrading.domain.effects import Decision, Tell
from algotrading.domain.errors import Conflict, Fenced, NotFound, StrategyOverlap
from algotrading.domain.events import BookRead
from algotrading.domain.limits import RiskLimits
from algotrading.domain.notices import NoticeKind
from algotrading.domain.orders import AccountBook, BookReading, Fill
from algotrading.domain.strategy import StrategyStatus
from algotrading.ports import BookSnapshot, OrderLog
from tests.contract.ports.conftest import Stores, postgres_stores
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent, make_strategy
from tests.integration.tenancy.trader import rows_of, sealed_account
from tests.stores import PostgresStore

WHO = st.sampled_from([0, 1])
DAY = timedelta(days=1)


class Tenant:
    """One of the two: his mark is in every text that he writes."""

    def __init__(self, stores: Stores, number: int) -> None:
        self.mark = f"tenant{number}x{uuid4().hex[:8]}"
        self.user_id: UUID = stores.add_user(f"{self.mark}@example.com").user_id
        self.strategies: list[UUID] = []
        self.notices = 0


class TwoTenants(RuleBasedStateMachine):
    """Each rule acts as one tenant on things of either; each invariant looks at everything."""

    store: PostgresStore

    @initialize()
    def begin(self) -> None:
        self.stores = postgres_stores(self.store)
        self.tenants = [Tenant(self.stores, number) for number in (0, 1)]
        self.kept: dict[int, dict[str, list[Any]]] = {}

    def acting(self, who: int) -> Tenant:
        """The tenant who acts; what the other has is kept, to be compared after."""
        other = 1 - who
        self.kept = {other: rows_of(self.store, self.tenants[other].user_id)}
        return self.tenants[who]

    def some_strategy(self, pick: int) -> UUID | None:
        """Anybody's strategy, whoever asks."""
        known = [one for tenant in self.tenants for one in tenant.strategies]
        return known[pick % len(known)] if known else None

    @rule(who=WHO, running=st.booleans())
    def create(self, who: int, running: bool) -> None:
        me = self.acting(who)
        status = StrategyStatus.RUNNING if running else StrategyStatus.CREATED
        strategy = make_strategy(me.user_id, status=status, symbol=f"{me.mark}-{len(me.strategies)}".upper())
        self.stores.strategies.add(strategy)
        me.strategies.append(strategy.strategy_id)

    @precondition(lambda self: any(tenant.strategies for tenant in self.tenants))
    @rule(who=WHO, pick=st.integers(0, 50), quantity=st.integers(1, 99))
    def change(self, who: int, pick: int, quantity: int) -> None:
        me, strategy_id = self.acting(who), self.some_strategy(pick)
        assert strategy_id is not None
        try:
            before = self.stores.strategies.get(me.user_id, strategy_id)
        except NotFound:
            return
        assert strategy_id in me.strategies, "a strategy of the other tenant was found"
        after = replace(before, plan=replace(before.plan, quantity=quantity), version=before.version + 1)
        try:
            self.stores.strategies.save(after, expected_version=before.version)
        except (Conflict, StrategyOverlap):
            return

    @precondition(lambda self: any(tenant.strategies for tenant in self.tenants))
    @rule(who=WHO, pick=st.integers(0, 50), version=st.integers(1, 3))
    def delete(self, who: int, pick: int, version: int) -> None:
        me, strategy_id = self.acting(who), self.some_strategy(pick)
        assert strategy_id is not None
        try:
            self.stores.strategies.delete(me.user_id, strategy_id, expected_version=version, now=MOMENT)
        except (Conflict, NotFound):
            return
        assert strategy_id in me.strategies, "a strategy of the other tenant was deleted"

    @precondition(lambda self: any(tenant.strategies for tenant in self.tenants))
    @rule(who=WHO, pick=st.integers(0, 50))
    def trade(self, who: int, pick: int) -> None:
        me, strategy_id = self.acting(who), self.some_strategy(pick)
        assert strategy_id is not None
        try:
            strategy = self.stores.strategies.get(me.user_id, strategy_id)
            taken = self.stores.ledger.take(strategy, TRADING_DAY)
        except (NotFound, Fenced):
            return
        assert strategy_id in me.strategies, "a cycle of the other tenant was taken"
        if taken.intents:
            return
        order = f"{me.mark}-{strategy_id}"[:50]
        intent = make_intent(taken, broker_order_id=order)
        cycle = replace(taken, state=CycleState.LONG, intents=(intent,))
        log = OrderLog(uuid4(), strategy_id, "BUY", MOMENT, {"of": me.mark}, intent.tag, order, "accepted", 1.0)
        fill = Fill(order, order, "NSE", 1, Decimal(3500), MOMENT)
        self.stores.ledger.save(
            Decision(cycle, (Tell(NoticeKind.BOUGHT, me.mark),)),
            event=BookRead(MOMENT, BookReading(MOMENT, (), (fill,))),
            now=MOMENT,
            logs=[log],
        )

    @rule(who=WHO)
    def connect(self, who: int) -> None:
        me = self.acting(who)
        self.stores.broker_accounts.save(sealed_account(me.user_id, me.mark))

    @rule(who=WHO)
    def disconnect(self, who: int) -> None:
        me = self.acting(who)
        with suppress(Conflict):  # while something trades through it
            self.stores.broker_accounts.remove(me.user_id, now=MOMENT)

    @rule(who=WHO, limit=st.integers(1, 10**6))
    def limit(self, who: int, limit: int) -> None:
        self.stores.risks.set_limits(self.acting(who).user_id, RiskLimits(daily_loss=Decimal(limit)), MOMENT)

    @rule(who=WHO, on=st.booleans())
    def switch(self, who: int, on: bool) -> None:
        me = self.acting(who)
        if on:
            self.stores.risks.lock(me.user_id, by="owner", reason=me.mark, now=MOMENT)
            return
        try:
            self.stores.risks.release(me.user_id, MOMENT)
        except Conflict:
            return

    @rule(who=WHO)
    def keep_book(self, who: int) -> None:
        me = self.acting(who)
        fill = Fill(me.mark, me.mark, "NSE", 1, Decimal(1), None)
        self.stores.snapshots.add(
            BookSnapshot(me.user_id, first_account_of(me.user_id), TRADING_DAY, AccountBook(MOMENT, (), (fill,), ()))
        )

    @rule(who=WHO, delivered=st.booleans())
    def deliver(self, who: int, delivered: bool) -> None:
        me = self.acting(who)
        notice = self.stores.outbox.claim(me.user_id, MOMENT + DAY, lease=timedelta(seconds=1))
        if notice is None:
            return
        assert notice.user_id == me.user_id
        if delivered:
            self.stores.outbox.mark_delivered(notice, MOMENT)
        else:
            self.stores.outbox.mark_failed(notice, me.mark, MOMENT)

    @invariant()
    def nothing_of_the_other_was_changed(self) -> None:
        for number, before in getattr(self, "kept", {}).items():
            assert rows_of(self.store, self.tenants[number].user_id) == before

    @invariant()
    def neither_reads_anything_of_the_other(self) -> None:
        for me, other in ((0, 1), (1, 0)):
            seen = repr(self.everything_that_is_shown_to(self.tenants[me]))
            assert self.tenants[other].mark not in seen
            assert self.tenants[other].mark.upper() not in seen
            assert str(self.tenants[other].user_id) not in seen

    def everything_that_is_shown_to(self, me: Tenant) -> list[Any]:
        """Every read, also of the other's identifiers, and every row that raw statements find."""
        stores, user = self.stores, me.user_id
        seen: list[Any] = [
            stores.users.get(user),
            stores.broker_accounts.find(user),
            list(stores.strategies.list_for(user)),
            list(stores.ledger.of_day(user, TRADING_DAY)),
            list(stores.ledger.unsettled_of(user)),
            stores.risks.standing(user, TRADING_DAY, MOMENT),
            list(stores.risks.events(user, 100)),
            stores.snapshots.find(user, first_account_of(user), TRADING_DAY),
        ]
        for strategy_id in (one for tenant in self.tenants for one in tenant.strategies):
            seen += [
                stores.ledger.latest(user, strategy_id),
                list(stores.ledger.fills(user, strategy_id)),
                list(stores.ledger.logs(user, strategy_id)),
                list(
                    stores.audit_trail.of_strategy(
                        user, strategy_id, TRADING_DAY, begins=MOMENT - DAY, ends=MOMENT + DAY
                    )
                ),
            ]
        with self.store.app.tenant(user) as session:
            for table in self.tables:
                seen += session.execute(f"select to_jsonb(t)::text as row from {table} t").fetchall()
        return seen

    tables: tuple[str, ...] = ()


@pytest.fixture
def machine(postgres_store: PostgresStore) -> type[TwoTenants]:
    """The machine on this module's database, with the tables that the functions' role may read."""
    with postgres_store.owner() as owner:
        tables = tuple(
            name
            for (name,) in owner.execute(
                "select tablename from pg_tables where schemaname = 'public'"
                " and has_table_privilege('app_role', format('%I.%I', schemaname, tablename)::regclass, 'select')"
                " order by 1"
            ).fetchall()
        )
    assert {"strategies", "outbox", "audit_log", "users"} <= set(tables)
    return type("OnThisDatabase", (TwoTenants,), {"store": postgres_store, "tables": tables})


@pytest.mark.slow
def test_no_sequence_of_operations_leaks(machine: type[TwoTenants]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=8,
            stateful_step_count=16,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_an_open_policy_is_noticed(machine: type[TwoTenants], postgres_store: PostgresStore) -> None:
    # What the search above finds when there is something to find: one policy too many.
    with postgres_store.owner() as owner:
        owner.execute("create policy open_door on risk_events for select to app_role using (true)")
    try:
        with pytest.raises(AssertionError):
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=30,
                    stateful_step_count=10,
                    deadline=None,
                    database=None,
                    phases=(Phase.generate,),
                    report_multiple_bugs=False,
                    derandomize=True,
                    print_blob=False,
                    suppress_health_check=list(HealthCheck),
                ),
            )
    finally:
        with postgres_store.owner() as owner:
            owner.execute("drop policy open_door on risk_events")
