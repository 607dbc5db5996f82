"""Prices walk, are led, or follow a file of candles."""

import gzip
import random
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange_simulator.clock import IST, NANOS
from exchange_simulator.engine.candles import Candle
from exchange_simulator.engine.replay import read_replay, tick_path
from exchange_simulator.engine.venue import Venue
from exchange_simulator.money import paise
from tests.unit.exchange_simulator.floor import Floor, ManualTime

HEADER = "timestamp,symbol,open,high,low,close,volume\n"
ROWS = (
    "2026-01-05 09:15:00,INFY,1600.00,1604.50,1598.05,1602.00,1200\n"
    "2026-01-05 09:16:00,INFY,1602.00,1602.00,1590.00,1591.00,900\n"
    "2026-01-05 09:15:00,NEWCO,50.00,51.00,49.50,50.50,10\n"
)


def walk(floor: Floor, steps: int) -> list[int]:
    """The prices of INFY over some fifths of a second."""
    market = floor.market()
    prices = []
    for _ in range(steps):
        floor.time.advance(0.2)
        floor.venue.advance(market, floor.time.now_ns())
        prices.append(market.last)
    return prices


def test_walk_moves_on_the_tick_inside_the_circuit_limits(floor: Floor) -> None:
    prices = walk(floor, 500)
    market = floor.market()
    assert len(set(prices)) > 20
    assert {price % 10 for price in prices} == {0}
    assert market.lower_circuit <= min(prices) <= max(prices) <= market.upper_circuit


def test_same_seed_walks_the_same_way() -> None:
    assert walk(Floor(), 50) == walk(Floor(), 50)


def test_pinned_price_stays(floor: Floor) -> None:
    floor.price("1500.00")
    assert set(walk(floor, 20)) == {paise("1500.00")}


def test_led_price_arrives_exactly_and_in_time(floor: Floor) -> None:
    market = floor.price("1545.00")
    floor.venue.lead_price(market.instrument, paise("1500.00"), duration_ms=1000)
    prices = walk(floor, 5)
    assert prices == sorted(prices, reverse=True)
    assert prices[-1] == paise("1500.00")


def test_set_price_reaches_waiting_orders_at_once(floor: Floor) -> None:
    account = floor.account()
    order = floor.order(account, order_type="LIMIT", price="1400.00")
    floor.price("1399.00")
    assert order.status == "COMPLETE"


@pytest.mark.parametrize("name", ["prices.csv", "prices.csv.gz"])
def test_replay_plays_candles_to_the_tick(tmp_path: Path, name: str) -> None:
    # given a file with prices finer than INFY's usual tick, and a symbol that nobody knows
    path = tmp_path / name
    opener = gzip.open if name.endswith(".gz") else open
    with opener(path, "wt") as target:
        target.write(HEADER + ROWS)
    time = ManualTime()
    venue = Venue(clock=time, scheduler=time)
    # when it is played sixty times faster than life
    venue.start_replay(read_replay(path), speed=60)
    infy, newco = venue.markets()
    for _ in range(100):
        time.advance(0.02)
        for market in venue.active(set()):
            venue.advance(market, time.now_ns())
    # then two seconds show both minutes, every extreme touched, and the close is where the file ends
    assert (infy.last, infy.day.high, infy.day.low) == (paise("1591.00"), paise("1604.50"), paise("1590.00"))
    assert newco.last == paise("50.50")


@given(st.integers(100, 200), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(1, 100))
def test_tick_path_touches_the_four_prices_of_its_candle(low: int, a: int, b: int, c: int, ticks: int) -> None:
    candle = Candle(0, low + min(a, c), low + c, low, low + min(b, c))
    path = tick_path(candle, ticks)
    assert (path[0], path[-1], max(path), min(path)) == (candle.open, candle.close, candle.high, candle.low)


@pytest.mark.parametrize("row", ["2026-01-05 09:15:00,INFY,1,0.5,0.4,1,1\n", "soon,INFY,1,1,1,1,1\n", "x\n"])
def test_bad_replay_line_is_named(tmp_path: Path, row: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(HEADER + row)
    with pytest.raises(ValueError, match=r"bad\.csv, line 2"):
        read_replay(path)


def test_invented_history_is_repeatable_and_keeps_session_hours(floor: Floor) -> None:
    since, until = datetime(2026, 11, 20, 0, 0, tzinfo=IST), datetime(2026, 11, 22, 0, 0, tzinfo=IST)
    candles = floor.venue.candles.candles(floor.market(), since, until, "15minute")
    assert candles == floor.venue.candles.candles(floor.market(), since, until, "15minute")
    starts = [datetime.fromtimestamp(candle.start, IST) for candle in candles]
    assert (len(candles), f"{starts[0]:%H:%M}", f"{starts[-1]:%H:%M}") == (25, "09:15", "15:15")


def test_live_ticks_become_candles(floor: Floor) -> None:
    for price in ("1540.00", "1560.00", "1530.00", "1550.00"):
        floor.price(price)
    now = datetime.fromtimestamp(floor.time.now_ns() / NANOS, IST)
    [candle] = floor.venue.candles.candles(floor.market(), now.replace(second=0), now, "minute")
    assert (candle.open, candle.high, candle.low, candle.close) == (154000, 156000, 153000, 155000)


def test_random_module_is_left_alone(floor: Floor) -> None:
    random.seed(3)
    before = random.getstate()
    walk(floor, 5)
    assert random.getstate() == before
