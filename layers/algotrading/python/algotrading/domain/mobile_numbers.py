"""Mobile numbers: which there are in a country, what is shown of one, and what it is counted by."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Country(StrEnum):
    """Countries whose mobile numbers are known here, by ISO 3166-1. Add one with its pattern."""

    IN = "IN"
    AE = "AE"
    SG = "SG"


_MOBILES: Final[Mapping[Country, re.Pattern[str]]] = MappingProxyType(
    {
        Country.IN: re.compile(r"\+91[6-9][0-9]{9}"),
        Country.AE: re.compile(r"\+9715[0-9]{8}"),
        Country.SG: re.compile(r"\+65[89][0-9]{7}"),
    }
)
"""ITU-T E.164 with each country's national numbering plan: mobile numbers and no others, since whoever has messages
sent to numbers that cost their caller dearly is paid for each."""
_INDIAN: Final = re.compile(r"0?([6-9][0-9]{9})")
"""As people write their own number in India."""


def mobile_number(written: str, countries: Sequence[Country]) -> str | None:
    """The number in E.164, of one of the countries; None where it is no mobile number there. Without a country's code
    it is one of India."""
    bare = re.sub(r"[ ()-]", "", written)
    indian = _INDIAN.fullmatch(bare)
    number = bare if indian is None else f"+91{indian[1]}"
    return number if any(_MOBILES[each].fullmatch(number) for each in countries) else None


def is_indian(number: str) -> bool:
    """Whether it is delivered under India's rules."""
    return _MOBILES[Country.IN].fullmatch(number) is not None


def masked(number: str) -> str:
    """What is shown of a number: its country's code, as far as two digits, and its last four."""
    return f"{number[:3]}{'*' * (len(number) - 7)}{number[-4:]}"


MARK_BITS: Final = 12
"""Whoever reads the database may know a number's last four digits too: some four hundred thousand of India's have them,
and about a hundred of those share a mark. More bits would leave one. Fewer would have strangers count as one number."""


def number_mark(number: str) -> int:
    """By which messages to one number are counted for a day: of MARK_BITS bits, and of no key, so that whoever already
    suspects a number finds the suspicion borne out, though no number can be read from it."""
    return int.from_bytes(hashlib.sha256(number.encode()).digest()) >> (256 - MARK_BITS)
