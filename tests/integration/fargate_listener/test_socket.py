"""The socket on the wire: who it trusts, what it says, what it survives."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

import pytest
from picows import WSMsgType

from fargate_listener.feed_account import FeedCredentials
from tests.integration.fargate_listener.desks import PATIENCE, Desk, running, until
from tests.integration.fargate_listener.scripted_broker import scripted_broker, self_signed
from tests.unit.fargate_listener.examples import INFY, armed, ltp_frame

CREDENTIALS = FeedCredentials("the-key", "the/token+of=today&")
TCS = 2953217


async def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    # Given somebody in the middle, with a certificate of his own
    server_tls, _ = self_signed(tmp_path)
    async with scripted_broker(server_tls) as broker:
        desk = Desk(broker.url, CREDENTIALS)
        async with running(desk):
            await until(lambda: desk.dials >= 2)

            # Then he has not even heard the token
            assert "certificate" in str(desk.feed.trouble)
            assert broker.paths == []


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    server_tls, certificate = self_signed(tmp_path)
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with scripted_broker(server_tls) as broker:
        desk = Desk(broker.url.replace("127.0.0.1", "localhost"), CREDENTIALS, tls=trusting)
        async with running(desk):
            await until(lambda: desk.dials >= 2)

            assert "certificate" in str(desk.feed.trouble)
            assert broker.paths == []


async def test_a_trusted_certificate_is_accepted(tmp_path: Path) -> None:
    server_tls, certificate = self_signed(tmp_path)
    async with scripted_broker(server_tls) as broker:
        desk = Desk(broker.url, CREDENTIALS, tls=ssl.create_default_context(cafile=str(certificate)))
        async with running(desk):
            await until(lambda: broker.sockets)

            assert broker.paths == ["/?api_key=the-key&access_token=the%2Ftoken%2Bof%3Dtoday%26"]


async def test_instruments_with_an_armed_stop_are_asked_for_first() -> None:
    async with scripted_broker() as broker:
        desk = Desk(broker.url, CREDENTIALS)
        desk.watchlist.apply(armed(1, "1500", armed=False))
        desk.watchlist.apply(armed(2, "3500", instrument_token=TCS, symbol="TCS"))
        async with running(desk):
            await until(lambda: len(broker.messages) == 2)

        assert broker.messages == [{"a": "subscribe", "v": [TCS, INFY]}, {"a": "mode", "v": ["ltp", [TCS, INFY]]}]


async def test_after_a_loss_what_was_armed_since_is_asked_for_first() -> None:
    async with scripted_broker() as broker:
        desk = Desk(broker.url, CREDENTIALS)
        desk.watchlist.apply(armed(1, "1500", quantity=1, armed=False))
        desk.watchlist.apply(armed(2, "3500", quantity=1, instrument_token=TCS, symbol="TCS"))
        async with running(desk):
            await until(lambda: len(broker.messages) == 2)
            desk.watchlist.apply(armed(1, "1500", quantity=100))
            broker.messages.clear()

            broker.sockets[0].disconnect(graceful=False)

            await until(lambda: len(broker.messages) == 2)
            assert broker.messages[0] == {"a": "subscribe", "v": [INFY, TCS]}


async def test_a_message_in_fragments_is_one_message() -> None:
    async with scripted_broker() as broker:
        desk = Desk(broker.url, CREDENTIALS)
        desk.watchlist.apply(armed(1, "1500"))
        async with running(desk):
            await until(lambda: broker.sockets)
            frame = ltp_frame((INFY, 149_900))

            broker.send(frame[:5], fin=False)
            broker.send(frame[5:], kind=WSMsgType.CONTINUATION)

            await until(lambda: desk.hits)
            assert desk.hits[0].wire_price == 149_900


async def test_garbage_is_counted_and_the_next_tick_still_seen() -> None:
    async with scripted_broker() as broker:
        desk = Desk(broker.url, CREDENTIALS)
        desk.watchlist.apply(armed(1, "1500"))
        async with running(desk):
            await until(lambda: broker.sockets)

            broker.send(bytes.fromhex("ffff0008deadbeef"))
            broker.send(b"not json", kind=WSMsgType.TEXT)
            broker.send(b"[1, 2]", kind=WSMsgType.TEXT)
            broker.send(ltp_frame((INFY, 0)))
            broker.send(ltp_frame((INFY, 149_900)))

            await until(lambda: desk.hits)
            assert desk.hits[0].wire_price == 149_900
            counted = desk.prices.take_counted()
            assert (counted.malformed, counted.invalid, desk.counters.feed_errors) == (1, 1, 1)
            assert desk.dials == 1


async def test_a_frame_larger_than_anything_of_kite_ends_the_connection_and_not_the_watcher() -> None:
    async with scripted_broker() as broker:
        desk = Desk(broker.url, CREDENTIALS)
        desk.watchlist.apply(armed(1, "1500"))
        async with running(desk):
            await until(lambda: broker.sockets)

            broker.send(bytes(2 << 20))
            await until(lambda: desk.dials == 2 and broker.sockets)
            broker.send(ltp_frame((INFY, 149_900)))

            await until(lambda: desk.hits)


@pytest.mark.parametrize("reason", [b"", b"\x03\xe8", b"\x03\xe9going away"])
async def test_a_close_by_the_broker_is_answered_and_redialled(reason: bytes) -> None:
    async with scripted_broker() as broker:
        desk = Desk(broker.url, CREDENTIALS, silence_seconds=2 * PATIENCE)
        async with running(desk):
            await until(lambda: broker.sockets)

            broker.sockets[0].send(WSMsgType.CLOSE, reason)

            await until(lambda: desk.dials == 2 and broker.sockets)
            assert desk.counters.mute_sockets == 0


async def test_a_peer_that_hangs_up_in_the_midst_of_the_handshake_is_dialled_again() -> None:
    heard = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        await reader.readuntil(b"\r\n\r\n")
        heard += 1
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    desk = Desk(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", CREDENTIALS)
    async with running(desk):
        await until(lambda: heard >= 2)

        assert desk.feed.trouble == "the connection was closed before the upgrade was answered"
    server.close()


async def test_credentials_are_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with scripted_broker() as broker:
        url = broker.url
        desk = Desk(url, CREDENTIALS)
        async with running(desk):
            await until(lambda: "connected to the price feed" in caplog.text)
    gone = Desk(url, CREDENTIALS)
    async with running(gone):
        await until(lambda: gone.dials >= 2)

    assert "no connection" in caplog.text
    assert "token+of" not in caplog.text
    assert "token%2Bof" not in caplog.text
    assert "the-key" not in caplog.text
    assert "the-key" not in repr(CREDENTIALS)
