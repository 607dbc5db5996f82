"""The kept book of a day: whole, for its owner, with the trader's own orders told apart."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest

from algotrading.domain.accounts import first_account_of
from algotrading.domain.cycle import CycleState
from algotrading.domain.orders import AccountBook, BrokerStatus, Fill, Holding, OrderRow, Side
from algotrading.ports import BookSnapshot
from tests.fakes.examples import make_intent
from tests.fakes.snapshots import MemorySnapshots
from tests.unit.api.world import EIGHT_O_CLOCK, TODAY, ApiWorld

ROW = OrderRow(
    broker_order_id="1",
    tags=frozenset({"mktp"}),
    exchange="NSE",
    symbol="TCS",
    side=Side.BUY,
    product="MIS",
    quantity=10,
    filled_quantity=10,
    average_price=Decimal("3521.05"),
    status=BrokerStatus.COMPLETE,
    status_text="COMPLETE",
    message=None,
    raw={"secret": "of the broker's form"},
)


def keep(world: ApiWorld, user_id: UUID, *rows: OrderRow) -> None:
    """Keep today's book of a trader."""
    fills = tuple(
        Fill(f"t{row.broker_order_id}", row.broker_order_id, "NSE", 10, row.average_price, EIGHT_O_CLOCK)
        for row in rows
    )
    positions = (Holding("NSE", "TCS", "MIS", 0, Decimal(0), Decimal("3521.05")),)
    snapshot = BookSnapshot(
        user_id, first_account_of(user_id), TODAY, AccountBook(EIGHT_O_CLOCK, rows, fills, positions)
    )
    MemorySnapshots(world.database).add(snapshot)


def test_the_owner_sees_the_whole_book_with_what_is_ours_marked(world: ApiWorld) -> None:
    token = world.register()
    cycle = world.hold(world.create(token), CycleState.FLAT)
    intent = make_intent(cycle)
    world.database.cycles[cycle.strategy_id, TODAY] = replace(cycle, intents=(intent,))
    ours = replace(ROW, tags=frozenset({"mktp", intent.tag}))
    theirs = replace(ROW, broker_order_id="2", side=Side.SELL, status_text="REJECTED", message="no funds")
    keep(world, cycle.user_id, ours, theirs)

    answer = world.call("GET", "/broker/book", token=token)

    assert answer.status == 200
    assert answer.body == {
        "day": "2026-11-20",
        "taken_at": "2026-11-20T02:30:00Z",
        "orders": [
            {
                "order_id": "1",
                "exchange": "NSE",
                "symbol": "TCS",
                "side": "BUY",
                "product": "MIS",
                "quantity": 10,
                "filled_quantity": 10,
                "average_price": 3521.05,
                "status": "COMPLETE",
                "message": None,
                "ours": True,
            },
            {
                "order_id": "2",
                "exchange": "NSE",
                "symbol": "TCS",
                "side": "SELL",
                "product": "MIS",
                "quantity": 10,
                "filled_quantity": 10,
                "average_price": 3521.05,
                "status": "REJECTED",
                "message": "no funds",
                "ours": False,
            },
        ],
        "trades": [
            {
                "trade_id": f"t{number}",
                "order_id": number,
                "exchange": "NSE",
                "quantity": 10,
                "price": 3521.05,
                "filled_at": "2026-11-20T02:30:00Z",
            }
            for number in ("1", "2")
        ],
        "positions": [
            {
                "exchange": "NSE",
                "symbol": "TCS",
                "product": "MIS",
                "quantity": 0,
                "average_price": 0.0,
                "last_price": 3521.05,
            }
        ],
    }
    assert world.call("GET", "/broker/book", token=token, query={"day": "2026-11-20"}).body == answer.body


def test_a_book_of_a_day_that_was_not_kept_is_not_found(world: ApiWorld) -> None:
    token = world.register()
    keep(world, next(iter(world.database.users)), ROW)

    answer = world.call("GET", "/broker/book", token=token, query={"day": "2026-11-19"})

    assert (answer.status, answer.error) == (404, "NOT_FOUND")


def test_nobody_sees_anothers_book(world: ApiWorld) -> None:
    world.register()
    keep(world, next(iter(world.database.users)), ROW)

    answer = world.call("GET", "/broker/book", token=world.register("other@example.com"))

    assert answer.status == 404


@pytest.mark.parametrize("day", ["yesterday", "2026-02-30", "", "20261120000000000000", "\x00"])
def test_a_day_is_a_date(world: ApiWorld, day: str) -> None:
    answer = world.call("GET", "/broker/book", token=world.register(), query={"day": day})

    assert (answer.status, answer.fields) == (400, ["day"])


@pytest.mark.parametrize("day", ["0", "1763596800", "2026-11-20T00:00:00", "1999-12-31", "20261120", "2026-02-30", ""])
def test_a_day_is_a_date_and_nothing_like_one(world: ApiWorld, day: str) -> None:
    answer = world.call("GET", "/broker/book", token=world.register(), query={"day": day})

    assert (answer.status, answer.body["error"]) == (400, "REQUEST_INVALID")
