"""What Kite has been seen to do to orders, one trap each, with the real Kite client against the simulated
exchange: whatever the answer says, nothing is bought twice, nothing is sold twice, and the ledger ends knowing.

All traps are walked into at once, each by a trader of its own, because most of them cost seconds of real time.
"""

from __future__ import annotations

import time as wall
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from algotrading.brokers.kite import KiteBrokers
from algotrading.brokers.kite.line import Limits
from algotrading.contracts.messages import OrderEvent
from algotrading.contracts.session_table import SessionTableDocument
from algotrading.domain.accounts import BrokerName, ConnectionStatus, SealedBrokerAccount, first_account_of
from algotrading.domain.cycle import Cycle, CycleState
from algotrading.domain.errors import AlgotradingError
from algotrading.domain.orders import Leg
from algotrading.domain.policy import Policy
from algotrading.domain.sessions import IST, trading_day_of
from algotrading.domain.strategy import Strategy, StrategyStatus
from algotrading.services.alarms import make_command
from algotrading.services.broker_sessions import BrokerSessions
from algotrading.services.check_plan import PlanChecker
from algotrading.services.courier import Courier
from algotrading.services.errand import Desk
from algotrading.services.execute import Executor
from algotrading.services.last_call import LastCall
from algotrading.services.paced_broker import Pacing
from algotrading.services.preflight import PreflightReader
from algotrading.services.way_out import WayOut
from exchange_simulator.accounts import App
from exchange_simulator.engine.orders import Order
from exchange_simulator.money import paise
from exchange_simulator.server import ExchangeServer
from exchange_simulator.session_table import SESSION_TABLE
from exchange_simulator.simulator import Options
from exchange_simulator.threaded import ThreadedExchange
from tests.contract.brokers.worlds import WallClock
from tests.fakes.accounts import MemoryBrokerAccounts, MemoryUsers
from tests.fakes.cloud import MemoryMeter, MemoryNotifier, MemoryVault
from tests.fakes.database import MemoryDatabase
from tests.fakes.examples import make_instrument, make_strategy, make_user
from tests.fakes.instruments import MemoryInstruments
from tests.fakes.ledger import MemoryLedger, MemoryOutbox
from tests.fakes.named_accounts import MemoryNamedAccounts
from tests.fakes.notifications import MemorySummaries
from tests.fakes.risks import MemoryRisks
from tests.fakes.runtime import MemoryRuntime
from tests.fakes.snapshots import MemorySnapshots
from tests.fakes.strategies import MemoryStrategies

SYMBOL, PRICE, STOP = "INFY", Decimal("1545.00"), Decimal("1500.00")
HASTY = Policy(
    # As long as the simulated exchange's own delays need, not as long as the real one's.
    evidence_window=timedelta(seconds=4),
    entry_patience=timedelta(seconds=1.5),
    exit_patience=timedelta(seconds=1),
    cancel_patience=timedelta(seconds=0.5),
    absent_pause=0.2,
    throttle_pause=0.3,
)
TABLE = SessionTableDocument.model_validate(SESSION_TABLE).to_table()
SECONDS_TO_SETTLE = 25.0


@dataclass(frozen=True)
class Trap:
    """What happens to the entry (or to what comes after it), and what must have come of it."""

    name: str
    faults: tuple[tuple[str, dict[str, Any]], ...]
    bought: int = 10
    """At the exchange, once everything has settled."""
    buys: int = 1
    """Orders that reached the exchange's book on the buying side."""
    exit_faults: tuple[tuple[str, dict[str, Any]], ...] = ()
    broker_stop: bool = True
    addresses: frozenset[str] | None = None


def fault(name: str, *, route: str | None = None, count: int | None = 1, **params: Any) -> tuple[str, dict[str, Any]]:
    return name, {"route": route, "count": count, "params": params}


