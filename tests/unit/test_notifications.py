"""Every kind of notice is described, and nothing is described that is never told."""

from __future__ import annotations

import re
from pathlib import Path

from algotrading.domain.notices import NoticeKind

ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| (`[a-z_`, ]+`) \|", re.MULTILINE)


def test_the_table_of_notifications_is_complete() -> None:
    page = (ROOT / "docs/notifications.md").read_text("utf-8")
    described = [kind for cell in _ROW.findall(page) for kind in re.findall(r"`([a-z_]+)`", cell)]

    assert sorted(described) == sorted(NoticeKind)


def test_every_kind_is_told_somewhere() -> None:
    told = {
        name
        for path in (ROOT / "layers/algotrading/python/algotrading").rglob("*.py")
        if path.name != "notices.py"
        for name in re.findall(r"NoticeKind\.([A-Z_]+)", path.read_text("utf-8"))
    }

    assert told == {kind.name for kind in NoticeKind}
