"""Frozen and skewed sockets, and instruments that fell silent, second by second."""

from __future__ import annotations

from datetime import date, time, timedelta
from struct import pack
from typing import Any

import pytest

from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.sessions import instant_of
from fargate_listener.counters import Counters
from fargate_listener.crossing import CROSSED_SECONDS, Crossing
from fargate_listener.feed import Feed
from fargate_listener.feed_account import FeedCredentials
from fargate_listener.feeds import Feeds
from fargate_listener.liveness import STALE_SECONDS, Liveness, RateWatch
from fargate_listener.market_hours import MarketHours
from fargate_listener.market_table import MarketTable
from fargate_listener.socket_watch import (
    DOUBTFUL_SECONDS,
    FROZEN_SECONDS,
    LONGEST_PATIENCE,
    RARE_SECONDS,
    SocketWatch,
)
from fargate_listener.stop_guard import StopGuard
from fargate_listener.watchlist import Watchlist
from tests.fakes.clock import VirtualClock
from tests.unit.fargate_listener.examples import INFY, armed, frame, ltp_frame

NIFTY = 256265
TCS = 2953217
OPTION = (77 << 8) | 2
WALL = 1_790_000_000


class Eye(Feed):
    """A feed whose connection is what a test says."""

    link: object | None = None
    reads = 0
    is_well = False
    asked: frozenset[int] = frozenset({INFY})

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.dials_for: list[str] = []
        """Why a connection was given up, each time."""

    def redial(self, why: str) -> None:
        self.dials_for.append(why)

    @property
    def is_live(self) -> bool:
        return self.is_well and self.fault is None

    @property
    def connection(self) -> object | None:
        return self.link

    @property
    def frames(self) -> int:
        return self.reads

    @property
    def subscribed(self) -> frozenset[int]:
        return self.asked


class Stand:
    """A connected feed, the watch on it, and a clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.table = MarketTable()
        guard = StopGuard(table=self.table, report=lambda _hits: None, counters=Counters())
        self.feed = Eye(
            url="",
            credentials=lambda: FeedCredentials("key", "token"),
            guard=guard,
            counters=Counters(),
            monotonic=lambda: self.now,
            sentinel=NIFTY,
        )
        guard.watch(INFY)
        self.by_quote: dict[int, int] = {}
        self.watch = SocketWatch(self.feed, self.table, self.by_quote)
        self.feed.link = "first"
        self.look()

    def tick(self, price: int, *, index: int | None = None, stamp: float | None = None) -> None:
        """A frame with INFY, and perhaps the index with a time stamp that is so many seconds off."""
        packets = [pack(">II", INFY, price)]
        if index is not None:
            seconds = int(WALL + self.now + (stamp or 0))
            packets.append(pack(">8I", NIFTY, index, 0, 0, 0, 0, 0, seconds))
        self.table.on_frames([frame(packets)])
        self.feed.reads += 1

    def look(self, seconds: float = 1.0) -> str | None:
        """A while later."""
        self.now += seconds
        self.feed.fault = self.watch.look(self.now, WALL + self.now)
        self.feed.doubtful_from = self.watch.doubtful_from
        return self.feed.fault

    def quote(self, price: int) -> None:
        """The broker's quotes show INFY at another price."""
        self.table.on_frames([ltp_frame((INFY, price))])
        self.by_quote[INFY] = self.table.batch


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_an_index_that_never_ticks_is_doubt_while_its_shares_move(stand: Stand) -> None:
    doubts = []
    for second in range(10):
        stand.tick(1000 + second)
        stand.look()
        doubts.append(stand.feed.is_doubtful)

    assert doubts == [False] * 3 + [True] * 7
    assert stand.feed.fault is None

    stand.tick(1010, index=2000)
    stand.look()
    stand.tick(1011, index=2001)
    stand.look()
    assert not stand.feed.is_doubtful


def test_an_index_that_is_not_due_need_not_tick(stand: Stand) -> None:
    for second in range(10):
        stand.tick(1000 + second)
        stand.now += 1
        stand.watch.look(stand.now, WALL + stand.now, is_index_due=False)

        assert not stand.watch.is_doubtful(stand.now)


