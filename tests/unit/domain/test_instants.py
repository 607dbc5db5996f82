"""One way to write an instant, for whoever reads an answer, a webhook or an export."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter

from algotrading.contracts.api_common import Instant
from algotrading.domain.instants import instant_text, with_instants
from algotrading.domain.sessions import IST

WRITTEN = [
    (datetime(2026, 11, 20, 2, 30, tzinfo=UTC), "2026-11-20T02:30:00Z"),
    (datetime(2026, 11, 20, 8, 0, tzinfo=IST), "2026-11-20T02:30:00Z"),
    (datetime(2026, 11, 20, 2, 30, 0, 464_000, tzinfo=UTC), "2026-11-20T02:30:00.464000Z"),
    (datetime(2026, 11, 20, 2, 30, 0, 1, tzinfo=UTC), "2026-11-20T02:30:00.000001Z"),
]


@pytest.mark.parametrize(("at", "text"), WRITTEN)
def test_an_instant_is_utc_with_z_and_microseconds_where_there_are_any(at: datetime, text: str) -> None:
    assert instant_text(at) == text
    assert datetime.fromisoformat(text) == at


@pytest.mark.parametrize(("at", "text"), WRITTEN)
def test_answers_write_it_so(at: datetime, text: str) -> None:
    assert TypeAdapter(Instant).dump_python(at, mode="json") == text


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("2026-11-20T09:25:44.86363+00:00", "2026-11-20T09:25:44.863630Z"),
        ("2026-11-20T09:25:44+00:00", "2026-11-20T09:25:44Z"),
        ("2026-11-20T14:55:44.5+05:30", "2026-11-20T09:25:44.500000Z"),
        (
            {"plan": [{"at": "2026-11-20T09:25:44+00:00", "quantity": 10}]},
            {"plan": [{"at": "2026-11-20T09:25:44Z", "quantity": 10}]},
        ),
    ],
)
def test_what_a_database_wrote_is_written_anew(stored: Any, shown: Any) -> None:
    assert with_instants(stored) == shown


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-20",
        "2026-11-20 09:25:44",
        "at 2026-11-20T09:25:44+00:00",
        "2026-13-20T09:25:44+00:00",
        "0001-01-01T00:00:00+05:30",
        '{"at": "2026-11-20T09:25:44+00:00"}',
        10,
        None,
    ],
)
def test_everything_else_stays_as_it_is(value: Any) -> None:
    assert with_instants(value) == value
