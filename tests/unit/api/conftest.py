"""A fresh API for each test."""

from __future__ import annotations

import pytest

from tests.unit.api.world import ApiWorld


@pytest.fixture
def world() -> ApiWorld:
    """The API in memory, at 08:00 on a trading day."""
    return ApiWorld()
