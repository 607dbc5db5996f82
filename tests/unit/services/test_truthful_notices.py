"""Nothing is told that the broker has not proven, whatever the broker answers and wherever workers die."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.cycle import IntentState
from algotrading.domain.effects import Decision, Tell
from algotrading.domain.events import BookRead, Event
from algotrading.domain.notices import NoticeKind
from algotrading.domain.orders import Leg, Side
from tests.fakes.exchange import Fate, fills, loses, not_sent, rejects, rests
from tests.fakes.ledger import MemoryLedger
from tests.fakes.trading_world import TradingWorld
from tests.unit.services.test_random_days import CANCEL_FATES, ORDER_FATES, STEPS, Step, good_weather, handle

FILLS = {
    NoticeKind.BOUGHT: Side.BUY,
    NoticeKind.PARTLY_BOUGHT: Side.BUY,
    NoticeKind.SOLD: Side.SELL,
    NoticeKind.PARTLY_SOLD: Side.SELL,
    NoticeKind.SOLD_SO_FAR: Side.SELL,
}
_QUANTITY = re.compile(r"(?:bought|sold) (\d+)\b")


class WatchedLedger(MemoryLedger):
    """Keeps what was decided upon what, in its order."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.saved: list[tuple[Event, Decision]] = []

    def save(self, decision: Decision, *, event: Event, **more: Any) -> None:
        super().save(decision, event=event, **more)
        self.saved.append((event, decision))


def watched_world() -> tuple[TradingWorld, WatchedLedger]:
    world = TradingWorld()
    ledger = WatchedLedger(world.database)
    world.ledger = ledger
    return world, ledger


def assert_truthful(saved: Sequence[tuple[Event, Decision]]) -> None:
    """Each notice against what the broker's readings and answers had shown by then."""
    executed: dict[tuple[str, str], tuple[str, int]] = {}
    for event, decision in saved:
        if isinstance(event, BookRead):
            for fill in event.reading.fills:
                executed[fill.trade_id, fill.broker_order_id] = (fill.broker_order_id, fill.quantity)
        cycle = decision.cycle
        for tell in (effect for effect in decision.effects if isinstance(effect, Tell)):
            if tell.kind in FILLS:
                side = FILLS[tell.kind]
                ids = {intent.broker_order_id for intent in cycle.intents if intent.side is side}
                proven = sum(quantity for order_id, quantity in executed.values() if order_id in ids)
                (claimed,) = map(int, _QUANTITY.findall(tell.text))
                assert 0 < claimed <= proven, tell
            elif tell.kind in {NoticeKind.BUY_ACCEPTED, NoticeKind.SELL_ACCEPTED}:
                leg = Leg.ENTRY if tell.kind is NoticeKind.BUY_ACCEPTED else Leg.EXIT
                newest = [intent for intent in cycle.intents if intent.leg is leg][-1]
                assert newest.broker_order_id is not None, tell
                assert "not filled yet" in tell.text
            elif tell.kind is NoticeKind.ORDER_NOT_PLACED:
                assert any(intent.state is IntentState.NOT_PLACED for intent in cycle.intents), tell
            elif tell.kind is NoticeKind.ORDER_UNKNOWN:
                assert any(intent.state is IntentState.UNKNOWN for intent in cycle.intents), tell
            elif tell.kind in {NoticeKind.ENTRY_REFUSED, NoticeKind.ENTRY_MISSED, NoticeKind.ENTRY_UNFILLED}:
                assert not executed, tell


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    orders=st.lists(ORDER_FATES, max_size=6),
    cancels=st.lists(CANCEL_FATES, max_size=3),
    entry=st.builds(
        Step, event=st.just(OrderEvent.BUY), pause=st.just(0.0), dies_at=st.integers(0, 8), dies_after=st.booleans()
    ),
    steps=st.lists(STEPS, max_size=5),
)
def test_nothing_is_told_that_the_broker_has_not_proven(
    orders: list[Fate], cancels: list[Fate], entry: Step, steps: list[Step]
) -> None:
    world, ledger = watched_world()
    strategy = world.add_running()
    world.exchange.plan(*orders)
    world.exchange.plan_cancels(*cancels)

    handle(world, strategy, entry, time(9, 30))
    for step in steps:
        world.clock.sleep(step.pause)
        handle(world, strategy, step)
    good_weather(world, minutes=10)
    world.clock.sleep_until(world.at(time(15, 0, 30)))
    # Each sell whose answer is lost waits three minutes for its proof.
    good_weather(world, minutes=29)

    assert_truthful(ledger.saved)
    # And the one thing that matters most is told: what became of it.
    now = world.clock.now()
    if any(order.filled(now) for order in world.exchange.all_orders()):
        assert {"bought", "sold"} <= set(world.told())


class TestWords:
    """What a trader reads on an ordinary day, and on others."""

    @pytest.fixture
    def world(self) -> TradingWorld:
        return TradingWorld()

    def texts(self, world: TradingWorld) -> list[tuple[str, str]]:
        return [(notice.kind, notice.text) for notice in world.database.notices]

    def test_a_day(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        world.exchange.set_price("TCS", strategy.plan.stop_loss)
        world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))

        assert self.texts(world) == [
            ("buy_accepted", "TCS: the broker accepted the buy of 10; it is not filled yet."),
            ("bought", "TCS: bought 10 at 3600.00 on average."),
            ("sell_accepted", "TCS: the broker accepted the sell of 10 at its stop-loss; it is not filled yet."),
            (
                "sold",
                "TCS: sold 10 at 3500.00 on average at its stop-loss. "
                "The result is -1037.63 rupees after charges of 37.63.",
            ),
        ]

    def test_an_entry_that_is_filled_in_parts_and_not_whole(self, world: TradingWorld) -> None:
        world.exchange.plan(fills((0.0, 3), (1.0, 2)))
        world.buy(world.add_running())
        good_weather(world, minutes=1)

        assert self.texts(world)[1:] == [
            ("partly_bought", "TCS: bought 3 of 10 so far, at 3600.00 on average."),
            ("partly_bought", "TCS: bought 5 of 10 so far, at 3600.00 on average."),
            ("bought", "TCS: bought 5 of 10 at 3600.00 on average; the rest was not filled."),
        ]

    def test_an_answer_that_was_lost_and_an_order_that_was_there(self, world: TradingWorld) -> None:
        world.exchange.plan(loses(placed=True, then=rests()))
        world.buy(world.add_running())

        assert self.texts(world)[:2] == [
            (
                "order_unknown",
                "TCS: it is not known yet whether the buy of 10 was placed; nothing is sent again before the "
                "broker's order book has spoken.",
            ),
            ("buy_accepted", "TCS: the broker accepted the buy of 10; it is not filled yet."),
        ]

    def test_an_order_that_was_never_placed(self, world: TradingWorld) -> None:
        world.exchange.plan(loses(placed=False))
        world.buy(world.add_running())
        good_weather(world, minutes=12)

        assert [kind for kind, _ in self.texts(world)] == ["order_unknown", "order_not_placed", "entry_missed"]

    def test_an_order_that_did_not_leave_is_not_called_accepted(self, world: TradingWorld) -> None:
        world.exchange.plan(*[not_sent()] * 40)
        world.buy(world.add_running())
        good_weather(world, minutes=4)

        assert [kind for kind, _ in self.texts(world)] == ["entry_missed"]

    def test_an_order_that_was_rejected_after_it_was_accepted(self, world: TradingWorld) -> None:
        world.exchange.plan(rejects())
        world.buy(world.add_running())

        assert [kind for kind, _ in self.texts(world)] == ["buy_accepted", "buy_accepted", "bought"]
