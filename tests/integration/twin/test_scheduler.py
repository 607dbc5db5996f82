"""A strategy's schedule, put by the product's own adapter, fires the trigger function in its minute."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import boto3
import pytest

from algotrading.adapters.eventbridge_schedules import EventBridgeSchedules
from algotrading.contracts.messages import OrderEvent, ScheduleInput
from algotrading.ports import Alarm
from twin.aws import AwsAccess, start_emulator
from twin.lambda_runtime import Function, InvocationResult, Throttled
from twin.scheduler import EmulatorSchedules, Scheduler
from twin.wiring import AsyncPolicy, FunctionSpec, ScheduleSpec

if TYPE_CHECKING:
    from twin.processes import StateFolder

ACCOUNT, REGION, GROUP = "000000000000", "ap-south-1", "strategies"
TRIGGER_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:trigger"
STRATEGY, USER = UUID(int=1), UUID(int=2)
MORNING = datetime(2026, 11, 20, 3, 47, 30, tzinfo=UTC)
"""09:17:30 in Kolkata."""
FAILURE = InvocationResult(b'{"errorMessage": "boom"}', is_error=True, milliseconds=1.0)
SUCCESS = InvocationResult(b"null", is_error=False, milliseconds=1.0)


class VirtualTime:
    """Sleeping moves the time instead of passing it."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    async def sleep_until(self, instant: datetime) -> None:
        self._now = max(self._now, instant)
        await asyncio.sleep(0)


@dataclass
class Trigger:
    """Remembers what it was invoked with and when, and ends as it is told."""

    clock: VirtualTime
    endings: list[InvocationResult | Throttled] = field(default_factory=list)
    retries: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    instants: list[datetime] = field(default_factory=list)

    @property
    def spec(self) -> FunctionSpec:
        return cast("FunctionSpec", _Spec("trigger", AsyncPolicy(retries=self.retries)))

    async def invoke(self, payload: bytes) -> InvocationResult:
        self.events.append(json.loads(payload))
        self.instants.append(self.clock.now())
        ending = self.endings.pop(0) if self.endings else SUCCESS
        if isinstance(ending, Throttled):
            raise ending
        return ending


@dataclass
class _Spec:
    name: str
    on_async_failure: AsyncPolicy


@pytest.fixture
async def access(state: StateFolder) -> AsyncIterator[AwsAccess]:
    child, access = await start_emulator(state, ACCOUNT, REGION)
    yield access
    await child.stop()


@pytest.fixture
def schedules(access: AwsAccess) -> EventBridgeSchedules:
    client = boto3.client("scheduler", **access.client_options())
    client.create_schedule_group(Name=GROUP)
    role, dead_letters = f"arn:aws:iam::{ACCOUNT}:role/r", f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"
    return EventBridgeSchedules(client, group=GROUP, target_arn=TRIGGER_ARN, role_arn=role, dlq_arn=dead_letters)


def an_alarm(hour: int, minute: int) -> Alarm:
    payload = ScheduleInput(
        strategy_id=STRATEGY,
        user_id=USER,
        event=OrderEvent.BUY,
        at="09:20:00",
        strategy_version=2,
        scheduled_time=MORNING,
    )
    return Alarm(name="one-BUY", hour=hour, minute=minute, payload=payload)


def a_scheduler(store: EmulatorSchedules | NoSchedules, trigger: Trigger, *own: ScheduleSpec) -> Scheduler:
    return Scheduler(
        store,
        own,
        {TRIGGER_ARN: cast("Function", trigger)},
        trigger.clock,
        region=REGION,
        account=ACCOUNT,
        chance=random.Random(7),
    )


class NoSchedules:
    """No schedule but those of the templates."""

    async def read(self) -> list[ScheduleSpec]:
        return []

    async def delete(self, schedule: ScheduleSpec) -> None:
        raise AssertionError(schedule.name)


def every_minute(retries: int = 0, max_age_seconds: float = 60.0) -> ScheduleSpec:
    return ScheduleSpec("minutely", GROUP, "rate(1 minute)", "UTC", TRIGGER_ARN, "{}", retries, max_age_seconds)


async def test_an_early_alarm_fires_the_trigger_in_its_minute(
    access: AwsAccess, schedules: EventBridgeSchedules
) -> None:
    await asyncio.to_thread(schedules.put, an_alarm(9, 18))
    trigger = Trigger(VirtualTime(MORNING))
    scheduler = a_scheduler(await asyncio.to_thread(EmulatorSchedules, access, [GROUP]), trigger)

    for minutes in (-1, 0, 1):
        await scheduler.begin_minute(MORNING.replace(second=0) + timedelta(minutes=1 + minutes))
        await scheduler.drain()

    (event,) = trigger.events
    heard = ScheduleInput.model_validate(event)
    assert (heard.strategy_id, heard.event, heard.at) == (STRATEGY, OrderEvent.BUY, "09:20:00")
    assert heard.scheduled_time == datetime(2026, 11, 20, 3, 48, tzinfo=UTC)
    assert heard.scheduled_time <= trigger.instants[0] < heard.scheduled_time + timedelta(minutes=1)


async def test_a_removed_schedule_fires_no_more(access: AwsAccess, schedules: EventBridgeSchedules) -> None:
    await asyncio.to_thread(schedules.put, an_alarm(9, 18))
    trigger = Trigger(VirtualTime(MORNING))
    scheduler = a_scheduler(await asyncio.to_thread(EmulatorSchedules, access, [GROUP]), trigger)
    await asyncio.to_thread(schedules.remove, "one-BUY")

    await scheduler.begin_minute(datetime(2026, 11, 20, 3, 48, tzinfo=UTC))
    await scheduler.drain()

    assert trigger.events == []


async def test_a_throttled_target_is_tried_again_within_the_schedules_own_limits() -> None:
    trigger = Trigger(VirtualTime(MORNING), endings=[Throttled(), Throttled(), Throttled(), Throttled()])
    scheduler = a_scheduler(NoSchedules(), trigger, every_minute(retries=2))

    await scheduler.begin_minute(MORNING.replace(second=0) + timedelta(minutes=1))
    await scheduler.drain()

    assert len(trigger.events) == 3


@pytest.mark.parametrize(("retries", "invocations"), [(0, 1), (2, 3)])
async def test_a_failing_function_is_invoked_again_as_its_own_policy_says(retries: int, invocations: int) -> None:
    trigger = Trigger(VirtualTime(MORNING), endings=[FAILURE] * 5, retries=retries)
    scheduler = a_scheduler(NoSchedules(), trigger, every_minute())

    await scheduler.begin_minute(MORNING.replace(second=0) + timedelta(minutes=1))
    await scheduler.drain()

    assert len(trigger.events) == invocations
