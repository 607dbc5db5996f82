"""Whatever a server answers, an order has one of three answers, raises nothing and leaves once."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from algotrading.brokers.kite.broker import KiteBroker
from algotrading.domain.orders import Accepted, Answer, Refused, Unknown
from tests.unit.brokers.kite_session import market_order
from tests.unit.brokers.misbehaving_server import MisbehavingServer, answers_and_closes, http_reply

SAME_SERVER = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
envelopes = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["success", "error", None, 1]) | json_values,
        "error_type": st.sampled_from(["InputException", "OrderException", "TokenException", "Nope", None, 7]),
        "message": st.sampled_from(["No.", "Order request timed out.", None]) | json_values,
        "data": st.fixed_dictionaries({"order_id": st.sampled_from(["1", "19999", 5, None]) | json_values})
        | json_values,
    },
)
statuses = st.sampled_from([200, 201, 204, 302, 400, 401, 403, 404, 405, 410, 429, 500, 502, 503, 504])
content_types = st.sampled_from(["application/json", "text/html", "text/csv", "application/json; charset=x", None])
head_lines = st.sampled_from(
    [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.0 400 Bad",
        b"HTTP/1.1 2000 Odd",
        b"HTTP/9 200",
        b"Content-Length: 10",
        b"Content-Length: -1",
        b"Content-Length: 99999999999999999999",
        b"Transfer-Encoding: chunked",
        b"Content-Encoding: gzip",
        b"Content-Type: application/json",
        b"Content-Type",
        b": :",
        b"\x00\xff",
        b"",
        b'{"status":"success","data":{"order_id":"1"}}',
        b"5\r\nhello",
        b"zz",
        b"0",
    ]
)
wire_garbage = st.binary(max_size=300) | st.lists(head_lines, max_size=8).map(b"\r\n".join)


@SAME_SERVER
@given(reply=wire_garbage)
def test_any_bytes(server: MisbehavingServer, broker: KiteBroker, reply: bytes) -> None:
    answer = place_against(server, broker, reply)

    assert isinstance(answer, Accepted | Refused | Unknown)


@SAME_SERVER
@given(status=statuses, envelope=envelopes, content_type=content_types)
def test_any_envelope(
    server: MisbehavingServer, broker: KiteBroker, status: int, envelope: dict[str, Any], content_type: str | None
) -> None:
    answer = place_against(server, broker, http_reply(status, json.dumps(envelope).encode(), content_type))

    # Accepted needs a success, refused needs a refusing status and no word of a possible order
    assert not isinstance(answer, Accepted) or (status in {200, 201} and envelope["status"] == "success")
    assert not isinstance(answer, Refused) or status in {400, 403, 429}
    assert (
        not isinstance(answer, Refused)
        or envelope.get("message") != "Order request timed out."
        or not is_json(content_type)
    )


def is_json(content_type: str | None) -> bool:
    return content_type is not None and "json" in content_type


def place_against(server: MisbehavingServer, broker: KiteBroker, reply: bytes) -> Answer:
    server.requests.clear()
    server.will(answers_and_closes(reply))
    answer = broker.place_order(market_order())
    assert len(server.requests) == 1
    json.dumps(answer.raw, allow_nan=False).encode()
    return answer
