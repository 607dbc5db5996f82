"""Texts of messages: each fits one, says what its notice says, and is word for word what is registered."""

from __future__ import annotations

import re
from collections import Counter
from string import Formatter
from uuid import uuid4

import pytest

from algotrading.domain.mobile_numbers import Country, is_indian, masked, mobile_number, number_mark
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import BY_SMS, InboxNotice, title_of
from algotrading.domain.sessions import IST
from algotrading.domain.sms import CODE_DIGITS, Sms, code_sms, day_began, notice_sms, until_tomorrow
from algotrading.domain.sms_templates import LONGEST_TEXT, LONGEST_VARIABLE, TEXTS, SmsTemplate
from tests.fakes.examples import MOMENT

GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""3GPP TS 23.038, the default alphabet; what its extension adds (as € and {) takes two places and is not used."""
EVERY = {"what", "about", "time", "code"}


def notice(kind: str, symbol: str | None = "TCS") -> InboxNotice:
    return InboxNotice(7, kind, "words made for the case", MOMENT, uuid4(), symbol)


def filled(template: SmsTemplate, value: str) -> str:
    return Sms(template, dict.fromkeys(EVERY, value)).text


@pytest.mark.parametrize("template", SmsTemplate)
def test_every_text_fits_one_message_with_the_longest_of_every_gap(template: SmsTemplate) -> None:
    text = filled(template, "W" * 99)

    assert len(text) <= LONGEST_TEXT, len(text)
    assert set(text) <= GSM


@pytest.mark.parametrize("template", SmsTemplate)
def test_every_text_names_its_sender_and_the_gaps_that_there_are(template: SmsTemplate) -> None:
    gaps = [name for _, name, _, _ in Formatter().parse(TEXTS[template]) if name is not None]

    assert TEXTS[template].startswith("AlgoTrading: ")
    assert set(gaps) <= EVERY
    assert len(gaps) == len(set(gaps)) <= 4, "of each gap one, and few: carriers refuse texts that are mostly gaps"


def test_what_is_put_into_a_gap_is_cut_and_cannot_break_the_alphabet_or_the_text() -> None:
    text = filled(SmsTemplate.EXIT_REFUSED, "₹{time}\n€" + "x" * 99)
    gap = re.fullmatch(r"AlgoTrading: your broker refused to sell (.*)\. It is tried again\. .*", text)

    assert gap is not None
    assert (gap[1][:8], len(gap[1])) == ("--time--", LONGEST_VARIABLE)
    assert filled(SmsTemplate.OVERSOLD, "M&M-EQ 24.5/1").count("M&M-EQ 24.5/1") == 1


def test_each_kind_that_is_sent_by_default_has_a_text_of_its_own() -> None:
    own = {template.value for template in SmsTemplate} - {"code", "notice"}

    assert {kind.value for kind in BY_SMS} == own


@pytest.mark.parametrize("kind", NoticeKind)
def test_a_notice_of_every_kind_has_a_text(kind: NoticeKind) -> None:
    for symbol in ("TCS", None):
        text = notice_sms(notice(kind, symbol)).text
        assert len(text) <= LONGEST_TEXT
        assert "{" not in text
        assert "words made" not in text, "only what is registered is delivered"
    assert len(title_of(kind)) <= LONGEST_VARIABLE, "the name of a kind is never cut"


def test_a_text_says_what_is_traded_and_when() -> None:
    assert notice_sms(notice("exit_refused")).text == (
        "AlgoTrading: your broker refused to sell TCS. It is tried again. Open the app for the reason."
    )
    at = MOMENT.astimezone(IST)
    assert notice_sms(notice("killed", None)).text.startswith(
        f"AlgoTrading: your kill switch went on at {at:%H:%M:%S} IST."
    )
    assert "about your account, at " in notice_sms(notice("daily_summary", None)).text
    assert "no stop order for your strategy rests" in notice_sms(notice("stop_not_resting", None)).text


def test_a_code_is_in_its_text_and_nowhere_else() -> None:
    sms = code_sms("204671")

    assert len("204671") == CODE_DIGITS
    assert "your code is 204671." in sms.text
    assert "204671" not in repr(sms)


# --- numbers ----------------------------------------------------------------------------------------

INDIA = (Country.IN,)


@pytest.mark.parametrize(
    "written", ["+919876543210", "9876543210", "09876543210", "+91 98765 43210", "98765-43210", "+91 (98765) 43210"]
)
def test_a_number_of_india_is_taken_as_people_write_it(written: str) -> None:
    assert mobile_number(written, INDIA) == "+919876543210"


@pytest.mark.parametrize(
    "written",
    [
        "",
        "+91987654321",
        "+9198765432100",
        "+915876543210",  # a landline's first digit
        "+14155550100",
        "+447911123456",
        "+971501234567",
        "00919876543210",
        "+91٩876543210",
        "+919876543210\n",
        "+91987654321x",
        "19876543210",
    ],
)
def test_what_is_no_mobile_number_of_the_countries_is_none(written: str) -> None:
    assert mobile_number(written, INDIA) is None


def test_a_country_is_taken_where_it_is_on_the_list() -> None:
    assert mobile_number("+971501234567", (Country.IN, Country.AE)) == "+971501234567"
    assert mobile_number("+6581234567", (Country.SG,)) == "+6581234567"
    assert mobile_number("9876543210", (Country.SG,)) is None, "no country of the list"
    assert [is_indian(each) for each in ("+919876543210", "+6581234567")] == [True, False]


def test_of_a_number_its_last_four_digits_are_shown() -> None:
    assert masked("+919876543210") == "+91******3210"
    assert masked("+6581234567") == "+65****4567"


def test_a_mark_counts_a_number_and_names_none_though_its_last_four_digits_are_known() -> None:
    mark = number_mark("+919876543210")
    assert mark == number_mark("+919876543210") != number_mark("+919876543211")

    # All of India's mobile numbers that end so.
    marks = Counter(number_mark(f"+91{number}3210") for number in range(600_000, 1_000_000))
    assert set(marks) == set(range(4096))
    assert min(marks.values()) > 50, "fewer would be left to try"
    assert marks[mark] > 50


def test_days_begin_at_midnight_in_india() -> None:
    assert day_began(MOMENT).strftime("%H:%M:%S %z") == "00:00:00 +0530"
    assert day_began(MOMENT) <= MOMENT
    assert day_began(MOMENT + until_tomorrow(MOMENT)) == MOMENT + until_tomorrow(MOMENT)
