"""Prices of a file through the tick path: nothing is lost on the way, and a decision that differs is found."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from benchmarks.watcher import replay as module
from benchmarks.watcher.reference import Reference
from benchmarks.watcher.replay import replay


@pytest.fixture
def ticks(tmp_path: Path) -> Path:
    """A thousand ticks of two instruments that wander."""
    random, prices = Random(7), {"TCS": 3500.0, "IDEA": 93.5}
    lines = ["timestamp,symbol,last_price"]
    for _ in range(1000):
        symbol = random.choice(list(prices))
        prices[symbol] *= 1 + random.uniform(-0.002, 0.002)
        lines.append(f"2026-03-02T10:00:00+05:30,{symbol},{round(prices[symbol], 2)}")
    path = tmp_path / "ticks.csv"
    path.write_text("\n".join(lines))
    return path


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


def test_a_file_without_prices_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text("timestamp,symbol,open,high,low,close,volume\n")

    with pytest.raises(ValueError, match="holds no candles"):
        replay(path)
