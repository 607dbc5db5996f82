"""What costs by its use: what a strategy and a user cause in a month.

`Habits` holds every assumption, in one place and by name. Some follow from the design, some are guesses about
people; where a figure was not measured its words say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cdk.cost.endpoints import THROUGH_NAT
from cdk.cost.lines import Line
from cdk.cost.prices import PriceTable
from cdk.environments import Environment
from cdk.functions import FUNCTIONS

_MINUTES = 30 * 24 * 60
_LONGEST_RUN = 48.0
"""Converge ends then whatever is left (services/converge.py)."""
_GIB = 1024.0**3
_FIREHOSE_STEP = 5_120.0
"""Bytes that a record is rounded up to."""
_WARM_DAYS = 90
"""Then logs move to a colder class (cdk/constructs/data_bucket.py)."""
_MEGA = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """How many there are. Every strategy is taken to run on every trading day."""

    users: int
    strategies: int

    def __post_init__(self) -> None:
        if self.users < 1 or self.strategies < 1:
            raise ValueError(f"users and strategies must be 1 or more, not {self.users} and {self.strategies}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What is assumed. Seconds and bytes are those of one message, look or request."""

    trading_days: int = 21
    timed_messages: int = 2
    """Of a strategy and day: its buy and its sale."""
    waiting_seconds: float = 95.0
    """61 to 120 s that an executor waits for a time on a whole minute, and some for its order."""
    renewal_seconds: float = 8.0
    """entrypoints/hold.py"""
    held_minutes: float = 180.0
    """A position is held that long, and looked at once a minute by converge's wish. Guessed."""
    look_seconds: float = 0.5
    """Three requests to the broker. Guessed: the broker was never measured."""
    trigger_seconds: float = 0.2
    postbacks: int = 4
    postback_seconds: float = 0.1
    converge_seconds: float = 1.2
    converge_seconds_per_strategy: float = 0.0012
    """2.4 s with 1,000 and 7.2 s with 5,000 on two shared cores (docs/benchmarks.md)."""
    converge_seconds_per_look: float = 0.01
    """The request to SQS, one after the other. Guessed."""
    app_minutes: float = 30.0
    """That a user looks at the app in a day. Guessed."""
    requests_per_app_minute: float = 19.0
    """The app polls a strategy every 5 s, the list every 15 s, the broker every 30 s, the day's candles every minute
    (mobile/src/api/queries.ts)."""
    api_seconds: float = 0.025
    """p50 is 0.0125 s on two shared cores (docs/benchmarks.md)."""
    canary_seconds: float = 0.2
    """Two requests, one after the other. Guessed."""
    api_bytes: float = 2_900.0
    """2 kB each, guessed; and one in nineteen is half a day's candles: a whole NSE day is 38 kB."""
    notices: int = 4
    """Of a strategy and day."""
    mailed_share: float = 0.5
    """The other half are steps on the way, which are mailed to nobody who does not ask for it."""
    notifier_seconds: float = 0.2
    """A few round trips to the database and a call out. Guessed."""
    log_bytes_per_message: float = 2_500.0
    """1.8 kB of our own were measured in the twin; Lambda writes three lines more."""
    log_bytes_per_look: float = 2_000.0
    """Two or three requests to the broker are counted in it, with 237 bytes each."""
    log_bytes_per_request: float = 900.0
    log_compression: float = 0.15
    """Of JSON by gzip. Guessed."""
    nat_bytes_per_look: float = 20_000.0
    """To the broker and to AWS, with the TLS handshakes. Guessed."""
    trace_share: float = 0.05
    """X-Ray's own rule: the first of a second and one of twenty."""
    app_bytes: float = 5_000_000.0
    """Of the web app, fetched four times in a month."""


def moving_lines(environment: Environment, workload: Workload, habits: Habits, prices: PriceTable) -> list[Line]:
    """Everything that grows with users and strategies."""
    monthly = _Monthly(workload, habits)
    return [
        *_lambda(monthly, prices),
        *_queues(monthly, prices),
        *_records(environment, monthly, prices),
        *_network(monthly, prices),
        *_keys(environment, monthly, prices),
    ]


@dataclass(frozen=True, slots=True)
class _Monthly:
    """Numbers of a month."""

    workload: Workload
    habits: Habits

    @property
    def strategy_days(self) -> float:
        return self.workload.strategies * self.habits.trading_days

    @property
    def messages(self) -> float:
        return self.strategy_days * self.habits.timed_messages

    @property
    def looks(self) -> float:
        return self.strategy_days * self.habits.held_minutes

    @property
    def postbacks(self) -> float:
        return self.strategy_days * self.habits.postbacks

    @property
    def requests(self) -> float:
        each_day = self.habits.app_minutes * self.habits.requests_per_app_minute
        return self.workload.users * self.habits.trading_days * each_day

    @property
    def authorizations(self) -> float:
        """An answer of the authorizer is kept for a minute."""
        return self.workload.users * self.habits.trading_days * self.habits.app_minutes

    @property
    def converge_seconds(self) -> float:
        each = self.habits.converge_seconds + self.habits.converge_seconds_per_strategy * self.workload.strategies
        return _MINUTES * min(each, _LONGEST_RUN) + self.looks * self.habits.converge_seconds_per_look

    @property
    def invocations(self) -> float:
        orders = 2 * self.messages + self.looks + 2 * self.postbacks
        notices = self.strategy_days * self.habits.notices
        return orders + notices + self.requests + self.authorizations + 2 * _MINUTES


