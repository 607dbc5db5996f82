"""What only dev may be set to."""

from __future__ import annotations

import pytest

from algotrading.settings import EVIDENCE_SECONDS, SettingsInvalid, TimingSettings


def test_the_evidence_window_is_the_safe_one_unless_set() -> None:
    assert TimingSettings.load({"STAGE": "prod"}).evidence_window_seconds == EVIDENCE_SECONDS


@pytest.mark.parametrize("stage", ["staging", "prod"])
def test_a_shorter_evidence_window_is_refused_where_money_moves(stage: str) -> None:
    with pytest.raises(SettingsInvalid, match="EVIDENCE_WINDOW_SECONDS"):
        TimingSettings.load({"STAGE": stage, "EVIDENCE_WINDOW_SECONDS": str(EVIDENCE_SECONDS - 1)})


def test_dev_may_shorten_it_and_everybody_may_lengthen_it() -> None:
    assert TimingSettings.load({"STAGE": "dev", "EVIDENCE_WINDOW_SECONDS": "40"}).evidence_window_seconds == 40
    assert TimingSettings.load({"STAGE": "prod", "EVIDENCE_WINDOW_SECONDS": "240"}).evidence_window_seconds == 240
