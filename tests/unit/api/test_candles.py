"""GET /strategy/{id}/candles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from algotrading.domain.candles import MinuteCandle
from algotrading.domain.cycle import CycleState, IntentState
from algotrading.domain.orders import BrokerStatus, Fill, Leg
from algotrading.domain.sessions import IST
from tests.fakes.examples import make_intent
from tests.fakes.ledger import MemoryLedger
from tests.unit.api.test_roles import share
from tests.unit.api.world import TODAY, Answer, ApiWorld

OPENS = datetime(2026, 11, 20, 9, 15, tzinfo=IST).astimezone(UTC)


def read(world: ApiWorld, token: str, strategy_id: str, **headers: str) -> Answer:
    return world.call("GET", f"/strategy/{strategy_id}/candles", token=token, headers=headers)


def tick(world: ApiWorld, minute: int, close: str, *, symbol: str = "TCS", exchange: str = "NSE") -> None:
    """Let the watcher hand over a minute, so many after the open."""
    at, price = OPENS + timedelta(minutes=minute), Decimal(close)
    low, high = price - Decimal("0.05"), price + Decimal("0.05")
    world.runtime.put_candles([MinuteCandle(exchange, symbol, 1, at, low, high, low, price, 58)])


def execute(world: ApiWorld, strategy_id: str, leg: Leg, at: datetime, *prices: str) -> None:
    """Let today's cycle have an order of `leg` that was filled at these prices, a second apart, the first at `at`."""
    strategy = world.database.strategies[UUID(strategy_id)]
    key = next(key for key in world.database.cycles if key[0] == strategy.strategy_id)
    cycle, order = world.database.cycles[key], f"order-{leg}"
    average = sum(map(Decimal, prices), Decimal(0)) / len(prices)
    done: dict[str, Any] = {"state": IntentState.DONE, "broker_status": BrokerStatus.COMPLETE, "average_price": average}
    intent = make_intent(cycle, leg, broker_order_id=order, filled=len(prices), **done)
    state = CycleState.LONG if leg is Leg.ENTRY else CycleState.FLAT
    world.database.cycles[key] = replace(cycle, state=state, intents=(*cycle.intents, intent))
    for number, price in enumerate(prices):
        fill = Fill(f"{order}-{number}", order, "NSE", 1, Decimal(price), at + timedelta(seconds=number))
        world.database.fills[(strategy.user_id, fill.exchange, fill.trade_id, order)] = (strategy.strategy_id, fill)


def a_day_later(world: ApiWorld, token: str) -> str:
    """Let a day pass; a token that is good then."""
    user_id = world.user_of(token)
    world.clock.sleep(timedelta(days=1).total_seconds())
    return world.token_for(user_id)


def test_before_the_first_trade_there_is_no_candle(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()

    answer = read(world, token, strategy_id)

    assert (answer.status, answer.body) == (
        200,
        {
            "strategy_id": strategy_id,
            "exchange": "NSE",
            "symbol": "TCS",
            "trading_day": "2026-11-20",
            "stop_loss": 3500,
            "candles": [],
            "executed": [],
            "as_of": "2026-11-20T02:30:00Z",
        },
    )


def test_today_is_told_minute_by_minute_of_the_strategys_instrument_alone(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.at("09:20:00")
    for minute, close in ((3, "3522.05"), (0, "3520")):
        tick(world, minute, close)
    tick(world, 1, "1500", symbol="INFY")
    tick(world, 1, "3519", exchange="BSE")

    body = read(world, token, strategy_id).body

    assert body["candles"] == [
        {"at": "2026-11-20T03:45:00Z", "open": 3519.95, "high": 3520.05, "low": 3519.95, "close": 3520, "ticks": 58},
        {"at": "2026-11-20T03:48:00Z", "open": 3522, "high": 3522.1, "low": 3522, "close": 3522.05, "ticks": 58},
    ]


def test_another_day_begins_without_a_candle(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    tick(world, 0, "3520")

    body = read(world, a_day_later(world, token), strategy_id).body

    assert (body["trading_day"], body["candles"]) == ("2026-11-21", [])


def test_what_the_day_bought_and_sold_is_told_an_order_at_a_time(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    execute(world, strategy_id, Leg.EXIT, OPENS + timedelta(minutes=30), "3499")
    execute(world, strategy_id, Leg.ENTRY, OPENS + timedelta(minutes=15), "3520", "3521")
    world.at("10:00:00")

    executed: list[dict[str, Any]] = read(world, token, strategy_id).body["executed"]

    assert executed == [
        {"at": "2026-11-20T04:00:01Z", "side": "BUY", "quantity": 2, "price": 3520.5},
        {"at": "2026-11-20T04:15:00Z", "side": "SELL", "quantity": 1, "price": 3499},
    ]


def test_orders_stand_where_they_were_filled_last(world: ApiWorld) -> None:
    # Given a stop that sold a part before the rest of the entry came
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    execute(world, strategy_id, Leg.ENTRY, OPENS, "3520", "3521")
    execute(world, strategy_id, Leg.EXIT, OPENS + timedelta(milliseconds=500), "3499")

    executed: list[dict[str, Any]] = read(world, token, strategy_id).body["executed"]

    assert [one["side"] for one in executed] == ["SELL", "BUY"]


def test_orders_of_a_day_before_or_of_another_instrument_are_not_on_todays_chart(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    execute(world, strategy_id, Leg.ENTRY, OPENS, "3520")
    key, strategy = UUID(strategy_id), world.database.strategies[UUID(strategy_id)]

    world.database.strategies[key] = replace(strategy, plan=replace(strategy.plan, symbol="INFY"))
    moved = read(world, token, strategy_id).body
    world.database.strategies[key] = strategy
    assert read(world, token, strategy_id).body["executed"] != []
    later = read(world, a_day_later(world, token), strategy_id).body

    assert (moved["symbol"], moved["executed"]) == ("INFY", [])
    assert (later["symbol"], later["executed"]) == ("TCS", [])


def test_the_fills_of_other_days_are_not_read(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a strategy that has traded today
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    execute(world, strategy_id, Leg.ENTRY, OPENS, "3520")
    asked: list[date | None] = []
    fills = MemoryLedger.fills

    def noted(self: MemoryLedger, *of: UUID, trading_day: date | None = None) -> Sequence[Fill]:
        asked.append(trading_day)
        return fills(self, *of, trading_day=trading_day)

    monkeypatch.setattr(MemoryLedger, "fills", noted)

    # When its day is drawn
    executed = read(world, token, strategy_id).body["executed"]

    # Then the years before are left in the database
    assert (len(executed), asked) == (1, [TODAY])


def test_without_the_runtime_store_the_answer_says_so_and_nothing_of_it(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    world.runtime.is_down = True

    answer = read(world, token, strategy_id)

    assert (answer.status, answer.error) == (503, "REDIS_DOWN")
    assert answer.body["message"] == "today's prices cannot be read just now: try again in a minute"
    assert world.meter.counts["RedisDown"] == 1


def test_a_viewer_reads_it_and_a_stranger_does_not(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    viewer, stranger = world.register("viewer@example.com"), world.register("stranger@example.com")
    account = share(world, token, viewer)
    tick(world, 0, "3520")

    seen = read(world, viewer, strategy_id, **{"X-Account": str(account)})

    assert (seen.status, len(seen.body["candles"])) == (200, 1)
    assert read(world, viewer, strategy_id).error == "NOT_FOUND"
    assert read(world, stranger, strategy_id).error == "NOT_FOUND"
    assert read(world, stranger, str(uuid4())).error == "NOT_FOUND"
