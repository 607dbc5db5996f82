"""The NSE session table, from the exchange's circulars; versioned by date of last review.

Sources: NSE holiday list for 2026; NSE and SEBI circulars of January 2026 on the closing auction
(from 2026-08-03 continuous trading in stocks with derivatives ends at 15:15, equity derivatives run
to 15:40); Zerodha support, intraday auto square-off timings. The one-hour Diwali session
(2026-11-08, a Sunday) is left out on purpose: its times are announced days before, and a strategy's
times of day do not fit into it.
"""

from __future__ import annotations

from datetime import date, time

from algotrading.domain.instruments import Product
from algotrading.domain.sessions import SegmentRule, SessionHours, SessionTable

_OPEN = time(9, 15)
_AUCTION_START = date(2026, 8, 3)
_FIRST_DAY = date(2026, 1, 1)

_CASH_BEFORE_AUCTION = SessionHours(
    opens=_OPEN,
    closes=time(15, 30),
    last_exit=time(15, 29, 30),
    last_exit_reason="continuous trading ends at 15:30:00 and an exit needs half a minute to be sure of it",
    square_off={Product.MIS: time(15, 18)},
)
_CASH_WITH_AUCTION = SessionHours(
    opens=_OPEN,
    closes=time(15, 30),
    last_exit=time(15, 14, 30),
    last_exit_reason="continuous trading in this stock ends at 15:15:00, when its closing auction begins, "
    "and an exit needs half a minute to be sure of it",
)
_DERIVATIVES_BEFORE = SessionHours(
    opens=_OPEN,
    closes=time(15, 30),
    last_exit=time(15, 29, 30),
    last_exit_reason="the derivatives session ends at 15:30:00 and an exit needs half a minute to be sure of it",
    square_off={Product.MIS: time(15, 23)},
)
_DERIVATIVES = SessionHours(
    opens=_OPEN,
    closes=time(15, 40),
    last_exit=time(15, 39, 30),
    last_exit_reason="the derivatives session ends at 15:40:00 and an exit needs half a minute to be sure of it",
    square_off={Product.MIS: time(15, 23)},
)

_CLOSED_2026 = (
    (1, 15), (1, 26), (3, 3), (3, 26), (3, 31), (4, 3), (4, 14), (5, 1),
    (5, 28), (6, 26), (9, 14), (10, 2), (10, 20), (11, 10), (11, 24), (12, 25),
)  # fmt: skip

NSE_SESSIONS = SessionTable(
    name="nse",
    version="2026-11-20",
    rules=(
        SegmentRule(since=_FIRST_DAY, exchange="NSE", closing_auction=None, hours=_CASH_BEFORE_AUCTION),
        SegmentRule(since=_AUCTION_START, exchange="NSE", closing_auction=True, hours=_CASH_WITH_AUCTION),
        SegmentRule(since=_FIRST_DAY, exchange="NFO", closing_auction=None, hours=_DERIVATIVES_BEFORE),
        SegmentRule(since=_AUCTION_START, exchange="NFO", closing_auction=None, hours=_DERIVATIVES),
    ),
    holidays={2026: frozenset(date(2026, month, day) for month, day in _CLOSED_2026)},
)
