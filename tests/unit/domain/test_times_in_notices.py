"""Times in what traders are told are India's, as everywhere else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from algotrading.domain.limits import Lock, released_notice
from algotrading.domain.mail import notice_mail
from algotrading.domain.notifications import InboxNotice

SINCE = datetime(2026, 11, 26, 20, 30, 5, tzinfo=UTC)
"""Past midnight in India."""


@pytest.mark.parametrize("for_everybody", [False, True])
def test_since_when_a_switch_was_on(for_everybody: bool) -> None:
    text = released_notice(Lock(SINCE, "owner", None), for_everybody=for_everybody).text

    assert "(on since 2026-11-27 02:00:05 IST)" in text


def test_when_a_mailed_notice_was_written() -> None:
    mail = notice_mail("trader@example.com", InboxNotice(7, "bought", "bought 10", SINCE), "https://app")

    assert "2026-11-27 02:00:05 IST, notice 7." in mail.text
