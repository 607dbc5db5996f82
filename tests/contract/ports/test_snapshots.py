"""ports.Snapshots: an account's book is kept once, whole, and for its owner alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

from algotrading.domain.accounts import first_account_of
from algotrading.domain.orders import AccountBook, BrokerStatus, Fill, Holding, OrderRow, Side
from algotrading.ports import BookSnapshot
from tests.contract.ports.conftest import Stores
from tests.fakes.examples import MOMENT, TRADING_DAY

ROW = OrderRow(
    broker_order_id="220303000308932",
    tags=frozenset({"mktp", "0a1B2c3D4e5F6g7H8i"}),
    exchange="NSE",
    symbol="TCS",
    side=Side.SELL,
    product="MIS",
    quantity=10,
    filled_quantity=4,
    average_price=Decimal("3520.1250"),
    status=BrokerStatus.CANCELLED,
    status_text="CANCELLED",
    message=None,
    raw={"order_id": "220303000308932", "price": 0, "tags": ["mktp"], "meta": {"a": [1, 2.5]}},
)
BOOK = AccountBook(
    MOMENT,
    (ROW, replace(ROW, broker_order_id="2", tags=frozenset(), status=BrokerStatus.REJECTED, message="no funds")),
    (Fill("t1", "220303000308932", "NSE", 4, Decimal("3520.125"), MOMENT), Fill("t2", "3", "NSE", 1, Decimal(7), None)),
    (Holding("NSE", "TCS", "MIS", -4, Decimal("3520.125"), Decimal("3521.05")),),
)


def test_a_kept_book_is_read_again_as_it_was(stores: Stores) -> None:
    user = stores.add_user()
    snapshot = BookSnapshot(user.user_id, first_account_of(user.user_id), TRADING_DAY, BOOK)

    stores.snapshots.add(snapshot)

    assert stores.snapshots.find(user.user_id, first_account_of(user.user_id), TRADING_DAY) == snapshot


def test_the_first_book_of_a_day_stays(stores: Stores) -> None:
    user = stores.add_user()
    stores.snapshots.add(BookSnapshot(user.user_id, first_account_of(user.user_id), TRADING_DAY, BOOK))
    later = replace(BOOK, begun_at=MOMENT + timedelta(hours=1), rows=())

    stores.snapshots.add(BookSnapshot(user.user_id, first_account_of(user.user_id), TRADING_DAY, later))

    assert stores.snapshots.find(user.user_id, first_account_of(user.user_id), TRADING_DAY) == BookSnapshot(
        user.user_id, first_account_of(user.user_id), TRADING_DAY, BOOK
    )


def test_an_empty_book_is_a_book(stores: Stores) -> None:
    user = stores.add_user()
    empty = BookSnapshot(user.user_id, first_account_of(user.user_id), TRADING_DAY, AccountBook(MOMENT, (), (), ()))

    stores.snapshots.add(empty)

    assert stores.snapshots.find(user.user_id, first_account_of(user.user_id), TRADING_DAY) == empty


def test_what_was_not_kept_is_not_there(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()
    stores.snapshots.add(BookSnapshot(other.user_id, first_account_of(other.user_id), TRADING_DAY, BOOK))
    stores.snapshots.add(
        BookSnapshot(user.user_id, first_account_of(user.user_id), TRADING_DAY - timedelta(days=1), BOOK)
    )

    assert stores.snapshots.find(user.user_id, first_account_of(user.user_id), TRADING_DAY) is None
    assert stores.snapshots.find(uuid4(), first_account_of(other.user_id), TRADING_DAY) is None


def test_a_book_is_missing_of_everybody_who_had_a_cycle_and_kept_none(stores: Stores) -> None:
    # given one who kept it, one who did not and has two strategies, one who did not trade that day
    kept, missing, idle = (stores.add_user() for _ in range(3))
    stores.ledger.take(stores.add_strategy(kept), TRADING_DAY)
    stores.snapshots.add(BookSnapshot(kept.user_id, first_account_of(kept.user_id), TRADING_DAY, BOOK))
    strategies = [stores.add_strategy(missing, symbol=symbol) for symbol in ("TCS", "INFY")]
    for strategy in strategies:
        stores.ledger.take(strategy, TRADING_DAY)
    stores.snapshots.add(
        BookSnapshot(missing.user_id, first_account_of(missing.user_id), TRADING_DAY - timedelta(days=1), BOOK)
    )
    stores.ledger.take(stores.add_strategy(idle), TRADING_DAY - timedelta(days=1))

    first = min(strategy.strategy_id for strategy in strategies)
    assert list(stores.system_snapshots.missing(TRADING_DAY)) == [(missing.user_id, first)]
