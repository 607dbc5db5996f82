"""One simulated deployment: the production services, unmodified, on in-memory servers behind doors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from algotrading.contracts.messages import OrderCommand, StopChange
from algotrading.domain.accounts import BrokerName, ConnectionStatus, SealedBrokerAccount, User, first_account_of
from algotrading.domain.effects import Decision
from algotrading.domain.errors import AlgotradingError
from algotrading.domain.events import Event
from algotrading.domain.flatness import FlatProof
from algotrading.domain.instruments import Instrument
from algotrading.domain.limits import Lock, Locks
from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.order_updates import OrderUpdate
from algotrading.domain.orders import OrderTicket
from algotrading.domain.policy import Policy
from algotrading.domain.sessions import instant_of, trading_day_of
from algotrading.domain.sight import LONGEST_UNREPORTED, Sight
from algotrading.domain.strategy import Strategy
from algotrading.entrypoints.queue import Redelivery
from algotrading.ports import (
    BrokerAccounts,
    Brokers,
    Instruments,
    Lane,
    Ledger,
    NamedAccounts,
    Notifier,
    OrderQueue,
    Outbox,
    Risks,
    Runtime,
    Schedules,
    Snapshots,
    Strategies,
    Summaries,
    Vault,
)
from algotrading.services.broker_sessions import BrokerSessions
from algotrading.services.check_plan import PlanChecker
from algotrading.services.converge import Converge
from algotrading.services.courier import Courier
from algotrading.services.errand import Desk
from algotrading.services.execute import Executor
from algotrading.services.flatten import Flattener
from algotrading.services.kill_switch import KillSwitch
from algotrading.services.last_call import LastCall
from algotrading.services.live_prices import LivePrices
from algotrading.services.login_wake import LoginWake
from algotrading.services.manage_strategy import StrategyManager
from algotrading.services.operate import Operator
from algotrading.services.order_hints import OrderHints
from algotrading.services.paced_broker import Pacing
from algotrading.services.preflight import PreflightReader
from algotrading.services.publish_strategy import Publisher
from algotrading.services.trigger import Trigger
from algotrading.services.way_out import WayOut
from tests.fakes.accounts import MemoryBrokerAccounts, MemoryUsers
from tests.fakes.broker import MemoryBrokers
from tests.fakes.cloud import MemoryMeter, MemoryNotifier, MemorySchedules, MemoryVault
from tests.fakes.database import MemoryDatabase
from tests.fakes.exchange import Fate, MemoryOrder
from tests.fakes.instruments import MemoryInstruments
from tests.fakes.ledger import MemoryLedger, MemoryOutbox
from tests.fakes.named_accounts import MemoryNamedAccounts
from tests.fakes.notifications import MemorySummaries
from tests.fakes.risks import MemoryRisks
from tests.fakes.runtime import MemoryRuntime
from tests.fakes.snapshots import MemorySnapshots
from tests.fakes.strategies import MemoryStrategies
from tests.simulation.cloud import AlarmClock, EveryMinute, Poller, SimulatedQueue, SimulatedRedelivery
from tests.simulation.doors import Doors
from tests.simulation.exchange import SimulatedExchange
from tests.simulation.faults import CloudFault, Weather
from tests.simulation.invariants import Inspector
from tests.simulation.kernel import Crashed, Kernel, ProcessClock, TrueClock
from tests.simulation.watcher import Stores, WatcherProcess

PAISE = Decimal("0.01")


def rupees(paise: int) -> Decimal:
    """A price in rupees."""
    return Decimal(paise).scaleb(-2)


class _Ledger(MemoryLedger):
    """Tells the inspector what was stored."""

    def __init__(self, database: MemoryDatabase, inspector: Inspector) -> None:
        super().__init__(database)
        self._inspector = inspector

    def save(self, decision: Decision, *, event: Event, now: datetime, **more: Any) -> None:
        super().save(decision, event=event, now=now, **more)
        self._inspector.saved(decision, event)


class _Strategies(MemoryStrategies):
    """Tells the inspector which plans there were."""

    def __init__(self, database: MemoryDatabase, inspector: Inspector, day: date) -> None:
        super().__init__(database)
        self._inspector = inspector
        self._day = day

    def add(self, strategy: Strategy) -> None:
        super().add(strategy)
        self._stored(strategy)

    def save(self, strategy: Strategy, *, expected_version: int) -> None:
        super().save(strategy, expected_version=expected_version)
        self._stored(strategy)

    def _stored(self, strategy: Strategy) -> None:
        self._inspector.instants.planned(strategy, self._day)
        self._inspector.switches.strategy_stored(strategy.strategy_id)


class _Risks(MemoryRisks):
    """Tells the inspector what was proven, and which switches are on."""

    def __init__(self, database: MemoryDatabase, inspector: Inspector) -> None:
        super().__init__(database)
        self._inspector = inspector

    def record_flat(self, user_id: UUID, proof: FlatProof) -> None:
        super().record_flat(user_id, proof)
        self._inspector.guarding.proven_flat(user_id)

    def lock(self, user_id: UUID, *, by: str, reason: str | None, now: datetime) -> Lock:
        lock = super().lock(user_id, by=by, reason=reason, now=now)
        self._inspector.switches.locked(user_id)
        return lock

    def release(self, user_id: UUID, now: datetime) -> Locks:
        locks = super().release(user_id, now)
        self._inspector.switches.released(user_id)
        return locks

    def lock_deployment(self, *, by: str, reason: str | None, now: datetime) -> Lock:
        lock = super().lock_deployment(by=by, reason=reason, now=now)
        self._inspector.switches.locked(None)
        return lock

    def release_deployment(self, *, by: str, now: datetime) -> None:
        super().release_deployment(by=by, now=now)
        self._inspector.switches.released(None)


class _Meter(MemoryMeter):
    """Alarms are something the inspector counts upon."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self._inspector = inspector

    def count(self, metric: str, value: int = 1) -> None:
        if value:
            self._inspector.counted(metric)

    def milliseconds(self, metric: str, value: float) -> None:
        """Durations are measured elsewhere."""

    def distribution(self, metric: str, milliseconds: Sequence[float]) -> None:
        """They, too."""


