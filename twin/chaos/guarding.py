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
ALARM_AFTER = timedelta(seconds=25)
"""From its beginning, however long it lasts: a watcher compares itself with PostgreSQL every 15 s, and tells every 10 s
what it found."""
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
"""The troubles that say a stop may not be seen, of whichever strategy."""
_OF_THE_STRATEGY = frozenset({"LateOrder"})
"""Those that say it of the strategy that they name: nobody guarded what was bought by an order that had been given up.
Others say that an order is not known, or that a sale waits, whether it is guarded or not."""
assert set(TROUBLES) >= _OF_THE_GUARD | _OF_THE_STRATEGY


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
    begin_ns = _not_told_by_silence(bare)
    if begin_ns is None:
        return WATCHER_AWAY
    begin = _moment(begin_ns)
    for alarm in alarms:
        is_of_strategy = alarm.strategy_id == strategy.strategy_id and alarm.metric in _OF_THE_STRATEGY
        speaks_of_it = is_of_strategy or alarm.metric in _OF_THE_GUARD
        if speaks_of_it and begin - _ALARM_BEFORE <= alarm.at <= begin + ALARM_AFTER:
            return alarm.metric
    return None


def _not_told_by_silence(bare: Sequence[Sight]) -> int | None:
    """From when on an alarm has to tell of it: from the first sample, where a watcher answered then; else from the
    first answer of one that went on answering for long enough to report. None: no watcher did."""
    for answers, samples in groupby(bare, key=lambda sight: sight.guarded is not None):
        run = list(samples)
        if answers and (run[0] is bare[0] or run[-1].at_ns - run[0].at_ns >= FIRST_REPORT_NS):
            return run[0].at_ns
    return None


def _moment(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns / NANO, UTC)
