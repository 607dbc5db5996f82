"""EventBridge Scheduler: fires schedules at a random moment of their minute, as the real one may.

The schedules are those that the product keeps in the emulator and those of the templates. The emulator
only stores them: its own firing knows no time zone and leaves the context words as they are. A target is
invoked asynchronously, so Lambda's own retries follow Scheduler's.
"""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import boto3

from twin.aws import AwsAccess
from twin.expressions import ExpressionInvalid, is_due, is_one_time
from twin.lambda_runtime import Function, Throttled
from twin.wiring import ScheduleSpec

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

_MINUTE = timedelta(minutes=1)
_EVERY_SCHEDULE = 100_000
"""The emulator answers one page and no token; it takes any page size."""
_THROTTLED_PAUSE = timedelta(seconds=1)
_ASYNC_RETRY_PAUSES = (timedelta(minutes=1), timedelta(minutes=2))
"""Lambda's own, between the attempts at an asynchronous event whose function fails."""

logger = logging.getLogger(__name__)


class SchedulerClock(Protocol):
    """Time as the scheduler sees it."""

    def now(self) -> datetime:
        """The current instant, UTC."""
        ...

    async def sleep_until(self, instant: datetime) -> None:
        """Wait until `instant`."""
        ...


class WallClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The current instant, UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, instant: datetime) -> None:
        """Wait until `instant`."""
        await asyncio.sleep(max(0.0, (instant - self.now()).total_seconds()))


class ScheduleStore(Protocol):
    """Where the schedules are kept."""

    async def read(self) -> Sequence[ScheduleSpec]:
        """Every enabled schedule."""
        ...

    async def delete(self, schedule: ScheduleSpec) -> None:
        """Forget a completed one-time schedule."""
        ...


class EmulatorSchedules:
    """The schedules in the emulator, of every group of the templates."""

    def __init__(self, access: AwsAccess, groups: Sequence[str]) -> None:
        self._client: EventBridgeSchedulerClient = boto3.client("scheduler", **access.client_options())
        self._groups = groups
        self._known: dict[tuple[str, datetime], ScheduleSpec | None] = {}

    async def read(self) -> Sequence[ScheduleSpec]:
        """Every enabled schedule."""
        return await asyncio.to_thread(self._read)

    async def delete(self, schedule: ScheduleSpec) -> None:
        """Forget a completed one-time schedule."""
        await asyncio.to_thread(self._client.delete_schedule, Name=schedule.name, GroupName=schedule.group)

    def _read(self) -> Sequence[ScheduleSpec]:
        known: dict[tuple[str, datetime], ScheduleSpec | None] = {}
        for group in self._groups:
            for row in self._client.list_schedules(GroupName=group, MaxResults=_EVERY_SCHEDULE)["Schedules"]:
                key = (row["Arn"], row["LastModificationDate"])
                known[key] = self._known[key] if key in self._known else self._get(group, row["Name"])
        self._known = known
        return [schedule for schedule in known.values() if schedule is not None]

    def _get(self, group: str, name: str) -> ScheduleSpec | None:
        try:
            found = self._client.get_schedule(GroupName=group, Name=name)
        except self._client.exceptions.ResourceNotFoundException:
            return None
        if found["State"] != "ENABLED":
            return None
        retry = found["Target"].get("RetryPolicy", {})
        return ScheduleSpec(
            name=name,
            group=group,
            expression=found["ScheduleExpression"],
            time_zone=found["ScheduleExpressionTimezone"],
            target_arn=found["Target"]["Arn"],
            payload=found["Target"].get("Input", "{}"),
            retries=retry.get("MaximumRetryAttempts", 185),
            max_age_seconds=retry.get("MaximumEventAgeInSeconds", 86400),
            deletes_itself=found.get("ActionAfterCompletion") == "DELETE",
        )


class Scheduler:
    """Fires what is due, minute by minute."""

    def __init__(
        self,
        store: ScheduleStore,
        own: Sequence[ScheduleSpec],
        functions: Mapping[str, Function],
        clock: SchedulerClock,
        *,
        region: str,
        account: str,
        chance: random.Random | None = None,
    ) -> None:
        self._store = store
        self._own = own
        self._functions = functions
        self._clock = clock
        self._place = f"{region}:{account}"
        self._chance = chance or random.Random()  # noqa: S311  the spread within a minute is no secret
        self._started = clock.now()
        self._firing: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Fire every minute's schedules until cancelled. A minute that has begun is not fired."""
        minute = self._clock.now().replace(second=0, microsecond=0)
        while True:
            minute += _MINUTE
            await self._clock.sleep_until(minute)
            await self.begin_minute(minute)

    async def begin_minute(self, minute: datetime) -> None:
        """Start firing every schedule due in `minute`, each at its own moment of it."""
        for schedule in (*self._own, *await self._store.read()):
            try:
                due = is_due(schedule.expression, schedule.time_zone, minute, since=self._started)
            except ExpressionInvalid:
                logger.exception("the schedule %s/%s never fires", schedule.group, schedule.name)
                continue
            if due:
                task = asyncio.create_task(self._fire(schedule, minute))
                self._firing.add(task)
                task.add_done_callback(self._firing.discard)

    async def drain(self) -> None:
        """Wait for everything that has begun to fire."""
        if self._firing:
            await asyncio.wait(self._firing)

    async def stop(self) -> None:
        """Fire nothing more."""
        for task in self._firing:
            task.cancel()
        await asyncio.gather(*self._firing, return_exceptions=True)

    async def _fire(self, schedule: ScheduleSpec, minute: datetime) -> None:
        await self._clock.sleep_until(minute + self._chance.random() * _MINUTE)
        function = self._functions.get(schedule.target_arn)
        if function is None:
            logger.error("the schedule %s/%s has no function %s", schedule.group, schedule.name, schedule.target_arn)
            return
        deadline = minute + timedelta(seconds=schedule.max_age_seconds)
        for attempt in range(1, schedule.retries + 2):
            payload = fill_context_words(schedule.payload, self._context(schedule, minute, attempt))
            try:
                await self._invoke(function, payload.encode(), self._clock.now())
                break
            except Throttled:
                await self._clock.sleep_until(self._clock.now() + _THROTTLED_PAUSE)
            if self._clock.now() > deadline:
                logger.error("the schedule %s/%s was not delivered in time", schedule.group, schedule.name)
                return
        if is_one_time(schedule.expression) and schedule.deletes_itself:
            await self._store.delete(schedule)

    async def _invoke(self, function: Function, payload: bytes, since: datetime) -> None:
        policy = function.spec.on_async_failure
        for attempt in range(policy.retries + 1):
            result = await function.invoke(payload)
            if not result.is_error:
                return
            logger.error("%s failed an asynchronous event: %s", function.spec.name, result.error_message)
            again = self._clock.now() + _ASYNC_RETRY_PAUSES[min(attempt, 1)]
            if attempt == policy.retries or again > since + timedelta(seconds=policy.max_age_seconds):
                return
            await self._clock.sleep_until(again)

    def _context(self, schedule: ScheduleSpec, minute: datetime, attempt: int) -> dict[str, str]:
        return {
            "schedule-arn": f"arn:aws:scheduler:{self._place}:schedule/{schedule.group}/{schedule.name}",
            "scheduled-time": minute.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "execution-id": str(uuid.uuid4()),
            "attempt-number": str(attempt),
        }


def fill_context_words(payload: str, words: Mapping[str, str]) -> str:
    """`payload` with every `<aws.scheduler.*>` replaced (user guide, context attributes)."""
    for name, value in words.items():
        payload = payload.replace(f"<aws.scheduler.{name}>", value)
    return payload
