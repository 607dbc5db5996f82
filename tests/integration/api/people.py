"""Traders of the deployed functions, and the mails that they get."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from moto.sesv2.models import sesv2_backends

from tests.integration.api.deployment import Deployment
from tests.unit.api.test_account_links import TOKEN

ACCOUNT, REGION = "123456789012", "ap-south-1"
PASSWORD = "good-old-horse"


def mails(to: str) -> list[str]:
    """What SES was given for an address: subject and text."""
    messages = sesv2_backends[ACCOUNT][REGION].core_backend.sent_messages
    return [f"{each.subject}\n{each.body}" for each in messages if to in str(each.destinations)]


def ask(deployment: Deployment, email: str, password: str = PASSWORD) -> tuple[int, Any]:
    """Ask for an account, and have the mailer answer."""
    answer = deployment.call("POST", "/auth/register", {"email": email, "password": password})
    deployment.work_off("mails", "mailer")
    return answer


def confirm(deployment: Deployment, email: str, password: str = PASSWORD) -> tuple[int, Any]:
    """Open the account by the link of the last mail."""
    body = {"token": TOKEN.findall(mails(email)[-1])[0], "password": password}
    return deployment.call("POST", "/auth/register/confirm", body)


def log_in(deployment: Deployment, email: str, password: str = PASSWORD) -> tuple[int, Any]:
    return deployment.call("POST", "/auth/login", {"email": email, "password": password})


def register_with_email(deployment: Deployment) -> tuple[str, str]:
    """A new trader: e-mail and token."""
    email = f"{uuid4().hex}@example.com"
    assert ask(deployment, email)[0] == 202
    status, answer = confirm(deployment, email)
    assert status == 200, answer
    return email, str(log_in(deployment, email)[1]["token"])


def register(deployment: Deployment) -> str:
    """A new trader's token."""
    return register_with_email(deployment)[1]