def test_stamps_of_the_future_tell_no_time(stand: Stand) -> None:
    # Our clock is half a minute behind: what the table does not believe the watch does not see.
    for second in range(10):
        stand.table.tell_time(now=WALL + stand.now, oldest_stamp=0, ahead=5)
        stand.tick(1000 + second, index=2000 + second, stamp=30)
        stand.look()

    assert stand.feed.is_doubtful


def test_a_feed_that_moves_is_well(stand: Stand) -> None:
    for second in range(60):
        stand.tick(1000 + second, index=2000 + second)
        assert stand.look() is None


def test_frames_in_which_nothing_moves_are_frozen(stand: Stand) -> None:
    stand.tick(1000, index=2000)
    stand.look()
    found = []
    for _ in range(int(FROZEN_SECONDS) + 2):
        stand.feed.reads += 1  # heartbeats
        found.append(stand.look())

    assert found[: int(FROZEN_SECONDS)] == [None] * int(FROZEN_SECONDS)
    assert found[-1] == "frozen"


def test_a_feed_that_stands_still_is_doubtful_long_before_it_is_frozen(stand: Stand) -> None:
    stand.tick(1000, index=2000)
    stand.look()
    assert not stand.watch.is_doubtful(stand.now)

    stand.feed.reads += 1
    stand.look(DOUBTFUL_SECONDS + 0.5)
    assert stand.feed.fault is None
    assert stand.watch.is_doubtful(stand.now)

    stand.tick(1001, index=2001)
    stand.look()
    assert not stand.watch.is_doubtful(stand.now)


def test_quotes_that_stand_in_for_a_still_socket_do_not_make_it_move(stand: Stand) -> None:
    # Before, each quote ended the doubt for three seconds, and a feed that was quoted was never found frozen
    stand.tick(1000, index=2000)
    stand.look()
    found = []
    for second in range(int(FROZEN_SECONDS) + 2):
        stand.quote(990 - second)
        if second % 2:
            stand.tick(1000)
        found.append(stand.look())
        assert stand.watch.is_doubtful(stand.now) == (second >= DOUBTFUL_SECONDS)

    assert found[-1] == "frozen"


def test_a_doubt_begins_by_the_clock_and_not_with_the_next_look(stand: Stand) -> None:
    stand.tick(1000, index=2000)
    stand.look()

    stand.now += DOUBTFUL_SECONDS
    assert not stand.feed.is_doubtful
    stand.now += 0.01
    assert stand.feed.is_doubtful


def test_a_doubt_outlives_its_connection_until_something_moves(stand: Stand) -> None:
    stand.tick(1000, index=2000)
    stand.look()
    stand.look(DOUBTFUL_SECONDS + 1)

    # When another connection brings what stood there before
    stand.table.forget_prices([INFY, NIFTY])
    stand.feed.link, stand.feed.reads = "second", 0
    stand.look()
    stand.tick(1000, index=2000)
    stand.look()
    assert stand.feed.is_doubtful

    stand.tick(1001)
    stand.look()
    assert not stand.feed.is_doubtful


def test_instruments_that_come_and_go_move_nothing(stand: Stand) -> None:
    stand.tick(1000, index=2000)
    stand.look()
    for number in range(int(FROZEN_SECONDS) + 1):
        stand.feed.asked = frozenset({INFY, TCS} if number % 2 else {INFY})
        stand.feed.reads += 1
        stand.look()

    assert stand.feed.fault == "frozen"


def test_hundreds_of_new_instruments_move_nothing_and_one_that_moves_among_them_does(stand: Stand) -> None:
    # Given more than the table had room for
    stand.tick(1000, index=2000)
    stand.look()
    many = [(number << 8) | 1 for number in range(1, 1000)]
    for token in many:
        stand.table.watch(token)
    stand.feed.asked = frozenset({INFY, *many})
    stand.table.on_frames([ltp_frame(*((token, 500) for token in many))])
    stand.now += DOUBTFUL_SECONDS + 1
    stand.watch.look(stand.now, WALL + stand.now, is_index_due=False)
    assert stand.watch.is_doubtful(stand.now)

    stand.table.on_frames([ltp_frame((many[-1], 501))])
    stand.watch.look(stand.now, WALL + stand.now, is_index_due=False)

    assert not stand.watch.is_doubtful(stand.now)


