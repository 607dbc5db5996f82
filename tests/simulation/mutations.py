"""Deliberate bugs, each of which the simulation must notice: the proof that it proves something.

Each is applied to production code (or to the in-memory store that stands for the database's own rules) inside a
context, and names the invariants that may notice it and the number of seeds within which one of them must.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from unittest.mock import patch

from algotrading.domain import decide as decide_module
from algotrading.domain import end_of_day as end_of_day_module
from algotrading.domain import naked as naked_module
from algotrading.domain import observe as observe_module
from algotrading.domain import protect as protect_module
from algotrading.domain import settle as settle_module
from algotrading.domain import tell as tell_module
from algotrading.domain.accounts import first_account_of
from algotrading.domain.cycle import Cycle, Intent, IntentState
from algotrading.domain.effects import Decision, RaiseAlarm, Tell
from algotrading.domain.events import Answered, EntryDue, ExitDue
from algotrading.domain.flatness import FlatProof
from algotrading.domain.limits import Locks
from algotrading.domain.notices import NoticeKind
from algotrading.domain.orders import Accepted, Leg, Refused, Side, Unknown
from algotrading.domain.policy import Policy
from algotrading.services import broker_sessions as broker_sessions_module
from algotrading.services import kill_switch as kill_switch_module
from algotrading.services import read_broker, send_orders
from algotrading.services import worker as worker_module
from algotrading.services.broker_line import BrokerLine
from algotrading.services.broker_sessions import BrokerSessions
from algotrading.services.converge import Converge, Repairs, _Run
from algotrading.services.cycle_runner import CycleRunner
from algotrading.services.errand import Errand
from algotrading.services.execute import Executor
from algotrading.services.kill_switch import KillSwitch
from algotrading.services.worker import Worker
from fargate_listener.stop_guard import StopGuard
from tests.fakes import audit, risks
from tests.fakes.cloud import MemoryVault
from tests.fakes.ledger import MemoryLedger
from tests.fakes.risks import MemoryRisks
from tests.fakes.runtime import MemoryRuntime
from tests.simulation.day import simulate_day


@dataclass(frozen=True, slots=True)
class Mutation:
    """One bug: what it is, which invariants may notice it, and within how many seeds one must."""

    what: str
    noticed_by: frozenset[str]
    within: int
    applied: Callable[[], AbstractContextManager[object]]
    rates: Mapping[str, float] | None = None
    """The weather that brings it out, where the seeds' own rarely does."""


MUTATIONS: dict[str, Mutation] = {}


def _mutation(
    what: str, noticed_by: str, within: int, **rates: float
) -> Callable[[Callable[[], AbstractContextManager[object]]], Callable[[], AbstractContextManager[object]]]:
    def register(apply: Callable[[], AbstractContextManager[object]]) -> Callable[[], AbstractContextManager[object]]:
        name = apply.__name__.removeprefix("_")
        weather = {name.replace("__", "."): rate for name, rate in rates.items()} or None
        MUTATIONS[name] = Mutation(what, frozenset(noticed_by.split()), within, apply, weather)
        return apply

    return register


def try_out(mutation: Mutation) -> tuple[int | None, set[str]]:
    """How many seeds, from 0 on, it takes until one of its invariants has noticed the bug, or None where none has; and
    all that were violated by then."""
    violated: set[str] = set()
    with mutation.applied():
        for seed in range(mutation.within):
            violated |= {violation.name for _, violation in simulate_day(seed, rates=mutation.rates).violations}
            if violated & mutation.noticed_by:
                return seed + 1, violated
    return None, violated


def _wrapped(owner: Any, name: str, around: Callable[..., Any]) -> AbstractContextManager[object]:
    """`owner.name` replaced by `around(original, ...)`."""
    original = getattr(owner, name)

    def replaced(*args: Any, **kwargs: Any) -> Any:
        return around(original, *args, **kwargs)

    return patch.object(owner, name, replaced)


# --- what an answer proves --------------------------------------------------------------------------


@_mutation("an order without an answer is sent again at once", "I1 I2 I4", 60)
def _blind_retry() -> AbstractContextManager[object]:
    def hear(original: Any, cycle: Cycle, event: Answered, policy: Policy) -> Decision:
        if isinstance(event.answer, Unknown):
            event = replace(event, answer=Refused("LOST", "no answer", retryable=True, raw={}))
        return original(cycle, event, policy)  # type: ignore[no-any-return]

    return _wrapped(decide_module, "_hear", hear)


