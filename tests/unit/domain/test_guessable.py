"""Which passwords are guessed early, by the list that the product ships."""

from __future__ import annotations

import pytest

from algotrading.adapters.common_passwords import CommonPasswords
from algotrading.domain.guessable import is_guessable, words_of

WORDS = words_of("arun.trader@gmail.com") | {"algotrading", "india"}
IS_LISTED = CommonPasswords().__contains__


@pytest.mark.parametrize(
    "password",
    [
        "123456789012",
        "111111111111",
        "000000000000",
        "aaaaaaaaaaaa",
        "a" * 128,
        "aaaabbbbcccc",
        "xkxkxkxkxkxk",
        "xk7xk7xk7xk7",
        "abcdefghijkl",
        "987654321098",
        "qwertyuiopasdf",
        "1qaz2wsx3edc4rfv",
        "passwordpassword",
        "PasswordPassword1",
        "P@ssw0rd1234",
        "drowssap2024",
        "12password34",
        "dragonmonkey",
        "Welcome@2024",
        "india@123456",
        "arun.trader1",
        "arun.trader2024",
        "aruntrader99",
        "Algotrading2026!",
        "ab" * 64,
    ],
)
def test_what_is_guessed_early(password: str) -> None:
    assert is_guessable(password, WORDS, IS_LISTED)


@pytest.mark.parametrize(
    "password",
    [
        "a long passphrase",
        "good-old-horse",
        "other-password",
        "correct horse battery staple",
        "correcthorsebatterystaple",
        "kV9#tq2Lm!xZ",
        "583926174638",
        "my cat sleeps on 3 shelves",
        "पासवर्ड मेरी बिल्ली",
        "\x00\x01\x02hm, a passphrase",
    ],
)
def test_what_is_not(password: str) -> None:
    assert not is_guessable(password, WORDS, IS_LISTED)


def test_nothing_is_guessable_without_characters_that_are_there() -> None:
    assert is_guessable("", WORDS, IS_LISTED)
    assert words_of("Arun.Trader@gmail.com") == {
        "arun.trader@gmail.com",
        "arun.trader",
        "gmail.com",
        "arun",
        "trader",
        "gmail",
        "com",
    }
