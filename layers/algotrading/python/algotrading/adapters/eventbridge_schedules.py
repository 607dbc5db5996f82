"""ports.Schedules on EventBridge Scheduler."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from algotrading.contracts.messages import ScheduleInput
from algotrading.ports import Alarm

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

WEEKDAYS = "? * MON-FRI *"
"""Day fields of a cron expression: Monday to Friday. Holidays are the session calendar's business."""
EVERY_DAY = "* * ? *"
"""Day fields for an exchange that trades every day of the week."""
_SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
"""A context word that EventBridge Scheduler replaces at each firing; unlike the execution id it is the
same on a retry."""
_NOT_RUNG = datetime(1970, 1, 1, tzinfo=UTC)
_CRON = re.compile(r"cron\((\d+) (\d+) (.+)\)")


class EventBridgeSchedules:
    """Daily schedules in one group, all with the same target, retry policy and dead-letter queue.

    The service's own defaults (185 attempts over a day) would deliver a morning's BUY in the
    afternoon: an alarm is void after two minutes.
    """

    def __init__(
        self,
        client: EventBridgeSchedulerClient,
        group: str,
        target_arn: str,
        role_arn: str,
        dlq_arn: str,
        *,
        days: str = WEEKDAYS,
    ) -> None:
        """`days` are the last four cron fields: `WEEKDAYS` or `EVERY_DAY`."""
        self._client = client
        self._group = group
        self._target_arn = target_arn
        self._role_arn = role_arn
        self._dlq_arn = dlq_arn
        self._days = days

    def put(self, alarm: Alarm) -> None:
        """See ports.Schedules."""
        definition = self._definition(alarm)
        try:
            self._client.create_schedule(**definition)
        except self._client.exceptions.ConflictException:
            # An update replaces everything: what it does not name would return to its default.
            self._client.update_schedule(**definition)

    def remove(self, name: str) -> None:
        """See ports.Schedules."""
        try:
            self._client.delete_schedule(GroupName=self._group, Name=name)
        except self._client.exceptions.ResourceNotFoundException:
            return

    def names(self) -> frozenset[str]:
        """See ports.Schedules."""
        pages = self._client.get_paginator("list_schedules").paginate(GroupName=self._group)
        return frozenset(schedule["Name"] for page in pages for schedule in page["Schedules"])

    def find(self, name: str) -> Alarm | None:
        """See ports.Schedules. A schedule that differs in anything from what `put` writes is not
        found, so that whoever compares puts it right."""
        try:
            found: Mapping[str, Any] = self._client.get_schedule(GroupName=self._group, Name=name)
        except self._client.exceptions.ResourceNotFoundException:
            return None
        alarm = _read_alarm(name, found)
        return alarm if alarm is not None and _contains(found, self._definition(alarm)) else None

    def _definition(self, alarm: Alarm) -> dict[str, Any]:
        payload = {**alarm.payload.model_dump(mode="json"), "scheduled_time": _SCHEDULED_TIME}
        return {
            "GroupName": self._group,
            "Name": alarm.name,
            "ScheduleExpression": f"cron({alarm.minute} {alarm.hour} {self._days})",
            "ScheduleExpressionTimezone": "Asia/Kolkata",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED",
            "Target": {
                "Arn": self._target_arn,
                "RoleArn": self._role_arn,
                "Input": json.dumps(payload),
                "DeadLetterConfig": {"Arn": self._dlq_arn},
                "RetryPolicy": {"MaximumEventAgeInSeconds": 120, "MaximumRetryAttempts": 2},
            },
        }


def _read_alarm(name: str, found: Mapping[str, Any]) -> Alarm | None:
    cron = _CRON.fullmatch(found["ScheduleExpression"])
    try:
        payload = json.loads(found["Target"].get("Input", ""))
        parsed = ScheduleInput.model_validate({**payload, "scheduled_time": _NOT_RUNG})
    except (ValueError, TypeError, ValidationError):
        return None
    if cron is None:
        return None
    return Alarm(name=name, hour=int(cron[2]), minute=int(cron[1]), payload=parsed)


def _contains(found: Any, wanted: Any) -> bool:
    """Whether every member of `wanted` is in `found`; the service adds members of its own."""
    if isinstance(wanted, dict):
        return all(name in found and _contains(found[name], value) for name, value in wanted.items())
    return bool(found == wanted)
