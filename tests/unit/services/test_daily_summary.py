"""What every trader is told after the close: once, in true words, and nothing about what is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from algotrading.domain.cycle import Cycle, CycleState, IntentState
from algotrading.domain.named_accounts import NamedAccount
from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.orders import Leg
from algotrading.domain.sessions import trading_day_of
from algotrading.domain.summary import summary_of
from algotrading.services.daily_summary import DailySummary, SummariesFailed
from tests.fakes.clock import VirtualClock
from tests.fakes.database import MemoryDatabase
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent, make_plan
from tests.fakes.ledger import MemoryLedger
from tests.fakes.named_accounts import MemoryNamedAccounts
from tests.fakes.notifications import MemorySummaries

AFTER_CLOSE = MOMENT.replace(hour=10, minute=30)
"""16:00 Asia/Kolkata."""


def cycle(symbol: str, state: CycleState, *, bought: int = 0, sold: int = 0, **changes: Any) -> Cycle:
    """A day of a strategy: bought at 3500, sold at 3510."""
    made = Cycle(uuid4(), uuid4(), uuid4(), TRADING_DAY, make_plan(symbol=symbol), state=state, epoch=1)
    intents = []
    if bought:
        done: dict[str, Any] = {"state": IntentState.DONE, "filled": bought, "average_price": Decimal(3500)}
        intents.append(make_intent(made, broker_order_id=f"{symbol}-1", **done))
    if sold:
        done = {"state": IntentState.DONE, "filled": sold, "average_price": Decimal(3510)}
        intents.append(make_intent(made, Leg.EXIT, broker_order_id=f"{symbol}-2", **done))
    return Cycle(
        made.strategy_id,
        made.user_id,
        made.account_id,
        TRADING_DAY,
        made.plan,
        state=state,
        epoch=1,
        intents=tuple(intents),
        **changes,
    )


def told(*cycles: Cycle) -> list[str]:
    text = summary_of(TRADING_DAY, cycles)
    assert text is not None
    return text.split("\n")


def test_a_day_is_told_strategy_by_strategy_and_together() -> None:
    lines = told(
        cycle("TCS", CycleState.FLAT, bought=10, sold=10), cycle("INFY", CycleState.FAILED, note="Insufficient funds")
    )

    assert lines[0] == f"your day {TRADING_DAY:%d %b %Y}"
    assert lines[1] == "INFY: nothing bought: Insufficient funds"
    assert lines[2].startswith("TCS: bought 10, sold 10; the result is +")
    assert "after charges of" in lines[2]
    assert lines[3].startswith("Together +")
    assert lines[3].endswith("rupees after charges.")


def test_what_is_still_held_or_not_settled_has_no_result() -> None:
    held = cycle("TCS", CycleState.LONG, bought=10, sold=4)

    lines = told(held, cycle("SBIN", CycleState.FLAT, bought=10, sold=10))

    assert lines[2] == "TCS: bought 10, sold 4, 6 still held; the result is not known yet"
    assert lines[3].endswith("1 of 2 results are missing from it.")


def test_a_buy_that_nobody_knows_of_yet_is_not_called_nothing() -> None:
    assert told(cycle("TCS", CycleState.ENTERING))[1] == "TCS: not settled"


def test_a_day_without_anything_is_not_told() -> None:
    assert summary_of(TRADING_DAY, []) is None
    assert summary_of(TRADING_DAY, [cycle("TCS", CycleState.IDLE)]) is None


def test_a_day_without_a_trade_says_so() -> None:
    assert told(cycle("TCS", CycleState.FAILED, note="late"))[-1] == "Nothing was traded."


class Day:
    """Two traders and what they are told."""

    def __init__(self, now: datetime = AFTER_CLOSE) -> None:
        self.database, self.clock = MemoryDatabase(), VirtualClock(now)
        self.cycles = [cycle(name, CycleState.FLAT, bought=10, sold=10) for name in ("TCS", "INFY")]
        for each in self.cycles:
            self.database.cycles[each.strategy_id, trading_day_of(AFTER_CLOSE)] = each
        self.ledger, self.named = MemoryLedger(self.database), MemoryNamedAccounts(self.database)
        self.summary = DailySummary(MemorySummaries(self.database), self.ledger, self.named, self.clock, NSE_SESSIONS)

    @property
    def told(self) -> dict[UUID, str]:
        return {each.user_id: each.text for each in self.database.notices}


def test_every_trader_is_told_of_their_own_day_once() -> None:
    day = Day()

    assert (day.summary.run(), day.summary.run()) == (2, 0)

    assert {each.kind for each in day.database.notices} == {"daily_summary"}
    for mine, other in zip(day.cycles, reversed(day.cycles), strict=True):
        assert mine.plan.symbol in day.told[mine.user_id]
        assert other.plan.symbol not in day.told[mine.user_id]


def test_the_same_symbol_in_two_accounts_is_told_apart_by_their_names() -> None:
    # given one who traded in two accounts, and one who has one
    day = Day()
    mine, other = day.cycles
    for number, (account_id, name) in enumerate([(mine.account_id, "Main account"), (uuid4(), "HUF")]):
        account = NamedAccount(account_id, mine.user_id, name, is_default=number == 0, created_at=MOMENT)
        day.database.named_accounts[account_id] = account
        there = replace(mine, strategy_id=uuid4(), account_id=account_id)
        day.database.cycles[there.strategy_id, TRADING_DAY] = there
    del day.database.cycles[mine.strategy_id, TRADING_DAY]

    day.summary.run()

    heads = [line.partition(":")[0] for line in day.told[mine.user_id].split("\n")[1:-1]]
    assert sorted(heads) == ["TCS (HUF)", "TCS (Main account)"]
    assert day.told[other.user_id].split("\n")[1].startswith("INFY: bought 10")


@pytest.mark.parametrize("days", [1, 2])
def test_a_day_without_a_session_is_not_told(days: int) -> None:
    # TRADING_DAY is a Friday.
    day = Day(AFTER_CLOSE + timedelta(days=days))

    assert day.summary.run() == 0


def test_a_year_without_a_calendar_is_not_told() -> None:
    assert Day(AFTER_CLOSE.replace(year=2099)).summary.run() == 0


def test_one_traders_trouble_is_not_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    day = Day()
    unlucky, of_day = min(each.user_id for each in day.cycles), MemoryLedger.of_day

    def fail(ledger: MemoryLedger, user_id: UUID, trading_day: Any) -> Any:
        if user_id == unlucky:
            raise ConnectionError("the database is away")
        return of_day(ledger, user_id, trading_day)

    monkeypatch.setattr(MemoryLedger, "of_day", fail)
    with pytest.raises(SummariesFailed, match="1 summaries failed, 1 were told"):
        day.summary.run()
    monkeypatch.undo()

    # The scheduler asks again.
    assert day.summary.run() == 1
    assert len(day.database.notices) == 2
