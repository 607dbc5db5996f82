"""nautilus_trader's back-test engine as a peer of the watcher's evaluation: resting stop orders, and trade ticks.

Runs in an environment of its own (`make bench-peers`; it is no dependency of the product). Reads its question from
standard input, prints what it found. Its engine does more with a tick than the watcher (a matching engine for each
instrument, a cache, a strategy that hears of it); both have to find out of every tick whether a stop is reached.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from typing import Any

_START = 1_700_000_000_000_000_000
_HIGHEST_STOP, _PRICES = 800, range(1_000, 2_000)
"""Rupees: no price reaches a stop."""


def main() -> None:
    """Arm the stops, warm up, and measure."""
    import nautilus_trader
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig, RiskEngineConfig
    from nautilus_trader.model.currencies import USD
    from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
    from nautilus_trader.model.identifiers import Venue
    from nautilus_trader.model.objects import Money, Price, Quantity
    from nautilus_trader.test_kit.providers import TestInstrumentProvider
    from nautilus_trader.trading.strategy import Strategy

    asked = json.loads(sys.stdin.readline())
    if asked["core"] is not None:
        os.sched_setaffinity(0, {asked["core"]})
    instruments = [
        TestInstrumentProvider.equity(symbol=f"S{number}", venue="XNSE") for number in range(asked["instruments"])
    ]
    settings = BacktestEngineConfig(
        logging=LoggingConfig(bypass_logging=True), risk_engine=RiskEngineConfig(bypass=True), run_analysis=False
    )
    engine: Any = BacktestEngine(settings)
    engine.add_venue(
        venue=Venue("XNSE"),
        oms_type=OmsType.HEDGING,
        account_type=AccountType.MARGIN,
        starting_balances=[Money(1_000_000_000, USD)],
        base_currency=USD,
    )
    for instrument in instruments:
        engine.add_instrument(instrument)

    class Guard(Strategy):  # type: ignore[misc]
        """Rests the stops at the venue, and hears of every tick."""

        def on_start(self) -> None:
            for instrument in instruments:
                self.subscribe_trade_ticks(instrument.id)
            for number in range(asked["stops"]):
                stop = self.order_factory.stop_market(
                    instruments[number % len(instruments)].id,
                    OrderSide.SELL,
                    Quantity.from_int(1),
                    Price.from_str(f"{1 + number % _HIGHEST_STOP}.00"),
                )
                self.submit_order(stop)

    engine.add_strategy(Guard())
    engine.add_data(_ticks(instruments, 0, len(instruments)))
    engine.run(streaming=True)
    resting = len(engine.cache.orders_open())
    if resting != asked["stops"]:
        raise RuntimeError(f"{resting} of {asked['stops']} stops rest")
    engine.clear_data()
    engine.add_data(_ticks(instruments, len(instruments), asked["ticks"]))
    began = time.perf_counter()
    engine.run(streaming=True)
    seconds = time.perf_counter() - began
    if len(engine.cache.orders_open()) != resting:
        raise RuntimeError("the benchmark's prices reach no stop")
    sys.stdout.write(json.dumps({"version": nautilus_trader.__version__, "rate": asked["ticks"] / seconds}) + "\n")


def _ticks(instruments: list[Any], first: int, count: int) -> list[Any]:
    from nautilus_trader.model.data import TradeTick
    from nautilus_trader.model.enums import AggressorSide
    from nautilus_trader.model.identifiers import TradeId
    from nautilus_trader.model.objects import Price, Quantity

    dice = random.Random(first)
    return [
        TradeTick(
            instruments[number % len(instruments)].id,
            Price.from_str(f"{dice.choice(_PRICES)}.00"),
            Quantity.from_int(1),
            AggressorSide.BUYER,
            TradeId(str(number)),
            _START + number * 1_000,
            _START + number * 1_000,
        )
        for number in range(first, first + count)
    ]


if __name__ == "__main__":
    main()
