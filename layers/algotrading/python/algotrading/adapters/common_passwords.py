"""Passwords that everybody tries first.

The list is that of zxcvbn 4.5 (MIT licence): the most frequent ones of published breaches, of which those of four
characters and more are kept, because longer ones are made of them (`domain/guessable.py`): in lower case, each as the
first five bytes of its SHA-1 in ascending order. Another password is taken for one of them once in thirty million
times. `layers/common_passwords.py` makes the file.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from functools import cached_property
from pathlib import Path

SIZE = 5
LIST = Path(__file__).with_name("common-passwords.bin")


class CommonPasswords:
    """Asked with `in`. The file is read at the first question."""

    def __contains__(self, password: object) -> bool:
        return isinstance(password, str) and self._holds(digest(password))

    def _holds(self, wanted: bytes) -> bool:
        listed = self._listed
        place = bisect_left(range(len(listed) // SIZE), wanted, key=lambda at: listed[at * SIZE : (at + 1) * SIZE])
        return listed[place * SIZE : (place + 1) * SIZE] == wanted

    @cached_property
    def _listed(self) -> bytes:
        return LIST.read_bytes()


def digest(password: str) -> bytes:
    """What stands for a password in the list."""
    return hashlib.sha1(password.lower().encode(), usedforsecurity=False).digest()[:SIZE]