_AT_ONCE = timedelta(0)


class _Exchange(SimulatedExchange):
    """Tells the inspector when a request reaches the door."""

    inspector: Inspector

    def next_fate(self, ticket: OrderTicket | None = None, *, is_cancel: bool = False) -> Fate:
        if ticket is not None:
            self.inspector.left(ticket.tag)
        return super().next_fate(ticket, is_cancel=is_cancel)


class _Accounts(MemoryBrokerAccounts):
    """Broker connections, each mark of a refused token held against the broker's own word."""

    def __init__(self, world: World) -> None:
        super().__init__(world.database)
        self._world = world

    def mark_refused(self, user_id: UUID, account_id: UUID, *, token_at: datetime, now: datetime) -> None:
        super().mark_refused(user_id, account_id, token_at=token_at, now=now)
        self._world.check_mark(user_id, account_id)


class _Queue(SimulatedQueue):
    """Its messages are searched for secrets."""

    def __init__(self, world: World) -> None:
        super().__init__(world.kernel)
        self._world = world

    def send(self, command: OrderCommand, lane: Lane) -> None:
        """See ports.OrderQueue."""
        super().send(command, lane)
        self._world.check_secrets(command.model_dump_json(), "a message of the queue")


class _Runtime(MemoryRuntime):
    """Tells the watchers what was announced."""

    def __init__(self, world: World, kernel: Kernel) -> None:
        self._sight: Sight | None = None
        self._reports: tuple[datetime, datetime] | None = None
        """The first and the last of reports without a gap, not in `_sight` yet: of thousands, few are read."""
        super().__init__(TrueClock(kernel), lambda: f"{kernel.random.getrandbits(128):032x}")
        self._world = world

    def lose_everything(self) -> None:
        super().lose_everything()
        self._sight = self._reports = None
        if hasattr(self, "_world"):
            self._world.inspector.locks_lost()

    def lock(self, strategy_id: UUID, *, seconds: float) -> str:
        token = super().lock(strategy_id, seconds=seconds)
        self._world.inspector.locked(strategy_id, token, self._clock.now() + timedelta(seconds=seconds))
        return token

    def unlock(self, strategy_id: UUID, token: str) -> None:
        held = self._locks.get(strategy_id)
        super().unlock(strategy_id, token)
        if held is not None and held[0] != token and strategy_id not in self._locks:
            self._world.inspector.broken("lock", "a lock was released by a worker that does not hold it")
        self._world.inspector.unlocked(strategy_id, token)

    def report_sight(self, now: datetime, since: datetime | None = None) -> None:
        # The simulated watchers say nothing of `since`: an absence of the store counts as blindness.
        if self.is_down:
            return
        if self._reports is not None and _AT_ONCE <= now - self._reports[1] <= LONGEST_UNREPORTED:
            self._reports = (self._reports[0], now)
            return
        self._take_reports()
        self._reports = (now, now)

    def sight(self) -> Sight | None:
        self._reach()
        self._take_reports()
        return self._sight

    def _take_reports(self) -> None:
        for at in self._reports or ():
            self._sight = Sight(at, timedelta(0)) if self._sight is None else self._sight.with_report(at)
        self._reports = None

    def announce(self, change: StopChange) -> None:
        super().announce(change)
        self._world.announced(change)


