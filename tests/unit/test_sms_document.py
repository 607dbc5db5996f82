"""docs/sms.md says what has to be registered: word for word what is sent."""

from __future__ import annotations

import re
from pathlib import Path

from algotrading.domain.sms_templates import TEXTS

PAGE = Path(__file__).parents[2] / "docs" / "sms.md"


def test_every_text_stands_there_as_it_has_to_be_registered() -> None:
    told = dict(re.findall(r"^\| `([a-z_]+)` \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))

    assert told == {name.value: re.sub(r"\{[a-z]+\}", "{#var#}", text) for name, text in TEXTS.items()}