def test_a_row_that_another_instrument_got_is_no_movement(stand: Stand) -> None:
    stand.tick(1000, index=2000)
    stand.look()
    slot = stand.table.slot_of(INFY)
    stand.table.unwatch(INFY)
    assert stand.table.watch(TCS) == slot
    stand.feed.asked = frozenset({TCS})
    stand.table.on_frames([ltp_frame((TCS, 3500))])
    stand.look(DOUBTFUL_SECONDS + 1)

    assert stand.feed.is_doubtful


def test_a_socket_that_opens_and_shows_nothing_is_doubtful_too(stand: Stand) -> None:
    stand.feed.reads += 1  # heartbeats
    stand.look()
    assert not stand.watch.is_doubtful(stand.now)

    stand.feed.reads += 1
    stand.look(DOUBTFUL_SECONDS)

    assert stand.watch.is_doubtful(stand.now)


def test_no_frames_at_all_are_the_feeds_own_affair(stand: Stand) -> None:
    stand.tick(1000, index=2000)
    stand.look()

    assert [stand.look() for _ in range(30)] == [None] * 30


def test_a_share_that_moves_shows_that_a_feed_without_its_index_is_not_frozen(stand: Stand) -> None:
    for second in range(60):
        stand.tick(1000 + second % 2)
        assert stand.look() is None


def test_a_new_connection_has_to_prove_that_it_moves(stand: Stand) -> None:
    stand.tick(1000, index=2000)
    stand.look()
    stand.feed.reads += 1
    assert stand.look(FROZEN_SECONDS + 1) == "frozen"

    # When another connection brings what stood there before
    stand.table.forget_prices([INFY, NIFTY])
    stand.feed.link, stand.feed.reads = "second", 0
    stand.look()
    stand.tick(1000, index=2000)
    assert stand.look() == "frozen"

    # Then only a change shows that the market is seen
    stand.tick(1001, index=2001)
    assert stand.look() is None


@pytest.mark.parametrize("off", [-30, 30])
def test_stamps_that_are_late_or_early_are_skewed_after_some_looks(stand: Stand, off: int) -> None:
    found = []
    for second in range(5):
        stand.tick(1000 + second, index=2000 + second, stamp=off)
        found.append(stand.look())

    assert found[0] is None
    assert found[-1] == "skewed"


def test_a_late_stamp_is_in_doubt_at_once(stand: Stand) -> None:
    stand.tick(1000, index=2000, stamp=-30)
    stand.look()
    stand.tick(1001, index=2001, stamp=-30)
    stand.look()
    stand.now += 0.1

    assert stand.feed.fault is None
    assert stand.feed.is_doubtful


def test_a_feed_that_falls_behind_is_in_doubt_though_its_shares_move(stand: Stand) -> None:
    # Stamps older than the last one are no ticks: until its time has come up with it the index stands still
    doubts = []
    for second in range(20):
        stand.tick(1000 + second, index=2000 + second, stamp=0 if second < 5 else -15)
        stand.look()
        stand.now += 0.01
        doubts.append(stand.feed.is_doubtful)

    assert doubts[:7] == [False] * 7
    assert doubts[8:] == [True] * 12


def test_a_feed_that_has_lost_its_index_is_in_doubt_only_while_the_index_is_due(stand: Stand) -> None:
    stand.tick(1100, index=2000)
    stand.look()
    stand.tick(1101)
    stand.look(DOUBTFUL_SECONDS + 1)
    assert stand.feed.is_doubtful
    stand.tick(1102)
    stand.now += 1
    stand.watch.look(stand.now, WALL + stand.now, is_index_due=False)
    assert not stand.watch.is_doubtful(stand.now)


def test_a_late_feed_that_was_dialled_again_in_doubt_is_so_until_it_tells_the_time(stand: Stand) -> None:
    for second in range(10):
        stand.tick(1000 + second, index=2000 + second, stamp=0 if second < 5 else -15)
        stand.look()
    assert stand.feed.is_doubtful

    stand.table.forget_prices([INFY, NIFTY])
    stand.feed.link, stand.feed.reads = "second", 0
    for second in range(3):
        stand.tick(1100 + second, index=None if second == 0 else 2100 + second, stamp=-15)
        stand.look()
        stand.now += 0.01
        assert stand.feed.is_doubtful

    stand.tick(1200, index=2200)
    stand.look()
    stand.tick(1201, index=2201)
    stand.look()
    stand.now += 0.01
    assert not stand.feed.is_doubtful


