"""What `make deploy` says is missing, all at once and before anything is touched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from cdk.deploy import find_missing, find_next_steps
from cdk.environments import ENVIRONMENTS, Environment, FeedAccount

READY = replace(
    ENVIRONMENTS["dev"],
    alarm_email="ops@trader.in",
    mail_sender="mail@trader.in",
    feed_accounts=(FeedAccount("feed@trader.in"),),
)


class Cloud:
    """An account that is logged in to and prepared, unless told otherwise."""

    def __init__(self, *, logged_in: bool = True, prepared: bool = True) -> None:
        self.logged_in = logged_in
        self.prepared = prepared

    def __call__(self, service: str) -> Cloud:
        return self

    def get_caller_identity(self) -> dict[str, str]:
        if not self.logged_in:
            raise NoCredentialsError
        return {"Account": "123456789012"}

    def get_parameter(self, **_name: Any) -> dict[str, Any]:
        if not self.prepared:
            raise ClientError({"Error": {"Code": "ParameterNotFound", "Message": "none"}}, "GetParameter")
        return {}


def test_nothing_is_missing_where_everything_is_there() -> None:
    assert find_missing(READY, aws=Cloud(), run=lambda _: 0) == []


def test_every_missing_thing_is_named_at_once() -> None:
    missing = find_missing(ENVIRONMENTS["dev"], aws=Cloud(logged_in=False), run=lambda _: 127)

    assert [line.split()[0] for line in missing] == ["alarm_email", "mail_sender", "feed_accounts", "Docker", "no"]


def test_what_comes_after_the_first_deployment_is_said_until_it_is_done() -> None:
    before, after = (
        READY,
        replace(READY, feed_accounts=(FeedAccount("feed@trader.in", "5f0c8a8e-7d5c-4f4e-9a7b-0d3c2b1a0f9e"),)),
    )

    [step] = find_next_steps(before)

    assert "feed@trader.in" in step
    assert find_next_steps(after) == []


def test_an_unprepared_account_is_told_how_to_prepare_itself() -> None:
    [missing] = find_missing(READY, aws=Cloud(prepared=False), run=lambda _: 0)

    assert "bootstrap aws://123456789012/ap-south-1" in missing


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        (replace(READY, alarm_email="someone@example.com"), "alarm_email"),
        (replace(READY, mail_sender="someone@example.com"), "mail_sender"),
        (replace(READY, feed_accounts=(FeedAccount("someone@example.com"),)), "feed_accounts"),
    ],
)
def test_an_example_address_would_alarm_nobody(environment: Environment, address: str) -> None:
    [missing] = find_missing(environment, aws=Cloud(), run=lambda _: 0)

    assert missing.startswith(address)
