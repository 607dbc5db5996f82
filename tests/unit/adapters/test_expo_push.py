"""Expo's push service: what it is asked, as its documentation has it, and what is made of its answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID

import pytest

from algotrading.adapters.expo_push import ExpoPushes
from algotrading.adapters.https_post import PostFailed
from algotrading.domain.push import Push, Receipt, Ticket
from algotrading.ports import DeliveryRefused

ONE, TWO = "ExponentPushToken[one]", "ExponentPushToken[two]"
PUSH = Push("TCS: bought", "bought 10", 7, "bought", UUID(int=5))


class Service:
    """Answers what a test says, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status, self.answer = 200, b"{}"
        self.asked: list[tuple[str, Any]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.asked.append((self.path, json.loads(body)))
                self.send_response(service.status)
                self.send_header("Content-Length", str(len(service.answer)))
                self.end_headers()
                self.wfile.write(service.answer)

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.pushes = ExpoPushes(f"http://127.0.0.1:{self._server.server_address[1]}")
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def says(self, answer: object, status: int = 200) -> None:
        self.status, self.answer = status, json.dumps(answer).encode()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.stop()


def failed(error: str, token: str = ONE) -> dict[str, object]:
    """As Expo writes it: the message repeats the token."""
    return {"status": "error", "message": f'"{token}" is not registered', "details": {"error": error}}


def test_one_request_carries_a_message_for_each_phone(service: Service) -> None:
    service.says({"data": [{"status": "ok", "id": "a"}, failed("DeviceNotRegistered", TWO)]})

    tickets = service.pushes.send([ONE, TWO], PUSH)

    assert list(tickets) == [Ticket("a"), Ticket(None, "DeviceNotRegistered", is_dead=True)]
    [(path, messages)] = service.asked
    assert path == "/--/api/v2/push/send"
    assert [each["to"] for each in messages] == [ONE, TWO]
    assert messages[0] == {
        "to": ONE,
        "title": "TCS: bought",
        "body": "bought 10",
        "data": {"notice_id": 7, "kind": "bought", "strategy_id": str(UUID(int=5))},
        "sound": "default",
        "priority": "high",
        "channelId": "default",
        "ttl": 86400,
    }


def test_a_failed_message_is_told_by_its_name_alone(service: Service) -> None:
    service.says({"data": [failed("MismatchSenderId"), {"status": "error", "message": ONE}]})

    tickets = service.pushes.send([ONE, TWO], PUSH)

    assert list(tickets) == [Ticket(None, "MismatchSenderId"), Ticket(None, "unknown error")]
    assert ONE not in str(tickets)


def test_receipts_are_told_as_far_as_they_are_there(service: Service) -> None:
    service.says({"data": {"a": {"status": "ok"}, "b": failed("DeviceNotRegistered"), "strange": {"status": "ok"}}})

    receipts = service.pushes.receipts(["a", "b", "c"])

    assert receipts == {"a": Receipt(), "b": Receipt("DeviceNotRegistered", is_dead=True)}
    assert service.asked == [("/--/api/v2/push/getReceipts", {"ids": ["a", "b", "c"]})]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_what_passes_is_tried_again(service: Service, status: int) -> None:
    service.says({"errors": [{"code": "TOO_MANY_REQUESTS", "message": ONE}]}, status)

    with pytest.raises(PostFailed, match=f"^the push service answered {status} TOO_MANY_REQUESTS$"):
        service.pushes.send([ONE], PUSH)


@pytest.mark.parametrize("status", [400, 413])
def test_a_request_that_is_at_fault_is_given_up(service: Service, status: int) -> None:
    service.says({"errors": [{"code": "PUSH_TOO_MANY_EXPERIENCE_IDS", "message": ONE}]}, status)

    with pytest.raises(DeliveryRefused, match=f"^the push service answered {status} PUSH_TOO_MANY_EXPERIENCE_IDS$"):
        service.pushes.send([ONE], PUSH)


@pytest.mark.parametrize("answer", [b"", b"nonsense", b"[]", b"{}", b'{"data": {}}', b'{"data": [{"status": "ok"}]}'])
def test_an_answer_that_cannot_be_read_is_no_success(service: Service, answer: bytes) -> None:
    service.answer = answer

    with pytest.raises(PostFailed):
        service.pushes.send([ONE, TWO], PUSH)


def test_a_ticket_without_a_number_is_no_success(service: Service) -> None:
    service.says({"data": [{"status": "ok"}]})

    assert list(service.pushes.send([ONE], PUSH)) == [Ticket(None, "no ticket")]


def test_receipts_that_cannot_be_read_are_none(service: Service) -> None:
    service.says({"data": []})

    with pytest.raises(PostFailed):
        service.pushes.receipts(["a"])
