"""What a session of chaos is told in: numbers, counted and measured from its evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from twin.chaos.collect import read_documents
from twin.chaos.evidence import NANO, Evidence, StrategyRecord
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
    entries: Mapping[str, int]
    """What became of the strategies' entries."""
    exits: Mapping[str, int]
    """What claimed the exits."""
    stop_to_sale: Mapping[str, float | None]
    """From the exchange's first tick at or below a held strategy's stop to the first sale; 0 where the stop order
    that rests there sold with that very tick."""
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
        entries=_counted(_entry_of(evidence, each) for each in evidence.strategies.values()),
        exits=_counted(each.claim or "none" for each in evidence.strategies.values() if _bought(evidence, each)),
        stop_to_sale=percentiles(list(_stop_delays(evidence))),
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


_SAME_TICK_NS = NANO // 4
"""Prices tick five times a second."""


def _stop_delays(evidence: Evidence) -> Iterator[float]:
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
                yield max(0.0, (first - hit.at_ns) / NANO)


def _repairs(logs: Path) -> Iterator[str]:
    for name in ("executor", "priority_executor"):
        log = logs / f"{name}.log"
        for document in read_documents(log) if log.exists() else ():
            if document.get("message") == "handled" and document.get("cause") == "converge":
                yield str(document.get("event_type"))
