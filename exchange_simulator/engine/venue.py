"""The venue: every market and service of the exchange put together."""

from exchange_simulator.clock import Clock, Scheduler, to_ist
from exchange_simulator.engine import orders as states
from exchange_simulator.engine.account import TradingAccount
from exchange_simulator.engine.candles import CandleStore
from exchange_simulator.engine.execution import Execution
from exchange_simulator.engine.gtt_desk import GttDesk
from exchange_simulator.engine.ids import IdSource
from exchange_simulator.engine.instruments import Instrument, InstrumentMaster
from exchange_simulator.engine.market import Market
from exchange_simulator.engine.modification import Modifier
from exchange_simulator.engine.multi_leg import MultiLegOrders
from exchange_simulator.engine.oms import OrderManager
from exchange_simulator.engine.prices import Lead, PriceEngine
from exchange_simulator.engine.replay import ReplayFile, ReplayPath, price_grid
from exchange_simulator.engine.universe import standard_universe
from exchange_simulator.money import round_to_tick
from exchange_simulator.randomness import generator

_LOOKED_AT_NS = 60_000_000_000
"""How long after a quote an instrument keeps ticking."""


class Venue:
    """One exchange with its broker-side order management."""

    def __init__(self, *, clock: Clock, scheduler: Scheduler, seed: int = 1) -> None:
        rng = generator(seed)
        self.clock = clock
        now = clock.now_ns()
        self.instruments = InstrumentMaster(standard_universe(to_ist(now).date()))
        self.ids = IdSource(clock)
        self.execution = Execution(clock, self.ids)
        self.prices = PriceEngine(generator(rng.random()))
        self.candles = CandleStore(now)
        self._rng = rng
        self._markets: dict[int, Market] = {}
        self._looked_at: dict[int, int] = {}
        self.manager = OrderManager(
            clock=clock, scheduler=scheduler, ids=self.ids, execution=self.execution, market_of=self.market
        )
        self.modifier = Modifier(clock, self.execution, self.market)
        self.multi_leg = MultiLegOrders(self.manager, self.ids)
        self.gtts = GttDesk(clock, self.ids, self.manager, self.market)
        self.execution.finish_listeners.append(self.multi_leg.on_finished)

    def market(self, instrument: Instrument) -> Market:
        """The market of an instrument, opened at its first use."""
        market = self._markets.get(instrument.token)
        if market is None or market.instrument is not instrument:
            market = Market(instrument, generator(self._rng.random()), self.clock.now_ns())
            self._markets[instrument.token] = market
        return market

    def markets(self) -> list[Market]:
        """Every market in use."""
        return list(self._markets.values())

    def look(self, instrument: Instrument) -> Market:
        """The market, brought up to the present and kept moving for a while."""
        market = self.market(instrument)
        now = self.clock.now_ns()
        self._looked_at[instrument.token] = now
        self.advance(market, now)
        return market

    def active(self, subscribed: set[int]) -> list[Market]:
        """Markets whose price has to move: watched, traded in, steered, or looked at a moment ago."""
        horizon = self.clock.now_ns() - _LOOKED_AT_NS
        self._looked_at = {token: at for token, at in self._looked_at.items() if at > horizon}
        tokens = subscribed | self.execution.live_tokens() | self.prices.steered_tokens()
        tokens |= self.gtts.tokens() | self._looked_at.keys()
        known = [self.instruments.by_token(token) for token in tokens]
        return [self.market(instrument) for instrument in known if instrument is not None]

    def advance(self, market: Market, now_ns: int) -> None:
        """Let the ticks that are due happen."""
        for price, volume in self.prices.due(market, now_ns):
            self._tick(market, price, volume)

    def set_price(self, instrument: Instrument, price: int, *, hold: bool) -> Market:
        """Trade at a price now; with `hold` the price stays there."""
        market = self.market(instrument)
        on_tick = round_to_tick(price, instrument.tick)
        self.prices.pin(market, on_tick, self.clock.now_ns(), hold=hold)
        self._tick(market, on_tick, None)
        return market

    def lead_price(self, instrument: Instrument, target: int, duration_ms: float) -> None:
        """Move the price to a target in a straight line."""
        market = self.market(instrument)
        now = self.clock.now_ns()
        self.prices.follow(market, Lead(market, target, now, int(duration_ms * 1_000_000)), now)

    def requote(self, instrument: Instrument, quantity_per_level: int | None) -> None:
        """Fix the quantity of each house level, 0 for an empty market, None for natural sizes."""
        market = self.market(instrument)
        self.execution.price_moved(market, market.requote(quantity_per_level))

    def start_replay(self, replay: ReplayFile, speed: float) -> list[Instrument]:
        """Let the prices of a file's symbols follow its candles; unknown symbols are listed."""
        now = self.clock.now_ns()
        listed = []
        for symbol, candles in replay.candles.items():
            grid = price_grid(candles)
            instrument = self.instruments.relist_equity(symbol, candles[0].open, grid)
            market = self.market(instrument)
            self.candles.load(instrument.token, candles)
            self.prices.follow(market, ReplayPath(candles, replay.minutes, now, speed), now)
            listed.append(instrument)
        return listed

    def roll_day(self, accounts: list[TradingAccount]) -> None:
        """End the trading day: square off intraday positions, wipe the books, settle, set new circuit limits."""
        for account in accounts:
            for order in list(account.working.values()):
                self.execution.finish(order, account, states.CANCELLED, "Order expired at the end of the day.")
            for position in account.portfolio.positions.values():
                if position.product in {"MIS", "CO"} and position.quantity:
                    price = self.market(position.instrument).last
                    position.apply("SELL" if position.quantity > 0 else "BUY", abs(position.quantity), price)
            account.roll_day()
        for market in self._markets.values():
            market.start_day(market.last)

    def _tick(self, market: Market, price: int, volume: int | None) -> None:
        fills = market.move(price, self.clock.now_ns(), volume)
        self.candles.record(market, market.tick_ns)
        self.execution.price_moved(market, fills)
        self.gtts.price_moved(market)
