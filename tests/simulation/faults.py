"""The catalogue of faults: what can go wrong, where, and how often on one simulated day.

Every name is counted when it befalls something. A day's `Weather` takes a random half of the catalogue at random
rates, so that over many days every pair of faults meets; one day in twenty is calm. What each real adapter can
raise, and whether its effect has happened then, is read from the adapters themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from algotrading.adapters.postgres.database import TransactionFailed
from algotrading.domain.errors import BrokerUnavailable, RedisDown

SECOND = 1_000_000


class CloudFault(Exception):
    """What an AWS client raises: no error of our own tree."""


class Moment(StrEnum):
    """When a call fails, seen from its effect."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class CallFault:
    """A fault of one port call."""

    name: str
    ports: frozenset[str]
    moment: Moment
    error: Callable[[], Exception] | None
    """What the caller hears; None: nothing, its process dies (crash) or stands still (pause)."""
    seconds: tuple[float, float] = (0.0, 0.02)
    """How long the caller waits for it."""


POSTGRES = frozenset(
    {
        "Ledger",
        "Strategies",
        "Instruments",
        "BrokerAccounts",
        "NamedAccounts",
        "Outbox",
        "Risks",
        "Snapshots",
        "Summaries",
        "Users",
        "AuditTrail",
    }
)
_REDIS = frozenset({"Runtime"})
_QUEUE = frozenset({"OrderQueue", "Redelivery"})
_BROKER_READS = frozenset({"Broker"})
_ALL = POSTGRES | _REDIS | _QUEUE | {"Schedules", "Vault", "Notifier", "Broker", "PreparedOrder"}
PORTS = _ALL | {"Brokers"}
"""Every port that may have a door. Of `Brokers` only what opens a session is called here, which asks nobody."""


def transaction_failed(text: str) -> Callable[[], Exception]:
    return lambda: TransactionFailed(f"the database gave up a transaction: {text}")


CALL_FAULTS: tuple[CallFault, ...] = (
    CallFault("crash.before", _ALL, Moment.BEFORE, None),
    CallFault("crash.after", _ALL, Moment.AFTER, None),
    CallFault("pause.before", _ALL, Moment.BEFORE, None, (0.2, 45.0)),
    CallFault("pause.after", _ALL, Moment.AFTER, None, (0.2, 45.0)),
    CallFault("postgres.serialization", POSTGRES, Moment.BEFORE, transaction_failed("could not serialize access")),
    CallFault("postgres.disconnect", POSTGRES, Moment.BEFORE, transaction_failed("connection lost"), (0.0, 5.0)),
    # The connection breaks while committing: stored, and the caller is told that it failed.
    CallFault("postgres.commit_lost", POSTGRES, Moment.AFTER, transaction_failed("connection lost"), (0.0, 5.0)),
    CallFault("redis.timeout", _REDIS, Moment.BEFORE, lambda: RedisDown("no answer"), (0.25, 0.5)),
    CallFault("redis.answer_lost", _REDIS, Moment.AFTER, lambda: RedisDown("no answer"), (0.25, 0.5)),
    CallFault("sqs.unavailable", _QUEUE, Moment.BEFORE, lambda: CloudFault("SQS"), (0.01, 3.0)),
    CallFault("sqs.answer_lost", _QUEUE, Moment.AFTER, lambda: CloudFault("SQS"), (1.0, 5.0)),
    CallFault("scheduler.unavailable", frozenset({"Schedules"}), Moment.BEFORE, lambda: CloudFault("Scheduler")),
    CallFault("scheduler.answer_lost", frozenset({"Schedules"}), Moment.AFTER, lambda: CloudFault("Scheduler")),
    CallFault("kms.unavailable", frozenset({"Vault"}), Moment.BEFORE, lambda: CloudFault("KMS"), (0.01, 3.0)),
    CallFault("sns.unavailable", frozenset({"Notifier"}), Moment.BEFORE, lambda: CloudFault("SNS")),
    CallFault("sns.answer_lost", frozenset({"Notifier"}), Moment.AFTER, lambda: CloudFault("SNS"), (1.0, 5.0)),
    CallFault("broker.read_timeout", _BROKER_READS, Moment.BEFORE, lambda: BrokerUnavailable("no answer"), (0.5, 5.0)),
    CallFault("broker.bad_gateway", _BROKER_READS, Moment.BEFORE, lambda: BrokerUnavailable("HTTP 502"), (0.1, 1.0)),
)
BROKER_COMMANDS = frozenset({"warm", "prepare_order", "place_order", "modify_order", "cancel_order"})
"""They never raise for what the network does: their faults are the fates below."""

