"""Mails that bring a link, or tell of an account."""

from __future__ import annotations

import pytest

from algotrading.domain.mail import PRODUCT, Mail, deleted_mail, registered_mail, registration_mail, reset_mail
from algotrading.domain.mail import verification_mail as verified

TO, APP, TOKEN = "trader@example.com", "https://app", "t0ken"


@pytest.mark.parametrize(
    "mail",
    [
        reset_mail(TO, APP, TOKEN),
        registration_mail(TO, APP, TOKEN),
        verified(TO, APP, TOKEN),
        registered_mail(TO, APP),
        deleted_mail(TO),
    ],
    ids=lambda mail: mail.subject,
)
def test_a_mail_about_an_account_says_of_which_product(mail: Mail) -> None:
    first_sentence = mail.text.partition(". ")[0]

    assert PRODUCT in first_sentence
    assert max(map(len, mail.text.splitlines())) < 120
