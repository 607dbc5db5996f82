"""A misused feed, shortly: the product's eyes see, and eyes that do not look after their feed are found out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.chaos_feed.run import Outcome, run
from benchmarks.chaos_feed.scenarios import SCENARIOS, Scenario

NAMES = ("mute", "stale and future stamps in full packets")


async def play(folder: Path, *, is_careless: bool) -> Outcome:
    mute, stamps = (next(each for each in SCENARIOS if each.name == name) for name in NAMES)
    scenarios = [mute, Scenario(stamps.name, 2_000, 2)]
    await asyncio.to_thread(folder.mkdir)
    return await run(7, scenarios, folder=folder, progress=lambda _text: None, is_careless=is_careless, calm_seconds=8)


@pytest.mark.timeout(180)
async def test_no_stop_is_missed_by_the_product_and_carelessness_is_found(tmp_path: Path) -> None:
    careful, careless = await asyncio.gather(
        play(tmp_path / "careful", is_careless=False), play(tmp_path / "careless", is_careless=True)
    )

    assert [(each.missed, each.late) for each in careful.judged] == [([], [])] * 3
    assert careful.false == []
    assert careful.quotes_answered > 0
    assert careless.violations > 0
