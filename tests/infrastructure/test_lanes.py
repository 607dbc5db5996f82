"""The two lanes that orders travel: in order per strategy, one message at a time, exits apart from entries."""

from __future__ import annotations

import pytest

from algotrading.entrypoints.hold import HOLD_SECONDS
from cdk.environments import Environment
from cdk.paths import LAMBDAS
from tests.infrastructure.templates import Estate, Resource

LANES = [("trading/Orders", "executor"), ("trading/PriorityOrders", "priority_executor")]


def _queue(estate: Estate, path: str) -> Resource:
    (queue,) = (each for each in estate.resources("AWS::SQS::Queue") if each.path == path)
    return queue


def _mapping(estate: Estate, lane: str) -> Resource:
    (mapping,) = (
        each
        for each in estate.resources("AWS::Lambda::EventSourceMapping")
        if estate.text(each.stack, each.properties["EventSourceArn"]) == f"{lane}/Queue"
    )
    return mapping


@pytest.mark.parametrize("queue", ["Queue", "DeadLetters"])
@pytest.mark.parametrize(("lane", "_function"), LANES)
def test_queues_are_fifo_in_high_throughput_mode(estate: Estate, lane: str, _function: str, queue: str) -> None:
    properties = _queue(estate, f"{lane}/{queue}").properties

    assert properties["FifoQueue"] is True
    assert properties["QueueName"].endswith(".fifo")
    assert properties["DeduplicationScope"] == "messageGroup"
    # Two orders for the same thing have the same words: which is a repetition, the sender's identity says alone.
    assert properties["ContentBasedDeduplication"] is False
    assert properties["FifoThroughputLimit"] == "perMessageGroupId"
    assert properties["SqsManagedSseEnabled"] is True


@pytest.mark.parametrize(("lane", "_function"), LANES)
def test_what_cannot_be_handled_goes_to_the_lanes_dead_letters(estate: Estate, lane: str, _function: str) -> None:
    redrive = _queue(estate, f"{lane}/Queue").properties["RedrivePolicy"]

    assert estate.text("trading", redrive["deadLetterTargetArn"]) == f"{lane}/DeadLetters"
    assert redrive["maxReceiveCount"] >= 3


@pytest.mark.parametrize(("lane", "function"), LANES)
def test_a_queue_hides_a_message_for_as_long_as_its_function_may_run_and_hardly_longer(
    estate: Estate, lane: str, function: str
) -> None:
    timeout = estate.function(function).properties["Timeout"]

    visibility = _queue(estate, f"{lane}/Queue").properties["VisibilityTimeout"]

    # Lambda takes no mapping to a queue that hides a message for less.
    assert timeout < visibility <= timeout + 10


@pytest.mark.parametrize(("lane", "function"), LANES)
def test_a_crash_blocks_its_strategy_for_less_than_a_minute(estate: Estate, lane: str, function: str) -> None:
    hidden = _queue(estate, f"{lane}/Queue").properties["VisibilityTimeout"]
    handler = (LAMBDAS / function / "handler.py").read_text(encoding="utf-8")

    assert (HOLD_SECONDS if "_hold)" in handler else hidden) <= 30


def test_a_worker_that_holds_its_message_may_tell_the_queue_so(estate: Estate) -> None:
    worker = estate.function("executor").path

    assert worker in estate.roles_allowed("sqs:ChangeMessageVisibility", "trading/Orders/Queue")


def test_an_exit_is_free_of_a_crashed_executor_within_half_a_minute(estate: Estate) -> None:
    assert _queue(estate, "trading/PriorityOrders/Queue").properties["VisibilityTimeout"] <= 30


@pytest.mark.parametrize(("lane", "function"), LANES)
def test_each_lane_feeds_its_own_function_one_message_at_a_time(estate: Estate, lane: str, function: str) -> None:
    mapping = _mapping(estate, lane).properties

    assert estate.called(mapping["FunctionName"], "trading")[0] == estate.function(function).path
    assert mapping["BatchSize"] == 1
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert "FilterCriteria" not in mapping
    assert "MaximumBatchingWindowInSeconds" not in mapping


@pytest.mark.parametrize(("lane", "function"), LANES)
def test_no_lane_delivers_more_than_its_function_may_run(estate: Estate, lane: str, function: str) -> None:
    most = _mapping(estate, lane).properties["ScalingConfig"]["MaximumConcurrency"]

    assert most <= estate.function(function).properties["ReservedConcurrentExecutions"]


def test_executors_leave_database_connections_to_the_others(environment: Environment) -> None:
    executors = environment.executor_concurrency + environment.priority_concurrency

    assert executors <= 0.75 * environment.database_connections


def test_reserved_concurrency_leaves_a_fresh_accounts_unreserved_share(estate: Estate) -> None:
    reserved = sum(each.properties.get("ReservedConcurrentExecutions", 0) for each in estate.functions())

    assert reserved <= 1000 - 100
