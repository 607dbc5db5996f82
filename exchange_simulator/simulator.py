"""Everything that makes up one running simulator, apart from the HTTP server around it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from exchange_simulator.accounts import Accounts, App
from exchange_simulator.clock import LoopScheduler, SystemClock, trading_day_end_ns
from exchange_simulator.engine.market import Market
from exchange_simulator.engine.replay import ReplayFile
from exchange_simulator.engine.venue import Venue
from exchange_simulator.faults import FaultPlan
from exchange_simulator.randomness import generator
from exchange_simulator.rate_limits import STANDARD_LIMITS
from exchange_simulator.ticker import Ticker
from exchange_simulator.updates import UpdateCourier

STEP_S = 0.02


@dataclass(frozen=True, slots=True)
class Options:
    """How a simulator runs. `order_delay_s` lies between the answer to an order and its way to the exchange."""

    seed: int = 1
    replay: ReplayFile | None = None
    speed: float = 1.0
    order_delay_s: float = 0.001
    rate_limits: bool = True
    symbols: tuple[str, ...] = ()
    """Symbols that tick even when nobody watches them."""


class Simulator:
    """The venue, its users, the ticker and the faults, on one clock."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.clock = SystemClock()
        self.scheduler = LoopScheduler()
        limits: Mapping[str, tuple[tuple[int, int], ...]] = STANDARD_LIMITS if options.rate_limits else {}
        self.accounts = Accounts(self.clock, limits)
        self.faults = FaultPlan(generator(options.seed))
        self.venue = Venue(clock=self.clock, scheduler=self.scheduler, seed=options.seed)
        self.ticker = Ticker(self.clock, self.faults, self._snapshot)
        self.courier = UpdateCourier(self.accounts, self.ticker, self.faults, self.scheduler)
        self.venue.execution.order_listeners.append(self.courier.deliver)
        self.venue.execution.market_listeners.append(self.ticker.changed)
        self._day_end_ns = trading_day_end_ns(self.clock.now_ns())
        wanted = [self.venue.instruments.find(symbol) for symbol in options.symbols]
        self._always_ticking = {instrument.token for instrument in wanted if instrument is not None}
        self.replayed = self.venue.start_replay(options.replay, options.speed) if options.replay else []

    async def run(self) -> None:
        """Move the prices until cancelled."""
        while True:
            self.step()
            await asyncio.sleep(STEP_S)

    def step(self) -> None:
        """Let everything happen that is due by the clock."""
        now = self.clock.now_ns()
        if now >= self._day_end_ns:
            self.venue.roll_day([app.trading for app in self.accounts])
            self._day_end_ns = trading_day_end_ns(now)
        for market in self.venue.active(self.ticker.subscribed_tokens() | self._always_ticking):
            self.venue.advance(market, now)

    def advance_clock(self, seconds: float) -> None:
        """Move the clock and do what has become due, such as the end of the trading day."""
        self.clock.advance(seconds)
        self.step()

    def strike_sockets(self) -> None:
        """Let the faults that concern open sockets strike those sockets."""
        for app in self.accounts:
            self._strike_sockets_of(app)

    def _strike_sockets_of(self, app: App) -> None:
        connections = self.ticker.connections(app)
        if not connections:
            return
        mute = self.faults.strike(app.user_id, "ws_mute")
        drop = self.faults.strike(app.user_id, "ws_close_1006")
        for connection in connections:
            if mute is not None:
                connection.mute(mute.seconds("ms", 0))
            if drop is not None:
                connection.abort()

    def _snapshot(self, token: int) -> Market | None:
        instrument = self.venue.instruments.by_token(token)
        return None if instrument is None else self.venue.market(instrument)