@_mutation("an order that one reading does not show was never placed", "I1 I2 I4", 60)
def _absence_believed_at_once() -> AbstractContextManager[object]:
    def observe(original: Any, cycle: Cycle, event: Any, window: timedelta, reads: int) -> Cycle:
        return original(cycle, event, timedelta(0), 1)  # type: ignore[no-any-return]

    return _wrapped(decide_module, "observe", observe)


@_mutation("an accepted order counts as filled", "I4 told truth", 40)
def _accepted_is_filled() -> AbstractContextManager[object]:
    def hear(original: Any, cycle: Cycle, event: Answered, policy: Policy) -> Decision:
        decision: Decision = original(cycle, event, policy)
        if not isinstance(event.answer, Accepted):
            return decision
        filled = tuple(replace(i, filled=i.quantity) if i.tag == event.tag else i for i in decision.cycle.intents)
        return replace(decision, cycle=replace(decision.cycle, intents=filled))

    return _wrapped(decide_module, "_hear", hear)


@_mutation("every fill is counted twice", "I4 truth", 40)
def _fills_counted_twice() -> AbstractContextManager[object]:
    def observe(original: Any, cycle: Cycle, *rest: Any) -> Cycle:
        seen: Cycle = original(cycle, *rest)
        old = {intent.tag: intent.filled for intent in cycle.intents}
        doubled = tuple(replace(i, filled=2 * i.filled) if i.filled != old[i.tag] else i for i in seen.intents)
        return replace(seen, intents=doubled)

    return _wrapped(decide_module, "observe", observe)


@_mutation("the trades of sales are not stored", "truth", 20)
def _sales_not_stored() -> AbstractContextManager[object]:
    def add(original: Any, ledger: MemoryLedger, cycle: Cycle, reading: Any) -> None:
        bought = tuple(intent for intent in cycle.intents if intent.leg is Leg.ENTRY)
        original(ledger, replace(cycle, intents=bought), reading)

    return _wrapped(MemoryLedger, "_add_fills", add)


@_mutation("what was paid for an order counts as the price of a share", "truth", 20)
def _value_for_price() -> AbstractContextManager[object]:
    def average(original: Any, executed: Any, rows: Any) -> Any:
        return original(executed, rows) * sum(fill.quantity for fill in executed)

    return _wrapped(observe_module, "_average", average)


@_mutation("an order that surfaces after it was proven absent is left alone", "I3 rest truth", 200)
def _late_arrivals_ignored() -> AbstractContextManager[object]:
    def neutralise(_original: Any, cycle: Cycle) -> Decision:
        return Decision(cycle)

    return _wrapped(settle_module, "_neutralise", neutralise)


@_mutation("the owner is told of the buy when the order was accepted", "told", 60)
def _told_too_early() -> AbstractContextManager[object]:
    def hear(original: Any, cycle: Cycle, event: Answered, policy: Policy) -> Decision:
        decision: Decision = original(cycle, event, policy)
        leg = next(intent.leg for intent in cycle.intents if intent.tag == event.tag)
        if leg is not Leg.ENTRY or not isinstance(event.answer, Accepted):
            return decision
        return replace(decision, effects=(*decision.effects, Tell(NoticeKind.BOUGHT, "bought.")))

    return _wrapped(decide_module, "_hear", hear)


def _silenced(owner: Any, name: str) -> AbstractContextManager[object]:
    """What it decides happens, and nobody is told."""

    def decided(original: Any, *args: Any) -> Decision:
        decision: Decision = original(*args)
        return replace(decision, effects=tuple(e for e in decision.effects if not isinstance(e, Tell)))

    return _wrapped(owner, name, decided)


@_mutation("the owner hears that the order was accepted, and never that it has bought", "told", 20)
def _buy_not_told() -> AbstractContextManager[object]:
    return _silenced(settle_module, "_settle_entry")


@_mutation("the owner hears of the buy, and never that it was sold again", "told", 20)
def _sale_not_told() -> AbstractContextManager[object]:
    return _silenced(settle_module, "_end")


@_mutation("the owner is told of as many as were asked for, where the buy was filled by half", "told", 40)
def _asked_told_as_bought() -> AbstractContextManager[object]:
    def bought(original: Any, cycle: Cycle) -> Tell:
        filled = next(i for i in cycle.intents if i.leg is Leg.ENTRY and i.filled)
        whole = replace(filled, filled=cycle.plan.quantity)
        return original(replace(cycle, intents=(whole,)))  # type: ignore[no-any-return]

    return _wrapped(settle_module, "bought", bought)