TRAPS = (
    Trap("nothing at all", ()),
    Trap("no answer, the order appears later", (fault("accept_then_timeout", hold_ms=4000, appear_after_ms=1500),)),
    Trap("503, and placed", (fault("accept_then_503", appear_after_ms=1000),)),
    Trap("400 timed out, and placed", (fault("400_timed_out_but_placed", appear_after_ms=1000),)),
    Trap("limbo in PUT ORDER REQ RECEIVED", (fault("limbo", ms=1000),)),
    Trap("limbo that outlasts our patience", (fault("limbo", ms=3500),)),
    Trap("a protected market order that rests as LIMIT", (fault("partial_fill", quantity=4, rest_ms=None),), bought=4),
    Trap(
        "cancelled, yet filled after the acknowledgement",
        (fault("partial_fill", quantity=4, rest_ms=None), fault("late_fill_after_cancel", ms=300)),
    ),
    Trap("rejected in the book three times", (fault("reject", count=3, message="RMS:Margin Exceeds"),), 0, 3),
    Trap(
        "refused for funds three times",
        (
            fault(
                "refuse",
                route="place",
                count=3,
                status=400,
                error_type="MarginException",
                message="Insufficient funds.",
            ),
        ),
        0,
        0,
    ),
    Trap("429, twice", (fault("burst_429", route="place", count=2),)),
    Trap("HTML with 502, placed", (fault("html_502", route="place", accept=True),)),
    Trap("HTML with 502, not placed", (fault("html_502", route="place", accept=False),)),
    Trap("data null, placed", (fault("data_null", route="place", accept=True),)),
    Trap("data null, not placed", (fault("data_null", route="place", accept=False),)),
    Trap("reset before anything was done", (fault("reset_before_accept", route="place"),)),
    Trap("an answer that takes its time", (fault("slow", route="place", ms=1500),)),
    Trap("a book that lags", (fault("book_lag", count=6, ms=700),)),
    Trap("a book that answers with HTML", (fault("html_502", route="orders", count=3),)),
    Trap("the token dies before the buy", (fault("token_death", route="place"),), 0, 0),
    Trap("an address that is not registered", (), 0, 0, addresses=frozenset({"203.0.113.7"})),
    Trap(
        "the stop order's answer is lost, and it was placed",
        (fault("slow", route="place", ms=10), fault("accept_then_503", appear_after_ms=800)),
    ),
    Trap(
        "turning the stop order is refused",
        (),
        exit_faults=(
            fault("refuse", route="modify", status=400, error_type="OrderException", message="Maximum allowed"),
        ),
    ),
    Trap("turning the stop order meets 429", (), exit_faults=(fault("burst_429", route="modify"),)),
    Trap(
        "turning the stop order answers null, done", (), exit_faults=(fault("data_null", route="modify", accept=True),)
    ),
    Trap(
        "turning the stop order answers null, not done",
        (),
        exit_faults=(fault("data_null", route="modify", accept=False),),
    ),
    Trap(
        "the exit's answer is lost, and it was placed",
        (),
        broker_stop=False,
        exit_faults=(fault("accept_then_503", appear_after_ms=800),),
    ),
    Trap(
        "the exit's answer is lost, and it was not",
        (),
        broker_stop=False,
        exit_faults=(fault("html_502", route="place", accept=False),),
    ),
    Trap(
        "the exit is filled in part and rests",
        (),
        broker_stop=False,
        exit_faults=(fault("partial_fill", quantity=3, rest_ms=None),),
    ),
    Trap(
        "the token dies before the exit, and its owner logs in again",
        (),
        broker_stop=False,
        exit_faults=(fault("token_death", route="place"),),
    ),
)


@dataclass(frozen=True)
class Outcome:
    """What came of one trap."""

    after_entry: Cycle
    at_end: Cycle
    orders: list[Order]
    told: list[str]
    counts: dict[str, int] = field(default_factory=dict)
    token_refused: tuple[bool, bool] = (False, False)
    """Whether that was known of the access token: before its owner had to log in again, and at the end."""

    def filled(self, side: str) -> int:
        return sum(order.filled for order in self.orders if order.side == side)