def test_a_late_feed_that_was_dialled_again_is_late_until_it_tells_the_time(stand: Stand) -> None:
    for second in range(5):
        stand.tick(1000 + second, index=2000 + second, stamp=-30)
        stand.look()
    assert stand.feed.fault == "skewed"

    # When shares come on the new connection before the index does
    stand.table.forget_prices([INFY, NIFTY])
    stand.feed.link, stand.feed.reads = "second", 0
    for second in range(4):
        stand.tick(1100 + second)
        assert stand.look() == "skewed"

    stand.tick(1200, index=2100)
    assert stand.look() is None


def test_one_late_stamp_is_not_skewed_and_a_cure_is_seen(stand: Stand) -> None:
    stand.tick(1000, index=2000, stamp=-30)
    assert stand.look() is None
    for second in range(5):
        stand.tick(1000 + second, index=2001 + second, stamp=-20)
        stand.look()
    assert stand.feed.fault == "skewed"

    stand.tick(999, index=1999)

    assert stand.look() is None


def test_dials_for_a_fault_become_rare(stand: Stand) -> None:
    dials = 0
    for second in range(3600):
        dials += stand.watch.may_redial(1000.0 + second)

    assert dials < 3600 / LONGEST_PATIENCE + 8
    assert stand.watch.may_redial(1000.0 + 3600 + LONGEST_PATIENCE)


class Afternoon:
    """The whole of it, on a day on which shares go into their closing auction at 15:15 and options trade until 15:40.
    The feed carries one option with an armed stop."""

    def __init__(self, stand: Stand, moment: str) -> None:
        self.stand = stand
        self.clock = VirtualClock(instant_of(date(2026, 8, 10), time.fromisoformat(moment)))
        stand.feed.asked = frozenset({OPTION})
        guard = StopGuard(table=stand.table, report=lambda _: None, counters=Counters())
        self.watchlist = Watchlist(guard, lambda: stand.now)
        self.watchlist.apply(armed(1, "1500", instrument_token=OPTION, exchange="NFO", symbol="OPTION", quantity=1))
        self.counters = Counters()
        self.liveness = Liveness(
            feeds=Feeds(feeds=[stand.feed], watchlist=self.watchlist, counters=Counters(), monotonic=lambda: stand.now),
            table=stand.table,
            watchlist=self.watchlist,
            hours=MarketHours(NSE_SESSIONS, self.clock),
            clock=self.clock,
            monotonic=lambda: stand.now,
            counters=self.counters,
        )

    def live(self, seconds: float, *prices: tuple[int, int], index: int | None = None) -> None:
        """That long heartbeats and these prices come, every second, and perhaps the index with its time."""
        for _ in range(int(seconds)):
            self.stand.now += 1
            self.clock.sleep(1)
            if prices:
                self.stand.table.on_frames([ltp_frame(*prices)])
            if index is not None:
                told = pack(">8I", NIFTY, index, 0, 0, 0, 0, 0, int(self.clock.now().timestamp()))
                self.stand.table.on_frames([frame([told])])
            self.stand.feed.reads += 1
            self.liveness.look_at_sockets()
            self.liveness.look_at_instruments()


@pytest.mark.parametrize(("moment", "fault"), [("15:20:00", "frozen"), ("15:39:40", None)])
def test_a_socket_that_carries_derivatives_is_judged_until_those_close(
    stand: Stand, moment: str, fault: str | None
) -> None:
    afternoon = Afternoon(stand, moment)

    afternoon.live(RARE_SECONDS + 3, (OPTION, 160_000))

    assert stand.feed.fault == fault
    assert afternoon.liveness.stale == frozenset()


def test_the_close_ends_every_fault(stand: Stand) -> None:
    afternoon = Afternoon(stand, "15:39:00")
    afternoon.live(RARE_SECONDS + 3, (OPTION, 160_000))
    assert stand.feed.fault == "frozen"
    assert stand.feed.is_doubtful

    afternoon.live(30, (OPTION, 160_000))

    assert stand.feed.fault is None
    assert not stand.feed.is_doubtful