def _line(service: str, what: str, amount: float, name: str, prices: PriceTable) -> Line:
    return Line(service, what, amount, prices[name], is_standing=False)


def _lambda(monthly: _Monthly, prices: PriceTable) -> Iterator[Line]:
    habits = monthly.habits
    seconds = {
        "executor": monthly.messages * habits.waiting_seconds,
        # An order update makes a hint, and the hint a look.
        "priority_executor": (monthly.looks + monthly.postbacks) * habits.look_seconds,
        "trigger": monthly.messages * habits.trigger_seconds,
        "postback": monthly.postbacks * habits.postback_seconds,
        "converge": monthly.converge_seconds,
        "notifier": monthly.strategy_days * habits.notices * habits.notifier_seconds,
        "strategy": monthly.requests * habits.api_seconds,
        "authorizer": monthly.authorizations * habits.api_seconds,
        "canary": _MINUTES * habits.canary_seconds,
    }
    for name, total in seconds.items():
        amount = total * FUNCTIONS[name].memory_mib / 1024
        yield _line("Lambda", f"{name}, GiB-seconds", amount, "lambda_gib_second", prices)
    yield _line("Lambda", "invocations", monthly.invocations / _MEGA, "lambda_million", prices)


def _queues(monthly: _Monthly, prices: PriceTable) -> Iterator[Line]:
    habits = monthly.habits
    renewals = habits.waiting_seconds / habits.renewal_seconds
    each = 3  # send, receive, delete
    requests = monthly.messages * (each + renewals) + (monthly.looks + monthly.postbacks) * each
    yield _line("SQS", "requests", requests / _MEGA, "fifo_million", prices)
    yield _line("EventBridge Scheduler", "alarms", monthly.messages / _MEGA, "scheduler_million", prices)
    yield _line(
        "API Gateway",
        "requests",
        (monthly.requests + monthly.postbacks + 2 * _MINUTES) / _MEGA,
        "http_api_million",
        prices,
    )
    notices = monthly.strategy_days * habits.notices
    yield _line("SNS", "notices", notices / _MEGA, "notice_million", prices)
    yield _line("SQS", "deliveries of notices", notices * each / _MEGA, "fifo_million", prices)
    yield _line("SES", "e-mails", notices * habits.mailed_share / 1e3, "mail_thousand", prices)


def _records(environment: Environment, monthly: _Monthly, prices: PriceTable) -> Iterator[Line]:
    habits = monthly.habits
    written = (
        monthly.messages * 2 * habits.log_bytes_per_message
        + (monthly.looks + monthly.postbacks) * habits.log_bytes_per_look
        + monthly.requests * habits.log_bytes_per_request
    ) / _GIB
    yield _line("CloudWatch", "logs taken in", written, "log_gib", prices)
    kept = written * environment.log_retention_days / 30
    yield _line("CloudWatch", f"logs kept {environment.log_retention_days} days", kept, "log_gib_month", prices)
    if environment.log_archive_days:
        yield from _archive(environment, monthly, written, prices)
    if environment.tracing:
        traces = monthly.invocations * habits.trace_share
        yield _line("X-Ray", "traces", traces / _MEGA, "trace_million", prices)


def _archive(environment: Environment, monthly: _Monthly, written: float, prices: PriceTable) -> Iterator[Line]:
    """Of `written` GiB in a month, when the archive is as old as it gets."""
    records = 2 * monthly.messages + monthly.looks + monthly.postbacks + monthly.requests + 2 * _MINUTES
    passed = records * _FIREHOSE_STEP / _GIB
    yield _line("Firehose", "logs into their archive", passed, "firehose_gib", prices)
    stored = written * monthly.habits.log_compression
    warm = min(environment.log_archive_days, _WARM_DAYS)
    yield _line("S3", f"logs of {warm} days", stored * warm / 30, "bucket_gib_month", prices)
    if cold := environment.log_archive_days - warm:
        yield _line("S3", f"logs of {cold} days more", stored * cold / 30, "cold_gib_month", prices)


def _network(monthly: _Monthly, prices: PriceTable) -> Iterator[Line]:
    habits = monthly.habits
    through = (monthly.looks + monthly.postbacks + monthly.messages) * habits.nat_bytes_per_look / _GIB
    yield _line("VPC", THROUGH_NAT, through, "nat_gib", prices)
    # A tenth of what goes through is sent, the rest received.
    yield _line("VPC", "to the brokers", through / 10, "transfer_out_gib", prices)
    yield _line("API Gateway", "answers", monthly.requests * habits.api_bytes / _GIB, "transfer_out_gib", prices)
    fetched = monthly.workload.users * 4 * habits.app_bytes / _GIB
    yield _line("CloudFront", "the web app", fetched, "content_gib", prices)
    yield _line("S3", "the web app", 2 * habits.app_bytes / _GIB, "bucket_gib_month", prices)


def _keys(environment: Environment, monthly: _Monthly, prices: PriceTable) -> Iterator[Line]:
    # A data key is kept for five minutes in the worker that opened it: half of the looks find it there.
    opened = monthly.messages + monthly.postbacks + monthly.looks / 2
    yield _line("KMS", "data keys opened", opened / 1e4, "key_ten_thousand", prices)
    if environment.database_iam:
        return  # who logs in by tokens reads no secret; those who read the key of bearer tokens are few
    # A worker reads its secret anew every few minutes; an executor, that waits for minutes, each time.
    yield _line("Secrets Manager", "readings", monthly.messages / 1e4, "secret_ten_thousand", prices)
