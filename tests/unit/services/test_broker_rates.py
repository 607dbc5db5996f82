"""No more requests leave than the broker takes of an account, exits go first, and nothing is late without a reason."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.accounts import first_account_of
from algotrading.domain.cycle import Cycle, CycleState, IntentState
from algotrading.domain.errors import BrokerAuthFailed, BrokerBusy, BrokerUnavailable
from algotrading.domain.orders import BookReading, Holding, OrderTicket, Refused, Side
from algotrading.domain.policy import Policy
from algotrading.domain.rates import Request
from algotrading.domain.strategy import Strategy
from algotrading.services.paced_broker import PacedBroker, Pacing
from tests.fakes.broker import MemoryBroker
from tests.fakes.clock import VirtualClock
from tests.fakes.cloud import MemoryMeter
from tests.fakes.examples import make_instrument
from tests.fakes.exchange import loses, not_sent, refuses, rests, throttles, trades
from tests.fakes.trading_world import TradingWorld

BURST = 50
BUY = time(9, 30)
_PER_SECOND = 10


class Heard(MemoryMeter):
    """What was told of each request in turn: 0 where the broker answered, 1 where it did not."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[int] = []

    def count(self, metric: str, value: int = 1) -> None:
        """See ports.Meter."""
        if metric == "BrokerFaults":
            self.told.append(value)


class CrowdedWorld(TradingWorld):
    """Workers that run at the same time: each with a clock of its own, over the same stores and exchange."""

    def add(self, count: int, **plan: Any) -> list[Strategy]:
        """Running strategies, each in a share of its own at 100."""
        known = len(self.database.strategies)
        symbols = [f"S{known + number}" for number in range(count)]
        self.instruments.replace_all([*self.database.instruments.values(), *map(make_instrument, symbols)])
        return [self.add_running(symbol=symbol, stop_loss=Decimal(90), **plan) for symbol in symbols]

    def at_once(self, strategies: list[Strategy], event: OrderEvent, start: datetime, due: time | None) -> list[Cycle]:
        """What many workers make of the same event, all of them called at `start`."""
        cycles = []
        for strategy in strategies:
            self.clock = self.exchange.clock = VirtualClock(start)
            cycle = self.executor.handle(self.command(strategy, event, due))
            assert cycle is not None
            cycles.append(cycle)
        return cycles

    def reconcile(self, strategies: list[Strategy], at: datetime) -> None:
        """What converge asks for in one minute; who finds no place is asked again in the next."""
        for strategy in strategies:
            if self.cycle(strategy).state is CycleState.ENTERING:
                with suppress(BrokerBusy):
                    self.at_once([strategy], OrderEvent.RECONCILE, at, None)


@pytest.fixture
def rich() -> CrowdedWorld:
    world = CrowdedWorld()
    world.user_id = world.add_trader(cash=Decimal(10**9))
    return world


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """Requests for readings that leave, by second: one for the orders, one more for trades where there are fills."""
    seen: Counter[int] = Counter()
    read_book, positions = MemoryBroker.read_book, MemoryBroker.positions

    def count_book(broker: MemoryBroker, tags: frozenset[str], since: datetime | None = None) -> BookReading:
        reading = read_book(broker, tags, since)
        seen[_second(broker._exchange.clock.now())] += 2 if reading.fills else 1
        return reading

    def count_positions(broker: MemoryBroker) -> Any:
        seen[_second(broker._exchange.clock.now())] += 1
        return positions(broker)

    monkeypatch.setattr(MemoryBroker, "read_book", count_book)
    monkeypatch.setattr(MemoryBroker, "positions", count_positions)
    return seen


def _second(instant: datetime) -> int:
    return int(instant.timestamp())


def orders_by_second(world: TradingWorld, side: Side) -> Counter[int]:
    return Counter(_second(order.placed_at) for order in world.exchange.all_orders() if order.ticket.side is side)