class Trader:
    """One trader with an account of their own at the simulated exchange, and a worker of theirs."""

    def __init__(self, exchange: ThreadedExchange, trap: Trap) -> None:
        self.exchange, self.trap = exchange, trap
        self.clock, self.database, self.meter = WallClock(), MemoryDatabase(), MemoryMeter()
        self.ledger, self.strategies = MemoryLedger(self.database), MemoryStrategies(self.database)
        self.accounts, self.vault = MemoryBrokerAccounts(self.database), MemoryVault()
        instruments = MemoryInstruments(self.database)
        instruments.replace_all([make_instrument(SYMBOL, instrument_token=408065, tick_size=Decimal("0.1"))])
        self.user = make_user()
        MemoryUsers(self.database).add(self.user, "hash")
        self.app = exchange.run(self._open_account)
        self._connect()
        runtime = MemoryRuntime(self.clock)
        desk = Desk(self.clock, self.ledger, runtime, self.strategies, self.meter, HASTY)
        brokers = KiteBrokers(
            api_url=exchange.url,
            login_url=f"{exchange.url}/connect/login",
            clock=self.clock,
            limits=Limits(connect_seconds=2, read_seconds=2, order_seconds=2.5),
        )
        pacing = Pacing(runtime, self.clock, self.meter, HASTY.rates)
        sessions = BrokerSessions(self.accounts, self.vault, brokers, self.clock, pacing)
        snapshots, risks = MemorySnapshots(self.database), MemoryRisks(self.database)
        courier = Courier(self.clock, MemoryOutbox(self.database), MemoryNotifier(), self.meter)
        named = MemoryNamedAccounts(self.database)
        preflight = PreflightReader(
            self.strategies,
            self.accounts,
            named,
            risks,
            runtime,
            PlanChecker(instruments, TABLE),
            self.clock,
            is_bound=False,
        )
        self.executor = Executor(
            desk,
            instruments,
            sessions,
            snapshots,
            TABLE,
            risks,
            courier,
            WayOut(brokers, self.clock, self.meter, False),
            LastCall(preflight, MemorySummaries(self.database), courier, self.clock, self.meter),
        )

    def walk_in(self) -> Outcome:
        """A day: buy, settle, leave, settle."""
        strategy = self._strategy()
        self._arm(self.trap.faults)
        self._ask(strategy, OrderEvent.BUY, datetime.combine(self.day, strategy.plan.buy_time, IST).astimezone(UTC))
        entered = self._follow(strategy, lambda cycle: cycle.state is not CycleState.ENTERING and not _unsure(cycle))
        self._arm(self.trap.exit_faults)
        if entered.is_armed:
            self._ask(strategy, OrderEvent.STOP)
        was_refused = self._is_token_refused()
        self._connect_anew()
        ended = self._follow(strategy, lambda cycle: cycle.is_settled)
        orders = self.exchange.run(self._orders)
        told = [notice.kind for notice in self.database.notices]
        return Outcome(entered, ended, orders, told, self.meter.counts, (was_refused, self._is_token_refused()))

    # --- how --------------------------------------------------------------------------------------

    def _open_account(self, server: ExchangeServer) -> App:
        accounts = server.simulator.accounts
        app = accounts.create(cash=paise(Decimal(1_000_000)), redirect_url="http://127.0.0.1:9/callback")
        app.allowed_addresses = self.trap.addresses
        accounts.log_in(app)
        return app

    def _orders(self, _: ExchangeServer) -> list[Order]:
        return [replace(order) for order in self.app.trading.orders.values()]

    def _connect(self) -> None:
        assert self.app.access_token is not None
        secrets = {
            "api_key": self.app.api_key,
            "api_secret": self.app.api_secret,
            "access_token": self.app.access_token,
        }
        now = self.clock.now()
        sealed = self.vault.seal(self.user.user_id, secrets)
        self.accounts.save(
            SealedBrokerAccount(
                user_id=self.user.user_id,
                account_id=first_account_of(self.user.user_id),
                broker=BrokerName.KITE,
                broker_user_id=self.app.user_id,
                status=ConnectionStatus.CONNECTED,
                token_at=now,
                updated_at=now,
                api_key=sealed["api_key"],
                api_secret=sealed["api_secret"],
                access_token=sealed["access_token"],
            )
        )

    def _connect_anew(self) -> None:
        """The trader logs in to the broker again where the token has died."""
        if self.app.access_token is None:

            def log_in(server: ExchangeServer) -> None:
                server.simulator.accounts.log_in(self.app)

            self.exchange.run(log_in)
            self._connect()

    def _is_token_refused(self) -> bool:
        account = self.accounts.find(self.user.user_id)
        assert account is not None
        return account.refused_at is not None

    def _strategy(self) -> Strategy:
        due = (datetime.now(IST) + timedelta(seconds=2)).replace(microsecond=0)
        self.day = trading_day_of(due.astimezone(UTC))
        strategy = make_strategy(
            self.user.user_id,
            status=StrategyStatus.RUNNING,
            symbol=SYMBOL,
            buy_time=due.time(),
            sell_time=time(23, 59, 50),
            stop_loss=STOP,
            broker_stop=self.trap.broker_stop,
        )
        self.strategies.add(strategy)
        return strategy

    def _arm(self, faults: tuple[tuple[str, dict[str, Any]], ...]) -> None:
        def arm(server: ExchangeServer) -> None:
            for name, how in faults:
                server.simulator.faults.arm(name, user_id=self.app.user_id, **how)

        self.exchange.run(arm)

    def _ask(self, strategy: Strategy, event: OrderEvent, due: datetime | None = None) -> None:
        command = make_command(
            strategy_id=strategy.strategy_id,
            user_id=self.user.user_id,
            event=event,
            trading_day=self.day,
            now=self.clock.now(),
            cause="test",
            due=due,
        )
        try:
            self.executor.handle(command)
        except AlgotradingError:
            wall.sleep(0.2)  # as a message that comes again

    def _follow(self, strategy: Strategy, is_reached: Callable[[Cycle], bool]) -> Cycle:
        """As converge does, only sooner: ask until it is reached, or time is over."""
        deadline = wall.monotonic() + SECONDS_TO_SETTLE
        while not is_reached(cycle := self._cycle(strategy.strategy_id)) and wall.monotonic() < deadline:
            wall.sleep(0.3)
            event = (
                OrderEvent.STOP if cycle.wanted is not None and cycle.state is CycleState.LONG else OrderEvent.RECONCILE
            )
            self._ask(strategy, event)
        return cycle

    def _cycle(self, strategy_id: UUID) -> Cycle:
        cycle = self.ledger.latest(self.user.user_id, strategy_id)
        assert cycle is not None
        return cycle


