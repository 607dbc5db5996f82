"""Who was guarded when: the time that quantity was held, beside the watcher's word and the stops at the exchange."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from algotrading.domain.metrics import TROUBLES
from twin.chaos.evidence import NANO, Alarm, Evidence, Sight, StrategyRecord

ALLOWED_NS = NANO
"""A fill may be without a guard for a second."""
_ALARM_BEFORE = timedelta(seconds=5)
_ALARM_AFTER = timedelta(seconds=15)
"""Metrics are reported every few seconds and checks run every fifteen: an alarm this near speaks of the span."""
WATCHER_AWAY = "the watcher's reports are missing"
"""What CloudWatch alarms upon when nothing comes any more (the heartbeat of `algotrading.domain.metrics`)."""
FIRST_REPORT_NS = 10 * NANO
"""So long after its start a watcher reports first: until then nothing has come since the one before it died."""
_OF_THE_GUARD = frozenset(
    {
        "Blind",
        "FeedCredentialsMissing",
        "FeedMute",
        "FeedRefused",
        "RedisDown",
        "StopChangesInvalid",
        "StopCheckFailed",
        "StopLossDeliveryFailed",
        "StopsRepaired",
        "Unguarded",
    }
)
"""The troubles that say a stop may not be seen."""
assert set(TROUBLES) >= _OF_THE_GUARD


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which something was held that nobody guarded. `alarm` is what told of it."""

    begin_ns: int
    end_ns: int
    alarm: str | None

    @property
    def seconds(self) -> float:
        """How long, as far as the samples tell."""
        return (self.end_ns - self.begin_ns) / NANO


def held_spans(evidence: Evidence, strategy: StrategyRecord) -> Iterator[tuple[int, int | None]]:
    """The times in which the strategy held something, by the exchange's trades; None: it still does."""
    moves = sorted(
        (trade.at_ns, trade.quantity if order.side == "BUY" else -trade.quantity)
        for order in evidence.orders_of(strategy.strategy_id)
        for trade in order.trades
    )
    held, begin = 0, 0
    for at_ns, quantity in moves:
        before, held = held, held + quantity
        if before <= 0 < held:
            begin = at_ns
        elif held <= 0 < before:
            yield begin, at_ns
    if held > 0:
        yield begin, None


def unguarded_spans(evidence: Evidence, strategy: StrategyRecord) -> Iterator[Span]:
    """Every time longer than allowed in which the strategy held something, no stop order of it lived at the
    exchange, and the watcher did not guard it."""
    resting = evidence.resting_stops(strategy.strategy_id)

    def is_guarded_at(sight: Sight) -> bool:
        rests = any(begin <= sight.at_ns and (end is None or sight.at_ns < end) for begin, end in resting)
        return rests or _guards(sight, strategy)

    for begin, end in held_spans(evidence, strategy):
        inside = [s for s in evidence.sights if begin + ALLOWED_NS <= s.at_ns and (end is None or s.at_ns < end)]
        for is_guarded, samples in groupby(inside, key=is_guarded_at):
            bare = list(samples)
            if not is_guarded and (bare[-1].at_ns - bare[0].at_ns > ALLOWED_NS or len(bare) == len(inside)):
                yield Span(bare[0].at_ns, bare[-1].at_ns, _alarm_for(evidence.alarms, strategy, bare))


def _guards(sight: Sight, strategy: StrategyRecord) -> bool:
    return sight.guarded is not None and strategy.strategy_id in sight.guarded and not sight.troubles


def _alarm_for(alarms: Sequence[Alarm], strategy: StrategyRecord, bare: Sequence[Sight]) -> str | None:
    if _are_reports_missing(bare):
        return WATCHER_AWAY
    begin, end = _moment(bare[0].at_ns) - _ALARM_BEFORE, _moment(bare[-1].at_ns) + _ALARM_AFTER
    for alarm in alarms:
        speaks_of_it = alarm.strategy_id == strategy.strategy_id or alarm.metric in _OF_THE_GUARD
        if speaks_of_it and begin <= alarm.at <= end:
            return alarm.metric
    return None


def _are_reports_missing(bare: Sequence[Sight]) -> bool:
    """Whether no watcher answered, from the first sample on, or only one that started since and is yet to report."""
    unanswered = [sight.at_ns for sight in bare if sight.guarded is None]
    return bare[0].guarded is None and bare[-1].at_ns - unanswered[-1] < FIRST_REPORT_NS


def _moment(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns / NANO, UTC)
