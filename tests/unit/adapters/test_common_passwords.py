"""The passwords that everybody tries first."""

from __future__ import annotations

import pytest

from algotrading.adapters.common_passwords import LIST, SIZE, CommonPasswords
from layers.common_passwords import common_passwords


@pytest.mark.parametrize("password", ["1234", "password", "12345678", "PassWord", "iloveyou1", "qwertyuiop"])
def test_what_everybody_tries_is_known_in_any_case(password: str) -> None:
    assert password in CommonPasswords()


@pytest.mark.parametrize("password", ["a long passphrase", "good-old-horse", "", "\x00", "पासवर्ड पासवर्ड"])
def test_others_are_not(password: str) -> None:
    assert password not in CommonPasswords()


def test_the_file_is_what_its_maker_makes() -> None:
    assert LIST.read_bytes() == common_passwords()
    assert len(common_passwords()) // SIZE > 25_000
