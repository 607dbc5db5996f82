"""EventBridge Scheduler's expressions: in which minutes a schedule is due (user guide, schedule types).

`cron(minutes hours day-of-month month day-of-week year)`, `rate(n unit)` and `at(yyyy-mm-ddThh:mm:ss)`.
Cron supports lists, ranges, steps, names and `L` for the last day of the month; the rarer `W` and `#` are
refused, since an expression that is not understood must not look like one that is never due.
"""

from __future__ import annotations

import calendar
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_DAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}


class ExpressionInvalid(Exception):
    """The schedule expression is not one that EventBridge Scheduler knows."""


def is_due(expression: str, time_zone: str, minute: datetime, *, since: datetime) -> bool:
    """Whether the schedule is due in the minute that starts at `minute`.

    `since` is when the schedule came to be: a rate counts from there. Raises ExpressionInvalid.
    """
    local = minute.astimezone(ZoneInfo(time_zone))
    if expression.startswith("at(") and expression.endswith(")"):
        return datetime.fromisoformat(expression[3:-1]).replace(second=0) == local.replace(second=0, tzinfo=None)
    if rate := _RATE.fullmatch(expression):
        every = int(rate[1]) * _UNITS[rate[2]]
        elapsed = minute - since.replace(second=0, microsecond=0)
        return elapsed >= every and elapsed % every == timedelta(0)
    if expression.startswith("cron(") and expression.endswith(")"):
        return _cron_matches(expression[5:-1].split(), local)
    raise ExpressionInvalid(f"{expression} is neither cron(...), rate(...) nor at(...)")


def is_one_time(expression: str) -> bool:
    """Whether the schedule has completed after one run."""
    return expression.startswith("at(")


def _cron_matches(fields: list[str], local: datetime) -> bool:
    if len(fields) != 6:
        raise ExpressionInvalid(f"cron needs six fields, not {' '.join(fields)}")
    minute, hour, month_day, month, week_day, year = fields
    if "?" not in {month_day, week_day}:
        raise ExpressionInvalid("cron needs ? for the day of the month or the day of the week")
    last_day = calendar.monthrange(local.year, local.month)[1]
    sunday_first = local.isoweekday() % 7 + 1
    # Every field is looked at, so that a wrong one is noticed in whatever minute it is.
    matches = [
        _field_matches(minute, local.minute, 0, 59, {}),
        _field_matches(hour, local.hour, 0, 23, {}),
        _field_matches(month_day, local.day, 1, 31, {"L": last_day}),
        _field_matches(month, local.month, 1, 12, _MONTHS),
        _field_matches(week_day, sunday_first, 1, 7, _DAYS),
        _field_matches(year, local.year, 1970, 2199, {}),
    ]
    return all(matches)


def _field_matches(field: str, value: int, low: int, high: int, names: dict[str, int]) -> bool:
    return any(value in _part_values(part, low, high, names) for part in field.split(","))


def _part_values(part: str, low: int, high: int, names: dict[str, int]) -> range:
    span, _, step = part.partition("/")
    if span in {"*", "?"}:
        first, last = low, high
    else:
        start, dash, end = span.partition("-")
        first = _number(start, names)
        last = _number(end, names) if dash else (high if step else first)
    if not low <= first <= last <= high:
        raise ExpressionInvalid(f"{part} is not within {low} to {high}")
    return range(first, last + 1, int(step) if step else 1)


def _number(text: str, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if not text.isdigit():
        raise ExpressionInvalid(f"{text} is not understood in a cron expression")
    return int(text)
