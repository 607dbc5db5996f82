"""Text messages as they are sent, and how many there may be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from algotrading.domain.notifications import InboxNotice, title_of
from algotrading.domain.sessions import IST
from algotrading.domain.sms_templates import LONGEST_VARIABLE, TEXTS, SmsTemplate

CODE_DIGITS: Final = 6
CODES_PER_USER: Final = 5
CODES_PER_NUMBER: Final = 3
"""A day, whoever asks: nobody has somebody else's phone ring all day."""
_PLAIN: Final = re.compile(r"[^A-Za-z0-9 &.:/+-]")
"""What a gap may not hold: characters outside of the GSM alphabet, or of two places in it."""
_OF_A_STRATEGY: Final = frozenset(
    {
        SmsTemplate.EXIT_BLOCKED,
        SmsTemplate.EXIT_REFUSED,
        SmsTemplate.EXIT_UNFILLED,
        SmsTemplate.STOP_NOT_RESTING,
        SmsTemplate.OPEN_AT_CLOSE,
        SmsTemplate.OVERSOLD,
    }
)


@dataclass(frozen=True, slots=True, repr=False)
class Sms:
    """One text. `repr` shows no gap of it: one may be a code."""

    template: SmsTemplate
    variables: Mapping[str, str]

    @property
    def text(self) -> str:
        """As it is sent."""
        filled = {name: _PLAIN.sub("-", value)[:LONGEST_VARIABLE] for name, value in self.variables.items()}
        return TEXTS[self.template].format(**filled)

    def __repr__(self) -> str:
        return f"Sms({self.template}, hidden)"


def code_sms(code: str) -> Sms:
    """Shows whose a number is."""
    return Sms(SmsTemplate.CODE, {"code": code})


def notice_sms(notice: InboxNotice) -> Sms:
    """What is sent of a notice. The whole of it is in the inbox."""
    own = set(SmsTemplate) - {SmsTemplate.CODE, SmsTemplate.NOTICE}
    template = SmsTemplate(notice.kind) if notice.kind in own else SmsTemplate.NOTICE
    of_strategy = template in _OF_A_STRATEGY
    return Sms(
        template,
        {
            "what": title_of(notice.kind),
            "about": notice.symbol or ("your strategy" if of_strategy else "your account"),
            "time": f"{notice.created_at.astimezone(IST):%H:%M:%S}",
        },
    )


@dataclass(frozen=True, slots=True)
class CodeLimits:
    """How many codes are sent within a day, Asia/Kolkata."""

    of_deployment: int
    of_user: int = CODES_PER_USER
    of_number: int = CODES_PER_NUMBER


def day_began(now: datetime) -> datetime:
    """Midnight before `now`, Asia/Kolkata: limits of a day begin anew."""
    return now.astimezone(IST).replace(hour=0, minute=0, second=0, microsecond=0)


def until_tomorrow(now: datetime) -> timedelta:
    """Until limits of a day begin anew."""
    return day_began(now) + timedelta(days=1) - now