@pytest.mark.parametrize("index", ["stands", "is lost"])
def test_a_feed_that_stands_still_at_the_bell_is_found_as_soon_as_at_any_time(stand: Stand, index: str) -> None:
    # Given a feed that has stood still since ten seconds before the bell
    stand.feed.is_well = True
    afternoon = Afternoon(stand, "09:14:30")
    for second in range(20):
        afternoon.live(1, (OPTION, 160_000 + second), index=2000 + second)
    afternoon.live(10)
    assert afternoon.liveness.doubtful() == []

    # Then it is in doubt from 09:15:04 on, also where only its index is missing, and frozen from 09:15:11 on
    for second in range(4):
        afternoon.live(1, *([(OPTION, 170_000 + second)] if index == "is lost" else []))
    assert afternoon.liveness.doubtful() == [OPTION]
    if index == "stands":
        afternoon.live(7)
        assert stand.feed.fault == "frozen"
        assert afternoon.liveness.unshown() == [OPTION]


def test_an_instrument_alone_has_its_time_for_the_first_trade_of_the_day(stand: Stand) -> None:
    stand.feed.is_well = True
    afternoon = Afternoon(stand, "09:14:30")
    for second in range(30 + 29 + int(STALE_SECONDS)):
        afternoon.live(1, (TCS, 160_000 + second), index=2000 + second)
        stand.feed.asked = frozenset({OPTION, TCS})
    assert afternoon.liveness.unshown() == []

    afternoon.live(2, (TCS, 180_000), index=3000)
    assert afternoon.liveness.unshown() == [OPTION]


def small_shares(stand: Stand, moment: str) -> Afternoon:
    """The feed carries an armed share that trades until 15:30, one that is in its auction from 15:15 on, and no
    derivatives."""
    afternoon = Afternoon(stand, moment)
    afternoon.watchlist.apply(armed(1, "1500", quantity=1))
    stand.feed.asked = frozenset({INFY, TCS})
    stand.feed.is_well = True
    return afternoon


def test_a_fault_outlives_the_shares_that_leave_before_the_others(stand: Stand) -> None:
    afternoon = small_shares(stand, "15:09:30")
    for second in range(30):
        afternoon.live(1, (INFY, 160_000 + second), (TCS, 350_000 + second), index=2000 + second)
    assert stand.feed.fault is None

    # When the feed stands still from 15:10 on, then nothing shows the share until its own last trade
    afternoon.live(FROZEN_SECONDS + 2)
    for _ in range(19):
        assert stand.feed.fault == "frozen"
        assert afternoon.liveness.unshown() == [INFY]
        assert afternoon.liveness.doubtful() == [INFY]
        afternoon.live(60)

    # And with it the fault ends
    afternoon.live(60)
    assert stand.feed.fault is None
    assert not stand.feed.is_doubtful


def test_a_feed_that_stops_while_only_some_shares_trade_is_found(stand: Stand) -> None:
    afternoon = small_shares(stand, "15:19:00")
    for second in range(60):
        afternoon.live(1, (INFY, 160_000 + second))
    assert afternoon.liveness.doubtful() == []

    afternoon.live(DOUBTFUL_SECONDS + 2)
    assert afternoon.liveness.doubtful() == [INFY]
    afternoon.live(RARE_SECONDS)
    assert stand.feed.fault == "frozen"
    assert afternoon.liveness.unshown() == [INFY]

    # When it moves again, then that the index stands still says nothing
    stand.table.on_frames([frame([pack(">8I", NIFTY, 2000, 0, 0, 0, 0, 0, int(afternoon.clock.now().timestamp()))])])
    afternoon.live(30)
    assert stand.feed.fault == "frozen"
    afternoon.live(1, (INFY, 170_000))
    assert stand.feed.fault is None


def test_a_late_feed_is_late_until_its_index_tells_the_time_though_that_is_computed_no_longer(stand: Stand) -> None:
    afternoon = small_shares(stand, "15:14:00")
    late = int(afternoon.clock.now().timestamp()) - 60
    for second in range(30):
        told = pack(">8I", NIFTY, 2000 + second, 0, 0, 0, 0, 0, late + second)
        stand.table.on_frames([frame([told])])
        afternoon.live(1, (INFY, 160_000 + second))
    assert stand.feed.fault == "skewed"

    for second in range(60):
        afternoon.live(1, (INFY, 170_000 + second))

    assert stand.feed.fault == "skewed"