@_mutation("what is partly sold is told as partly bought, and the other way round", "told", 60)
def _partly_told_the_wrong_way_round() -> AbstractContextManager[object]:
    other = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}

    def partly(original: Any, cycle: Cycle, intent: Intent) -> Tell:
        return original(cycle, replace(intent, side=other[intent.side]))  # type: ignore[no-any-return]

    return _wrapped(tell_module, "_partly", partly)


@_mutation("an order without an answer is told to have never been placed", "told", 20)
def _absence_told_at_once() -> AbstractContextManager[object]:
    def unknown(_original: Any, cycle: Cycle, intent: Intent) -> Tell:
        word = tell_module._verb(intent)
        text = f"{cycle.plan.symbol}: the broker's order book proves that the {word} was never placed."
        return Tell(NoticeKind.ORDER_NOT_PLACED, text)

    return _wrapped(tell_module, "unknown", unknown)


@_mutation("a day ends with something open, and its owner is not told", "rest", 250)
@contextmanager
def _open_end_not_told() -> Iterator[None]:
    with _silenced(end_of_day_module, "_close"), _silenced(end_of_day_module, "_say_what_is_open"):
        yield


@_mutation("a day ends with something open, and nobody is alarmed", "rest", 250)
@contextmanager
def _open_end_not_alarmed() -> Iterator[None]:
    def quietly(original: Any, *args: Any) -> Decision:
        decision: Decision = original(*args)
        return replace(decision, effects=tuple(e for e in decision.effects if not isinstance(e, RaiseAlarm)))

    with (
        _wrapped(end_of_day_module, "_close", quietly),
        _wrapped(end_of_day_module, "_say_what_is_open", quietly),
    ):
        yield


# --- who may write and send -------------------------------------------------------------------------


def _any_epoch() -> AbstractContextManager[object]:
    def check(original: Any, ledger: MemoryLedger, cycle: Cycle) -> Any:
        stored = ledger.database.cycles[cycle.strategy_id, cycle.trading_day]
        return original(ledger, replace(cycle, epoch=stored.epoch))

    return _wrapped(MemoryLedger, "check", check)


@_mutation("nobody is fenced off by the epoch", "I4 outside truth", 60)
def _no_epoch() -> AbstractContextManager[object]:
    return _any_epoch()


@_mutation("nobody is fenced off: neither by the epoch nor by the intents' unique key", "I1 I2", 60)
@contextmanager
def _no_fence() -> Iterator[None]:
    # Of the key alone nothing shows: whom it would stop, the epoch has stopped. Without both, orders are doubled.
    with _any_epoch(), patch.object(MemoryLedger, "_refuse_foreign_intents", lambda *_: None):
        yield


@_mutation("a strategy's lock is released by whoever asks", "lock", 200)
def _lock_released_without_token() -> AbstractContextManager[object]:
    def unlock(original: Any, runtime: MemoryRuntime, strategy_id: Any, token: str) -> None:
        held = runtime._locks.get(strategy_id)
        original(runtime, strategy_id, token if held is None else held[0])

    return _wrapped(MemoryRuntime, "unlock", unlock)


@_mutation("an intent is written down after its order was sent", "I10", 20)
def _sent_before_written() -> AbstractContextManager[object]:
    def save(original: Any, runner: CycleRunner, decision: Decision, event: Any, logs: Any) -> None:
        for intent in decision.cycle.intents:
            if intent.leg is Leg.ENTRY and intent.state is IntentState.PENDING and isinstance(event, EntryDue):
                runner.errand.broker.prepare_order(send_orders.ticket_of(runner.errand, intent)).send()
        original(runner, decision, event, logs)

    return _wrapped(CycleRunner, "_save", save)


@_mutation("decisions leave no audit record", "I10", 20)
def _audit_skipped() -> AbstractContextManager[object]:
    return patch.object(audit, "append", lambda *_: None)


@_mutation("a worker trades through another user's broker account", "I11", 20)
def _wrong_tenant() -> AbstractContextManager[object]:
    def open_session(original: Any, sessions: BrokerSessions, account: Any) -> Any:
        accounts = sessions.accounts.real._database.broker_accounts.values()  # type: ignore[attr-defined]
        users = sorted(each.user_id for each in accounts)
        other = next(each for each in users if account is None or each != account.user_id)
        return original(sessions, sessions.accounts.find(other))

    return _wrapped(BrokerSessions, "_connect", open_session)


