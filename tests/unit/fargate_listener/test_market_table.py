"""The broker's binary frames, byte by byte, and what the table keeps of them."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fargate_listener.market_table import Counted, MarketTable, MinuteBar
from tests.unit.fargate_listener.examples import INFY, frame, ltp_frame

KINDS = {"ltp": 8, "index quote": 28, "index full": 32, "quote": 44, "full": 184}
MORNING = 1_772_423_100
"""09:15:00 on 2026-03-02, Asia/Kolkata."""


@pytest.fixture
def table() -> MarketTable:
    table = MarketTable()
    for token in (1, 2, 3, INFY):
        table.watch(token)
    return table


def full(token: int, price: int, stamp: int, length: int = 184) -> bytes:
    """A packet with the exchange's time."""
    at = {184: 60, 32: 28}[length]
    return pack(">II", token, price) + bytes(at - 8) + pack(">I", stamp) + bytes(length - at - 4)


# --- packets ------------------------------------------------------------------------------------------


def test_one_ltp_packet_byte_by_byte(table: MarketTable) -> None:
    # Given one packet of eight bytes: token 408065 (0x00063A01), last price 1573.15 (157315 = 0x00026683)
    table.on_frames([bytes.fromhex("0001000800063a0100026683")])

    assert table.take_news() == {408065: 157_315}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_packet_starts_with_token_and_price(table: MarketTable, kind: str) -> None:
    table.on_frames([frame([pack(">II", INFY, 2_461_745) + bytes(KINDS[kind] - 8)])])

    assert table.latest(INFY) == 2_461_745


def test_a_frame_may_mix_kinds(table: MarketTable) -> None:
    packets = [pack(">II", 1, 100), pack(">II", 2, 200) + bytes(176), pack(">II", 3, 300) + bytes(36)]

    table.on_frames([frame(packets)])

    assert table.take_news() == {1: 100, 2: 200, 3: 300}
    assert table.take_counted() == Counted(ticks=3)


def test_a_frame_may_hold_every_instrument_of_a_socket() -> None:
    table = MarketTable()
    ticks = {token: token + 5 for token in range(1, 3001)}
    for token in ticks:
        table.watch(token)

    table.on_frames([ltp_frame(*ticks.items())])

    assert table.take_news() == ticks


@pytest.mark.parametrize("heartbeat", [b"", b"\x00", b"\x01", b"\xff"])
def test_a_heartbeat_is_no_tick_and_nothing_malformed(table: MarketTable, heartbeat: bytes) -> None:
    table.on_frames([heartbeat, ltp_frame((1, 5)), heartbeat])

    assert table.take_counted() == Counted(ticks=1)


def test_a_packet_of_unknown_length_is_left_out_and_counted(table: MarketTable) -> None:
    # Given something new between two packets we know
    table.on_frames([frame([pack(">II", 1, 100), pack(">II", 2, 7) + bytes(4), pack(">II", 3, 300)])])

    assert table.take_news() == {1: 100, 3: 300}
    assert table.take_counted().malformed == 1


@pytest.mark.parametrize("cut", range(1, 10))
def test_a_truncated_frame_gives_what_is_whole_and_takes_nothing_from_the_next(table: MarketTable, cut: int) -> None:
    whole = frame([pack(">II", 1, 100), pack(">II", 2, 200)])

    table.on_frames([whole[:-cut], ltp_frame((3, 300))])

    assert table.take_news() == {1: 100, 3: 300}
    assert table.take_counted() == Counted(ticks=2, malformed=1)


def test_bytes_after_the_last_packet_are_counted(table: MarketTable) -> None:
    table.on_frames([ltp_frame((1, 100)) + ltp_frame((2, 200))])

    assert table.take_news() == {1: 100}
    assert table.take_counted() == Counted(ticks=1, malformed=1)


def test_a_packet_that_claims_more_than_its_frame_is_not_read_into_the_next(table: MarketTable) -> None:
    # Given a packet of 184 bytes by its length, of which its frame holds eight
    lying = pack(">HHII", 1, 184, 1, 100)

    table.on_frames([lying, ltp_frame((2, 200)), bytes(400)])

    assert table.take_news() == {2: 200}


U32 = st.integers(0, 2**32 - 1)
POSSIBLE = st.integers(1, 2**31 - 1)


