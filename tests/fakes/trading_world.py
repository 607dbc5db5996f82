"""The trading services wired on in-memory ports and one virtual clock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from algotrading.adapters import redis_keys as keys
from algotrading.contracts.messages import OrderCommand, OrderEvent
from algotrading.domain.accounts import BrokerName, ConnectionStatus, SealedBrokerAccount, first_account_of
from algotrading.domain.cycle import Cycle
from algotrading.domain.instruments import Product
from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.orders import OrderTicket, Side
from algotrading.domain.policy import Policy
from algotrading.domain.sessions import instant_of
from algotrading.domain.sight import Sight
from algotrading.domain.strategy import Strategy, StrategyStatus
from algotrading.services.alarms import make_command
from algotrading.services.broker_sessions import BrokerSessions
from algotrading.services.check_plan import PlanChecker
from algotrading.services.converge import Converge
from algotrading.services.courier import Courier
from algotrading.services.errand import Desk
from algotrading.services.execute import Executor
from algotrading.services.last_call import LastCall
from algotrading.services.paced_broker import Pacing
from algotrading.services.preflight import PreflightReader
from algotrading.services.trigger import Trigger
from algotrading.services.way_out import WayOut
from tests.fakes.accounts import MemoryBrokerAccounts, MemoryUsers
from tests.fakes.broker import MemoryBrokers
from tests.fakes.clock import VirtualClock
from tests.fakes.cloud import MemoryMeter, MemoryNotifier, MemorySchedules, MemoryVault
from tests.fakes.database import MemoryDatabase
from tests.fakes.examples import TRADING_DAY, make_instrument, make_strategy, make_user
from tests.fakes.exchange import MemoryExchange, trades
from tests.fakes.instruments import MemoryInstruments
from tests.fakes.ledger import MemoryLedger, MemoryOutbox
from tests.fakes.named_accounts import MemoryNamedAccounts
from tests.fakes.notifications import MemorySummaries
from tests.fakes.queue import MemoryQueue
from tests.fakes.risks import MemoryRisks
from tests.fakes.runtime import MemoryRuntime
from tests.fakes.snapshots import MemorySnapshots
from tests.fakes.strategies import MemoryStrategies

OPENING = instant_of(TRADING_DAY, time(9, 0))


class WatchedRuntime(MemoryRuntime):
    """A runtime store to which a watcher reports every second that it sees, until a story sets `is_watched`
    to False; `see_again` ends that."""

    is_watched = True

    def sight(self) -> Sight | None:
        """What was reported up to this moment."""
        before = super().sight()
        if self.is_watched:
            after = Sight(self._clock.now(), timedelta(0) if before is None else before.blind)
            self.hashes[keys.SIGHT] = keys.sight_fields(after)
        return super().sight()

    def see_again(self) -> None:
        """The first report after a blind time."""
        self.report_sight(self._clock.now())
        self.is_watched = True


@dataclass
class TradingWorld:
    """One trader with a connected broker, one instrument (TCS at 3600), and every trading service."""

    clock: VirtualClock = field(default_factory=lambda: VirtualClock(OPENING))
    database: MemoryDatabase = field(default_factory=MemoryDatabase)
    meter: MemoryMeter = field(default_factory=MemoryMeter)
    schedules: MemorySchedules = field(default_factory=MemorySchedules)
    notifier: MemoryNotifier = field(default_factory=MemoryNotifier)
    vault: MemoryVault = field(default_factory=MemoryVault)
    is_bound: bool = False
    """Whether orders are taken from registered addresses alone."""

    def __post_init__(self) -> None:
        self.exchange = MemoryExchange(self.clock, {"TCS": Decimal(3600)})
        self.runtime = WatchedRuntime(self.clock)
        self.queue = MemoryQueue(self.clock)
        self.ledger = MemoryLedger(self.database)
        self.risks = MemoryRisks(self.database)
        self.strategies = MemoryStrategies(self.database)
        self.instruments = MemoryInstruments(self.database)
        self.instruments.replace_all([make_instrument("TCS")])
        self.accounts = MemoryBrokerAccounts(self.database)
        self.named = MemoryNamedAccounts(self.database)
        self.snapshots = MemorySnapshots(self.database)
        self.way_out = WayOut(MemoryBrokers(self.exchange), self.clock, self.meter, self.is_bound)
        self.user_id = self.add_trader()

    @property
    def executor(self) -> Executor:
        """A worker of either lane."""
        return self.make_executor(self.ledger)

    def make_executor(self, ledger: Any) -> Executor:
        """A worker whose ledger a test has put something in front of."""
        desk = Desk(self.clock, ledger, self.runtime, self.strategies, self.meter, Policy())
        pacing = Pacing(self.runtime, self.clock, self.meter, desk.policy.rates)
        sessions = BrokerSessions(self.accounts, self.vault, MemoryBrokers(self.exchange), self.clock, pacing)
        courier = Courier(self.clock, MemoryOutbox(self.database), self.notifier, self.meter)
        checker = PlanChecker(self.instruments, NSE_SESSIONS)
        preflight = PreflightReader(
            self.strategies, self.accounts, self.named, self.risks, self.runtime, checker, self.clock, self.is_bound
        )
        last_call = LastCall(preflight, MemorySummaries(self.database), courier, self.clock, self.meter)
        return Executor(
            desk,
            self.instruments,
            sessions,
            self.snapshots,
            NSE_SESSIONS,
            self.risks,
            courier,
            self.way_out,
            last_call,
        )

    @property
    def trigger(self) -> Trigger:
        """What the scheduler calls."""
        return Trigger(self.clock, self.queue, self.meter, NSE_SESSIONS, timedelta(seconds=120))

    @property
    def converge(self) -> Converge:
        """The repairer."""
        return Converge(
            clock=self.clock,
            strategies=self.strategies,
            instruments=self.instruments,
            ledger=self.ledger,
            risks=self.risks,
            outbox=MemoryOutbox(self.database),
            snapshots=self.snapshots,
            runtime=self.runtime,
            schedules=self.schedules,
            queue=self.queue,
            notifier=self.notifier,
            meter=self.meter,
            table=NSE_SESSIONS,
        )

    # --- what a story arranges --------------------------------------------------------------------

    def add_trader(self, **account: Any) -> UUID:
        """A user whose broker connection is live."""
        user = make_user()
        MemoryUsers(self.database).add(user, "hash")
        self.connect(user.user_id, first_account_of(user.user_id), **account)
        return user.user_id

    def connect(self, user_id: UUID, account_id: UUID, **account: Any) -> str:
        """Open an account at the broker, connect it, and answer its API key."""
        credentials = self.exchange.open_account(**account)
        assert credentials.access_token is not None
        secrets = {
            "api_key": credentials.api_key,
            "api_secret": credentials.api_secret,
            "access_token": credentials.access_token,
        }
        sealed = self.vault.seal(user_id, secrets)
        self.accounts.save(
            SealedBrokerAccount(
                user_id=user_id,
                account_id=account_id,
                broker=BrokerName.KITE,
                broker_user_id=self.exchange.authenticate(credentials.api_key, credentials.access_token).broker_user_id,
                status=ConnectionStatus.CONNECTED,
                token_at=self.clock.now(),
                updated_at=self.clock.now(),
                api_key=sealed["api_key"],
                api_secret=sealed["api_secret"],
                access_token=sealed["access_token"],
            )
        )
        return credentials.api_key

    def log_out_of_broker(self, account_id: UUID | None = None) -> None:
        """The stored broker connection, of the first account by default, has no token any more."""
        account = self.accounts.find(self.user_id, account_id)
        assert account is not None
        self.accounts.save(
            replace(
                account,
                access_token=None,
                status=ConnectionStatus.LOGIN_REQUIRED,
                token_at=None,
                updated_at=self.clock.now(),
            )
        )

    def log_in_again(self, at: datetime) -> None:
        """A later morning's broker login."""
        self.clock.sleep_until(at)
        account = self.accounts.find(self.user_id)
        assert account is not None
        self.accounts.save(replace(account, token_at=at, updated_at=at))

    def renew_broker_token(self) -> None:
        """The owner logs in to the broker once more, which ends the token of before."""
        account = self.accounts.find(self.user_id)
        assert account is not None
        api_key = self.vault.unseal(self.user_id, {"api_key": account.api_key})["api_key"]
        token = self.exchange.log_in(api_key).access_token
        assert token is not None
        sealed = self.vault.seal(self.user_id, {"access_token": token})["access_token"]
        now = self.clock.now()
        connected = ConnectionStatus.CONNECTED
        self.accounts.save(replace(account, access_token=sealed, status=connected, token_at=now, updated_at=now))

    def add_running(self, account_id: UUID | None = None, **plan: Any) -> Strategy:
        """A running strategy: TCS, 09:30 to 15:00, ten shares, stop at 3500, in the first account, unless told
        otherwise."""
        strategy = make_strategy(self.user_id, status=StrategyStatus.RUNNING, **plan)
        now = self.clock.now()
        strategy = replace(strategy, account_id=account_id or strategy.account_id, created_at=now, updated_at=now)
        self.strategies.add(strategy)
        return strategy

    def buy_by_hand(self, symbol: str, quantity: int) -> None:
        """The owner's own order, from the broker's app."""
        self.trade_by_hand(symbol, quantity, Side.BUY)

    def trade_by_hand(self, symbol: str, quantity: int, side: Side) -> None:
        """The same in either direction."""
        account = self.accounts.find(self.user_id)
        assert account is not None
        api_key = self.vault.unseal(self.user_id, {"api_key": account.api_key})["api_key"]
        token = self.vault.unseal(self.user_id, {"access_token": str(account.access_token)})["access_token"]
        ticket = OrderTicket("NSE", symbol, side, quantity, Product.MIS, "byhand")
        self.exchange.place(self.exchange.authenticate(api_key, token), ticket, trades())

    def change(self, strategy: Strategy, **changes: Any) -> Strategy:
        """Store another version of a strategy."""
        changed = replace(strategy, version=strategy.version + 1, updated_at=self.clock.now(), **changes)
        self.strategies.save(changed, expected_version=strategy.version)
        return changed

    def command(self, strategy: Strategy, event: OrderEvent, at: time | None = None, **more: Any) -> OrderCommand:
        """A message about today's cycle, due at a time of day or at once."""
        command = make_command(
            strategy_id=strategy.strategy_id,
            user_id=strategy.user_id,
            event=event,
            trading_day=TRADING_DAY,
            now=self.clock.now(),
            cause="test",
            due=None if at is None else instant_of(TRADING_DAY, at),
        )
        return command.model_copy(update=more)

    def buy(self, strategy: Strategy) -> Cycle:
        """Carry today's entry out, from a minute and a half before its time."""
        self.clock.sleep_until(instant_of(TRADING_DAY, strategy.plan.buy_time) - timedelta(seconds=90))
        cycle = self.executor.handle(self.command(strategy, OrderEvent.BUY, strategy.plan.buy_time))
        assert cycle is not None
        return cycle

    # --- what a story looks at --------------------------------------------------------------------

    def cycle(self, strategy: Strategy) -> Cycle:
        """Today's cycle as stored."""
        cycle = self.ledger.find(strategy.user_id, strategy.strategy_id, TRADING_DAY)
        assert cycle is not None
        return cycle

    def sent(self, side: Side) -> list[OrderTicket]:
        """Every order of that side that reached the exchange's door."""
        return [ticket for ticket in self.exchange.received if ticket.side is side]

    def told(self) -> list[str]:
        """Kinds of the notices written so far."""
        return [notice.kind for notice in self.database.notices]

    def at(self, at: time) -> datetime:
        """An instant of today."""
        return instant_of(TRADING_DAY, at)
