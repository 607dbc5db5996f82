"""How soon a new password would be guessed by whoever knows what people like to choose.

NIST SP 800-63B (3.1.1.2) has commonly used, repetitive, sequential and context words refused, and no rules on kinds of
characters. A password is cut into pieces so that naming them takes the fewest bits: a listed password, a run, what
was there before, the caller's own words, or a single character. A passphrase of four words stays far above the limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Final

LEAST_BITS: Final = 35.0
"""Two listed passwords in a row are 30, twelve digits of chance 39."""
SHORTEST_PIECE: Final = 4
"""Characters of the shortest listed password that counts as a piece."""
_LISTED: Final = 15.0
"""One of about 30,000, however frequent."""
_RUN: Final = 8.0
"""Where it begins, where it goes, how far."""
_KNOWN: Final = 4.0
"""What was there before in the password, or is a word of the caller's."""
_YEAR: Final = 7.0
_LONGEST_PIECE: Final = 24
_SHORTEST_RUN: Final = 3
_ROWS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "!@#$%^&*()",
)
_BOTH_WAYS: Final = _ROWS + tuple(row[::-1] for row in _ROWS)
_SPELLED: Final = str.maketrans("@40135$7!", "aaoiessti")
"""Digits and marks that stand for letters."""


def is_guessable(password: str, own_words: Collection[str], is_listed: Callable[[str], bool]) -> bool:
    """Whether `password` takes fewer than `LEAST_BITS` to name. `own_words` are what whoever guesses knows of the
    account and of this service. `is_listed` says whether one of `SHORTEST_PIECE` characters and more is common."""
    lower = password.lower()
    words = {word.lower() for word in own_words if len(word) >= _SHORTEST_RUN}
    fewest = [0.0] + [math.inf] * len(lower)
    for start in range(len(lower)):
        # What is not guessable up to here does not become so by what follows.
        if fewest[start] >= LEAST_BITS:
            continue
        for end in range(start + 1, min(len(lower), start + _longest(lower, start)) + 1):
            bits = fewest[start] + _bits(lower, start, end, words, is_listed)
            fewest[end] = min(fewest[end], bits)
    return fewest[-1] < LEAST_BITS


def words_of(email: str) -> frozenset[str]:
    """The e-mail, what is before and after its @, and the parts of both."""
    name, _, domain = email.lower().rpartition("@")
    parts = "".join(each if each.isalnum() else " " for each in email.lower()).split()
    return frozenset({email.lower(), name, domain, *parts})


def _longest(password: str, start: int) -> int:
    """How long a piece can be that begins there: repetitions of one character, or of what precedes, are of any
    length."""
    return len(password) if password[start] in password[:start] else max(_LONGEST_PIECE, _same(password, start))


def _same(password: str, start: int) -> int:
    rest = password[start:]
    return len(rest) - len(rest.lstrip(rest[0]))


def _bits(password: str, start: int, end: int, words: Collection[str], is_listed: Callable[[str], bool]) -> float:
    piece = password[start:end]
    if len(piece) == 1:
        return _of_one(piece)
    if len(piece) < _SHORTEST_RUN:
        return math.inf
    if piece in words or piece in password[: end - 1]:
        return _KNOWN
    if _is_run(piece):
        return _RUN
    if len(piece) == 4 and piece.isascii() and piece.isdigit() and piece[:2] in {"19", "20"}:
        return _YEAR
    if SHORTEST_PIECE <= len(piece) <= _LONGEST_PIECE:
        ways = {piece, piece.translate(_SPELLED), piece[::-1]}
        if any(map(is_listed, ways)):
            return _LISTED
    return math.inf


def _is_run(piece: str) -> bool:
    return len(set(piece)) == 1 or any(piece in row for row in _BOTH_WAYS)


def _of_one(character: str) -> float:
    if character.isascii():
        return math.log2(10 if character.isdigit() else 26 if character.isalpha() else 33)
    return math.log2(100)
