"""Prices of a file through the tick path: nothing is lost on the way, and a decision that differs is found."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from random import Random

import pytest

from benchmarks.watcher import replay as command
from benchmarks.watcher import replay_exchange
from benchmarks.watcher import replay_stage as module
from benchmarks.watcher.reference import Reference
from benchmarks.watcher.replay import replay
from benchmarks.watcher.replay_exchange import FramesLost, replay_through_exchange
from benchmarks.watcher.replay_stage import Replayed
from exchange_simulator.engine.market import Market
from fargate_listener.market_table import MarketTable


@pytest.fixture
def ticks(tmp_path: Path) -> Path:
    """A thousand ticks of two instruments that wander."""
    random, prices = Random(7), {"TCS": 3500.0, "IDEA": 93.5}
    lines = ["timestamp,symbol,last_price"]
    for number in range(1000):
        symbol = random.choice(list(prices))
        prices[symbol] *= 1 + random.uniform(-0.002, 0.002)
        lines.append(f"2026-03-02T10:{number // 60:02}:{number % 60:02}+05:30,{symbol},{round(prices[symbol], 2)}")
    path = tmp_path / "ticks.csv"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def three(ticks: Path) -> Path:
    """The same with a third instrument, named first: the last one named is subscribed to in mode full."""
    lines = ticks.read_text().splitlines()
    ticks.write_text("\n".join([lines[0], "2026-03-02T10:00:00+05:30,INFY,1500", *lines[1:]]))
    return ticks


def test_every_tick_is_decided_as_the_reference_decides(ticks: Path) -> None:
    found = replay(ticks, stops=20)

    assert (found.instruments, found.ticks, found.differences) == (2, 1000, [])
    assert found.reached > 100


def test_a_minute_candle_is_its_four_prices(tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    path.write_text(
        "timestamp,symbol,open,high,low,close,volume\n"
        "2026-03-02T09:15:00+05:30,TCS,3500,3510,3499,3505,10\n2026-03-02T09:16:00+05:30,TCS,3505,3506,3480,3481,10\n"
    )

    assert replay(path, stops=5).ticks == 8


class Deaf(Reference):
    """A reference that misses what it should decide."""

    def tick(self, token: int, price: int) -> set[int]:
        super().tick(token, price)
        return set()


def test_a_difference_is_found(ticks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Reference", Deaf)

    assert replay(ticks, stops=20).differences


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("timestamp,symbol,open,high,low,close,volume", "holds no candles"),
        ("timestamp,symbol,last_price", "holds no prices"),
    ],
)
def test_a_file_without_prices_is_refused(columns: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text(f"{columns}\n")

    with pytest.raises(ValueError, match=said):
        replay(path)


def test_frames_that_get_lost_end_the_replay_with_a_sentence(
    ticks: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def lose(_path: Path, *, seed: int) -> Replayed:
        raise FramesLost(f"3 of {seed} frames did not come")

    monkeypatch.setattr(command, "replay_through_exchange", lose)
    monkeypatch.setattr(sys, "argv", ["replay", str(ticks)])

    assert command.main() == 1
    assert "3 of 1 frames did not come; nothing was judged" in capsys.readouterr().err


async def test_the_simulated_exchange_brings_every_tick_and_its_stamp(
    three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables: list[MarketTable] = []

    class Noted(MarketTable):
        def __init__(self) -> None:
            super().__init__()
            tables.append(self)

    monkeypatch.setattr(module, "MarketTable", Noted)

    found = await replay_through_exchange(three, stops=20)

    assert (found.instruments, found.ticks, found.differences) == (3, 1001, [])
    assert found.reached > 100
    assert 300 < found.stamped < 700
    # Of one of the file's last seconds, in a packet of mode full.
    ended = datetime.fromisoformat("2026-03-02T10:16:39+05:30").timestamp()
    assert ended - 20 < tables[0].latest_stamp <= ended


async def test_a_price_that_the_exchange_tells_wrong_is_found(ticks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Market.record_trade

    def higher(market: Market, price: int, quantity: int, now_ns: int) -> None:
        record(market, price + 100, quantity, now_ns)

    monkeypatch.setattr(Market, "record_trade", higher)

    assert (await replay_through_exchange(ticks, stops=20)).differences


async def test_old_stamps_are_no_ticks_and_that_is_found(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_exchange, "_midnight", lambda at: int(at) + 86_400)
    found = await replay_through_exchange(three, stops=20)

    assert f"of {found.ticks} ticks {found.ticks - found.stamped} were taken for such" in found.differences[-1]


async def test_nothing_is_replayed_from_a_file_without_ticks(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text("timestamp,symbol,last_price\n")

    with pytest.raises(ValueError, match="holds no prices"):
        await replay_through_exchange(path)
