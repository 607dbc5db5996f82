"""A password as it is hashed, whatever keyboard it was typed on."""

from __future__ import annotations

import unicodedata


def normal_form(password: str) -> str:
    """The same text for what looks the same: an "é" is one character on one keyboard, and an "e" with an accent on
    another (NIST SP 800-63B, 3.1.1.2: NFKC or NFKD of Unicode's annex 15, before hashing)."""
    return unicodedata.normalize("NFKC", password)
