"""What must hold whatever happens, checked against the exchange's own record as each thing enters it.

The names are those of the design's invariants, I1 to I12. Each check looks only at what has just changed, so that
checking costs little. Where physics sets a limit (an order on the wire, a reading that is already old, a process
that stands still) the bound is stated beside the check. This module hears of everything, and keeps what is small; what
an invariant has to know for itself is in a module of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from algotrading.domain.audit import AuditKind
from algotrading.domain.cycle import Cycle, CycleState, Intent, IntentState
from algotrading.domain.effects import Decision, RaiseAlarm, SendOrder
from algotrading.domain.events import BookRead, DayOver, Event
from algotrading.domain.notices import NoticeKind
from algotrading.domain.orders import Fill, Leg, Side
from algotrading.domain.sessions import instant_of
from tests.fakes.database import MemoryDatabase
from tests.fakes.exchange import Execution, MemoryAccount, MemoryExchange, MemoryOrder
from tests.simulation.faults import SECOND
from tests.simulation.guarding import Guarding
from tests.simulation.instants import MOST_SKEW, Instants
from tests.simulation.kernel import Kernel, Worker
from tests.simulation.record import Key, Traded, remaining, untrue
from tests.simulation.sizing import Sizing
from tests.simulation.switches import Switches
from tests.simulation.told import Moment, Told

_PROVEN_ABSENT = {IntentState.REFUSED, IntentState.THROTTLED, IntentState.NOT_PLACED}
_SAY_BOUGHT = {NoticeKind.BOUGHT, NoticeKind.PARTLY_BOUGHT, NoticeKind.LATE_ORDER}
_SAY_SOLD = {
    NoticeKind.SOLD,
    NoticeKind.SOLD_SO_FAR,
    NoticeKind.PARTLY_SOLD,
    NoticeKind.CLOSED_OUTSIDE,
    NoticeKind.OVERSOLD,
}
_SAY_OPEN = {NoticeKind.UNSETTLED, NoticeKind.OPEN_AT_CLOSE}
"""What an owner must have been told by the end of what was bought, what was sold, and what stayed open."""
_ALARM_OPEN = {"OldCycleOpen", "OpenAtClose"}
"""What must have been raised of a cycle that stayed open."""
_SYSTEM_ONLY = {"running", "unfinished", "to_watch", "begun", "waiting", "stuck", "find_by_email", "replace_all"} | {
    "record_breach",
    "lock_deployment",
    "release_deployment",
    "deployment",
    "watched",
    "missing",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One invariant that did not hold."""

    name: str
    at: datetime
    text: str

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%H:%M:%S.%f} UTC: {self.text}"