@_mutation("a worker trades through its user's first account, whichever its cycle is in", "I11", 20)
def _first_account() -> AbstractContextManager[object]:
    def renew(original: Any, sessions: BrokerSessions, user_id: Any, _account_id: Any, opened: Any) -> Any:
        return original(sessions, user_id, first_account_of(user_id), opened)

    return _wrapped(BrokerSessions, "renew", renew)


@_mutation("the refusal of a token of before marks the one that has replaced it", "token", 60)
def _another_token_marked() -> AbstractContextManager[object]:
    def hear_refusal(_original: Any, line: BrokerLine, _token_at: Any) -> bool:
        known = line.token.account
        line.token.account = line.token.accounts.find(known.user_id, known.account_id) or known
        line.token.hear(is_refused=True)
        return False

    return _wrapped(BrokerLine, "hear_refusal", hear_refusal)


# --- exits ------------------------------------------------------------------------------------------


def _resized(decision: Decision, quantity: int) -> Decision:
    intents = decision.cycle.intents
    if not intents or intents[-1].leg is not Leg.EXIT or intents[-1].state is not IntentState.PENDING:
        return decision
    changed = replace(intents[-1], quantity=quantity)
    return replace(decision, cycle=replace(decision.cycle, intents=(*intents[:-1], changed)))


@_mutation("an exit sells what was asked for, not what is held", "I2 I6", 150)
def _exit_sized_from_the_request() -> AbstractContextManager[object]:
    def claim(original: Any, cycle: Cycle, event: ExitDue, policy: Policy) -> Decision:
        return _resized(original(cycle, event, policy), cycle.plan.quantity)

    return _wrapped(decide_module, "_claim_exit", claim)


@_mutation("an exit does not ask the broker what is held", "I6", 20)
def _exit_does_not_ask() -> AbstractContextManager[object]:
    return patch.object(read_broker, "ask_held", lambda errand: errand.cycle.open_quantity)


@_mutation("a stop order is turned though the broker shows less than it sells", "I6", 200)
def _stop_turned_over_a_sale() -> AbstractContextManager[object]:
    def leave(original: Any, cycle: Cycle, stops: tuple[Intent, ...], event: ExitDue, policy: Policy) -> Decision:
        held = None if event.held is None else max(event.held, stops[-1].quantity)
        return original(cycle, stops, replace(event, held=held), policy)  # type: ignore[no-any-return]

    return _wrapped(decide_module, "_leave_by_stop", leave)


@_mutation("an exit asks the broker what is held, and sells what our record says all the same", "I6", 200)
def _exit_ignores_the_position() -> AbstractContextManager[object]:
    def claim(original: Any, cycle: Cycle, event: ExitDue, policy: Policy) -> Decision:
        return original(cycle, replace(event, held=cycle.open_quantity), policy)  # type: ignore[no-any-return]

    return _wrapped(decide_module, "_claim_exit", claim)


@_mutation("a position of the day before is sold upon its record", "I9", 300)
def _another_day_traded() -> AbstractContextManager[object]:
    return patch.object(worker_module, "trading_day_of", lambda _: date.min)


@_mutation(
    "what positions do not show yet counts as sold by its owner at once",
    "outside told I3",
    60,
    broker__positions_lag=3.0,
)
def _lag_taken_for_a_sale() -> AbstractContextManager[object]:
    def find_less(original: Any, cycle: Cycle, held: int, look: Any, stops: Any, policy: Policy) -> Decision:
        hasty = replace(policy, absent_window=timedelta(0))
        return original(cycle, held, look, stops, hasty)  # type: ignore[no-any-return]

    return _wrapped(protect_module, "find_less", find_less)


@_mutation("an entry that nobody knows the fate of is sold as if it had been filled", "I2 I6", 60)
def _unknown_entry_sold() -> AbstractContextManager[object]:
    def leave(original: Any, cycle: Cycle, event: ExitDue, policy: Policy) -> Decision:
        unseen = sum(intent.quantity for intent in cycle.open_intents(Leg.ENTRY) if intent.is_unseen)
        before = cycle.held_before or 0
        return original(replace(cycle, held_before=before), replace(event, held=before + unseen), policy)  # type: ignore[no-any-return]

    return _wrapped(decide_module, "_leave_entering", leave)