@given(st.dictionaries(U32, st.tuples(POSSIBLE, st.sampled_from(sorted(KINDS.values()))), max_size=30))
def test_whatever_is_packed_is_read(ticks: dict[int, tuple[int, int]]) -> None:
    table = MarketTable()
    for token in ticks:
        table.watch(token)

    table.on_frames([frame([pack(">II", t, price) + bytes(length - 8) for t, (price, length) in ticks.items()])])

    assert table.take_news() == {token: price for token, (price, _) in ticks.items()}
    assert table.take_counted() == Counted(ticks=len(ticks))


@given(st.lists(st.tuples(st.integers(1, 3), POSSIBLE), min_size=1, max_size=20), st.data())
def test_a_damaged_frame_never_raises_and_the_next_is_read(ticks: list[tuple[int, int]], data: st.DataObject) -> None:
    table = MarketTable()
    for token in (1, 2, 3, INFY):
        table.watch(token)
    damaged = bytearray(ltp_frame(*ticks))
    position = data.draw(st.integers(0, len(damaged) - 1))
    damaged[position] = data.draw(st.integers(0, 255))

    table.on_frames([bytes(damaged[: data.draw(st.integers(0, len(damaged)))]), ltp_frame((INFY, 77))])

    assert table.latest(INFY) == 77
    assert table.take_counted().ticks <= len(ticks) + 1


# --- what is believed -----------------------------------------------------------------------------------


@pytest.mark.parametrize("impossible", [0, 2**31, 2**32 - 1])
def test_an_impossible_price_is_not_kept(table: MarketTable, impossible: int) -> None:
    table.on_frames([ltp_frame((1, 100), (1, impossible))])

    assert table.latest(1) == 100
    assert table.take_counted() == Counted(ticks=1, invalid=1)


def test_a_price_beyond_the_circuit_limits_is_not_believed(table: MarketTable) -> None:
    table.limit(1, 90, 110)

    table.on_frames([ltp_frame((1, 89), (1, 111), (1, 90), (1, 110))])

    assert table.latest(1) == 110
    assert table.take_counted() == Counted(ticks=2, invalid=2)


@pytest.mark.parametrize("length", [184, 32])
def test_a_price_older_than_the_last_one_is_not_believed(table: MarketTable, length: int) -> None:
    packets = [full(1, 100, MORNING + 5, length), full(1, 80, MORNING + 4, length), full(1, 101, MORNING + 5, length)]

    table.on_frames([frame(packets)])

    assert table.latest(1) == 101
    assert table.take_counted() == Counted(ticks=2, stale=1)
    assert table.latest_stamp == MORNING + 5


def test_a_price_from_before_today_is_not_believed(table: MarketTable) -> None:
    table.tell_time(now=MORNING + 60, oldest_stamp=MORNING, ahead=5)

    table.on_frames([frame([full(1, 100, MORNING - 1)])])

    assert table.latest(1) is None
    assert table.take_counted() == Counted(stale=1)


def test_a_stamp_of_the_future_does_not_make_later_prices_old(table: MarketTable) -> None:
    table.tell_time(now=MORNING, oldest_stamp=0, ahead=5)

    table.on_frames([frame([full(1, 100, MORNING + 9_999), full(1, 101, MORNING + 1)])])

    assert table.latest(1) == 101
    assert table.latest_stamp == MORNING + 1
    assert table.take_counted() == Counted(ticks=2, future=1)


def test_an_instrument_that_nobody_watches_is_counted_and_not_kept(table: MarketTable) -> None:
    table.on_frames([ltp_frame((99, 5))])
    table.unwatch(1)
    table.on_frames([ltp_frame((1, 5))])

    assert table.latest(99) is None
    assert table.latest(1) is None
    assert table.take_counted() == Counted(unwatched=2)


# --- what is kept ---------------------------------------------------------------------------------------


def test_only_the_last_price_is_news_and_only_once(table: MarketTable) -> None:
    table.on_frames([ltp_frame((1, 100), (2, 50)), ltp_frame((1, 101))])

    assert table.take_news() == {1: 101, 2: 50}
    assert table.take_news() == {}
    assert table.latest(1) == 101


def test_forgotten_prices_are_no_news(table: MarketTable) -> None:
    table.on_frames([ltp_frame((1, 100), (2, 50), (3, 7))])

    table.forget_prices([1, 99])
    assert table.take_news() == {2: 50, 3: 7}
    table.on_frames([ltp_frame((1, 100))])
    table.forget_prices()

    assert table.take_news() == {}
    assert [table.latest(token) for token in (1, 2, 3)] == [None, None, None]


