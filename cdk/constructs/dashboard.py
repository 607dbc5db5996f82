"""One page for a trading day: is it safe, do orders leave in time, does the watcher see, do queues keep up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from algotrading.domain.metrics import API_ANSWERS, BROKER_FAULTS, BROKER_QUEUED
from cdk.environments import REGION, Environment
from cdk.functions import FUNCTIONS

_MINUTE: Final = Duration.minutes(1)
_WIDE, _HALF, _THIRD = 24, 12, 8
_PERCENTILES: Final = ("p50", "p99", "Maximum")


class TradingDashboard(Construct):
    """Read from top to bottom: what wakes people first, what explains it below."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        safety: Sequence[cloudwatch.IAlarm],
        queues: Mapping[str, sqs.IQueue],
        database: str,
        runtime_store: str,
        api: str,
    ) -> None:
        """`safety`: the alarms that say whether trading is safe; the last three are ids of the resources."""
        super().__init__(scope, construct_id)
        self._environment = environment
        functions = [f"algotrading-{environment.stage}-{name.replace('_', '-')}" for name in FUNCTIONS]
        cache = {"CacheClusterId": f"{runtime_store}-001"}
        cloudwatch.Dashboard(
            self,
            "Board",
            dashboard_name=f"algotrading-{environment.stage}",
            default_interval=Duration.hours(8),
            widgets=[
                [cloudwatch.AlarmStatusWidget(title="Is it safe?", alarms=list(safety), width=_WIDE, height=4)],
                [
                    self._graph("Release error, ms", self._of("ReleaseError", *_PERCENTILES), _THIRD),
                    self._graph("Tick to order, ms", self._of("TickToOrder", *_PERCENTILES), _THIRD),
                    self._graph("Broker's answer, ms", self._of("BrokerAnswer", *_PERCENTILES), _THIRD),
                ],
                [
                    self._graph("Orders in doubt", self._sums("OrderUnknown", "LateOrder", "UnconfirmedExit"), _THIRD),
                    self._graph("Exits held up", self._sums("ExitRefused", "ExitBlocked", "ExitUnfilled"), _THIRD),
                    self._graph(
                        "Entries not made, or unpriced",
                        self._sums("EntriesBlocked", "TriggerTooLate", "TriggerMissed", "EntriesUnpriced"),
                        _THIRD,
                    ),
                ],
                [
                    self._graph(
                        "Requests to brokers without an answer, share", self._of(BROKER_FAULTS, "Average"), _THIRD
                    ),
                    self._graph("Requests to brokers", self._of(BROKER_FAULTS, "SampleCount"), _THIRD),
                    self._graph(
                        "Requests that waited for their place", self._sums(BROKER_QUEUED, "RateLimited"), _THIRD
                    ),
                ],
                [
                    self._graph("Armed stops", self._of("ArmedStops", "Maximum"), _THIRD),
                    self._graph("Ticks and hits", self._sums("Ticks", "StopLossHits"), _THIRD),
                    self._graph("Decision latency, ms", self._of("DecisionLatency", *_PERCENTILES), _THIRD),
                ],
                [
                    self._graph("Exchange stamp to decision, ms", self._of("TickLag", *_PERCENTILES), _THIRD),
                    self._graph("Tick to queue, ms", self._of("TickToQueue", *_PERCENTILES), _THIRD),
                    self._graph(
                        "Blind, stale, waiting hits", self._maxima("Blind", "Staleness", "UndeliveredHits"), _THIRD
                    ),
                ],
                [
                    self._graph("Messages waiting", [_waiting(queue, name) for name, queue in queues.items()], _HALF),
                    self._graph("Age of the oldest, s", [_age(queue, name) for name, queue in queues.items()], _HALF),
                ],
                [
                    self._graph("Errors of functions", [_function("Errors", name) for name in functions], _THIRD),
                    self._graph("Turned away", [_function("Throttles", name) for name in functions], _THIRD),
                    self._graph(
                        "At the same time",
                        [_function("ConcurrentExecutions", name, "Maximum") for name in functions],
                        _THIRD,
                    ),
                ],
                [
                    self._graph("API answers 5xx and 4xx", [_api("5xx", api), _api("4xx", api)], _THIRD),
                    self._graph("API latency, ms", [_api("Latency", api, stat) for stat in ("p50", "p99")], _THIRD),
                    self._graph("API as the canary sees it", self._sums(API_ANSWERS), _THIRD),
                ],
                [
                    self._graph(
                        "PostgreSQL",
                        [_database(name, database) for name in ("CPUUtilization", "DatabaseConnections")],
                        _THIRD,
                    ),
                    self._graph("PostgreSQL, free bytes", [_database("FreeStorageSpace", database)], _THIRD),
                    self._graph(
                        "Valkey, %",
                        [
                            _metric("AWS/ElastiCache", name, "Maximum", cache)
                            for name in ("DatabaseMemoryUsagePercentage", "EngineCPUUtilization")
                        ],
                        _THIRD,
                    ),
                ],
            ],
        )

    def _graph(self, title: str, metrics: Sequence[cloudwatch.IMetric], width: int) -> cloudwatch.GraphWidget:
        return cloudwatch.GraphWidget(title=title, left=list(metrics), width=width, region=REGION)

    def _of(self, name: str, *statistics: str) -> list[cloudwatch.IMetric]:
        namespace = self._environment.metrics_namespace
        return [_metric(namespace, name, statistic, label=statistic) for statistic in statistics]

    def _sums(self, *names: str) -> list[cloudwatch.IMetric]:
        return [_metric(self._environment.metrics_namespace, name, "Sum") for name in names]

    def _maxima(self, *names: str) -> list[cloudwatch.IMetric]:
        return [_metric(self._environment.metrics_namespace, name, "Maximum") for name in names]


def _metric(
    namespace: str, name: str, statistic: str, dimensions: dict[str, str] | None = None, label: str | None = None
) -> cloudwatch.IMetric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        statistic=statistic,
        period=_MINUTE,
        dimensions_map=dimensions,
        label=label or name,
    )


def _waiting(queue: sqs.IQueue, name: str) -> cloudwatch.IMetric:
    return queue.metric_approximate_number_of_messages_visible(period=_MINUTE, statistic="Maximum", label=name)


def _age(queue: sqs.IQueue, name: str) -> cloudwatch.IMetric:
    return queue.metric_approximate_age_of_oldest_message(period=_MINUTE, statistic="Maximum", label=name)


def _function(metric: str, name: str, statistic: str = "Sum") -> cloudwatch.IMetric:
    return _metric("AWS/Lambda", metric, statistic, {"FunctionName": name}, label=name)


def _database(metric: str, identifier: str) -> cloudwatch.IMetric:
    return _metric("AWS/RDS", metric, "Average", {"DBInstanceIdentifier": identifier})


def _api(metric: str, identifier: str, statistic: str = "Sum") -> cloudwatch.IMetric:
    return _metric("AWS/ApiGateway", metric, statistic, {"ApiId": identifier}, label=f"{metric} {statistic}")
