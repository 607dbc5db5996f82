"""Functions that are loaded ahead of need start whole, and start also where their stores are away."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from algotrading import bootstrap
from algotrading.bootstrap import parts
from algotrading.settings import AuthorizerSettings, ExecutorSettings, Settings, StrategySettings

AWAY = {
    "STAGE": "dev",
    "DATABASE_HOST": "127.0.0.1",
    "DATABASE_PORT": "1",
    "DATABASE_NAME": "none",
    "DATABASE_SECRET_ARN": "arn",
    "REDIS_HOST": "127.0.0.1",
    "REDIS_PORT": "1",
    "REDIS_TLS": "false",
    "KMS_KEY_ID": "key",
    "JWT_SECRET_ARN": "arn",
    "ORDERS_QUEUE_URL": "http://127.0.0.1:1/orders",
    "PRIORITY_QUEUE_URL": "http://127.0.0.1:1/priority",
    "NOTIFICATIONS_TOPIC_ARN": "arn",
    "SCHEDULE_GROUP": "group",
    "SCHEDULE_TARGET_ARN": "arn",
    "SCHEDULE_ROLE_ARN": "arn",
    "SCHEDULE_DLQ_ARN": "arn",
}
Build = Callable[[Any], object]
READY: list[tuple[Build, type[Settings], int]] = [
    (bootstrap.build_executor, ExecutorSettings, 2),
    (bootstrap.build_strategy, StrategySettings, 2),
    (bootstrap.build_authorizer, AuthorizerSettings, 1),
]
"""Who builds, from what, and how many things are reached."""
builders = pytest.mark.parametrize(("build", "settings", "reached"), READY, ids=["executor", "strategy", "authorizer"])


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS at an address where nobody answers."""
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "ap-south-1",
    }.items():
        monkeypatch.setenv(name, value)
    parts.forget()
    yield
    parts.forget()


@builders
def test_a_start_ahead_of_need_reaches_the_stores_and_survives_their_absence(
    build: Build,
    settings: type[Settings],
    reached: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "provisioned-concurrency")

    with caplog.at_level(logging.WARNING):
        assert build(settings.load(AWAY))

    told = [record.getMessage() for record in caplog.records if "ahead of need" in record.getMessage()]
    assert len(told) == reached
    assert {"psycopg", "redis"} <= sys.modules.keys() or settings is AuthorizerSettings


@builders
def test_an_ordinary_start_reaches_nothing(
    build: Build,
    settings: type[Settings],
    reached: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")

    with caplog.at_level(logging.WARNING):
        assert build(settings.load(AWAY))

    assert reached
    assert not [record for record in caplog.records if "ahead of need" in record.getMessage()]