ORDER_FATES = (
    "order.refused",
    "order.refused_finally",
    "order.rejected",
    "order.throttled",
    "order.not_sent",
    "order.placed_answer_lost",
    "order.not_placed_answer_lost",
    "order.surfaces_late",
    "order.surfaces_after_the_window",
    "order.rests",
    "order.fills_in_parts",
    "order.fills_partly_and_rests",
    "order.partly_then_cancelled",
)
STOP_FATES = (
    "order.refused",
    "order.refused_finally",
    "order.rejected",
    "order.throttled",
    "order.not_sent",
    "order.placed_answer_lost",
    "order.not_placed_answer_lost",
    "order.surfaces_late",
)
"""What can become of an order that waits for its trigger."""
TRIGGER_FATES = (
    "trigger.fills_in_parts",
    "trigger.fills_partly_and_rests",
    "trigger.partly_then_cancelled",
    "trigger.rests",
    "trigger.rejected",
)
"""What can become of it once the trigger is reached."""
TURN_FATES = (
    "turn.fills_in_parts",
    "turn.fills_partly_and_rests",
    "turn.partly_then_cancelled",
    "turn.rests",
)
"""What can become of it once it was asked to sell at once, and the broker has taken that. A market order with the
broker's protection is a limit order: what finds no buyer within it rests."""
CHANGE_FATES = ("change.throttled", "change.refused", "change.done_answer_lost", "change.lost")
CANCEL_FATES = ("cancel.throttled", "cancel.refused", "cancel.done_answer_lost", "cancel.lost")
WINDOW_FAULTS = (
    "redis.down",
    "redis.lost",
    "postgres.down",
    "broker.down",
    "broker.storm",
    "broker.book_lags",
    "broker.reads_hang",
    "broker.positions_lag",
    "broker.token_dies",
    "watcher.dies",
    "watcher.split_brain",
    "watcher.cut_off",
    "feed.silent",
)
"""Happen at random instants, and last for a while where they can."""
DELIVERY_FAULTS = (
    "sqs.duplicate",
    "sqs.reordered",
    "sqs.visible_too_early",
    "lambda.cold_start",
    "schedule.lost",
    "schedule.late",
    "schedule.duplicate",
    "converge.lost",
    "converge.late",
    "converge.twice",
    "clock.skew",
    "clock.step",
    "postback.lost",
    "postback.late",
    "postback.duplicate",
)
CONSEQUENCES = ("lambda.timed_out", "sqs.dead_lettered")
"""Not injected by themselves, and counted: what other faults lead to."""
CATALOGUE = (
    *(fault.name for fault in CALL_FAULTS),
    *ORDER_FATES,
    *TRIGGER_FATES,
    *TURN_FATES,
    *CANCEL_FATES,
    *CHANGE_FATES,
    *WINDOW_FAULTS,
    *DELIVERY_FAULTS,
    *CONSEQUENCES,
)

_HEAVIEST_CALL_RATE = 0.03
_HEAVIEST_RATE = 0.5
_WINDOWS_A_DAY = 3.0


class Weather:
    """The rates of one day, and what has happened so far. `is_over` ends all of it."""

    def __init__(self, random: Random, rates: Mapping[str, float] | None = None, *, calm_share: float = 0.05) -> None:
        """`rates` by name are used as they are; without them the day draws its own."""
        self._random = random
        self.is_over = False
        self.counts: Counter[str] = Counter()
        self.rates: dict[str, float] = {}
        if rates is not None:
            self.rates.update(rates)
            return
        if random.random() < calm_share:
            return
        # Most days are rough in a few ways, some are wild in all.
        share, force = random.choice([(0.2, 1.0), (0.5, 0.3), (0.5, 1.0), (0.9, 0.2), (0.9, 1.0)])
        for fault in CALL_FAULTS:
            if random.random() < share:
                self.rates[fault.name] = force * _HEAVIEST_CALL_RATE * random.random() ** 3
        for name in (*ORDER_FATES, *CANCEL_FATES, *CHANGE_FATES, *DELIVERY_FAULTS):
            if random.random() < share:
                self.rates[name] = force * _HEAVIEST_RATE * random.random() ** 2
        for name in (*TRIGGER_FATES, *TURN_FATES):  # of few orders a day
            if random.random() < share:
                self.rates[name] = force * _HEAVIEST_RATE * random.random()
        for name in WINDOW_FAULTS:
            if random.random() < share:
                self.rates[name] = force * _WINDOWS_A_DAY * random.random()

    def strikes(self, name: str) -> bool:
        """Whether this fault happens now; counted when it does."""
        if not self.is_drawn(name):
            return False
        self.counts[name] += 1
        return True

    def is_drawn(self, name: str) -> bool:
        """The same of a fault that may turn out to befall nothing: whoever lets it happen tells when it `befell`."""
        rate = self.rates.get(name)
        return rate is not None and not self.is_over and self._random.random() < rate

    def befell(self, name: str) -> None:
        """A fault that was drawn has befallen something."""
        self.counts[name] += 1

    def pick(self, names: tuple[str, ...]) -> str | None:
        """At most one of `names`, with the probability of each; counted."""
        if self.is_over:
            return None
        mark = self._random.random()
        for name in names:
            mark -= self.rates.get(name, 0.0)
            if mark < 0:
                self.counts[name] += 1
                return name
        return None

    def happenings(self, name: str) -> int:
        """How often a window fault happens today."""
        rate = self.rates.get(name, 0.0)
        return int(rate) + (self._random.random() < rate % 1)

    def duration(self, seconds: tuple[float, float]) -> int:
        """Microseconds, short ones far more often than long ones."""
        low, high = seconds
        return int(SECOND * (low + (high - low) * self._random.random() ** 3))


class Gate:
    """The call faults of one port on one day, laid out for one random draw per call."""

    def __init__(self, port: str, weather: Weather) -> None:
        here = [fault for fault in CALL_FAULTS if port in fault.ports and fault.name in weather.rates]
        self.faults = [(weather.rates[fault.name], fault) for fault in here]
        self.total = sum(rate for rate, _ in self.faults)

    def fault_at(self, mark: float) -> CallFault:
        """The fault whose share of the probability `mark` lies in."""
        for rate, fault in self.faults:
            mark -= rate
            if mark < 0:
                return fault
        return self.faults[-1][1]