@_mutation("an exit is sent beside the stop order that rests at the broker", "I2", 40)
def _exit_beside_the_stop_order() -> AbstractContextManager[object]:
    def open_intents(original: Any, cycle: Cycle, leg: Leg) -> tuple[Intent, ...]:
        return () if leg is Leg.STOP else original(cycle, leg)

    return _wrapped(Cycle, "open_intents", open_intents)


@_mutation("a refused exit keeps its claim", "I5", 60)
def _claim_not_released() -> AbstractContextManager[object]:
    def release(original: Any, cycle: Cycle, intent: Intent, policy: Policy) -> Decision:
        decision: Decision = original(cycle, intent, policy)
        return replace(decision, cycle=replace(decision.cycle, claim=cycle.claim))

    return _wrapped(settle_module, "_release_claim", release)


@_mutation("a refused exit is given up", "rest I3", 150)
def _refused_exit_given_up() -> AbstractContextManager[object]:
    def release(original: Any, cycle: Cycle, intent: Intent, policy: Policy) -> Decision:
        decision: Decision = original(cycle, intent, policy)
        gone = replace(decision.cycle, state=type(cycle.state).FLAT, wanted=None)
        return Decision(gone)

    return _wrapped(settle_module, "_release_claim", release)


# --- time -------------------------------------------------------------------------------------------


@_mutation("orders leave when they are decided, not when they are due", "I9", 20)
def _released_early() -> AbstractContextManager[object]:
    def send(original: Any, errand: Errand, effect: Any) -> Any:
        return original(errand, replace(effect, at=errand.desk.clock.now()))

    return _wrapped(send_orders, "send", send)


@_mutation("an entry is due when its message arrives", "I9", 20)
@contextmanager
def _due_on_arrival() -> Iterator[None]:
    def enter(original: Any, cycle: Cycle, event: EntryDue, policy: Policy) -> Decision:
        return original(cycle, replace(event, due=event.now), policy)  # type: ignore[no-any-return]

    with _wrapped(decide_module, "_enter", enter), patch.object(Worker, "wait", lambda *_: None):
        yield


@_mutation("an entry is sent however late it is", "I9", 150)
def _grace_ignored() -> AbstractContextManager[object]:
    def decided(original: Any, cycle: Cycle, event: Any, policy: Policy) -> Decision:
        if isinstance(event, EntryDue):
            policy = replace(policy, entry_grace=timedelta(hours=6))
        return original(cycle, event, policy)  # type: ignore[no-any-return]

    def handled(original: Any, executor: Executor, command: Any) -> Any:
        patient = replace(executor.desk, policy=replace(executor.desk.policy, entry_grace=timedelta(hours=6)))
        return original(replace(executor, desk=patient), command)

    @contextmanager
    def both() -> Iterator[None]:
        with _wrapped(decide_module, "_enter", decided), _wrapped(Executor, "handle", handled):
            yield

    return both()


@_mutation("the owner's stop is not asked for again before the order leaves", "I7", 200)
def _withdraw_check_skipped() -> AbstractContextManager[object]:
    def look_around(original: Any, errand: Errand, intent: Intent) -> Any:
        return original(errand, intent)[0], None

    def void(original: Any, worker: Worker, command: Any, strategy: Any) -> Any:
        return None if strategy is not None else original(worker, command, strategy)

    @contextmanager
    def both() -> Iterator[None]:
        with _wrapped(send_orders, "look_around", look_around), _wrapped(Worker, "_void", void):
            yield

    return both()


# --- limits and locks -------------------------------------------------------------------------------


@_mutation("entries are not held against their user's limits", "I8", 150)
def _limits_ignored() -> AbstractContextManager[object]:
    return patch.object(risks, "check_entry", lambda _limits, locks, *_: locks.breach())


@_mutation("the kill switch stops no entry", "I7", 150)
def _kill_switch_ignored() -> AbstractContextManager[object]:
    return patch.object(Locks, "breach", lambda _: None)


@_mutation("entries see a kill switch six seconds after it was stored", "I7", 60)
@contextmanager
def _lock_seen_late() -> Iterator[None]:
    def behind(original: Any, ledger: Any, *args: Any, **more: Any) -> Any:
        database, now = ledger.database, ledger._inspector.kernel.now()
        stored = database.kill_locks
        database.kill_locks = {user: lock for user, lock in stored.items() if now - lock.since > timedelta(seconds=6)}
        try:
            return original(ledger, *args, **more)
        finally:
            database.kill_locks = stored

    with ExitStack() as stack:
        for name in ("check", "gate", "save"):
            stack.enter_context(_wrapped(MemoryLedger, name, behind))
        yield


