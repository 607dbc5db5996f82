"""Domain values as JSON."""

from __future__ import annotations

import json
from datetime import time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from algotrading.adapters.postgres.json_values import to_json
from algotrading.domain.effects import StopStrategy, Tell
from algotrading.domain.events import Answered, BookRead, EntryDue
from algotrading.domain.notices import NoticeKind
from algotrading.domain.orders import BookReading, BrokerStatus, OrderRow, Side, Unknown
from algotrading.domain.sight import Sight
from tests.fakes.examples import MOMENT, TRADING_DAY


def test_an_event_is_an_object_that_names_its_type() -> None:
    sight = Sight(MOMENT, timedelta(seconds=2))

    assert to_json(EntryDue(MOMENT, MOMENT, Decimal("3520.50"), sight)) == {
        "type": "EntryDue",
        "now": "2026-11-20T04:00:00+00:00",
        "due": "2026-11-20T04:00:00+00:00",
        "last_price": "3520.50",
        "held": None,
        "sight": {"type": "Sight", "at": "2026-11-20T04:00:00+00:00", "blind": 2000},
    }


def test_effects_are_a_list_in_their_order() -> None:
    assert to_json((Tell(NoticeKind.SOLD, "text"), StopStrategy("why"))) == [
        {"type": "Tell", "kind": "sold", "text": "text"},
        {"type": "StopStrategy", "reason": "why"},
    ]


def test_what_is_inside_is_written_in_full() -> None:
    row = OrderRow(
        broker_order_id="b1",
        tags=frozenset({"t2", "t1"}),
        exchange="NSE",
        symbol="TCS",
        side=Side.BUY,
        product="MIS",
        quantity=10,
        filled_quantity=10,
        average_price=Decimal("3520.123456"),
        status=BrokerStatus.COMPLETE,
        status_text="COMPLETE",
        message=None,
        raw={"at": MOMENT, "deep": {"n": [1, 2.5, True, None]}},
    )

    written = to_json(BookRead(MOMENT, BookReading(MOMENT, (row,), ())))

    assert written["reading"]["rows"][0]["tags"] == ["t1", "t2"]
    assert written["reading"]["rows"][0]["average_price"] == "3520.123456"
    assert written["reading"]["rows"][0]["raw"] == {
        "at": "2026-11-20T04:00:00+00:00",
        "deep": {"n": [1, 2.5, True, None]},
    }


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (TRADING_DAY, "2026-11-20"),
        (time(9, 30), "09:30:00"),
        (Side.SELL, "SELL"),
        (True, True),
        (float("inf"), "inf"),
        ("a\x00b\ud800", "a\ufffdb?"),
        ({1: "one", "\x00": "nul"}, {"1": "one", "\ufffd": "nul"}),
    ],
)
def test_every_kind_of_value_has_its_form(value: object, written: object) -> None:
    assert to_json(value) == written


def test_what_came_of_an_answer_is_always_valid_json() -> None:
    event = Answered(MOMENT, "tag", MOMENT, Unknown("garbled", {"body": "\x00\udfff", "n": float("nan")}))

    assert json.loads(json.dumps(to_json(event), allow_nan=False))["answer"]["type"] == "Unknown"


@pytest.mark.parametrize("value", [b"bytes", object(), Tell])
def test_what_nobody_meant_to_store_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        to_json(value)