@dataclass(slots=True)
class Inspector:
    """Observer of the exchange, of the ledger's writes, and of whose rows are touched."""

    kernel: Kernel
    exchange: MemoryExchange
    database: MemoryDatabase
    api_key_of: dict[UUID, str]
    entry_grace: timedelta
    evidence_window: timedelta
    sees: Callable[[UUID], bool]
    """Whether some watcher would act on this strategy's stop now."""
    last_outage: Callable[[], int]
    """When something that guarding depends on was away last; now, while it is."""
    on_update: Callable[[MemoryOrder], None]
    """Hears of every order that changed, as the broker's own order updates do."""
    violations: list[Violation] = field(default_factory=list)
    truth_found: list[float] = field(default_factory=list)
    truth_absent: list[float] = field(default_factory=list)
    """Seconds from an order whose answer was lost, or whose sender died, until the ledger knew what became of it."""
    orders: int = 0
    exchange_closed: bool = False
    """Whether the session has ended."""
    _alarms: defaultdict[Key, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Which alarms were decided about each cycle."""
    _emitted: set[str] = field(default_factory=set)
    _owner: dict[str, tuple[Key, Intent]] = field(default_factory=dict)
    _order_of: dict[str, MemoryOrder] = field(default_factory=dict)
    _traded: dict[Key, Traded] = field(default_factory=dict)
    _cycles: dict[Key, Cycle] = field(default_factory=dict)
    _left_at: dict[str, int] = field(default_factory=dict)
    _hand_orders: dict[str, MemoryOrder] = field(default_factory=dict)
    _account_of: dict[str, MemoryAccount] = field(default_factory=dict)
    _written_at: dict[UUID, dict[str, int]] = field(default_factory=dict)
    _locks: dict[UUID, tuple[Worker, str, datetime]] = field(default_factory=dict)
    guarding: Guarding = field(init=False)
    instants: Instants = field(init=False)
    switches: Switches = field(init=False)
    _sizing: Sizing = field(init=False)
    _told: Told = field(init=False)

    def __post_init__(self) -> None:
        self.guarding = Guarding(
            self.kernel,
            self.exchange,
            self.database,
            self.broken,
            self._traded,
            self.sees,
            self.last_outage,
            self._is_late,
        )
        self.instants = Instants(self.kernel, self.database, self.broken, self.entry_grace)
        self.switches = Switches(self.kernel, self.database, self.broken)
        self._sizing = Sizing(self.kernel, self.broken)
        self._told = Told(self.kernel, self.broken)

    # --- what it is told --------------------------------------------------------------------------

    def broken(self, name: str, text: str) -> None:
        """Record that an invariant did not hold."""
        self.violations.append(Violation(name, self.kernel.now(), text))
        self.kernel.say(f"VIOLATION {name}: {text}")

    def counted(self, metric: str) -> None:
        """A metric was emitted."""
        self._emitted.add(metric)

    # --- the exchange's record ----------------------------------------------------------------------

    def left(self, tag: str) -> None:
        """An order's request has reached the broker's door."""
        self._left_at[tag] = self.kernel.micros

    def placed(self, account: MemoryAccount, order: MemoryOrder, *, by_hand: bool) -> None:
        """See exchange.Observer."""
        self.orders += 1
        self._account_of[order.order_id] = account
        self.on_update(order)
        if by_hand:
            self._hand_orders[order.order_id] = order
            return
        tag = order.ticket.tag
        known = self._owner.get(tag)
        if known is None:
            self.broken("I10", f"an order arrived under the tag {tag}, which no audit record speaks of")
            return
        key, intent = known
        if tag in self._order_of:
            self.broken("I1", f"the intent {intent.leg} {intent.attempt} was sent twice")
        cycle = self._cycles[key]
        self.instants.order_left(key[1])
        if account.api_key != self.api_key_of[cycle.account_id]:
            self.broken("I11", "an order went to another account than its cycle's")
        traded = self._traded.setdefault(key, Traded())
        if order.ticket.side is Side.BUY:
            self._check_entry(cycle, order, traded)
            traded.entries.append(order)
        else:
            self._check_exit(cycle, intent, order, traded)
            traded.exits.append(order)
        self._order_of[tag] = order

    def executed(self, order: MemoryOrder, execution: Execution) -> None:
        """See exchange.Observer."""
        self.kernel.at(self.kernel.micros_of(execution.at), lambda: self.on_update(order))
        known = self._owner.get(order.ticket.tag)
        if known is not None and order.ticket.side is Side.BUY:
            self.guarding.bought(known[0], self.kernel.micros_of(execution.at))

    def changed(self, order: MemoryOrder) -> None:
        """See exchange.Observer. A stop order that is asked to sell at once becomes the exit."""
        self.on_update(order)
        known = self._owner.get(order.ticket.tag)
        if known is not None and known[1].trigger_price is not None and order.ticket.trigger_price is None:
            self._sizing.arrived(self._account_of[order.order_id], order)
            self.instants.exit_began(self._cycles[known[0]])

    def ended(self, order: MemoryOrder) -> None:
        """See exchange.Observer."""
        self.on_update(order)

    def _check_entry(self, cycle: Cycle, order: MemoryOrder, traded: Traded) -> None:
        now = self.kernel.now()
        others = sum(other.filled(now) + remaining(other, now) for other in traded.entries)
        if others:
            self.broken("I1", f"a second live entry: {others} were bought or are on their way already")
        if order.ticket.quantity != cycle.plan.quantity:
            self.broken("I1", f"an entry of {order.ticket.quantity} where {cycle.plan.quantity} were asked for")
        self.switches.entry_left(cycle)
        self.instants.entry_left(cycle)

    def _check_limits(self, cycle: Cycle, written: Intent) -> None:
        """I8, by what was written down in the last minute of true time (less what clocks may differ by), and was not
        known since then never to have been looked at by the broker."""
        now = self.kernel.micros
        recent = self._written_at.setdefault(cycle.user_id, {})
        for tag in [tag for tag, at in recent.items() if now - at >= 50 * SECOND]:
            del recent[tag]
        limits = self.database.risk_limits.get(cycle.user_id)
        if written.leg is Leg.ENTRY and limits is not None:
            orders = len(recent.keys() - self._unsent(cycle.user_id))
            if limits.orders_per_minute is not None and orders >= limits.orders_per_minute:
                self.broken("I8", f"{orders + 1} orders in 50 s, with {limits.orders_per_minute} allowed a minute")
            opened = {
                c.strategy_id for c in self.database.cycles.values() if c.user_id == cycle.user_id and not c.is_settled
            } | {cycle.strategy_id}
            if limits.open_strategies is not None and len(opened) > limits.open_strategies:
                self.broken("I8", f"{len(opened)} strategies are open, with {limits.open_strategies} allowed")
        recent[written.tag] = now

    def _unsent(self, user_id: UUID) -> set[str]:
        """Marks of the user's orders that were held back, withdrawn or turned away by a rate limit."""
        intents = [i for c in self.database.cycles.values() if c.user_id == user_id for i in c.intents]
        withdrawn = {i.tag for i in intents if i.state is IntentState.REFUSED and i.sent_at is None}
        return withdrawn | {i.tag for i in intents if i.state is IntentState.THROTTLED}

    def _check_exit(self, cycle: Cycle, intent: Intent, order: MemoryOrder, traded: Traded) -> None:
        now = self.kernel.now()
        bought, sold, more = traded.bought(now), traded.sold(now), traded.may_still_sell(now)
        if sold + more + order.ticket.quantity > bought:
            self.broken(
                "I2",
                f"an exit of {order.ticket.quantity} with {bought} bought, {sold} sold, {more} still to be sold",
            )
        if intent.leg is Leg.EXIT:
            self._sizing.arrived(self._account_of[order.order_id], order)
            self.instants.exit_began(cycle)

    # --- the ledger's writes ------------------------------------------------------------------------

    def saved(self, decision: Decision, event: Event) -> None:
        """A decision was stored."""
        cycle = decision.cycle
        key = (cycle.strategy_id, cycle.trading_day)
        before = self._cycles.get(key)
        self._cycles[key] = cycle
        self._alarms[key] |= {effect.metric for effect in decision.effects if isinstance(effect, RaiseAlarm)}
        self._sizing.decided(before, decision)
        self.switches.strategy_stored(cycle.strategy_id)
        known = {} if before is None else {intent.tag: intent for intent in before.intents}
        for intent in cycle.intents:
            old = known.pop(intent.tag, None)
            if old is not intent:
                self._check_intent(key, old, intent, event)
        if cycle.closed_outside > (0 if before is None else before.closed_outside):
            self._check_outside(cycle)
        if known:
            self.broken("I4", f"intents vanished from the ledger: {sorted(known)}")
        if cycle.claim is not None and cycle.state not in {CycleState.EXITING, CycleState.FLAT, CycleState.FAILED}:
            self.broken("I5", f"the claim {cycle.claim} is held in state {cycle.state}")
        # What a decision stopped has a record of its own after it.
        written = next((entry for entry in reversed(self.database.audit) if entry.kind is AuditKind.DECISION), None)
        if written is None or written.data.get("cycle") != cycle:
            self.broken("I10", "a decision was stored without its audit record")
        if before is not None and not before.is_armed and cycle.is_armed and isinstance(event, BookRead):
            self._check_naked(key, before, cycle, event)
        self._check_effects(before, decision, event)

    def _check_naked(self, key: Key, before: Cycle, cycle: Cycle, event: BookRead) -> None:
        """A cycle that was over is armed again, for an order that surfaced late has bought: all the time since then
        counts as unguarded, up to this reading by its process's clock."""
        empty = {intent.tag for intent in before.intents if not intent.filled}
        entries = self._traded[key].entries if key in self._traded else []
        trades = [each.at for order in entries if order.ticket.tag in empty for each in order.executions]
        if not trades or any(intent.rests for intent in before.intents):
            return
        unguarded = event.now - min(trades) - MOST_SKEW
        if cycle.naked - before.naked < unguarded:
            self.broken("naked", f"{cycle.naked - before.naked} count as unguarded, and {unguarded} or more were")

    def _check_outside(self, cycle: Cycle) -> None:
        """What counts as sold by somebody else was: the owner's own sales of the instrument are no less than all that
        is put down to them."""
        now, plan = self.kernel.now(), cycle.plan
        instrument = (plan.exchange, plan.symbol, plan.product)
        put_down = sum(
            one.closed_outside
            for one in self._cycles.values()
            if one.account_id == cycle.account_id
            and (one.plan.exchange, one.plan.symbol, one.plan.product) == instrument
        )
        orders = self._hand_orders.values()
        sold = sum(
            order.filled(now)
            for order in orders
            if order.ticket.side is Side.SELL
            and (order.ticket.exchange, order.ticket.symbol, order.ticket.product) == instrument
            and self.account_of(order) == self.api_key_of[cycle.account_id]
        )
        if put_down > sold:
            self.broken("outside", f"{put_down} {plan.symbol} count as sold by their owner, who sold {sold}")

    def _check_intent(self, key: Key, old: Intent | None, new: Intent, event: Event) -> None:
        if old is None:
            other = self._owner.get(new.tag)
            if other is not None and other[0] != key:
                self.broken("I1", f"the tag {new.tag} belongs to two cycles")
            if new.state is not IntentState.PENDING:
                self.broken("I4", f"an intent began as {new.state}")
            self._check_limits(self.database.cycles[key], new)
        self._owner[new.tag] = (key, new)
        was = IntentState.PENDING if old is None else old.state
        order, now = self._order_of.get(new.tag), self.kernel.now()
        if old is not None and new.filled < old.filled:
            self.broken("I4", f"fills of {new.leg} {new.attempt} went from {old.filled} to {new.filled}")
        if new.filled > (0 if order is None else order.filled(now)):
            self.broken("I4", f"{new.filled} filled in the ledger, not at the exchange")
        if new.state is not was:
            self._check_state(was, new, order, event)

    def _check_state(self, was: IntentState, new: Intent, order: MemoryOrder | None, event: Event) -> None:
        now = self.kernel.now()
        if new.state is IntentState.DONE and not isinstance(event, DayOver):
            if order is None or not order.status(now).is_terminal:
                self.broken("I4", f"{new.leg} {new.attempt} became done without the exchange's evidence")
        elif new.state in _PROVEN_ABSENT and order is not None and not self._is_late(order):
            self.broken("I4", f"{new.leg} {new.attempt} became {new.state}, and the exchange has it")
        elif new.state is IntentState.ACCEPTED and order is None:
            self.broken("I4", f"{new.leg} {new.attempt} became accepted, and the exchange never had it")
        if was is IntentState.DONE:
            self.broken("I4", f"{new.leg} {new.attempt} was done and became {new.state}")
        resolved = isinstance(event, BookRead) and was in {IntentState.PENDING, IntentState.UNKNOWN}
        if resolved and new.state not in {IntentState.PENDING, IntentState.UNKNOWN}:
            left = self._left_at.get(new.tag)
            since = left if left is not None else self.kernel.micros_of(max(new.created_at, new.due_at))
            known = self.truth_absent if new.state in _PROVEN_ABSENT else self.truth_found
            known.append((self.kernel.micros - since) / SECOND)

    def _is_late(self, order: MemoryOrder) -> bool:
        """Whether it surfaces so long after it left that its absence was proven before."""
        left_at = self._left_at[order.ticket.tag]
        return self.kernel.micros_of(order.placed_at) - left_at >= self.evidence_window // timedelta(microseconds=1)

    def _check_effects(self, before: Cycle | None, decision: Decision, event: Event) -> None:
        cycle, now = decision.cycle, self.kernel.now()
        traded = self._traded.get((cycle.strategy_id, cycle.trading_day), Traded())
        in_time = sum(order.filled(now) for order in traded.entries if not self._is_late(order))
        self._told.decided(decision, Moment(before, cycle, event, traded, in_time, now))
        for effect in decision.effects:
            if isinstance(effect, SendOrder) and not any(i.tag == effect.tag for i in cycle.intents):
                self.broken("I10", "an order is to be sent that is not written down")

    # --- tenants ------------------------------------------------------------------------------------

    def check(self, worker: Worker, port: str, method: str, touched: object) -> None:
        """See doors.Tenancy."""
        if method in _SYSTEM_ONLY:
            self.broken("I11", f"{worker.name} called {port}.{method}, which serves the system alone")
        if touched is None or touched == worker.tenant:
            return
        for owner in _owners(touched):
            if owner != worker.tenant:
                self.broken("I11", f"{worker.name} touched another user's rows in {port}.{method}")

    # --- the end ------------------------------------------------------------------------------------

    def locked(self, strategy_id: UUID, token: str, until: datetime) -> None:
        """A worker got a strategy's lock: nobody else may hold it."""
        worker, holder = self.kernel.current, self._locks.get(strategy_id)
        if holder is not None and not holder[0].dead and holder[2] > self.kernel.now():
            self.broken("lock", f"{'' if worker is None else worker.name} took the lock that {holder[0].name} holds")
        if worker is not None:
            self._locks[strategy_id] = (worker, token, until)

    def unlocked(self, strategy_id: UUID, token: str) -> None:
        """A worker gave its lock back."""
        holder = self._locks.get(strategy_id)
        if holder is not None and holder[1] == token:
            del self._locks[strategy_id]

    def locks_lost(self) -> None:
        """The store that kept the locks is empty."""
        self._locks.clear()

    def bought_and_sold(self, key: Key) -> tuple[int, int]:
        """What the exchange's record says of one cycle now."""
        traded, now = self._traded.get(key), self.kernel.now()
        return (0, 0) if traded is None else (traded.bought(now), traded.sold(now))

    def check_rest(self, day: date) -> None:
        """Everything has come to rest: the ledger is the exchange's record, and nothing was forgotten. What the end of
        its day left open was alarmed, and its owner was told."""
        told: dict[UUID | None, set[str]] = defaultdict(set)
        for notice in self.database.notices:
            told[notice.strategy_id].add(notice.kind)
        stored: dict[UUID, list[Fill]] = defaultdict(list)
        for strategy_id, fill in self.database.fills.values():
            stored[strategy_id].append(fill)
        for key, cycle in sorted(self.database.cycles.items()):
            bought, sold = self.bought_and_sold(key)
            name = f"{cycle.plan.symbol} of {str(key[0])[:8]}"
            if cycle.state is CycleState.FAILED and self._ended_open(cycle, told[key[0]]):
                continue
            for difference in untrue(cycle, self._traded.get(key, Traded()), stored[key[0]], self.kernel.now()):
                self.broken("truth", f"{name}: {difference}")
            if not cycle.is_settled:
                self.broken("rest", f"{name} is not settled: {cycle.state}, {_states(cycle)}, wanted {cycle.wanted}")
            elif cycle.open_quantity:
                self.broken("rest", f"{name} is {cycle.state} and holds {cycle.open_quantity}")
            if cycle.state is CycleState.FAILED and not told[key[0]]:
                self.broken("told", f"{name}: its owner was never told anything")
            if bought and not told[key[0]] & _SAY_BOUGHT:
                self.broken("told", f"{name}: its owner was never told that {bought} were bought")
            if sold and not told[key[0]] & _SAY_SOLD:
                self.broken("told", f"{name}: its owner was never told that {sold} were sold")
        self._check_entries_happened(day)
        for tag, (key, _) in sorted(self._owner.items()):
            stored_cycle = self.database.cycles[key]
            intent = next((i for i in stored_cycle.intents if i.tag == tag), None)
            if intent is None:
                self.broken("I4", f"the intent {tag} is gone from the ledger")

    def check_books(self, day: date) -> None:
        """The night after a day: the book of every account that was traded in is kept, as the exchange has it."""
        for account_id in sorted({cycle.account_id for cycle in self.database.cycles.values()}):
            kept = self.database.snapshots.get((account_id, day))
            account = self.exchange.account_of(self.api_key_of[account_id])
            if kept is None:
                self.broken("books", f"the book of {account.broker_user_id} was not kept")
                continue
            orders = {(order.order_id, order.filled(self.kernel.now())) for order in account.orders}
            trades = {execution.trade_id for order in account.orders for execution in order.executions}
            if {(row.broker_order_id, row.filled_quantity) for row in kept.book.rows} != orders:
                self.broken("books", f"the kept book of {account.broker_user_id} has other orders than the exchange")
            if {fill.trade_id for fill in kept.book.fills} != trades:
                self.broken("books", f"the kept book of {account.broker_user_id} has other trades than the exchange")

    def account_of(self, order: MemoryOrder) -> str:
        """The API key of the account that an order belongs to."""
        return self._account_of[order.order_id].api_key

    def _ended_open(self, cycle: Cycle, told: set[str]) -> bool:
        """Whether the session closed over the cycle, which was said to everybody whom it concerns."""
        is_alarmed = bool(self._alarms[cycle.strategy_id, cycle.trading_day] & _ALARM_OPEN & self._emitted)
        return self.exchange_closed and is_alarmed and bool(told & _SAY_OPEN) and cycle.is_settled

    def _check_entries_happened(self, day: date) -> None:
        now = self.kernel.now()
        for strategy in self.database.strategies.values():
            due = instant_of(day, strategy.plan.buy_time)
            if not strategy.is_running or strategy.updated_at > due or now < due:
                continue
            cycle = self.database.cycles.get((strategy.strategy_id, day))
            if cycle is None or cycle.state is CycleState.IDLE:
                self.broken("rest", f"the buy of {str(strategy.strategy_id)[:8]} was forgotten")


def _states(cycle: Cycle) -> str:
    shown = [f"{i.leg} {i.attempt} {i.state}" for i in cycle.intents]
    return ", ".join(["...", *shown[-6:]] if len(shown) > 6 else shown) or "no orders"


def _owners(touched: object) -> list[UUID]:
    if isinstance(touched, UUID):
        return [touched]
    if isinstance(touched, Decision):
        return [touched.cycle.user_id]
    if isinstance(touched, (list, tuple)):
        return [owner for each in touched for owner in _owners(each)]
    owner = getattr(touched, "user_id", None)
    return [owner] if isinstance(owner, UUID) else []
