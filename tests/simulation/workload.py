"""Who does what on one simulated day: traders and their strategies, the market, and what befalls the servers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.accounts import first_account_of
from algotrading.domain.cycle import Cycle
from algotrading.domain.errors import AlgotradingError
from algotrading.domain.instruments import Product
from algotrading.domain.limits import RiskLimits
from algotrading.domain.named_accounts import NamedAccount
from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.orders import OrderTicket, OrderType, Side
from algotrading.domain.sessions import IST, instant_of
from algotrading.domain.strategy import Plan, Strategy
from algotrading.ports import Lane
from algotrading.services.alarms import make_command
from algotrading.services.check_plan import PlanDraft
from cdk.functions import FUNCTIONS
from tests.fakes.examples import TRADING_DAY
from tests.simulation.cloud import skew_of
from tests.simulation.faults import SECOND, CloudFault
from tests.simulation.kernel import Crashed
from tests.simulation.world import World, rupees

MINUTE = 60 * SECOND
_SYMBOLS = ("TCS", "INFY", "SBIN", "ITC", "RELIANCE", "HDFCBANK")
_TICK = 5
"""Paise."""
_SESSION = timedelta(hours=6, minutes=15)
"""From 09:15 to 15:30."""
_LAST_HOURS = 0.08
_DAYS_WITH_SECOND_ACCOUNTS = 0.4
_NEXT_DAY = TRADING_DAY + timedelta(days=1)
_KILLS_BEFORE_A_BUY = 0.03
"""Of strategies: pressed in the last seconds before its buy, when an entry may have had its last look already."""
_HAND_SALES_BEFORE_AN_EXIT = 0.05
"""Of strategies: sold by hand in the last seconds before its time to sell."""
_MORNING = 4
"""Runs of converge on it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a day. All times are minutes after its start."""

    traders: int
    strategies: int
    symbols: int
    concurrency: tuple[int, int]
    faults_end: int
    ends: int
    closes: int | None
    """When the session closes, if the day goes on till then: faults last beyond it, and the next morning follows."""
    halts: int | None
    """When trading halts for the rest of that day: what is held then stays."""
    sells: tuple[int, int]
    buys: tuple[int, int] = (3, 9)
    acts_until: int = 15
    """When people have done what they do."""


def make_shape(random: Random) -> Shape:
    """A day between a handful of strategies and a busy one."""
    traders = random.randint(2, 10)
    is_last_hour = random.random() < _LAST_HOURS
    return Shape(
        # The day's books are kept from 15:45 on, in the same weather.
        faults_end=48 if is_last_hour else 15,
        acts_until=32 if is_last_hour else 15,
        ends=62 if is_last_hour else 27,
        closes=30 if is_last_hour else None,
        halts=random.randint(8, 30) if is_last_hour else None,
        traders=traders,
        strategies=random.randint(8, 40),
        sells=(6, 29) if is_last_hour else (6, 15),
        symbols=random.randint(3, len(_SYMBOLS)),
        concurrency=(random.choice((4, 10, 30)), random.choice((3, 8, 20))),
    )


def first_prices(shape: Shape, random: Random) -> dict[str, int]:
    """Opening prices, paise."""
    return {symbol: _TICK * random.randint(2_000, 80_000) for symbol in _SYMBOLS[: shape.symbols]}


class Workload:
    """Sets a day's events up on the kernel."""

    def __init__(self, world: World, shape: Shape) -> None:
        self.world = world
        self.shape = shape
        self.kernel = world.kernel
        self.random = world.kernel.random
        self.start = self.kernel.now()
        self.traders: list[UUID] = []
        self.accounts: list[UUID] = []
        """Of all traders."""
        self._second: dict[UUID, UUID] = {}
        """The second account of those who have one."""
        self._choice = Random()
        """Decides about those alone, so that a day on which nobody has a second account is what it always was."""
        self._haste = Random()
        """Decides about what owners do in the last seconds before an order leaves, alone for the same reason."""
        self._drift: dict[str, float] = {}
        self._symbols = sorted(world.prices)

    def begin(self) -> None:
        """Everything that is known to happen."""
        world, shape = self.world, self.shape
        for _ in range(shape.traders):
            trader = world.add_trader(Decimal(1_000_000_000 if self.random.random() < 0.9 else 200_000))
            self.traders.append(trader)
            self.accounts.append(first_account_of(trader))
        self._some_open_a_second_account()
        world.start_watcher()
        for ten_seconds in range(shape.ends * 6):
            self.kernel.at(ten_seconds * 10 * SECOND, world.inspector.guarding.check_all)
            if ten_seconds >= shape.faults_end * 6:
                self.kernel.at(ten_seconds * 10 * SECOND, self._check_stops)
        for minute in range(shape.ends):
            self.kernel.at(minute * MINUTE, world.alarm_clock.ring_minute)
            self.kernel.at(minute * MINUTE, world.every_minute.fire)
        for symbol in self._symbols:
            self._drift[symbol] = self.random.choice((-0.002, -0.0005, 0.0, 0.0, 0.0005))
            self._tick_later(symbol)
        if shape.halts is not None:
            self.kernel.at(shape.halts * MINUTE, world.close_session)
        for _ in range(shape.strategies):
            self._trader_makes_a_strategy()
        world.gives_hints = self.random.random() < 0.3
        for trader in self.traders:
            self._trader_minds_his_risk(trader)
        if self.random.random() < 0.04:
            self._operator_stops_everybody()
        self._plan_windows()

    def _check_stops(self) -> None:
        if not self.world.exchange.is_closed:
            self.world.inspector.guarding.check_stops()

    def calm_down(self) -> None:
        """The faults are over: every server is back, everybody has logged in again."""
        world = self.world
        world.weather.is_over = True
        world.inspector.guarding.quiet_since = self.kernel.micros
        world.doors.end_faults()
        world.postgres_down = world.reads_hang = False
        world.exchange.is_down = False
        world.exchange.storm = False
        world.exchange.book_lag = 0.0
        world.exchange.position_lag = 0.0
        world.set_redis_down(False)
        for account in self.accounts:
            world.log_in(account)
        world.note_outage()
        for watcher in world.watchers:
            watcher.is_cut_off = False
            watcher.gap()
        if not world.watchers:
            world.start_watcher()

    def next_morning(self) -> None:
        """The watchers have left, the broker has wiped its book, everybody has logged in again, and converge runs a few
        times. What the day before left open is hit at the opening, before anybody has looked at it, and on some
        mornings before the broker shows anything."""
        world = self.world
        world.go_home()
        morning = self.kernel.micros_of(instant_of(NSE_SESSIONS.next_trading_day(_NEXT_DAY), time(9, 20)))
        self.kernel.run(morning)
        world.inspector.check_books(TRADING_DAY)
        world.exchange.begin_day()
        for account in self.accounts:
            world.log_in(account)
        for cycle in sorted(world.database.cycles.values(), key=lambda cycle: cycle.strategy_id):
            if cycle.is_armed:
                self._hit(cycle)
        world.is_blind = self.random.random() < 0.5
        self.kernel.at(morning + 30 * SECOND, self._see)
        for minute in range(_MORNING):
            self.kernel.at(morning + minute * MINUTE, world.every_minute.fire)
        self.kernel.run(morning + (_MORNING + 5) * MINUTE)

    def _see(self) -> None:
        self.world.is_blind = False

    def _hit(self, cycle: Cycle) -> None:
        command = make_command(
            strategy_id=cycle.strategy_id,
            user_id=cycle.user_id,
            event=OrderEvent.STOPLOSS,
            trading_day=cycle.trading_day,
            now=self.kernel.now(),
            cause="watcher",
        )
        self.world.memory_queue.send(command, Lane.PRIORITY)

    # --- owners -------------------------------------------------------------------------------------

    def _trader_makes_a_strategy(self) -> None:
        trader = self.random.choice(self.traders)
        plan = self._plan()
        created_at = self.random.randrange(2 * MINUTE)
        self.kernel.at(created_at, lambda: self._api("create", trader, lambda: self._create(trader, plan)))

    def _some_open_a_second_account(self) -> None:
        """On some days every other trader has two."""
        self._choice = Random(self.traders[0].int)
        self._haste = Random(self.traders[0].int + 1)
        if self._choice.random() >= _DAYS_WITH_SECOND_ACCOUNTS:
            return
        for trader in self.traders[::2]:
            account = UUID(int=self._choice.getrandbits(128), version=4)
            self.world.memory_named.add(
                NamedAccount(account, trader, "HUF", is_default=False, created_at=self.kernel.now())
            )
            self.world.connect(trader, account, Decimal(1_000_000_000))
            self.accounts.append(account)
            self._second[trader] = account

    def _trader_minds_his_risk(self, trader: UUID) -> None:
        random, world = self.random, self.world
        if random.random() < 0.3:
            limits = RiskLimits(
                daily_loss=random.choice((None, None, Decimal(500), Decimal(20_000))),
                position_size=random.choice((None, None, Decimal(20_000))),
                symbol_exposure=random.choice((None, None, Decimal(50_000))),
                orders_per_minute=random.choice((None, 2, 5)),
                open_strategies=random.choice((None, 1, 3)),
                square_off=random.random() < 0.5,
            )
            self._at_random("limits", trader, lambda: world.risks.set_limits(trader, limits, world.clock.now()), 2)
        if random.random() < 0.08:
            self._at_random("kill", trader, lambda: world.kill(trader))
            for _ in range(2):
                self._at_random("release", trader, lambda: world.kill_switch.release(trader))

    def _operator_stops_everybody(self) -> None:
        operator, begin = self.world.operator, self.random.randrange(self.shape.acts_until * MINUTE)
        end = begin + self.random.randrange(5 * MINUTE)
        self._operate("kill", begin, self.world.kill_everybody)
        self._operate("release", end, lambda: operator.release(by="the operator"))

    def _operate(self, name: str, at: int, command: Callable[[], object]) -> None:
        self.kernel.at(at, lambda: self._spawn_operator(name, command))

    def _spawn_operator(self, name: str, command: Callable[[], object]) -> None:
        self.kernel.spawn(f"operator:{name}", command, on_end=self.world.ended)

    def _at_random(
        self, name: str, trader: UUID, command: Callable[[], object], before_minute: int | None = None
    ) -> None:
        at = self.random.randrange((before_minute or self.shape.acts_until) * MINUTE)
        self.kernel.at(at, lambda: self._api(name, trader, command))

    def _plan(self) -> Plan:
        shape, random = self.shape, self.random
        symbol = random.choice(self._symbols)
        # Many traders name the same round times: bursts in one second.
        burst = random.random() < 0.6
        buy = MINUTE * random.randint(*shape.buys) + (0 if burst else random.randrange(60) * SECOND)
        sell = MINUTE * random.randint(*shape.sells) + (0 if burst else random.randrange(60) * SECOND)
        sell = max(sell, buy + random.choice((1, 30, 90)) * SECOND)
        price = self.world.prices[symbol]
        distance = random.choice((-0.01, 0.004, 0.01, 0.015, 0.025, 0.04, 0.06))
        stop = max(_TICK, int(price * (1 - distance)) // _TICK * _TICK)
        return Plan(
            exchange="NSE",
            symbol=symbol,
            product=random.choice((Product.MIS, Product.MIS, Product.CNC)),
            buy_time=self._time_of(buy),
            sell_time=self._time_of(sell),
            stop_loss=rupees(stop),
            quantity=random.choice((1, 3, 10, 75)),
            broker_stop=random.random() < 0.6,
        )

    def _time_of(self, micros: int) -> time:
        return (self.start + timedelta(microseconds=micros)).astimezone(IST).time().replace(microsecond=0)

    def _create(self, trader: UUID, plan: Plan) -> None:
        strategy = self.world.manager.create(trader, PlanDraft(plan)).strategy
        name, random = strategy.strategy_id, self.random
        late = random.random() < 0.2
        starts_at = self.kernel.micros + (random.randrange(3 * MINUTE) if late else random.randrange(20 * SECOND))
        for attempt in range(3):  # an owner who hears of an error tries again
            self.kernel.at(starts_at + attempt * 15 * SECOND, lambda: self._start(trader, name))
        if self._haste.random() < _KILLS_BEFORE_A_BUY:
            self._kill_just_before_the_buy(trader, plan)
        if self._haste.random() < _HAND_SALES_BEFORE_AN_EXIT:
            at = self.kernel.micros_of(instant_of(TRADING_DAY, plan.sell_time)) - self._haste.randrange(4 * SECOND)
            self.kernel.at(at, lambda: self._trade_by_hand(trader, plan, sells_all=True))
        if trader in self._second:
            self._may_be_moved(trader, name)
        for share, command in (
            (0.10, lambda: self._api("stop", trader, lambda: self.world.manager.stop(trader, name))),
            (0.04, lambda: self._api("square off", trader, lambda: self.world.manager.square_off(trader, name))),
            (0.10, lambda: self._api("update", trader, lambda: self._update(trader, name))),
            (0.05, lambda: self._start(trader, name)),
            (0.05, lambda: self._api("delete", trader, lambda: self.world.manager.delete(trader, name))),
            (0.08, lambda: self._trade_by_hand(trader, plan)),
        ):
            for _ in range(2):
                if random.random() < share:
                    self.kernel.at(random.randrange(self.kernel.micros, self.shape.acts_until * MINUTE), command)

    def _kill_just_before_the_buy(self, trader: UUID, plan: Plan) -> None:
        world = self.world
        at = self.kernel.micros_of(instant_of(TRADING_DAY, plan.buy_time)) - self._haste.randrange(4 * SECOND)
        if at <= self.kernel.micros:
            return
        self.kernel.at(at, lambda: self._api("kill", trader, lambda: world.kill(trader)))
        for minutes in (1, 2):
            self.kernel.at(
                at + minutes * MINUTE,
                lambda: self._api("release", trader, lambda: world.kill_switch.release(trader)),
            )

    def _may_be_moved(self, trader: UUID, strategy_id: UUID) -> None:
        """Into the other account: at once, so that both are traded in, or in the middle of whatever it does."""
        ahead = self.shape.acts_until * MINUTE - self.kernel.micros
        for share, longest in ((0.5, SECOND), (0.3, ahead), (0.3, ahead)):
            if self._choice.random() < share and longest > 0:
                self.kernel.after(
                    self._choice.randrange(longest),
                    lambda: self._api("move", trader, lambda: self._move(trader, strategy_id)),
                )

    def _move(self, trader: UUID, strategy_id: UUID) -> None:
        before: Strategy = self.world.strategies.get(trader, strategy_id)
        first, second = first_account_of(trader), self._second[trader]
        draft = PlanDraft(before.plan, account_id=second if before.account_id == first else first)
        self.world.manager.update(trader, strategy_id, draft)

    def _start(self, trader: UUID, strategy_id: UUID) -> None:
        stored = self.world.database.strategies.get(strategy_id)
        if stored is None or not stored.is_running:
            self._api("start", trader, lambda: self.world.manager.start(trader, strategy_id))

    def _update(self, trader: UUID, strategy_id: UUID) -> None:
        before: Strategy = self.world.strategies.get(trader, strategy_id)
        random, plan = self.random, before.plan
        now = self.kernel.micros
        match random.randrange(5):
            case 4:
                plan = replace(plan, broker_stop=not plan.broker_stop)
            case 0:
                price = self.world.prices[plan.symbol]
                plan = replace(plan, stop_loss=rupees(int(price * random.uniform(0.97, 1.01)) // _TICK * _TICK))
            case 1:
                plan = replace(plan, sell_time=self._time_of(now + random.randrange(5 * MINUTE)))
            case 2:
                plan = replace(plan, buy_time=self._time_of(now + random.randrange(4 * MINUTE)))
            case _:
                plan = replace(plan, quantity=random.choice((1, 3, 10)), symbol=random.choice(self._symbols))
        self.world.manager.update(trader, strategy_id, PlanDraft(plan))

    def _trade_by_hand(self, trader: UUID, plan: Plan, *, sells_all: bool = False) -> None:
        """In the broker's own app: the trader's orders, which are no business of ours, in the very same symbol. With
        `sells_all` everything that the account holds of it, if anything."""
        world, now = self.world, self.kernel.now()
        if world.exchange.is_down or world.exchange.is_closed:
            return
        account_id = first_account_of(trader)
        if trader in self._second:
            account_id = self._choice.choice((account_id, self._second[trader]))
        account = world.exchange.account_of(world.api_key_of[account_id])
        held = sum(
            order.filled(now) * (1 if order.ticket.side is Side.BUY else -1)
            for order in account.orders
            if (order.ticket.symbol, order.ticket.product) == (plan.symbol, plan.product)
        )
        if sells_all and held <= 0:
            return
        sells = sells_all or (held > 0 and self.random.random() < 0.7)
        # More than any strategy buys: bought by hand in the seconds in which a strategy's own buy is of unknown fate,
        # just as many could not be told from it (domain.decide says so), nor what makes up for a partial fill.
        quantity = self.random.choice((held, max(1, held // 2))) if sells else self.random.choice((80, 97))
        quantity = held if sells_all else quantity
        ticket = OrderTicket(
            "NSE", plan.symbol, Side.SELL if sells else Side.BUY, quantity, plan.product, "", OrderType.MARKET
        )
        self.kernel.say(f"{str(trader)[:6]} trades by hand: {ticket.side} {quantity} {plan.symbol}")
        world.exchange.place_by_hand(account.api_key, ticket)

    def _api(self, name: str, trader: UUID, command: Callable[[], object]) -> None:
        """One request to the strategy function."""

        def ended(fault: BaseException | None) -> None:
            if fault is None or isinstance(fault, (Crashed, CloudFault, AlgotradingError)):
                if fault is not None:
                    self.kernel.say(f"{name} was answered with {type(fault).__name__}: {fault}")
                return
            self.world.inspector.broken("bug", f"{type(fault).__name__} in {name}: {fault}")

        worker = self.kernel.spawn(
            f"api:{name}:{str(trader)[:6]}",
            command,
            tenant=trader,
            skew=skew_of(self.kernel, self.world.weather),
            on_end=ended,
        )
        self.kernel.after(FUNCTIONS["strategy"].timeout_seconds * SECOND, lambda: self.kernel.kill(worker))

    # --- the market ---------------------------------------------------------------------------------

    def _tick_later(self, symbol: str) -> None:
        self.kernel.after(self.random.randrange(SECOND, 20 * SECOND), lambda: self._tick(symbol))

    def _tick(self, symbol: str) -> None:
        if self.world.exchange.is_closed:
            return
        random, price = self.random, self.world.prices[symbol]
        change = random.gauss(self._drift[symbol], 0.0015)
        if random.random() < 0.01:
            change += random.choice((-0.04, -0.02, 0.02))  # a gap
        self.world.move(symbol, max(_TICK, round(price * (1 + change)) // _TICK * _TICK))
        self._tick_later(symbol)

    # --- what befalls the servers -------------------------------------------------------------------

    def _plan_windows(self) -> None:
        world = self.world
        self._window("redis.down", lambda: world.set_redis_down(True), lambda: world.set_redis_down(False), (1, 90))
        self._window("redis.lost", world.lose_redis, _nothing, (0, 0))
        self._window("postgres.down", lambda: self._set_postgres(True), lambda: self._set_postgres(False), (1, 60))
        self._window("broker.down", lambda: self._set_broker(True), lambda: self._set_broker(False), (1, 120))
        self._window("broker.storm", lambda: self._set_storm(True), lambda: self._set_storm(False), (1, 40))
        self._window("broker.reads_hang", lambda: self._hang(True), lambda: self._hang(False), (3, 60))
        self._window("broker.book_lags", lambda: self._lag(self.random.uniform(0.2, 6)), lambda: self._lag(0), (5, 240))
        # Less than Policy.absent_window, after which what is not shown counts as gone.
        self._window(
            "broker.positions_lag",
            lambda: self._lag_positions(self.random.uniform(1, 60)),
            self._lag_positions,
            (5, 240),
        )
        self._window("broker.token_dies", self._token_dies, self._log_in_again, (5, 240))
        self._window("watcher.dies", self._watcher_dies, _nothing, (0, 0))
        self._window("watcher.split_brain", world.start_watcher, self._watcher_dies, (5, 200))
        self._window("watcher.cut_off", self._cut_off, self._heal, (5, 120))
        self._window("feed.silent", self._feed_mute, self._feed_back, (5, 30))

    def _window(
        self, name: str, begin: Callable[[], bool | None], end: Callable[[], object], seconds: tuple[float, float]
    ) -> None:
        """`begin` answers False when there is nothing that it could befall."""
        for _ in range(self.world.weather.happenings(name)):
            at = self.random.randrange(30 * SECOND, self.shape.faults_end * MINUTE)
            self.kernel.at(at, lambda: self._begin(name, begin))
            self.kernel.at(at + self.world.weather.duration(seconds), lambda: self._end(name, end))

    def _begin(self, name: str, action: Callable[[], bool | None]) -> None:
        if not self.world.weather.is_over and action() is not False:
            self.world.weather.befell(name)
            self.kernel.say(f"FAULT {name} begins")

    def _end(self, name: str, action: Callable[[], object]) -> None:
        if not self.world.weather.is_over:
            self.kernel.say(f"FAULT {name} ends")
            action()

    def _set_postgres(self, is_down: bool) -> None:
        self.world.postgres_down = is_down
        self.world.note_outage()

    def _set_broker(self, is_down: bool) -> None:
        self.world.exchange.is_down = is_down

    def _hang(self, is_on: bool) -> None:
        self.world.reads_hang = is_on

    def _set_storm(self, is_on: bool) -> None:
        self.world.exchange.storm = is_on

    def _lag(self, seconds: float) -> None:
        self.world.exchange.book_lag = seconds

    def _lag_positions(self, seconds: float = 0.0) -> None:
        self.world.exchange.position_lag = seconds

    def _token_dies(self) -> bool:
        account_id, is_known = self.random.choice(self.accounts), self.random.random() < 0.3
        lives = self.world.exchange.account_of(self.world.api_key_of[account_id]).access_token is not None
        self.world.kill_token(account_id, is_known=is_known)
        return lives

    def _log_in_again(self) -> None:
        for account in self.accounts:
            self.world.log_in_again(account)

    def _watcher_dies(self) -> bool:
        if not self.world.watchers:
            return False
        self.random.choice(self.world.watchers).die()
        return True

    def _cut_off(self) -> bool:
        for watcher in self.world.watchers[:1]:
            watcher.is_cut_off = True
        return bool(self.world.watchers)

    def _heal(self) -> None:
        self.world.note_outage()
        for watcher in self.world.watchers:
            watcher.is_cut_off = False
            watcher.gap()

    def _feed_mute(self) -> bool:
        for watcher in self.world.watchers:
            watcher.is_mute = True
        return bool(self.world.watchers)

    def _feed_back(self) -> None:
        self.world.note_outage()
        for watcher in self.world.watchers:
            watcher.dial_again()


def _nothing() -> None:
    """What ends by itself."""


def start_of(day_start: datetime, shape: Shape, random: Random) -> datetime:
    """When on the day the simulated half hour lies: anywhere in the session's continuous trading, or at its end."""
    if shape.closes is not None:
        return day_start + _SESSION - timedelta(minutes=shape.closes)
    return day_start + timedelta(minutes=random.randint(0, 300))