@_mutation("the kill switch answers before the last entry has left", "I7", 250)
def _answered_too_soon() -> AbstractContextManager[object]:
    return patch.object(kill_switch_module, "SETTLING", timedelta(0))


@_mutation("the kill switch says flat when it has asked for the sales", "flat", 200)
def _flat_not_verified() -> AbstractContextManager[object]:
    def flatten(original: Any, switch: KillSwitch, user_id: Any, asked: str, **more: Any) -> Any:
        found = original(switch, user_id, asked, **more)
        switch.risks.record_flat(user_id, FlatProof(switch.clock.now(), 0))
        return found

    return _wrapped(KillSwitch, "_flatten", flatten)


# --- secrets ----------------------------------------------------------------------------------------


@_mutation("whoever logs in to the broker logs the token, too", "I12", 20)
def _token_logged() -> AbstractContextManager[object]:
    def log_in(original: Any, sessions: BrokerSessions, account: Any) -> Any:
        token = sessions.vault.unseal(account.user_id, {"access_token": account.access_token})["access_token"]
        logging.getLogger(broker_sessions_module.__name__).info("a session with %s", token)
        return original(sessions, account)

    return _wrapped(BrokerSessions, "_log_in", log_in)


@_mutation("what is recorded of a user's risk holds the broker's token", "I12", 20)
def _token_in_a_row() -> AbstractContextManager[object]:
    def record(original: Any, store: MemoryRisks, user_id: Any, kind: str, text: str, now: Any) -> None:
        accounts = store._database.broker_accounts.values()
        sealed = next(each.access_token for each in accounts if each.user_id == user_id and each.access_token)
        token = MemoryVault().unseal(user_id, {"access_token": sealed})["access_token"]
        original(store, user_id, kind, f"{text} ({token})", now)

    return _wrapped(MemoryRisks, "_record", record)


# --- repair and the watcher -------------------------------------------------------------------------


@_mutation("converge repairs nothing", "rest I3 truth", 60)
def _converge_idle() -> AbstractContextManager[object]:
    return patch.object(Converge, "run", lambda _: Repairs())


@_mutation(
    "an exit that is due is not asked for while an absent order is looked for",
    "rest",
    200,
    schedule__lost=0.9,
    order__not_placed_answer_lost=0.45,
)
def _due_exit_waits_for_a_search() -> AbstractContextManager[object]:
    def wanted(original: Any, run: Any, cycle: Cycle, *rest: Any) -> Any:
        looked_for = any(intent.state is IntentState.NOT_PLACED for intent in cycle.intents)
        ask = original(run, cycle, *rest)
        return None if looked_for and isinstance(ask, tuple) and cycle.wanted is None else ask

    return _wrapped(_Run, "_wanted_of", wanted)


@_mutation("a stop is disarmed by its first hit", "I3", 60)
def _stop_disarmed_by_its_hit() -> AbstractContextManager[object]:
    def tell(original: Any, guard: StopGuard) -> None:
        hits = list(guard._hits)
        original(guard)
        for hit in hits:
            guard.disarm(hit.stop.strategy_id)

    return _wrapped(StopGuard, "_tell", tell)


@_mutation("the watcher is never told what to guard", "I3", 40)
def _watcher_not_told() -> AbstractContextManager[object]:
    def _nothing(truth: Any) -> Any:
        from fargate_listener.truth import Snapshot

        return Snapshot(truth._clock.now().date(), {}, {}, frozenset())

    @contextmanager
    def deaf() -> Iterator[None]:
        with (
            patch.object(MemoryRuntime, "announce", lambda *_: None),
            patch("tests.simulation.watcher.Truth.read", _nothing),
        ):
            yield

    return deaf()


@_mutation("what nobody guarded after its cycle was over does not count as unguarded", "naked", 60)
def _late_buys_count_as_guarded() -> AbstractContextManager[object]:
    return patch.object(naked_module, "_held_unwatched", lambda *_: timedelta(0))


@_mutation("a stop order that was to sell and rests is waited for without end", "rest I3", 150)
def _a_resting_exit_is_waited_for() -> AbstractContextManager[object]:
    def wait(original: Any, cycle: Cycle, orders: Any, *rest: Any) -> Decision:
        if any(intent.leg is Leg.STOP and intent.is_exit for intent in orders):
            return Decision(cycle)
        return original(cycle, orders, *rest)  # type: ignore[no-any-return]

    return _wrapped(settle_module, "await_orders", wait)