def test_a_share_that_trades_rarely_does_not_have_its_socket_dialled_again_and_again(stand: Stand) -> None:
    # Given one small share alone from 15:15 on, that trades every 15 s, and then every 40
    afternoon = small_shares(stand, "15:13:00")
    for second in range(90):
        afternoon.live(1, (INFY, 160_000 + second), (TCS, 350_000 + second), index=2000 + second)
    for second in range(300):
        afternoon.live(1, *([(INFY, 170_000 + second)] if second % 15 == 0 else []))
    for second in range(240):
        afternoon.live(1, *([(INFY, 180_000 + second)] if second % 40 == 0 else []))

    assert stand.feed.dials_for == []
    assert afternoon.liveness.unshown() == []


def test_what_guards_nothing_need_not_move_while_only_some_shares_trade(stand: Stand) -> None:
    afternoon = small_shares(stand, "15:20:00")
    afternoon.watchlist.apply(armed(1, "1500", quantity=1, armed=False))

    afternoon.live(120, (TCS, 350_000))

    assert stand.feed.fault is None
    assert not stand.feed.is_doubtful

    # When it guards something again, then it gets its time from there
    afternoon.watchlist.apply(armed(1, "1500", quantity=1))
    afternoon.live(DOUBTFUL_SECONDS)
    assert not stand.feed.is_doubtful
    afternoon.live(2)
    assert stand.feed.is_doubtful


def test_a_share_that_falls_silent_alone_is_found_while_only_some_trade(stand: Stand) -> None:
    afternoon = small_shares(stand, "15:19:00")
    afternoon.watchlist.apply(armed(2, "3500", instrument_token=TCS, symbol="TCS", quantity=100))
    for second in range(30):
        afternoon.live(1, (INFY, 160_000 + second), (TCS, 350_000 + second))

    for second in range(int(STALE_SECONDS) + 2):
        afternoon.live(1, (TCS, 360_000 + second))

    assert afternoon.liveness.unshown() == [INFY]


def test_an_armed_instrument_that_does_not_tick_on_a_socket_that_lives_is_not_shown(stand: Stand) -> None:
    stand.feed.is_well = True
    afternoon = Afternoon(stand, "12:00:00")
    stand.feed.asked = frozenset({OPTION, TCS})
    afternoon.watchlist.apply(armed(2, "3500", instrument_token=TCS, symbol="TCS", quantity=100))
    for second in range(int(STALE_SECONDS) + 2):
        afternoon.live(1, (OPTION, 160_000 + second), (TCS, 350_000), index=2000 + second)
    assert afternoon.liveness.unshown() == []

    for second in range(int(STALE_SECONDS) + 2):
        afternoon.live(1, (OPTION, 160_000 + second), index=3000 + second)

    assert afternoon.liveness.unshown() == [TCS]
    assert afternoon.liveness.doubtful() == [TCS]
    assert afternoon.counters.stale_instruments == 1


def test_what_a_socket_in_doubt_carries_is_better_read_elsewhere_too(stand: Stand) -> None:
    stand.feed.is_well = True
    afternoon = Afternoon(stand, "12:00:00")

    afternoon.live(DOUBTFUL_SECONDS + 2, (OPTION, 160_000))

    assert stand.feed.fault is None
    assert afternoon.liveness.unshown() == []
    assert afternoon.liveness.doubtful() == [OPTION]


def test_what_was_read_from_quotes_is_forgotten_with_the_next_tick_or_the_instrument(stand: Stand) -> None:
    stand.feed.is_well = True
    afternoon = Afternoon(stand, "12:00:00")
    afternoon.watchlist.apply(armed(2, "3500", instrument_token=TCS, symbol="TCS", quantity=100))
    stand.table.on_frames([ltp_frame((OPTION, 160_000), (TCS, 350_000))])
    afternoon.liveness.by_quote.update({OPTION: stand.table.batch, TCS: stand.table.batch, 999: 1})

    afternoon.live(1, (TCS, 350_000))

    assert set(afternoon.liveness.by_quote) == {OPTION}


