"""What a session of chaos is told in: numbers, counted and measured from its evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from twin.chaos.collect import read_documents
from twin.chaos.evidence import NANO, Evidence, StrategyRecord, nanoseconds
from twin.chaos.guarding import held_spans, unguarded_spans
from twin.chaos.session import Round
from twin.chaos.verdict import Violation
from twin.report import percentiles


@dataclass(frozen=True, slots=True)
class Figures:
    """One session. Durations are seconds."""

    seed: int
    strategies: int
    traders: int
    faults: Mapping[str, int]
    """How often each kind struck."""
    without_effect: Mapping[str, int]
    """Deeds that found nothing to strike."""
    orders: int
    """At the exchange."""
    unknowns: int
    time_to_truth: Mapping[str, float | None]
    slowest_truths: Sequence[str]
    entries: Mapping[str, int]
    """What became of the strategies' entries."""
    exits: Mapping[str, int]
    """What claimed the exits."""
    entry_delay: Mapping[str, float | None]
    """From the buy time to the exchange's receipt of the first entry, of those that were entered."""
    exit_delay: Mapping[str, float | None]
    """From the sell time to the first sale after it, of those that were sold because of it."""
    stop_to_sale: Mapping[str, float | None]
    """From the exchange's first tick at or below a held strategy's stop to the first sale; 0 where the stop order
    that rests there sold with that very tick."""
    slowest_sales: Sequence[str]
    unguarded: Mapping[str, float | None]
    """How long held quantity had no guard; each time was alarmed, or it is among the violations."""
    unguarded_by_alarm: Mapping[str, int]
    repaired: Mapping[str, int]
    """What executors did because converge asked."""
    alarms: Mapping[str, int]
    chaos_seconds: float
    calm_seconds: float
    last_at_rest: Sequence[str]
    """What took longest of the calm end."""
    seconds: float
    violations: Sequence[Mapping[str, Any]]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def measure(played: Round, violations: Sequence[Violation], *, seed: int, logs: Path, seconds: float) -> Figures:
    """Everything that is told of a session."""
    evidence = played.evidence
    delays = list(_stop_delays(evidence))
    spans = [span for each in evidence.strategies.values() for span in unguarded_spans(evidence, each)]
    return Figures(
        seed=seed,
        strategies=len(evidence.strategies),
        traders=played.script.traders,
        faults=dict(sorted(played.struck.items())),
        without_effect=dict(sorted(played.missed.items())),
        orders=len(evidence.orders),
        unknowns=len(evidence.truths),
        time_to_truth=percentiles(list(evidence.truths.values())),
        slowest_truths=_slowest(_named_truths(evidence)),
        entries=_counted(_entry_of(evidence, each) for each in evidence.strategies.values()),
        exits=_counted(each.claim or "none" for each in evidence.strategies.values() if _bought(evidence, each)),
        entry_delay=percentiles(list(_entry_delays(evidence))),
        exit_delay=percentiles(list(_exit_delays(evidence))),
        stop_to_sale=percentiles([seconds for seconds, _ in delays]),
        slowest_sales=_slowest(delays),
        unguarded=percentiles([span.seconds for span in spans]),
        unguarded_by_alarm=_counted(span.alarm or "none" for span in spans),
        repaired=_counted(_repairs(logs)),
        alarms=_counted(alarm.metric for alarm in evidence.alarms if alarm.strategy_id is None),
        chaos_seconds=round(played.chaos_seconds, 1),
        calm_seconds=round(played.calm_seconds, 1),
        last_at_rest=list(played.last_restless),
        seconds=round(seconds, 1),
        violations=[
            {
                "kind": violation.kind,
                "who": violation.who,
                "at": violation.at.isoformat() if violation.at else None,
                "text": violation.text,
            }
            for violation in violations
        ],
    )


def _counted(names: Iterator[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _bought(evidence: Evidence, strategy: StrategyRecord) -> int:
    return sum(order.filled for order in evidence.orders_of(strategy.strategy_id, "BUY"))


def _entry_of(evidence: Evidence, strategy: StrategyRecord) -> str:
    """What became of the entry, in a few words."""
    if _bought(evidence, strategy):
        return "bought"
    if strategy.state == "failed":
        return "refused"
    note = strategy.note or ""
    for word, name in _REASONS.items():
        if word in note:
            return name
    return "not bought: other" if note else "not bought: stopped before"


_REASONS = {
    "could not be sent until": "missed: later than its grace",
    "its time is over": "missed: not placed within its grace",
    "log in to the broker": "missed: no broker login",
    "broker login": "missed: no broker login",
    "not above the stop-loss": "skipped: the price was below the stop",
    "stopped by its owner": "not bought: stopped before",
    "had been bought by the time": "not bought: nothing by the time to sell",
    "cancelled before any of it": "cancelled: nothing was filled",
    "nothing was bought": "not bought: wanted out before",
    "is not settled": "missed: an older position",
}


def _entry_delays(evidence: Evidence) -> Iterator[float]:
    for strategy in evidence.strategies.values():
        entries = evidence.orders_of(strategy.strategy_id, "BUY")
        if entries:
            yield (entries[0].received_ns - nanoseconds(strategy.buy_at)) / NANO


def _exit_delays(evidence: Evidence) -> Iterator[float]:
    for strategy in evidence.strategies.values():
        due_ns = nanoseconds(strategy.sell_at)
        sales = [t.at_ns for o in evidence.orders_of(strategy.strategy_id, "SELL") for t in o.trades]
        late = [at_ns for at_ns in sales if at_ns >= due_ns]
        if strategy.claim == "SELL" and late:
            yield (min(late) - due_ns) / NANO


_SAME_TICK_NS = NANO // 4
"""Prices tick five times a second."""


def _slowest(named: Iterable[tuple[float, str]]) -> list[str]:
    """The three that took longest, for whoever looks into the logs."""
    return [f"{seconds:.1f} s: {name}" for seconds, name in sorted(named, reverse=True)[:3]]


def _named_truths(evidence: Evidence) -> Iterator[tuple[float, str]]:
    for intent in evidence.intents:
        if intent.tag in evidence.truths and intent.strategy_id in evidence.strategies:
            strategy = evidence.strategies[intent.strategy_id]
            text = f"{strategy.name} ({intent.strategy_id}), {intent.leg} {intent.attempt}, now {intent.state}"
            yield evidence.truths[intent.tag], text


def _stop_delays(evidence: Evidence) -> Iterator[tuple[float, str]]:
    for strategy in evidence.strategies.values():
        for begin, end in held_spans(evidence, strategy):
            ticks = evidence.ticks.get(strategy.symbol, ())
            hit = next((t for t in ticks if t.at_ns >= begin and t.price <= strategy.stop_loss), None)
            if hit is None or (end is not None and hit.at_ns > end + _SAME_TICK_NS):
                continue
            sales = [t.at_ns for o in evidence.orders_of(strategy.strategy_id, "SELL") for t in o.trades]
            # A stop order that rests at the exchange trades with the tick, before the sockets have it.
            first = min((at_ns for at_ns in sales if at_ns > begin), default=None)
            if first is not None:
                name = f"{strategy.name} ({strategy.strategy_id}), sold by {strategy.claim}"
                yield max(0.0, (first - hit.at_ns) / NANO), name


def _repairs(logs: Path) -> Iterator[str]:
    for name in ("executor", "priority_executor"):
        log = logs / f"{name}.log"
        for document in read_documents(log) if log.exists() else ():
            if document.get("message") == "handled" and document.get("cause") == "converge":
                yield str(document.get("event_type"))
