"""When a session is at rest, and when an order of unknown fate became known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import pytest

from twin.chaos.cast import Player
from twin.chaos.evidence import Intent
from twin.chaos.observer import Observer
from twin.chaos.rest import unrest
from twin.script import Market, Part, Role

STRATEGY = UUID(int=1)
BUY_AT = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)
PART = Part(
    role=Role.ON_TIME,
    market=Market("INFY", Decimal("0.05"), Decimal(1500)),
    quantity=10,
    buy_at=BUY_AT,
    sell_at=BUY_AT + timedelta(seconds=20),
    stop_loss=Decimal(1400),
)
PLAYERS = {STRATEGY: Player(1, 0, PART, None, None)}
INTENT = Intent(
    strategy_id=STRATEGY,
    leg="entry",
    attempt=1,
    tag="tag",
    side="BUY",
    quantity=10,
    filled=0,
    average_price=Decimal(0),
    state="done",
    broker_order_id=None,
    broker_status=None,
    message=None,
    created_at=BUY_AT - timedelta(seconds=1),
    due_at=BUY_AT,
    sent_at=BUY_AT,
    committed_at=None,
)


def standing(state: str | None, status: str = "running", updated_at: datetime = BUY_AT) -> list[dict[str, Any]]:
    return [{"strategy_id": STRATEGY, "state": state, "status": status, "updated_at": updated_at}]


@pytest.mark.parametrize(("state", "status"), [("flat", "running"), ("failed", "stopped"), (None, "stopped")])
def test_what_is_over_is_at_rest(state: str | None, status: str) -> None:
    assert unrest(PLAYERS, standing(state, status), [INTENT]) == []


@pytest.mark.parametrize("state", ["entering", "long", "exiting", "idle", None])
def test_what_runs_and_is_not_over_is_not_at_rest(state: str | None) -> None:
    assert len(unrest(PLAYERS, standing(state), [])) == 1


def test_a_strategy_that_started_after_its_buy_time_has_nothing_to_do_today() -> None:
    late = BUY_AT + timedelta(seconds=1)
    assert unrest(PLAYERS, standing(None, updated_at=late), []) == []
    assert len(unrest(PLAYERS, standing("long", updated_at=late), [])) == 1


@pytest.mark.parametrize("state", ["pending", "accepted", "unknown"])
def test_an_order_whose_end_nobody_knows_is_not_at_rest(state: str) -> None:
    assert len(unrest(PLAYERS, standing("flat"), [replace(INTENT, state=state)])) == 1


def test_strategies_of_others_are_not_looked_at() -> None:
    assert unrest({}, standing("long"), [replace(INTENT, state="pending")]) == []


class _NoTwin:
    http = None


def observer() -> Observer:
    return Observer(cast("Any", _NoTwin()), cast("Any", None))


def at(seconds: float) -> datetime:
    return BUY_AT + timedelta(seconds=seconds)


def test_an_unknown_order_is_known_when_the_ledger_says_so() -> None:
    watching = observer()
    watching.note({"tag": "unknown"}, at(1))
    watching.note({"tag": "unknown"}, at(30))
    watching.note({"tag": "done"}, at(31))
    watching.note({"tag": "done"}, at(60))

    assert watching.truths([INTENT]) == {"tag": 31.0}


def test_an_order_that_was_answered_at_once_was_never_unknown() -> None:
    watching = observer()
    watching.note({"tag": "pending"}, at(0.5))
    watching.note({"tag": "accepted"}, at(1))

    assert watching.truths([INTENT]) == {}


def test_an_order_whose_sender_died_is_unknown_though_nobody_has_said_so() -> None:
    watching = observer()
    watching.note({"tag": "pending"}, at(2.5))
    watching.note({"tag": "accepted"}, at(9))

    assert watching.truths([INTENT]) == {"tag": 9.0}


def test_what_became_unknown_again_is_known_later() -> None:
    watching = observer()
    watching.note({"tag": "accepted"}, at(1))
    watching.note({"tag": "unknown"}, at(2))
    watching.note({"tag": "done"}, at(5))

    assert watching.truths([INTENT]) == {"tag": 5.0}