def rare(stand: Stand, quiet: int) -> Afternoon:
    """TCS ticked last that many seconds ago, on a socket that is well."""
    stand.feed.is_well = True
    afternoon = Afternoon(stand, "12:00:00")
    stand.feed.asked = frozenset({OPTION, TCS})
    afternoon.watchlist.apply(armed(2, "3500", instrument_token=TCS, symbol="TCS", quantity=100))
    afternoon.live(1, (OPTION, 160_000), (TCS, 351_000), index=2000)
    afternoon.live(1, (OPTION, 160_001), (TCS, 351_000), index=2001)
    for second in range(quiet):
        afternoon.live(1, (OPTION, 160_002 + second), index=2002 + second)
    return afternoon


@pytest.mark.parametrize(
    ("seconds_ago", "is_missing"),
    [
        (10, False),  # the trade that the last tick showed
        (8, False),  # later, unless one of two clocks is wrong
        (7, True),
        (-1, True),
        (-2, False),  # nobody has traded in the future
    ],
)
def test_a_trade_after_the_last_tick_is_one_that_the_feed_has_not_shown(
    stand: Stand, seconds_ago: int, is_missing: bool
) -> None:
    afternoon = rare(stand, quiet=10)

    traded = afternoon.clock.now() - timedelta(seconds=seconds_ago)

    assert afternoon.liveness.is_missing(TCS, traded) is is_missing


def test_when_a_tick_came_that_no_look_has_seen_yet_nobody_knows(stand: Stand) -> None:
    afternoon = rare(stand, quiet=10)
    stand.table.on_frames([ltp_frame((TCS, 351_000))])

    assert not afternoon.liveness.is_missing(TCS, afternoon.clock.now())
    assert not afternoon.liveness.is_missing(INFY, afternoon.clock.now())


def test_what_only_a_quote_has_shown_is_not_shown_until_the_next_tick(stand: Stand) -> None:
    afternoon = rare(stand, quiet=10)
    stand.table.on_frames([ltp_frame((TCS, 349_900))])
    afternoon.liveness.by_quote[TCS] = stand.table.batch

    afternoon.liveness.miss({TCS})

    assert afternoon.liveness.unshown() == [TCS]
    assert afternoon.counters.stale_instruments == 1
    afternoon.live(1, (OPTION, 170_000), index=3000)
    assert afternoon.liveness.doubtful() == [TCS]
    afternoon.live(1, (OPTION, 170_001), (TCS, 351_000), index=3001)
    assert afternoon.liveness.unshown() == []


def test_silence_outside_of_its_hours_or_without_a_socket_makes_nothing_stale(stand: Stand) -> None:
    stand.feed.is_well = True
    afternoon = Afternoon(stand, "15:39:30")
    afternoon.live(STALE_SECONDS + 10)
    assert afternoon.liveness.stale == frozenset()
    assert afternoon.liveness.longest_silence == 0.0

    stand.feed.is_well = False
    afternoon = Afternoon(stand, "12:00:00")
    afternoon.live(STALE_SECONDS + 10)
    assert afternoon.liveness.stale == frozenset()
    assert afternoon.liveness.unshown() == [OPTION]


def test_a_fault_that_stays_is_dialled_for_ever_more_rarely(stand: Stand) -> None:
    stand.feed.is_well = True
    afternoon = Afternoon(stand, "12:00:00")

    afternoon.live(120, (OPTION, 160_000))

    # At 10 s, and then after 10, 20 and 40
    assert stand.feed.dials_for == ["the feed is frozen"] * 4


class Rates:
    """The watch on two instruments, second by second."""

    def __init__(self) -> None:
        self.table = MarketTable()
        self.table.watch(INFY)
        self.table.watch(TCS)
        self.watch = RateWatch(self.table)
        self.now = 50.0
        self.quoted: dict[int, int] = {}

    def second(self, *ticking: int, excused: tuple[int, ...] = ()) -> set[int]:
        self.now += 1
        if ticking:
            self.table.on_frames([ltp_frame(*((token, 100) for token in ticking))])
        return self.watch.look([INFY, TCS], excused, self.quoted, self.now)