def test_a_burst_of_entries_of_one_account_leaves_as_the_broker_takes_it(
    rich: CrowdedWorld, reads: Counter[int]
) -> None:
    strategies = rich.add(BURST)
    due = rich.at(BUY)

    cycles = rich.at_once(strategies, OrderEvent.BUY, due - timedelta(seconds=90), BUY)

    # Seven a second, the first ones at their instant, the later ones a little after their second has begun.
    assert orders_by_second(rich, Side.BUY) == {
        _second(due) + second: min(7, BURST - 7 * second) for second in range((BURST + 6) // 7)
    }
    sent = sorted(cycle.intents[0].sent_at for cycle in cycles if cycle.intents[0].sent_at is not None)
    assert sent[:7] == [due] * 7
    assert sent[7] == due + timedelta(milliseconds=1050)
    # Nobody is late without a reason on record.
    late = [cycle.intents[0] for cycle in cycles if cycle.intents[0].sent_at != due]
    assert len(late) == BURST - 7
    assert all("only so many orders a second" in (intent.message or "") for intent in late)
    assert rich.meter.counts["RateLimited"] >= BURST - 7
    # And no reading is one too many.
    assert max(reads.values()) <= _PER_SECOND
    # What no worker could read in time is read when converge asks.
    assert all(cycle.state in {CycleState.LONG, CycleState.ENTERING} for cycle in cycles)


def test_a_burst_of_stops_of_one_account_uses_every_place(rich: CrowdedWorld, reads: Counter[int]) -> None:
    strategies = rich.add(BURST)
    rich.at_once(strategies, OrderEvent.BUY, rich.at(time(9, 28, 30)), BUY)
    hit = rich.at(time(10, 0))
    for minute in range(31, 34):
        rich.reconcile(strategies, rich.at(time(9, minute)))
    assert all(rich.cycle(strategy).state is CycleState.LONG for strategy in strategies)
    reads.clear()

    rich.at_once(strategies, OrderEvent.STOPLOSS, hit, None)

    sold = orders_by_second(rich, Side.SELL)
    assert sum(sold.values()) == BURST
    assert max(sold.values()) <= _PER_SECOND
    assert max(sold) - _second(hit) <= 6
    assert max(reads.values()) <= _PER_SECOND
    assert all(rich.cycle(strategy).open_quantity >= 0 for strategy in strategies)


def test_an_exit_leaves_in_the_second_that_entries_have_filled(rich: CrowdedWorld) -> None:
    (held,) = rich.add(1, buy_time=time(9, 20))
    rich.buy(held)
    strategies = rich.add(20)
    due = rich.at(BUY)
    rich.at_once(strategies, OrderEvent.BUY, due - timedelta(seconds=90), BUY)

    (cycle,) = rich.at_once([held], OrderEvent.STOPLOSS, due, None)

    assert cycle.state is CycleState.FLAT
    assert cycle.intents[-1].sent_at == due


def test_connections_of_one_broker_account_share_its_places(rich: CrowdedWorld) -> None:
    first = rich.add(5)
    account = rich.accounts.find(rich.user_id)
    rich.user_id = rich.add_trader(cash=Decimal(10**9))
    other = rich.accounts.find(rich.user_id)
    assert account is not None
    assert other is not None
    rich.accounts.save(replace(other, broker_user_id=account.broker_user_id, places_orders=False))
    second = rich.add(5)

    rich.at_once([*first, *second], OrderEvent.BUY, rich.at(time(9, 28, 30)), BUY)

    assert sorted(orders_by_second(rich, Side.BUY).values()) == [3, 7]


def test_an_entry_that_finds_no_place_in_time_is_missed_and_says_why(rich: CrowdedWorld) -> None:
    strategies = rich.add(92)

    cycles = rich.at_once(strategies, OrderEvent.BUY, rich.at(time(9, 28, 30)), BUY)

    # Twelve seconds and the one of the instant, seven in each.
    assert sum(orders_by_second(rich, Side.BUY).values()) == 91
    assert cycles[-1].state is CycleState.FLAT
    assert cycles[-1].intents[0].state is IntentState.THROTTLED
    assert cycles[-1].note == "the broker takes only so many orders of one account, and no place was free in time"
    assert rich.told()[-1] == "entry_missed"


def test_the_owner_can_stop_an_entry_that_waits_for_its_place(rich: CrowdedWorld) -> None:
    *others, last = rich.add(15)
    rich.at_once(others, OrderEvent.BUY, rich.at(time(9, 28, 30)), BUY)

    class StoppingClock(VirtualClock):
        def sleep_until(self, instant: datetime) -> None:
            if instant > rich.at(BUY) and rich.strategies.get(last.user_id, last.strategy_id).is_running:
                rich.change(last, status="stopped")
            super().sleep_until(instant)

    rich.clock = rich.exchange.clock = StoppingClock(rich.at(time(9, 28, 30)))
    cycle = rich.executor.handle(rich.command(last, OrderEvent.BUY, BUY))

    assert cycle is not None
    assert (cycle.state, cycle.note) == (CycleState.FLAT, "stopped by its owner before the buy was sent")
    assert len(rich.sent(Side.BUY)) == 14


def test_without_the_store_exits_go_and_entries_do_not(rich: CrowdedWorld) -> None:
    (held,), (waiting,) = rich.add(1, buy_time=time(9, 20)), rich.add(1)
    rich.buy(held)

    class DroppingClock(VirtualClock):
        """Redis goes away half a second before the instant."""

        def sleep_until(self, instant: datetime) -> None:
            rich.runtime.is_down = instant >= rich.at(BUY) - timedelta(seconds=0.5)
            super().sleep_until(instant)

    rich.clock = rich.exchange.clock = DroppingClock(rich.at(time(9, 28, 30)))
    missed = rich.executor.handle(rich.command(waiting, OrderEvent.BUY, BUY))
    sold = rich.executor.handle(rich.command(held, OrderEvent.STOPLOSS))

    assert missed is not None
    assert sold is not None
    # the entry is left to the next worker, which finds its time over
    assert (missed.state, sold.state) == (CycleState.ENTERING, CycleState.FLAT)
    assert len(rich.sent(Side.BUY)) == 1
    assert len(rich.sent(Side.SELL)) == 1
    assert rich.meter.counts["UnbookedRequests"] > 0


def test_a_cancel_takes_a_place_like_an_exit(rich: CrowdedWorld) -> None:
    rich.exchange.plan(rests())
    (strategy,) = rich.add(1)
    rich.buy(strategy)
    rich.clock.sleep(10)
    rich.executor.handle(rich.command(strategy, OrderEvent.RECONCILE))

    booked = {key: count for counts in rich.runtime.requests.values() for key, count in counts.items()}
    minute = [count for (bucket, seconds, _), count in booked.items() if (bucket, seconds) == ("order", 60)]
    assert sum(minute) == 2  # the order and its cancel


def paced(world: TradingWorld) -> PacedBroker:
    return world.executor.sessions.open(world.user_id, first_account_of(world.user_id))


def test_readings_wait_and_then_give_up(rich: CrowdedWorld) -> None:
    start = rich.clock.now()

    def read() -> int:
        """The second, from the start, in which somebody reads who begins at the start."""
        rich.clock = rich.exchange.clock = VirtualClock(start)
        paced(rich).yielding().read_book(frozenset())
        return _second(rich.clock.now()) - _second(start)

    assert Counter(read() for _ in range(27)) == dict.fromkeys(range(9), 3)
    with pytest.raises(BrokerBusy, match="not asked for"):
        read()


def test_prices_are_not_waited_for(rich: CrowdedWorld) -> None:
    broker = paced(rich)
    start = rich.clock.now()

    broker.get_price("NSE", "TCS")
    with pytest.raises(BrokerBusy):
        broker.get_price("NSE", "TCS")

    assert rich.clock.now() == start


def test_entries_that_go_without_a_price_are_counted(rich: CrowdedWorld) -> None:
    late = rich.at(BUY) + timedelta(seconds=1)  # so that all of them ask in the same second
    watched, *others = rich.add(4)
    for strategy in others:
        rich.exchange.set_price(strategy.plan.symbol, Decimal(100))
    rich.runtime.put_price(watched.plan.symbol, Decimal(100), rich.at(BUY))

    cycles = rich.at_once([watched, *others], OrderEvent.BUY, late, BUY)

    # One is known to the watcher, and of the others the broker tells one a second.
    assert all(cycle.bought == 10 for cycle in cycles)
    assert rich.meter.counts["EntriesUnpriced"] == 2


def test_a_command_that_finds_no_place_says_that_nothing_was_sent(rich: CrowdedWorld) -> None:
    broker = paced(rich)
    now = rich.clock.now()
    for _ in range(30):
        broker.reserve(Request.EXIT, now, now + timedelta(seconds=10))

    answer = broker.cancel_order("1")

    assert isinstance(answer, Refused)
    assert answer.throttled


@pytest.mark.parametrize("other", [each for each in Request if each is not Request.FORESIGHT])
def test_whoever_looks_ahead_leaves_places_to_all_that_trade(rich: CrowdedWorld, other: Request) -> None:
    # given as many looks ahead as there is place for in this second
    broker, now = paced(rich), rich.clock.now()
    while broker.reserve(Request.FORESIGHT, now, now) is not None:
        pass

    assert broker.reserve(other, now, now) == now


def test_looks_ahead_take_no_place_of_an_order(rich: CrowdedWorld) -> None:
    broker, now = paced(rich), rich.clock.now()
    while broker.reserve(Request.FORESIGHT, now, now) is not None:
        pass

    places = [broker.reserve(Request.EXIT, now, now) for _ in range(_PER_SECOND)]

    assert places == [now] * _PER_SECOND


def test_a_look_ahead_that_finds_no_place_gives_up(rich: CrowdedWorld) -> None:
    broker, now = paced(rich), rich.clock.now()
    while broker.reserve(Request.POSITION, now, now + timedelta(seconds=10)) is not None:
        pass

    with pytest.raises(BrokerBusy):
        broker.available_margin()
    assert rich.clock.now() == now


def test_while_nobody_counts_places_nobody_looks_ahead(rich: CrowdedWorld) -> None:
    broker = paced(rich)
    rich.runtime.is_down = True

    with pytest.raises(BrokerBusy):
        broker.required_margin(OrderTicket("NSE", "TCS", Side.BUY, 10, rich.add_running().plan.product, ""))
    assert broker.margins().net == 10**9


def test_every_reading_and_command_passes_on_what_the_session_says(rich: CrowdedWorld) -> None:
    broker = paced(rich)
    plan = rich.add_running().plan
    broker.warm()
    broker.place_order(OrderTicket("NSE", "TCS", Side.BUY, 10, plan.product, "tag1"))

    (fill,) = broker.trades()
    (row, _) = broker.order_history(fill.broker_order_id)
    (holding,) = broker.positions()

    assert isinstance(holding, Holding)
    assert row.tags == {"tag1"}
    assert broker.margins().net == broker.session.margins().net
    assert broker.available_margin() == broker.session.margins().net
    assert broker.required_margin(OrderTicket("NSE", "TCS", Side.BUY, 10, plan.product, "")) == 36_000
    assert broker.validate_credentials() == broker.session.validate_credentials()
    assert isinstance(broker.modify_order("nothing", quantity=1), Refused)


def test_each_request_tells_whether_the_broker_answered(rich: CrowdedWorld) -> None:
    paced_session, meter = paced(rich), Heard()
    broker = replace(paced_session, pacing=replace(paced_session.pacing, meter=meter))
    bought = OrderTicket("NSE", "TCS", Side.BUY, 10, rich.add_running().plan.product, "tag1")
    rich.exchange.plan(trades(), refuses("MARGIN"), loses(placed=True), throttles(), not_sent())

    broker.positions()
    broker.prepare_order(bought).send()
    broker.place_order(bought)  # a refusal is an answer, if not the one that was hoped for
    assert meter.told == [0, 0, 0]

    broker.prepare_order(bought).send()
    broker.place_order(bought)
    broker.place_order(bought)
    rich.exchange.is_down = True
    with pytest.raises(BrokerUnavailable):
        broker.trades()
    assert meter.told == [0, 0, 0, 1, 1, 1, 1]


def test_a_login_that_is_over_is_no_fault_of_the_brokers(rich: CrowdedWorld) -> None:
    broker = paced(rich)
    rich.renew_broker_token()

    with pytest.raises(BrokerAuthFailed):
        broker.margins()

    assert rich.meter.counts["BrokerFaults"] == 0


def test_what_was_held_back_says_nothing_of_the_broker(rich: CrowdedWorld) -> None:
    broker, now = paced(rich), rich.clock.now()
    for _ in range(30):
        broker.reserve(Request.EXIT, now, now + timedelta(seconds=10))
    waited = rich.meter.counts["BrokerQueued"]

    broker.cancel_order("1")

    assert "BrokerFaults" not in rich.meter.counts
    assert (waited, rich.meter.counts["BrokerQueued"]) == (20, 21)


def test_the_reserve_is_a_part_of_the_brokers_limit() -> None:
    windows = Policy().rates.windows

    for entry, exit_ in zip(windows[Request.ENTRY], windows[Request.EXIT], strict=True):
        assert (entry.bucket, entry.seconds) == (exit_.bucket, exit_.seconds)
        assert entry.limit < exit_.limit
    assert [window.limit for window in windows[Request.EXIT]] == [10, 400, 5000]
    assert Pacing(None, None, None).limits == Policy().rates  # type: ignore[arg-type]
