"""A trading day in a few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from algotrading.domain.cycle import Cycle, CycleState
from algotrading.domain.profit import Profit, profit_of, total


def summary_of(day: date, cycles: Sequence[Cycle], names: Mapping[UUID, str] | None = None) -> str | None:
    """What a user's strategies did, by the broker's trades; None where there is nothing to tell. A result is told as
    far as it is known, and what is still held or not settled is told apart from it. `names` of the accounts, where
    the user has several."""
    told = [cycle for cycle in cycles if cycle.state is not CycleState.IDLE or cycle.intents or cycle.note]
    if not told:
        return None
    of_day = sorted(told, key=lambda cycle: cycle.plan.symbol)
    lines = [f"your day {day:%d %b %Y}", *(_line(cycle, (names or {}).get(cycle.account_id)) for cycle in of_day)]
    return "\n".join((*lines, _together(told)))


def _line(cycle: Cycle, account: str | None) -> str:
    symbol = cycle.plan.symbol if account is None else f"{cycle.plan.symbol} ({account})"
    if not cycle.bought:
        why = f": {cycle.note}" if cycle.note else ""
        return f"{symbol}: {'not settled' if not cycle.is_settled else 'nothing bought'}{why}"
    done = f"{symbol}: bought {cycle.bought}, sold {cycle.sold}"
    if cycle.open_quantity > 0:
        done += f", {cycle.open_quantity} still held"
    profit = _profit(cycle)
    if not cycle.is_settled or profit is None or profit.net is None:
        return f"{done}; the result is not known yet"
    return f"{done}; the result is {profit.net:+.2f} rupees after charges of {profit.charges.total:.2f}"


def _together(cycles: Sequence[Cycle]) -> str:
    traded = [cycle for cycle in cycles if cycle.bought]
    if not traded:
        return "Nothing was traded."
    profits = [profit for profit in map(_profit, traded) if profit is not None]
    known = [profit for profit in profits if profit.net is not None]
    words = f"Together {total(known).net_known:+.2f} rupees after charges"
    missing = len(traded) - len(known)
    return f"{words}; {missing} of {len(traded)} results are missing from it." if missing else f"{words}."


def _profit(cycle: Cycle) -> Profit | None:
    try:
        return profit_of(cycle, None)
    except ValueError:
        # The rates of that day are not known.
        return None