def test_an_instrument_is_stale_after_many_of_its_own_intervals() -> None:
    rates = Rates()
    for second in range(600):
        assert rates.second(*((INFY, TCS) if second % 10 == 0 else (INFY,))) == set()

    silent = [rates.second() for _ in range(120)]

    assert silent[int(STALE_SECONDS) - 2] == set()
    assert silent[int(STALE_SECONDS)] == {INFY}
    assert silent[60] == {INFY}
    assert silent[-1] == {INFY, TCS}
    assert rates.second(INFY) == {TCS}


def test_an_instrument_that_never_ticked_is_stale_too() -> None:
    rates = Rates()

    assert [rates.second(INFY) for _ in range(25)][-1] == {TCS}


def test_what_has_a_reason_to_be_silent_is_not_stale_until_a_while_after_it() -> None:
    rates = Rates()
    for _ in range(100):
        assert rates.second(INFY, excused=(TCS,)) == set()

    assert rates.second(INFY) == set()
    assert [rates.second(INFY) for _ in range(25)][-1] == {TCS}


def test_a_quote_is_no_tick() -> None:
    rates = Rates()
    for _ in range(40):
        rates.table.on_frames([ltp_frame((TCS, 100))])
        rates.quoted[TCS] = rates.table.batch
        stale = rates.second()

    assert TCS in stale


def test_a_row_that_another_instrument_got_begins_anew() -> None:
    rates = Rates()
    for _ in range(15):
        rates.second(INFY)
    rates.table.unwatch(TCS)
    rates.table.watch(TCS + 256)

    def second() -> set[int]:
        rates.now += 1
        return rates.watch.look([TCS + 256], (), {}, rates.now)

    assert [second() for _ in range(15)][-1] == set()


def test_two_prices_are_crossed_when_they_differ_for_long_and_told_once() -> None:
    counters = Counters()
    crossing = Crossing(counters)

    assert not crossing.compare(INFY, (100_000, 100_100), 103_000, 0.0)
    assert not crossing.compare(INFY, (100_000, 100_100), 103_000, CROSSED_SECONDS - 1)
    assert crossing.compare(INFY, (100_000, 100_100), 103_000, CROSSED_SECONDS)
    assert not crossing.compare(INFY, (100_000, 100_100), 103_000, 2 * CROSSED_SECONDS)

    assert crossing.crossed == {INFY}
    assert counters.crossed_prices == 1
    assert not crossing.compare(INFY, (100_000, 102_500), 103_000, 3 * CROSSED_SECONDS)
    assert crossing.crossed == frozenset()


def test_a_doubt_that_was_cleared_or_forgotten_begins_anew() -> None:
    crossing = Crossing(Counters())
    crossing.compare(INFY, (100_000,), 103_000, 0.0)
    crossing.compare(INFY, (100_000,), 100_500, 3.0)
    assert not crossing.compare(INFY, (100_000,), 103_000, 6.0)

    crossing.keep([TCS])
    assert not crossing.compare(INFY, (100_000,), 103_000, 60.0)
    assert crossing.doubtful == [INFY]


def test_cheap_options_may_differ_by_some_ticks_and_no_price_is_no_doubt() -> None:
    crossing = Crossing(Counters())

    for now in (0.0, 10.0):
        assert not crossing.compare(INFY, (100,), 120, now)
        assert not crossing.compare(TCS, (None, None), 120, now)

    assert crossing.doubtful == []


def test_who_gets_a_row_next_is_not_given_its_rare_ticks_patience() -> None:
    table = MarketTable()
    rates = RateWatch(table)

    def live(token: int, *, every: int, until: int, since: int) -> set[int]:
        stale: set[int] = set()
        for now in range(since, until):
            if now % every == 0:
                table.on_frames([ltp_frame((token, 100 + now))])
            stale = rates.look([token], (), {}, float(now))
        return stale

    slot = table.watch(TCS)
    live(TCS, every=60, since=1, until=301)
    table.unwatch(TCS)
    assert table.watch(INFY) == slot
    live(INFY, every=1, since=301, until=304)

    assert live(INFY, every=1000, since=304, until=304 + int(STALE_SECONDS) + 2) == {INFY}
