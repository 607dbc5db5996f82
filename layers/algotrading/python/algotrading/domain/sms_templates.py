"""The closed set of texts that are sent by SMS.

India's operators deliver a text only when it equals, word for word, a template that its sender has registered, with
each gap filled by at most 30 characters (TRAI's rules for commercial messages, kept by the operators in the ledger
DLT; the sender's name has to be in each text). So notices do not go out as they were written: each kind has a template.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

LONGEST_VARIABLE: Final = 30
LONGEST_TEXT: Final = 160
"""Characters of one message in the GSM 7-bit alphabet (3GPP TS 23.038); a longer one is sent, and paid, as several."""


class SmsTemplate(StrEnum):
    """Names of the texts. Settings give each the id that it is registered under."""

    CODE = "code"
    EXIT_BLOCKED = "exit_blocked"
    EXIT_REFUSED = "exit_refused"
    EXIT_UNFILLED = "exit_unfilled"
    STOP_NOT_RESTING = "stop_not_resting"
    OPEN_AT_CLOSE = "open_at_close"
    OVERSOLD = "oversold"
    LOGIN_REFUSED = "login_refused"
    KILLED = "killed"
    DEPLOYMENT_KILLED = "deployment_killed"
    NOTICE = "notice"
    """Of every kind that has no text of its own."""


TEXTS: Final[Mapping[SmsTemplate, str]] = MappingProxyType(
    {
        SmsTemplate.CODE: (
            "AlgoTrading: your code is {code}. It confirms this mobile number for 15 minutes. If you did not ask for "
            "it, do nothing."
        ),
        SmsTemplate.EXIT_BLOCKED: (
            "AlgoTrading: {about} cannot be sold now, mostly for want of a broker login. Log in to your broker and "
            "open the app."
        ),
        SmsTemplate.EXIT_REFUSED: (
            "AlgoTrading: your broker refused to sell {about}. It is tried again. Open the app for the reason."
        ),
        SmsTemplate.EXIT_UNFILLED: (
            "AlgoTrading: sells of {about} ended and it is still held. It is tried again. Look into your broker "
            "account."
        ),
        SmsTemplate.STOP_NOT_RESTING: (
            "AlgoTrading: no stop order for {about} rests at your broker. Its price is watched all the same. Open the "
            "app."
        ),
        SmsTemplate.OPEN_AT_CLOSE: (
            "AlgoTrading: the session is over and {about} is still held or not known. Look into your broker account."
        ),
        SmsTemplate.OVERSOLD: (
            "AlgoTrading: more of {about} was sold than was held. Open the app: it says how many to buy back."
        ),
        SmsTemplate.LOGIN_REFUSED: (
            "AlgoTrading: at {time} IST your broker refused your login. Nothing is bought by it until you log in to "
            "your broker again."
        ),
        SmsTemplate.KILLED: (
            "AlgoTrading: your kill switch went on at {time} IST. Nothing is bought until it is off. Open the app."
        ),
        SmsTemplate.DEPLOYMENT_KILLED: (
            "AlgoTrading: trading was halted for everybody at {time} IST. Nothing is bought meanwhile. Open the app."
        ),
        SmsTemplate.NOTICE: "AlgoTrading: {what}, about {about}, at {time} IST. Open the app for the whole notice.",
    }
)
"""Word for word as they have to be registered, a gap for each name in braces; a change needs a new registration."""
