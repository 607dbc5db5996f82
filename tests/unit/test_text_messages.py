"""bootstrap.messages: what is built to send text messages hands each over once."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from algotrading.adapters.sns_sms import SmsFailed
from algotrading.bootstrap import parts
from algotrading.bootstrap.messages import build_text_messages
from algotrading.domain.sms import code_sms
from algotrading.domain.sms_templates import SmsTemplate
from algotrading.settings import SmsSettings


class Overloaded(HTTPServer):
    """Answers as SNS does while something is wrong there, which botocore takes as a reason to ask again."""

    asked = 0


class _Answer(BaseHTTPRequestHandler):
    server: Overloaded

    def do_POST(self) -> None:
        self.server.asked += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def sns(monkeypatch: pytest.MonkeyPatch) -> Iterator[Overloaded]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    server = Overloaded(("127.0.0.1", 0), _Answer)
    thread = Thread(target=server.serve_forever)
    thread.start()
    parts.client.cache_clear()
    yield server
    parts.client.cache_clear()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_message_that_may_have_been_taken_is_not_sent_again_by_the_client(sns: Overloaded) -> None:
    settings = SmsSettings.load(
        {
            "STAGE": "dev",
            "SMS_SENDER_ID": "ALGOTR",
            "SMS_ENTITY_ID": "1101",
            "SMS_TEMPLATE_IDS": ",".join(f"{each}=1107" for each in SmsTemplate),
            "SMS_API_URL": f"http://127.0.0.1:{sns.server_port}",
        }
    )

    with pytest.raises(SmsFailed):
        build_text_messages(settings).send("+919876543210", code_sms("204671"))

    assert sns.asked == 1