def test_an_instrument_watched_again_knows_nothing_of_before(table: MarketTable) -> None:
    table.on_frames([ltp_frame((1, 100))])
    table.limit(1, 90, 110)
    table.unwatch(1)

    table.watch(1)
    table.on_frames([ltp_frame((1, 500))])

    assert table.take_news() == {1: 500}


def test_rows_are_found_for_many_instruments_and_instruments_for_many_rows() -> None:
    table = MarketTable()
    first, second, third = (table.watch(token) for token in (257, 513, 769))
    table.unwatch(513)

    assert table.slots_of([769, 513, 257, 1025]).tolist() == [third, -1, first, -1]
    every = table.tokens >= 0
    assert table.tokens_at(every) == [257, 769]

    assert table.watch(1025) == second
    assert table.tokens_at(every) == [257, 1025, 769]


def test_thousands_of_instruments_come_and_go() -> None:
    table = MarketTable()
    for begin in range(0, 9_000, 1_000):
        for token in range(begin, begin + 3_000):
            table.watch(token)
        for token in range(begin, begin + 1_000):
            table.unwatch(token)

    table.on_frames([ltp_frame(*((token, token + 1) for token in range(9_000, 11_000)))])

    assert len(table) == 2_000
    assert table.take_news() == {token: token + 1 for token in range(9_000, 11_000)}


# --- minute bars ----------------------------------------------------------------------------------------


def test_a_minute_becomes_a_bar_when_the_next_begins(table: MarketTable) -> None:
    table.tell_time(now=MORNING, oldest_stamp=0, ahead=5)
    table.on_frames([ltp_frame((1, 100), (1, 104)), ltp_frame((1, 97), (1, 99))])
    assert table.take_bars(MORNING // 60) == []

    table.tell_time(now=MORNING + 60, oldest_stamp=0, ahead=5)
    table.on_frames([ltp_frame((1, 98))])

    assert table.take_bars(MORNING // 60 + 1) == [MinuteBar(1, MORNING // 60, 100, 104, 97, 99, 4)]


def test_a_quiet_instruments_bar_ends_too_and_outlives_a_disconnection(table: MarketTable) -> None:
    table.tell_time(now=MORNING, oldest_stamp=0, ahead=5)
    table.on_frames([ltp_frame((1, 100), (2, 50))])
    table.forget_prices()
    table.unwatch(2)

    bars = table.take_bars(MORNING // 60 + 1)

    assert sorted(bars, key=lambda bar: bar.token) == [
        MinuteBar(1, MORNING // 60, 100, 100, 100, 100, 1),
        MinuteBar(2, MORNING // 60, 50, 50, 50, 50, 1),
    ]
    assert table.take_bars(MORNING // 60 + 1) == []


def test_an_ended_bar_is_its_instruments_whoever_has_the_row_next(table: MarketTable) -> None:
    table.tell_time(now=MORNING, oldest_stamp=0, ahead=5)
    table.on_frames([ltp_frame((1, 100))])
    table.tell_time(now=MORNING + 60, oldest_stamp=0, ahead=5)
    table.on_frames([ltp_frame((1, 101))])

    table.unwatch(1)
    assert table.watch(9) == 0  # the row of 1

    assert table.take_bars(MORNING // 60 + 2) == [
        MinuteBar(1, MORNING // 60, 100, 100, 100, 100, 1),
        MinuteBar(1, MORNING // 60 + 1, 101, 101, 101, 101, 1),
    ]


def test_more_bars_than_fit_at_once_are_all_kept() -> None:
    table = MarketTable()
    tokens = range(1, 9_001)
    for token in tokens:
        table.watch(token)
    frames = [ltp_frame(*((token, 5) for token in tokens[at : at + 3_000])) for at in (0, 3_000, 6_000)]
    table.tell_time(now=MORNING, oldest_stamp=0, ahead=5)
    table.on_frames(frames)

    table.tell_time(now=MORNING + 60, oldest_stamp=0, ahead=5)
    table.on_frames(frames)

    assert {bar.token for bar in table.take_bars(MORNING // 60 + 1)} == set(tokens)


def test_a_new_connection_may_tell_an_older_stamp(table: MarketTable) -> None:
    table.on_frames([frame([full(INFY, 100, MORNING + 60)])])
    table.forget_prices()

    table.on_frames([frame([full(INFY, 101, MORNING)])])

    assert table.latest(INFY) == 101


def test_no_limit_makes_zero_a_price(table: MarketTable) -> None:
    table.limit(INFY, 0, 200)

    table.on_frames([ltp_frame((INFY, 0))])

    assert table.latest(INFY) is None
    assert table.take_counted() == Counted(invalid=1)
