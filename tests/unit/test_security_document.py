"""docs/security.md names the tests that hold its claims: each has to be there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)`")


def test_every_test_that_the_document_names_exists() -> None:
    named = set(NAMED.findall((ROOT / "docs/security.md").read_text(encoding="utf-8")))

    assert len(named) > 20
    assert [path for path in sorted(named) if not (ROOT / path).is_file()] == []
