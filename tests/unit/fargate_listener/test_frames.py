"""Kite's binary frames."""

from __future__ import annotations

from decimal import Decimal
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fargate_listener.frames import PACKET_LENGTHS, decimals_of, decode, to_price, to_wire_stop
from tests.unit.fargate_listener.examples import INFY, USDINR, frame, ltp_frame

U32 = st.integers(0, 2**32 - 1)


def test_one_ltp_packet_byte_by_byte() -> None:
    # Given one packet of eight bytes: token 408065 (0x00063A01), last price 1573.15 (157315 = 0x00026683)
    received = bytes.fromhex("0001000800063a0100026683")

    assert decode(received) == ((408065,), (157315,), 0)


@pytest.mark.parametrize(
    ("kind", "length"), [("index quote", 28), ("index full", 32), ("quote", 44), ("full", 184), ("ltp", 8)]
)
def test_every_kind_of_packet_starts_with_token_and_price(kind: str, length: int) -> None:
    packet = pack(">II", 256265, 2_461_745) + bytes(range(1, length - 7))

    tokens, prices, malformed = decode(frame([packet]))

    assert (list(tokens), list(prices), malformed) == ([256265], [2_461_745], 0)


def test_a_frame_may_mix_kinds() -> None:
    packets = [pack(">II", 1, 100), pack(">II", 2, 200) + bytes(176), pack(">II", 3, 300) + bytes(36)]

    tokens, prices, malformed = decode(frame(packets))

    assert (list(tokens), list(prices), malformed) == ([1, 2, 3], [100, 200, 300], 0)


def test_a_frame_may_hold_every_instrument_of_a_socket() -> None:
    ticks = [(token, token + 5) for token in range(1, 3001)]

    tokens, prices, malformed = decode(ltp_frame(*ticks))

    assert list(zip(tokens, prices, strict=True)) == ticks
    assert malformed == 0


@pytest.mark.parametrize("heartbeat", [b"", b"\x00", b"\x01", b"\xff"])
def test_a_heartbeat_is_no_tick_and_nothing_malformed(heartbeat: bytes) -> None:
    assert decode(heartbeat) == ((), (), 0)


def test_a_packet_of_unknown_length_is_left_out_and_counted() -> None:
    # Given something new between two packets we know
    packets = [pack(">II", 1, 100), bytes(12), pack(">II", 3, 300)]

    tokens, prices, malformed = decode(frame(packets))

    assert (list(tokens), list(prices), malformed) == ([1, 3], [100, 300], 1)


@pytest.mark.parametrize("cut", range(1, 10))
def test_a_truncated_frame_gives_what_is_whole(cut: int) -> None:
    whole = frame([pack(">II", 1, 100), pack(">II", 2, 200)])

    tokens, prices, malformed = decode(whole[:-cut])

    assert (list(tokens), list(prices), malformed) == ([1], [100], 1)


def test_bytes_after_the_last_packet_are_counted() -> None:
    tokens, _, malformed = decode(ltp_frame((1, 100)) + b"rest")

    assert (list(tokens), malformed) == ([1], 1)


def test_a_frame_of_the_right_size_with_wrong_lengths_is_not_read_as_ltp_packets() -> None:
    # Given two packets of 8 bytes by the count and the size, but the first says 18
    lying = pack(">H", 2) + pack(">H", 18) + bytes(18)

    assert decode(lying) == ([], [], 2)


@given(st.binary(max_size=600))
def test_garbage_never_raises_and_never_makes_more_ticks_than_bytes_allow(garbage: bytes) -> None:
    tokens, prices, _ = decode(garbage)

    assert len(tokens) == len(prices)
    assert 10 * len(tokens) <= len(garbage)


@given(st.lists(st.tuples(U32, U32, st.sampled_from(sorted(PACKET_LENGTHS))), max_size=30))
def test_whatever_is_packed_is_read(ticks: list[tuple[int, int, int]]) -> None:
    packets = [pack(">II", token, price) + bytes(length - 8) for token, price, length in ticks]

    tokens, prices, malformed = decode(frame(packets))

    assert list(tokens) == [token for token, _, _ in ticks]
    assert list(prices) == [price for _, price, _ in ticks]
    assert malformed == 0


@given(st.lists(st.tuples(U32, U32), min_size=1, max_size=20), st.data())
def test_a_damaged_frame_never_raises(ticks: list[tuple[int, int]], data: st.DataObject) -> None:
    damaged = bytearray(ltp_frame(*ticks))
    position = data.draw(st.integers(0, len(damaged) - 1))
    damaged[position] = data.draw(st.integers(0, 255))

    tokens, prices, _ = decode(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))

    assert len(tokens) == len(prices) <= len(ticks)


@pytest.mark.parametrize(
    ("segment", "decimals"), [(1, 2), (2, 2), (3, 7), (4, 2), (5, 2), (6, 4), (7, 2), (8, 2), (9, 2), (12, 4)]
)
def test_the_segment_decides_the_decimals(segment: int, decimals: int) -> None:
    assert decimals_of((77 << 8) | segment) == decimals


def test_prices_are_exact() -> None:
    assert to_price(INFY, 157_315) == Decimal("1573.15")
    assert to_price(USDINR, 832_525_000) == Decimal("83.2525000")


@given(
    st.sampled_from([INFY, USDINR, (1 << 8) | 12]),
    st.decimals("0.0001", "99999", places=4),
    st.integers(0, 2**31 - 1),
)
def test_a_stop_in_wire_units_says_the_same_as_the_stop_in_rupees(token: int, stop: Decimal, wire: int) -> None:
    assert (wire <= to_wire_stop(token, stop)) == (to_price(token, wire) <= stop)
