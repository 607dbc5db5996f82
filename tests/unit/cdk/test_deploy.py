"""What `make deploy` says is missing, all at once and before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from cdk.deploy import cdk_words, find_missing, find_next_steps
from cdk.environments import ENVIRONMENTS, Environment, FeedAccount

READY = replace(
    ENVIRONMENTS["dev"],
    alarm_email="ops@trader.in",
    mail_sender="mail@trader.in",
    feed_accounts=(FeedAccount("feed@trader.in"),),
)


class Cloud:
    """An account that is logged in to, prepared and large enough, unless told otherwise."""

    def __init__(
        self,
        *,
        logged_in: bool = True,
        prepared: bool = True,
        functions: int = 1000,
        addresses: int = 5,
        held: Sequence[Mapping[str, str]] = (),
        denied: bool = False,
    ) -> None:
        self.logged_in, self.prepared, self.denied = logged_in, prepared, denied
        self.functions, self.addresses, self.held = functions, addresses, held

    def __call__(self, service: str) -> Cloud:
        return self

    def get_caller_identity(self) -> dict[str, str]:
        if not self.logged_in:
            raise NoCredentialsError
        return {"Account": "123456789012"}

    def get_parameters(self, **_names: Any) -> dict[str, Any]:
        if self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetParameters")
        return {"Parameters": [{}] if self.prepared else []}

    def get_account_settings(self) -> dict[str, Any]:
        return {"AccountLimit": {"ConcurrentExecutions": self.functions}}

    def describe_addresses(self) -> dict[str, Any]:
        return {"Addresses": [{"Tags": [{"Key": k, "Value": v} for k, v in tags.items()]} for tags in self.held]}

    def get_service_quota(self, **_quota: Any) -> dict[str, Any]:
        return {"Quota": {"Value": float(self.addresses)}}


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


def test_who_may_not_look_is_not_told_to_prepare_the_account() -> None:
    [missing] = find_missing(READY, aws=Cloud(denied=True), run=lambda _: 0)

    assert "AccessDenied" in missing
    assert "bootstrap" not in missing


def test_a_new_account_is_told_that_it_may_run_too_few_functions() -> None:
    reserved = READY.executor_concurrency + READY.priority_concurrency

    [missing] = find_missing(READY, aws=Cloud(functions=reserved), run=lambda _: 0)

    assert "concurrent executions" in missing
    needed = int(missing.split("needs ")[1].split(":")[0])
    assert needed > reserved + 100
    assert find_missing(READY, aws=Cloud(functions=needed), run=lambda _: 0) == []


MINE = {"project": "algotrading", "environment": "dev"}


@pytest.mark.parametrize(
    ("held", "is_enough"),
    [([{}] * 4, True), ([{}] * 5, False), ([{}] * 4 + [MINE], True), ([{**MINE, "environment": "prod"}] * 5, False)],
    ids=["room for one", "none left", "its own is there already", "others of another environment"],
)
def test_elastic_ips_that_are_there_already_are_not_asked_for_again(
    held: Sequence[Mapping[str, str]], is_enough: bool
) -> None:
    missing = find_missing(READY, aws=Cloud(held=held), run=lambda _: 0)

    assert [line for line in missing if "Elastic IPs" in line] == ([] if is_enough else missing)
    assert bool(missing) is not is_enough


def test_pairs_of_addresses_need_room_as_well() -> None:
    paired = replace(READY, egress_pairs=2, egress_image="ami-0123456789abcdef0")

    [missing] = find_missing(paired, aws=Cloud(), run=lambda _: 0)

    assert "needs 7 more" in missing


def test_going_back_leaves_network_and_data_as_they_are() -> None:
    words = cdk_words("prod", keep_data=True)

    assert "--all" not in words
    assert "--exclusively" in words
    assert not {"network", "data"} & set(words)
    assert cdk_words("prod", keep_data=False)[:2] == ["deploy", "--all"]
