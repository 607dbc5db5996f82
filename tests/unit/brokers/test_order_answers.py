"""The answer to an order is read from the wire: accepted, refused, or unknown."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import pytest

from algotrading.brokers.kite.broker import KiteBroker
from algotrading.domain.orders import Accepted, Answer, Refused, Unknown
from tests.unit.brokers.kite_session import ACCESS_TOKEN, API_KEY, API_SECRET, market_order
from tests.unit.brokers.misbehaving_server import (
    MisbehavingServer,
    answers,
    answers_and_closes,
    closes,
    drips,
    echoes,
    failure,
    http_reply,
    resets,
    success,
)

TIMED_OUT = "Order request timed out. Please check the order book and confirm before placing again."
NO_FUNDS = "Insufficient funds. Required margin is 5 but available margin is 1. Check the orderbook for open orders."


@pytest.mark.parametrize(
    ("reply", "order_id"),
    [
        (success({"order_id": "1953341975595868160"}), "1953341975595868160"),
        (success({"order_id": 250117800776785}), "250117800776785"),
        (success({"order_id": "1"}, status=201), "1"),
        (
            http_reply(
                200,
                gzip.compress(b'{"status":"success","data":{"order_id":"7"}}'),
                "application/json; charset=utf-8",
                ["Content-Encoding: gzip"],
            ),
            "7",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            b'2c\r\n{"status":"success","data":{"order_id":"8"}}\r\n0\r\n\r\n',
            "8",
        ),
    ],
)
def test_a_success_with_an_order_id_is_accepted(
    server: MisbehavingServer, broker: KiteBroker, reply: bytes, order_id: str
) -> None:
    server.will(answers(reply))

    answer = broker.place_order(market_order())

    assert isinstance(answer, Accepted)
    assert answer.broker_order_id == order_id
    assert_recorded_without_secrets(answer)


@pytest.mark.parametrize(
    ("status", "error_type", "kind", "retryable"),
    [
        (400, "InputException", "INPUT", False),
        (403, "PermissionException", "PERMISSION", False),
        (403, "TokenException", "TOKEN", False),
        (403, "TwoFAException", "TWO_FA", False),
        (403, "UserException", "USER", False),
        (400, "MarginException", "MARGIN", True),
        (400, "HoldingException", "HOLDING", True),
        (400, "OrderException", "ORDER", True),
    ],
)
def test_a_typed_refusal_is_refused(
    server: MisbehavingServer, broker: KiteBroker, status: int, error_type: str, kind: str, retryable: bool
) -> None:
    server.will(answers(failure(status, error_type, NO_FUNDS)))

    answer = broker.place_order(market_order())

    assert isinstance(answer, Refused)
    assert (answer.kind, answer.retryable, answer.message) == (kind, retryable, NO_FUNDS)
    assert answer.is_auth is (kind == "TOKEN")
    assert not answer.throttled
    assert_recorded_without_secrets(answer)


@pytest.mark.parametrize(
    "reply",
    [
        failure(429, "NetworkException", "Too many requests"),
        http_reply(429, "<html>slow down</html>", "text/html"),
        http_reply(429, "", None),
    ],
)
def test_the_rate_limit_refuses_without_a_look_at_the_order(
    server: MisbehavingServer, broker: KiteBroker, reply: bytes
) -> None:
    server.will(answers(reply))

    answer = broker.place_order(market_order())

    assert isinstance(answer, Refused)
    assert (answer.kind, answer.retryable, answer.throttled) == ("RATE_LIMITED", True, True)


UNKNOWN_REPLIES = {
    "time-out text in a 400": failure(400, "OrderException", TIMED_OUT),
    "time-out text of another type": failure(400, "InputException", "Gateway time-out"),
    "time-out text in a 429": failure(429, "NetworkException", "upstream timeout"),
    "network error in a 400": failure(400, "NetworkException", "Request failed (kitetrade-oms)"),
    "order system down": failure(503, "NetworkException", "Request failed (kitetrade-oms)"),
    "refusal in a 500": failure(500, "MarginException", NO_FUNDS),
    "refusal in a 503": failure(503, "OrderException", NO_FUNDS),
    "order system not understood": failure(502, "DataException"),
    "unclassified": failure(500, "GeneralException"),
    "unknown type": failure(400, "SomethingNewException"),
    "refusal under another status": failure(401, "TokenException"),
    "error in a 200": failure(200, "InputException"),
    "error type in a success": http_reply(
        200, {"status": "success", "error_type": "OrderException", "data": {"order_id": "1"}}
    ),
    "order id in a 400": http_reply(
        400, {"status": "error", "error_type": "InputException", "message": "no", "data": {"order_id": "1"}}
    ),
    "success in a 403": http_reply(403, {"status": "success", "data": {}}),
    "success in a 429": success({"order_id": "1"}, status=429),
    "order id without status": http_reply(200, {"data": {"order_id": "1"}}),
    "no message": http_reply(400, {"status": "error", "error_type": "OrderException"}),
    "no type": http_reply(400, {"status": "error", "message": "no", "error_type": None}),
    "null data": success(None),
    "no data": http_reply(200, {"status": "success"}),
    "no order id": success({"children": []}),
    "null order id": success({"order_id": None}),
    "empty order id": success({"order_id": ""}),
    "order id that is none": success({"order_id": True}),
    "order id in floating point": success({"order_id": 1.9e18}),
    "order id that is a path": success({"order_id": "../../gtt/triggers/1"}),
    "list": http_reply(200, b"[]"),
    "text": http_reply(200, b'"success"'),
    "HTML gateway page": http_reply(502, "<html>Bad Gateway</html>", "text/html"),
    "HTML in a 400": http_reply(400, "<html>Bad Request</html>", "text/html"),
    "HTML called JSON": http_reply(200, "<html>", "application/json"),
    "JSON called HTML": http_reply(200, b'{"status":"success","data":{"order_id":"1"}}', "text/html"),
    "no content type": http_reply(200, b'{"status":"success","data":{"order_id":"1"}}', None),
    "empty body": http_reply(200, b""),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "broken UTF-8": http_reply(200, b'{"status":"\xff\xfe'),
    "nesting without end": http_reply(200, b"[" * 60_000),
    "number without end": http_reply(200, b'{"status":' + b"1" * 60_000 + b"}"),
    "redirect": http_reply(307, b"", None, ["Location: http://127.0.0.1:1/elsewhere"]),
    "early hints only": b"HTTP/1.1 103 Early Hints\r\n\r\n",
    "cut off": http_reply(200, b'{"status":"success","data":{"order_id":"1"}}')[:-3],
    "cut off after the JSON": http_reply(200, b'{"status":"success","data":{"order_id":"1"}}   ')[:-2],
    "cut off in a chunk": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nff\r\n{",
    "broken gzip": http_reply(200, b"\x1f\x8bnope", headers=["Content-Encoding: gzip"]),
    "gzip cut off": http_reply(200, gzip.compress(b"{}" * 99)[:-9], headers=["Content-Encoding: gzip"]),
    "gzip bomb": http_reply(200, gzip.compress(b" " * 10_000_000), headers=["Content-Encoding: gzip"]),
    "encoding not asked for": http_reply(200, b"{}", headers=["Content-Encoding: br"]),
    "too large": http_reply(200, b" " * 100_000),
    "not HTTP": b"220 mail.example ESMTP\r\n",
    "head without end": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200,
    "nothing": b"",
}


@pytest.mark.parametrize("reply", UNKNOWN_REPLIES.values(), ids=UNKNOWN_REPLIES.keys())
def test_anything_else_is_unknown_and_sent_once(server: MisbehavingServer, broker: KiteBroker, reply: bytes) -> None:
    server.will(answers_and_closes(reply))

    answer = broker.place_order(market_order())

    assert isinstance(answer, Unknown)
    assert answer.reason
    assert len(server.requests) == 1
    assert_recorded_without_secrets(answer)


@pytest.mark.parametrize("act", [closes, resets], ids=["closed", "reset"])
def test_a_connection_lost_after_sending_is_unknown(
    server: MisbehavingServer, broker: KiteBroker, act: Callable[..., bool]
) -> None:
    server.will(act)

    answer = broker.place_order(market_order())

    assert isinstance(answer, Unknown)
    assert len(server.requests) == 1
    assert "error" in answer.raw


def test_silence_is_unknown(server: MisbehavingServer, broker: KiteBroker) -> None:
    answer = broker.place_order(market_order())

    assert isinstance(answer, Unknown)
    assert "TimeoutError" in answer.reason
    assert len(server.requests) == 1


def test_an_answer_that_drips_is_given_up_in_time(server: MisbehavingServer, broker: KiteBroker) -> None:
    server.will(drips(success({"order_id": "1"}), server.stopping))

    answer = broker.place_order(market_order())

    assert isinstance(answer, Unknown)
    assert "TimeoutError" in answer.reason


def test_modify_and_cancel_are_read_the_same_way(server: MisbehavingServer, broker: KiteBroker) -> None:
    server.will(
        answers(success({"order_id": "5"})),
        answers(failure(400, "OrderException", "Order cannot be cancelled as it is being processed.")),
        answers(failure(504, "NetworkException")),
    )

    modified = broker.modify_order("5", quantity=3)
    refused = broker.cancel_order("5")
    unknown = broker.cancel_order("5")

    assert isinstance(modified, Accepted)
    assert isinstance(refused, Refused)
    assert isinstance(unknown, Unknown)
    assert [(seen.method, seen.target) for seen in server.seen] == [
        ("PUT", "/orders/regular/5"),
        ("DELETE", "/orders/regular/5"),
        ("DELETE", "/orders/regular/5"),
    ]


def test_no_secret_is_recorded_even_when_the_broker_echoes_it(server: MisbehavingServer, broker: KiteBroker) -> None:
    server.will(echoes(502))

    answer = broker.place_order(market_order())

    assert ACCESS_TOKEN.encode() in server.requests[0]
    assert "[hidden]" in answer.raw["response"]["body"]
    assert_recorded_without_secrets(answer)


def test_a_message_with_characters_no_database_stores_is_cleaned(server: MisbehavingServer, broker: KiteBroker) -> None:
    server.will(answers(failure(400, "OrderException", "bad\x00 \ud800 order " + "x" * 9_000)))

    answer = broker.place_order(market_order())

    assert isinstance(answer, Refused)
    assert answer.message.startswith("bad\N{REPLACEMENT CHARACTER} ? order x")
    assert len(answer.message) <= 500
    assert len(answer.raw["response"]["body"]) <= 4096


def test_the_record_shows_what_was_sent_and_what_came_back(server: MisbehavingServer, broker: KiteBroker) -> None:
    server.will(answers(success({"order_id": "12"})))

    answer = broker.place_order(market_order())

    assert answer.raw["request"]["method"] == "POST"
    assert answer.raw["request"]["path"] == "/orders/regular"
    assert answer.raw["request"]["form"]["tag"] == market_order().tag
    assert answer.raw["response"]["status"] == 200
    assert json.loads(answer.raw["response"]["body"])["data"] == {"order_id": "12"}


def assert_recorded_without_secrets(answer: Answer) -> None:
    stored = json.dumps(answer.raw)
    words = stored + (answer.message if isinstance(answer, Refused) else "")
    for secret in (API_KEY, API_SECRET, ACCESS_TOKEN, "Authorization: token k1"):
        assert secret not in words
