"""Binary frames have the layout of the Kite ticker, byte for byte."""

import struct

from exchange_simulator.clock import NANOS
from exchange_simulator.wire.frames import HEARTBEAT, frame, packet
from tests.unit.exchange_simulator.floor import Floor

INFY_TOKEN = 408065
NIFTY_TOKEN = 256265


def words(data: bytes) -> tuple[int, ...]:
    """Big-endian unsigned 32-bit words."""
    return struct.unpack(f">{len(data) // 4}I", data)


def test_ltp_packet_is_token_and_price(floor: Floor) -> None:
    market = floor.price("1545.50")
    assert packet(market, "ltp") == bytes.fromhex("00063a01 00025bb6")
    assert words(packet(market, "ltp")) == (INFY_TOKEN, 154550)


def test_quote_packet_has_eleven_words(floor: Floor) -> None:
    market = floor.price("1545.50")
    depth, day = market.book.depth(), market.day
    quote = packet(market, "quote")
    assert len(quote) == 44
    assert words(quote) == (
        INFY_TOKEN,
        154550,
        market.last_quantity,
        day.average,
        day.volume,
        sum(level.quantity for level in depth.buy),
        sum(level.quantity for level in depth.sell),
        day.open,
        day.high,
        day.low,
        day.close,
    )


def test_full_packet_adds_times_interest_and_five_levels_a_side(floor: Floor) -> None:
    floor.depth(7)
    market = floor.price("1545.50")
    full = packet(market, "full")
    assert len(full) == 184
    assert full[:44] == packet(market, "quote")
    assert words(full[44:64]) == (floor.time.now_ns() // NANOS, 0, 0, 0, floor.time.now_ns() // NANOS)
    levels = [struct.unpack(">IIHxx", full[at : at + 12]) for at in range(64, 184, 12)]
    assert levels == [(7, 154550 - 10 * step, 1 + step) for step in range(1, 6)] + [
        (7, 154550 + 10 * step, 1 + step) for step in range(1, 6)
    ]


def test_missing_levels_are_zero(floor: Floor) -> None:
    floor.depth(0)
    assert packet(floor.market(), "full")[64:] == bytes(120)


def test_index_packets_put_high_and_low_before_open(floor: Floor) -> None:
    floor.price("26100.00", "NSE:NIFTY 50")
    market = floor.price("26000.00", "NSE:NIFTY 50")
    expected = (NIFTY_TOKEN, 2600000, 2610000, 2600000, 2605000, 2605000)
    quote, full = packet(market, "quote"), packet(market, "full")
    assert (len(quote), len(full)) == (28, 32)
    assert words(quote[:24]) == expected
    assert struct.unpack(">i", quote[24:]) == (-5000,)
    assert full == quote + struct.pack(">I", floor.time.now_ns() // NANOS)


def test_frame_counts_packets_and_gives_each_its_length() -> None:
    assert frame([b"abcdefgh", b"xy"]) == b"\x00\x02" + b"\x00\x08abcdefgh" + b"\x00\x02xy"


def test_heartbeat_is_one_byte() -> None:
    assert len(HEARTBEAT) == 1
