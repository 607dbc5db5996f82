"""Mails, notices and an account's end through the deployed handlers, on real parts."""

from __future__ import annotations

import json
from typing import Any

from algotrading.contracts.errands import LoginsHeldUpErrand
from tests.integration.api.deployment import Deployment
from tests.integration.api.people import PASSWORD, log_in, mails, register_with_email
from tests.integration.api.test_the_functions_together import plan
from tests.unit.api.test_account_links import TOKEN

GOOD: dict[str, list[Any]] = {"batchItemFailures": []}


def test_a_password_is_reset_by_the_mail_of_the_mailer(deployment: Deployment) -> None:
    email, _ = register_with_email(deployment)
    for address in (email, "nobody@example.com"):
        assert deployment.call("POST", "/auth/password/forgot", {"email": address})[0] == 202

    assert deployment.work_off("mails", "mailer") == [GOOD, GOOD]

    registration, reset = mails(email)
    assert mails("nobody@example.com") == []
    assert "https://app.trader.in/confirm#" in registration
    body = {"token": TOKEN.findall(reset)[0], "password": "a better horse"}
    assert deployment.call("POST", "/auth/password/reset", body) == (200, {"status": "changed"})
    assert deployment.call("POST", "/auth/password/reset", body)[1]["error"] == "LINK_INVALID"
    assert [log_in(deployment, email, each)[0] for each in (PASSWORD, "a better horse")] == [401, 200]


def test_an_owner_is_told_of_guesses_by_the_mailer_once(deployment: Deployment) -> None:
    email, token = register_with_email(deployment)
    for address in (email.upper(), email, "nobody@example.com"):
        errand = LoginsHeldUpErrand(email=address).model_dump_json()
        deployment.sqs.send_message(QueueUrl=deployment.queue_urls["mails"], MessageBody=errand)

    assert deployment.work_off("mails", "mailer") == [GOOD] * 3

    notices = deployment.call("GET", "/notifications", None, token)[1]["notices"]
    assert [each["kind"] for each in notices] == ["logins_held_up"]


def test_a_notice_of_the_topic_is_mailed_logged_and_in_the_inbox(deployment: Deployment) -> None:
    email, token = register_with_email(deployment)
    deployment.call("POST", "/risk/kill", {"reason": "enough"}, token)
    deployment.call("PUT", "/notifications/webhook", {"url": "https://hooks.example.com/x"}, token)
    user_id = deployment.call("GET", "/account", None, token)[1]["user_id"]
    notices = deployment.call("GET", "/notifications", None, token)[1]["notices"]
    killed = next(each for each in notices if each["kind"] == "killed")

    wrapped = json.dumps(of_the_topic(user_id, killed["notice_id"]))
    deployment.sqs.send_message(QueueUrl=deployment.queue_urls["notices"], MessageBody=wrapped)
    answers = deployment.work_off("notices", "notifier")

    # Nobody listens at the webhook: it is tried again, later, by a message of its own.
    assert answers[0] == GOOD
    assert mails(email)[-1].startswith("Killed\n")
    log = deployment.call("GET", "/notifications/deliveries", None, token)[1]["deliveries"]
    assert [(each["channel"], each["state"]) for each in log] == [("email", "delivered"), ("webhook", "waiting")]
    assert log[1]["last_error"].startswith("PostFailed: no answer")


def of_the_topic(user_id: str, notice_id: int) -> dict[str, Any]:
    """A publication as SNS hands it to a queue."""
    attributes = {
        "notice_id": {"Type": "String", "Value": str(notice_id)},
        "user_id": {"Type": "String", "Value": user_id},
    }
    return {"Type": "Notification", "Message": "text", "MessageAttributes": attributes}


def test_an_account_is_exported_and_deleted(deployment: Deployment) -> None:
    email, token = register_with_email(deployment)
    status, created = deployment.call("POST", "/strategy/create", plan(), token)
    assert status == 201, created

    status, exported = deployment.call("GET", "/account/export", None, token)
    assert (status, exported["next_cursor"]) == (200, None)
    assert exported["sections"]["account"][0]["email"] == email
    assert exported["sections"]["strategies"][0]["stop_loss"] == 3500.05
    assert "strategy_created" in exported["sections"]["audit_trail"][2]["record"]

    assert deployment.call("POST", "/account/delete", {"password": "wrong"}, token)[0] == 401
    assert deployment.call("POST", "/account/delete", {"password": "good-old-horse"}, token)[0] == 200
    assert deployment.call("GET", "/account/export", None, token)[0] == 401
    assert log_in(deployment, email)[0] == 401