def _unsure(cycle: Cycle) -> bool:
    return any(intent.state.is_open and not intent.rests for intent in cycle.intents)


@pytest.fixture(scope="module")
def outcomes() -> Iterator[dict[str, Outcome]]:
    with ThreadedExchange(Options()) as exchange:

        def hold_price(server: ExchangeServer) -> None:
            instrument = server.simulator.venue.instruments.find(f"NSE:{SYMBOL}")
            assert instrument is not None
            server.simulator.venue.set_price(instrument, paise(PRICE), hold=True)

        exchange.run(hold_price)
        with ThreadPoolExecutor(len(TRAPS)) as pool:
            walks = {trap.name: pool.submit(Trader(exchange, trap).walk_in) for trap in TRAPS}
            yield {name: walk.result() for name, walk in walks.items()}


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.name)
def test_nothing_is_bought_or_sold_twice_and_the_ledger_ends_knowing(trap: Trap, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[trap.name]

    assert outcome.filled("BUY") == trap.bought
    assert outcome.filled("SELL") == trap.bought
    assert sum(order.side == "BUY" for order in outcome.orders) == trap.buys
    assert (outcome.at_end.bought, outcome.at_end.sold) == (trap.bought, trap.bought)
    assert outcome.at_end.is_settled
    assert all(order.pending == 0 for order in outcome.orders)


@pytest.mark.parametrize("trap", [t for t in TRAPS if t.broker_stop and t.bought], ids=lambda trap: trap.name)
def test_what_was_bought_was_guarded_by_one_stop_order(trap: Trap, outcomes: dict[str, Outcome]) -> None:
    stops = [intent for intent in outcomes[trap.name].after_entry.intents if intent.leg is Leg.STOP]

    assert [(stop.quantity, stop.trigger_price) for stop in stops if stop.rests] == [(trap.bought, STOP)]


@pytest.mark.parametrize(
    ("trap", "told"),
    [
        ("rejected in the book three times", "entry_refused"),
        ("refused for funds three times", "entry_refused"),
        ("the token dies before the buy", "entry_missed"),
        ("an address that is not registered", "entry_refused"),
    ],
)
def test_what_was_not_bought_is_told(trap: str, told: str, outcomes: dict[str, Outcome]) -> None:
    assert told in outcomes[trap].told
    assert "bought" not in outcomes[trap].told


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.name)
def test_only_a_token_that_died_is_remembered_as_refused_and_only_until_the_next_login(
    trap: Trap, outcomes: dict[str, Outcome]
) -> None:
    outcome = outcomes[trap.name]

    assert outcome.token_refused == ("token dies" in trap.name, False)


@pytest.mark.parametrize("trap", ["503, and placed", "400 timed out, and placed", "HTML with 502, placed"])
def test_an_order_of_unknown_fate_is_alarmed(trap: str, outcomes: dict[str, Outcome]) -> None:
    assert outcomes[trap].counts["OrderUnknown"] >= 1
