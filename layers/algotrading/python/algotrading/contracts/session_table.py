"""A simulated exchange's session table, as JSON; accepted in dev only (`settings.SessionSettings`).

Example: {"name": "round-the-clock", "calendar": "every-day",
          "segments": {"NSE": {"continuous": ["00:00:00", "23:59:59"]}}}
"""

from __future__ import annotations

from datetime import date, time
from typing import Literal

from pydantic import BaseModel, ConfigDict

from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.sessions import SegmentRule, SessionHours, SessionTable


class SegmentHours(BaseModel):
    """Continuous trading of one exchange segment, Asia/Kolkata."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    continuous: tuple[time, time]


class SessionTableDocument(BaseModel):
    """The JSON document."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    calendar: Literal["every-day"]
    segments: dict[str, SegmentHours]

    def to_table(self) -> SessionTable:
        """The domain's table."""
        rules = tuple(
            SegmentRule(
                since=date.min,
                exchange=exchange,
                closing_auction=None,
                hours=SessionHours(
                    opens=segment.continuous[0],
                    closes=segment.continuous[1],
                    last_exit=segment.continuous[1],
                    last_exit_reason=f"the simulated session ends at {segment.continuous[1]}",
                ),
            )
            for exchange, segment in self.segments.items()
        )
        return SessionTable(name=self.name, version="simulated", rules=rules, holidays=None)


def load_session_table(setting: str) -> SessionTable:
    """The table that SESSION_TABLE names: `nse`, or a document as above."""
    if setting == "nse":
        return NSE_SESSIONS
    return SessionTableDocument.model_validate_json(setting).to_table()