class World:
    """Everything of one day. Faults of servers are switched here; who acts when is the workload's matter."""

    def __init__(
        self, kernel: Kernel, weather: Weather, *, symbols: dict[str, int], concurrency: tuple[int, int]
    ) -> None:
        self.kernel = kernel
        self.weather = weather
        self.day = trading_day_of(kernel.now())
        self.postgres_down = False
        self.reads_hang = False
        self.watchers: list[WatcherProcess] = []
        self._watchers_made = 0
        self._losses = 0
        self.owner_of: dict[str, tuple[UUID, UUID]] = {}
        """By API key: the user and the account."""
        self.gives_hints = False
        self._is_over = False
        self._outage = 0
        self.secrets: list[str] = []
        """Everything that must never be seen in clear."""
        self.is_blind = False
        """Whether the broker takes orders, and answers no question."""
        self.policy = Policy()
        self._make_servers(symbols)
        self._make_services()
        self._make_cloud(concurrency)

    @property
    def broker_down(self) -> bool:
        """See doors.Outages."""
        return self.exchange.is_down or self.is_blind

    @property
    def position_lag(self) -> int:
        """See doors.Outages."""
        return int((self.exchange.book_lag + self.exchange.position_lag) * 1_000_000)

    # --- parts --------------------------------------------------------------------------------------

    def _make_servers(self, symbols: dict[str, int]) -> None:
        kernel, weather = self.kernel, self.weather
        self.database = MemoryDatabase()
        self.exchange = _Exchange(kernel, weather, {symbol: rupees(price) for symbol, price in symbols.items()})
        self.tokens = {symbol: (1000 + number) * 256 + 1 for number, symbol in enumerate(symbols)}
        self.symbol_of = {token: symbol for symbol, token in self.tokens.items()}
        self.prices = dict(symbols)
        """Last price by symbol, paise."""
        MemoryInstruments(self.database).replace_all(
            [
                Instrument("NSE", symbol, token, f"{symbol} LIMITED", "NSE", "EQ", Decimal("0.05"), 1, token % 512 == 1)
                for symbol, token in self.tokens.items()
            ]
        )
        self.api_key_of: dict[UUID, str] = {}
        """By account."""
        self.inspector = Inspector(
            kernel,
            self.exchange,
            self.database,
            self.api_key_of,
            entry_grace=self.policy.entry_grace,
            evidence_window=self.policy.evidence_window,
            sees=lambda strategy_id: any(watcher.guards(strategy_id) for watcher in self.watchers),
            last_outage=self._last_outage,
            on_update=self._order_changed,
        )
        self.exchange.inspector = self.inspector
        self.exchange.observer = self.inspector
        self.doors = Doors(kernel, weather, self, self.inspector)
        self.memory_runtime = _Runtime(self, kernel)
        self.memory_queue = _Queue(self)
        self.memory_schedules = MemorySchedules()
        self.memory_accounts = _Accounts(self)
        self.memory_named = MemoryNamedAccounts(self.database)
        self.memory_vault = MemoryVault()
        self.memory_notifier = MemoryNotifier()
        door = self.doors.open
        self.ledger = door(Ledger, _Ledger(self.database, self.inspector))  # type: ignore[type-abstract]
        self.strategies = door(Strategies, _Strategies(self.database, self.inspector, self.day))  # type: ignore[type-abstract]
        self.instruments = door(Instruments, MemoryInstruments(self.database))  # type: ignore[type-abstract]
        self.accounts = door(BrokerAccounts, self.memory_accounts)  # type: ignore[type-abstract]
        self.named = door(NamedAccounts, self.memory_named)  # type: ignore[type-abstract]
        self.risks = door(Risks, _Risks(self.database, self.inspector))  # type: ignore[type-abstract]
        self.snapshots = door(Snapshots, MemorySnapshots(self.database))  # type: ignore[type-abstract]
        self.outbox = door(Outbox, MemoryOutbox(self.database))  # type: ignore[type-abstract]
        self.summaries = door(Summaries, MemorySummaries(self.database))  # type: ignore[type-abstract]
        self.runtime = door(Runtime, self.memory_runtime)  # type: ignore[type-abstract]
        self.queue = door(OrderQueue, self.memory_queue)  # type: ignore[type-abstract]
        self.schedules = door(Schedules, self.memory_schedules)  # type: ignore[type-abstract]
        self.vault = door(Vault, self.memory_vault)  # type: ignore[type-abstract]
        self.notifier = door(Notifier, self.memory_notifier)  # type: ignore[type-abstract]
        self.brokers = door(Brokers, MemoryBrokers(self.exchange))  # type: ignore[type-abstract]
        self.meter = _Meter(self.inspector)

    def _make_services(self) -> None:
        kernel = self.kernel
        self.clock = clock = ProcessClock(kernel)
        desk = Desk(clock, self.ledger, self.runtime, self.strategies, self.meter, self.policy)
        pacing = Pacing(self.runtime, clock, self.meter, self.policy.rates)
        sessions = BrokerSessions(self.accounts, self.vault, self.brokers, clock, pacing)
        courier = Courier(clock, self.outbox, self.notifier, self.meter)
        way_out = WayOut(self.brokers, clock, self.meter, is_bound=False)
        checker = PlanChecker(self.instruments, NSE_SESSIONS)
        preflight = PreflightReader(
            self.strategies, self.accounts, self.named, self.risks, self.runtime, checker, clock, is_bound=False
        )
        last_call = LastCall(preflight, self.summaries, courier, clock, self.meter)
        self.executor = Executor(
            desk,
            self.instruments,
            sessions,
            self.snapshots,
            NSE_SESSIONS,
            self.risks,
            courier,
            way_out,
            last_call,
        )
        self.trigger = Trigger(clock, self.queue, self.meter, NSE_SESSIONS, self.policy.entry_grace)
        self.converge = Converge(
            clock=clock,
            strategies=self.strategies,
            instruments=self.instruments,
            ledger=self.ledger,
            risks=self.risks,
            outbox=self.outbox,
            snapshots=self.snapshots,
            runtime=self.runtime,
            schedules=self.schedules,
            queue=self.queue,
            notifier=self.notifier,
            meter=self.meter,
            table=NSE_SESSIONS,
        )
        self.manager = StrategyManager(
            strategies=self.strategies,
            ledger=self.ledger,
            instruments=self.instruments,
            accounts=self.accounts,
            named=self.named,
            risks=self.risks,
            checker=PlanChecker(self.instruments, NSE_SESSIONS),
            publisher=Publisher(
                self.runtime, self.schedules, self.queue, self.meter, clock, NSE_SESSIONS, self.policy.entry_grace
            ),
            prices=LivePrices(self.runtime, self.meter),
            clock=clock,
            new_id=self.new_id,
        )

        flattener = Flattener(self.risks, self.ledger, self.queue)
        self.kill_switch = KillSwitch(self.risks, self.ledger, flattener, clock, self.meter)
        self.operator = Operator(self.risks, self.ledger, flattener, clock, self.meter)
        self.login_wake = LoginWake(self.ledger, self.queue, clock, self.meter)
        self.hints = OrderHints(clock, self.ledger, self.runtime, self.queue, self.meter)

    def _make_cloud(self, concurrency: tuple[int, int]) -> None:
        kernel, weather = self.kernel, self.weather
        redelivery = self.doors.open(Redelivery, SimulatedRedelivery(kernel, self.memory_queue))  # type: ignore[type-abstract]
        for lane, limit in zip((Lane.NORMAL, Lane.PRIORITY), concurrency, strict=True):
            self.memory_queue.pollers[lane] = Poller(
                kernel,
                weather,
                self.memory_queue,
                lane,
                concurrency=limit,
                handle=self.handle,
                redelivery=redelivery,
                inspector=self.inspector,
            )
        self.alarm_clock = AlarmClock(kernel, weather, self.memory_schedules, self.trigger, self.inspector)
        self.every_minute = EveryMinute(kernel, weather, self.run_converge, self.inspector)

    def handle(self, command: OrderCommand) -> object:
        """What both executors do with a message."""
        return self.executor.handle(command)

    def run_converge(self) -> None:
        """The minute's run."""
        begun = self.kernel.micros
        if not self.converge.run().failures:
            self.inspector.guarding.converged(begun)

    def new_id(self) -> UUID:
        """As uuid4, from the day's own randomness."""
        return UUID(int=self.kernel.random.getrandbits(128), version=4)

    def kill(self, user_id: UUID) -> None:
        """A trader presses the kill switch, and is answered."""
        self.kill_switch.kill(user_id, "enough")
        self.inspector.switches.answered(user_id)

    def kill_everybody(self) -> None:
        """The operator does."""
        self.operator.kill(by="the operator", reason="a drill")
        self.inspector.switches.answered(None)

    # --- traders ------------------------------------------------------------------------------------

    def add_trader(self, cash: Decimal) -> UUID:
        """A user whose broker connection is live."""
        user_id = self.new_id()
        MemoryUsers(self.database).add(User(user_id, f"{user_id.hex}@example.com", self.kernel.now()), "hash")
        self.connect(user_id, first_account_of(user_id), cash)
        return user_id

    def connect(self, user_id: UUID, account_id: UUID, cash: Decimal) -> None:
        """An account at the broker, connected."""
        credentials = self.exchange.open_account(cash=cash)
        self.api_key_of[account_id] = credentials.api_key
        self.owner_of[credentials.api_key] = (user_id, account_id)
        self.database.postback_ids[account_id] = self.new_id()
        self._store_login(account_id, credentials.api_secret, credentials.access_token)

    def log_in(self, account_id: UUID) -> None:
        """Its owner logs in to the broker: a living token is stored."""
        credentials = self.exchange.log_in(self.api_key_of[account_id])
        self._store_login(account_id, credentials.api_secret, credentials.access_token)

    def log_in_again(self, account_id: UUID) -> None:
        """The same while things may wait for it: the function that stores the login has them looked after."""
        self.log_in(account_id)
        account = self.memory_accounts.find(*self.owner_of[self.api_key_of[account_id]])
        assert account is not None
        self.kernel.spawn(f"login:{account_id.hex[-4:]}", lambda: self.login_wake.wake(account), on_end=self.ended)

    def kill_token(self, account_id: UUID, *, is_known: bool) -> None:
        """The access token dies at the broker; with `is_known` the stored connection says so too."""
        api_key = self.api_key_of[account_id]
        self.exchange.log_out(api_key)
        account = self.memory_accounts.find(*self.owner_of[api_key])
        if is_known and account is not None:
            self.memory_accounts.save(
                replace(
                    account,
                    access_token=None,
                    status=ConnectionStatus.LOGIN_REQUIRED,
                    token_at=None,
                    updated_at=self.kernel.now(),
                )
            )

    def check_mark(self, user_id: UUID, account_id: UUID) -> None:
        """A token that counts as refused is none that the broker takes."""
        account = self.memory_accounts.find(user_id, account_id)
        if account is None or account.refused_at is None or account.access_token is None:
            return
        stored = self.memory_vault.unseal(user_id, {"access_token": account.access_token})["access_token"]
        if stored == self.exchange.account_of(self.api_key_of[account_id]).access_token:
            self.inspector.broken("token", "a login counts as refused that the broker takes")

    def _store_login(self, account_id: UUID, api_secret: str, access_token: str | None) -> None:
        assert access_token is not None
        self.secrets += [api_secret, access_token]
        api_key = self.api_key_of[account_id]
        user_id, _ = self.owner_of[api_key]
        secrets = {"api_key": api_key, "api_secret": api_secret, "access_token": access_token}
        sealed, now = self.memory_vault.seal(user_id, secrets), self.kernel.now()
        self.memory_accounts.save(
            SealedBrokerAccount(
                user_id=user_id,
                account_id=account_id,
                broker=BrokerName.KITE,
                api_key=sealed["api_key"],
                api_secret=sealed["api_secret"],
                access_token=sealed["access_token"],
                broker_user_id=self.exchange.account_of(api_key).broker_user_id,
                status=ConnectionStatus.CONNECTED,
                token_at=now,
                updated_at=now,
            )
        )

    def check_secrets(self, text: str, place: str) -> None:
        """I12: nothing that is a secret of some trader stands in `text`."""
        for secret in self.secrets:
            if secret in text:
                self.inspector.broken("I12", f"{place} holds a secret: {text[:80]}")

    def check_stored_secrets(self) -> None:
        """The same for everything that is stored: every table, Redis, schedules, and what owners were sent. What
        passes through the queue is looked at as it is sent."""
        postgres = {f"the table {each.name}": getattr(self.database, each.name) for each in fields(self.database)}
        redis = {f"{name} in Redis": value for name, value in vars(self.memory_runtime).items() if name != "_world"}
        others = {"a schedule": self.memory_schedules, "a message that was sent": self.memory_notifier}
        for place, rows in {**postgres, **redis, **others}.items():
            self.check_secrets(repr(rows), place)

    def is_at_rest(self) -> bool:
        """Whether nothing is left to happen: no message, no worker, no open order, no time of a plan still to come."""
        lanes = self.memory_queue.pollers
        if any(self.memory_queue.waiting(lane) or poller.running for lane, poller in lanes.items()):
            return False
        now = self.kernel.now()
        if any(order.placed_at > now for order in self.exchange.all_orders()):
            return False
        if not all(cycle.is_settled for cycle in self.database.cycles.values()):
            return False
        running = [s for s in self.database.strategies.values() if s.is_running]
        return all(instant_of(self.day, s.plan.buy_time) + self.policy.entry_grace < now for s in running)

    # --- the market ---------------------------------------------------------------------------------

    def move(self, symbol: str, paise: int) -> None:
        """A trade at the exchange, and its tick on the way to the watchers."""
        self.prices[symbol] = paise
        price = rupees(paise)
        self.exchange.set_price(symbol, price)
        self.inspector.instants.ticked(symbol, price)
        token = self.tokens[symbol]
        for watcher in self.watchers:
            self.kernel.after(self.weather.duration((0.002, 0.08)), lambda w=watcher: w.tick(token, paise))  # type: ignore[misc]
        # Not every tick is published: so executors meet fresh prices, stale ones and none.
        if self.watchers and not self.memory_runtime.is_down and self.kernel.random.random() < 0.4:
            self.memory_runtime.put_price(symbol, price, self.kernel.now())

    def _order_changed(self, order: MemoryOrder) -> None:
        """The broker tells about an order by itself: mostly, in time, and once."""
        if not self.gives_hints or self.weather.strikes("postback.lost"):
            return
        owner, now = self.owner_of.get(self.inspector.account_of(order)), self.kernel.now()
        if owner is None:
            return
        user_id, account_id = owner
        ticket = order.ticket
        update = OrderUpdate(
            order.order_id,
            order.status(now).value,
            order.filled(now),
            ticket.exchange,
            ticket.symbol,
            frozenset({ticket.tag} if ticket.tag else ()),
        )
        for _ in range(2 if self.weather.strikes("postback.duplicate") else 1):
            delay = self.weather.duration((0.05, 30.0) if self.weather.strikes("postback.late") else (0.02, 0.5))
            self.kernel.spawn(
                f"postback:{order.order_id[-4:]}",
                lambda: self.hints.give(user_id, account_id, update, "postback"),
                tenant=user_id,
                delay=delay,
                on_end=self.ended,
            )

    def ended(self, fault: BaseException | None) -> None:
        """A worker that nobody waits for is over: whatever its port calls raise may end it, a bug may not."""
        if fault is not None and not isinstance(fault, (Crashed, CloudFault, AlgotradingError)):
            self.inspector.broken("bug", f"{type(fault).__name__}: {fault}")

    def close_session(self) -> None:
        """15:30, or a halt for the rest of the day: the exchange cancels what rests, and takes no more."""
        self.exchange.close()
        self.inspector.exchange_closed = True

    def go_home(self) -> None:
        """The day is over for the watchers, too."""
        self._is_over = True
        for watcher in list(self.watchers):
            watcher.die()

    # --- watchers -----------------------------------------------------------------------------------

    def start_watcher(self) -> None:
        """Another process."""
        self._watchers_made += 1
        stores = Stores(
            strategies=self.strategies,
            ledger=self.ledger,
            instruments=self.instruments,
            queue=self.queue,
            prices=lambda token: self.prices.get(self.symbol_of[token]),
            report_sight=self.memory_runtime.report_sight,
        )
        self.watchers.append(
            WatcherProcess(
                self._watchers_made,
                self.kernel,
                self.weather,
                stores,
                self.inspector,
                on_death=self._watcher_died,
                on_failed_check=self.note_outage,
            )
        )

    def _watcher_died(self, watcher: WatcherProcess) -> None:
        self.watchers.remove(watcher)
        self.note_outage()
        if not self.watchers:
            self.kernel.after(self.weather.duration((10.0, 90.0)), self._start_where_none)

    def _start_where_none(self) -> None:
        if not self.watchers and not self._is_over:
            self.start_watcher()

    def announced(self, change: StopChange) -> None:
        """An entry of the change stream: read by every watcher a moment later, unless Redis is away by then."""
        losses = self._losses
        for watcher in self.watchers:
            self.kernel.after(
                self.weather.duration((0.001, 0.05)),
                lambda w=watcher: self._deliver(w, change, losses),  # type: ignore[misc]
            )

    def _deliver(self, watcher: WatcherProcess, change: StopChange, losses: int) -> None:
        if self.memory_runtime.is_down or self._losses != losses:
            watcher.gap()
        else:
            watcher.change(change)

    def _last_outage(self) -> int:
        if self.postgres_down or self.memory_runtime.is_down or not any(watcher.sees for watcher in self.watchers):
            self._outage = self.kernel.micros
        return self._outage

    def note_outage(self) -> None:
        """Something that guarding depends on is away, or came back."""
        self._outage = self.kernel.micros

    # --- servers that are away ----------------------------------------------------------------------

    def set_redis_down(self, is_down: bool) -> None:
        """Take Redis away, or bring it back as it was."""
        self.memory_runtime.is_down = is_down
        self.note_outage()
        if not is_down:
            for watcher in self.watchers:
                watcher.gap()

    def lose_redis(self) -> None:
        """A node was replaced: everything in it is forgotten."""
        self._losses += 1
        self.note_outage()
        self.memory_runtime.lose_everything()
        for watcher in self.watchers:
            watcher.gap()

    def entry_grace(self) -> timedelta:
        """How late an entry may be."""
        return self.policy.entry_grace
