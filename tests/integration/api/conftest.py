"""The API on real parts: PostgreSQL under row-level security, Valkey, emulated AWS, the simulated exchange."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import boto3
import pytest
from moto import mock_aws
from redis import Redis

from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.instruments import PostgresInstruments
from algotrading.bootstrap import parts
from algotrading.settings import DatabaseSettings
from exchange_simulator.simulator import Options
from exchange_simulator.threaded import ThreadedExchange
from tests.fakes.examples import make_instrument
from tests.integration.api.deployment import Deployment, load_handler
from tests.stores import ROLE_PASSWORDS, PostgresStore
from twin.servers import ServerAddress

REGION = "ap-south-1"
FUNCTIONS = ("auth", "broker", "postback", "strategy", "notifications", "authorizer", "docs", "mailer", "notifier")
OF_THE_SYSTEM = ("admin", "operator")
"""Functions that are the system to PostgreSQL."""
SENDER = "mail@trader.in"
ALWAYS_OPEN = {
    "name": "round-the-clock",
    "calendar": "every-day",
    "segments": {"NSE": {"continuous": ["00:00:00", "23:59:59"]}},
}


@pytest.fixture(scope="module")
def exchange() -> Iterator[ThreadedExchange]:
    """A simulated broker."""
    with ThreadedExchange(Options(rate_limits=False)) as running:
        yield running


@pytest.fixture(scope="module")
def deployment(
    postgres_module_store: PostgresStore, valkey_server: ServerAddress, exchange: ThreadedExchange
) -> Iterator[Deployment]:
    """Every API function, with an instrument list already loaded."""
    # All modules call from one address: what they tried is not to be held against each other.
    with Redis(host=valkey_server.host, port=valkey_server.port) as valkey:
        valkey.flushall()
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        environment.delenv("AWS_ENDPOINT_URL", raising=False)
        environment.setenv("AWS_DEFAULT_REGION", REGION)
        clients = {name: cast(Any, boto3.client)(name, region_name=REGION) for name in ("sqs", "scheduler")}
        queue_urls = _make_queues(clients["sqs"])
        clients["scheduler"].create_schedule_group(Name="strategies")
        cast(Any, boto3.client)("sesv2", region_name=REGION).create_email_identity(EmailIdentity=SENDER)
        variables = {
            **_stores(postgres_module_store, valkey_server),
            **_aws(queue_urls),
            "STAGE": "dev",
            # Longer than a module takes, however busy the machine is.
            "ACCESS_TOKEN_SECONDS": "43200",
            "SESSION_TABLE": json.dumps(ALWAYS_OPEN),
            "KITE_API_URL": exchange.url,
            "SECOND_FACTOR_REQUIRED": "false",
            "EGRESS_BOUND": "false",
            "EMAIL_VERIFICATION_REQUIRED": "false",
            "MAIL_SENDER": SENDER,
            "AUDIT_BUCKET": "heads",
            "APP_URL": "https://app.trader.in",
            # Nobody listens: whoever is posted to is not what these tests are about.
            "WEBHOOK_RELAY_URL": "http://127.0.0.1:9/webhook",
            "TELEGRAM_API_URL": "http://127.0.0.1:9/telegram",
            "PUSH_API_URL": "http://127.0.0.1:9/push",
            "KITE_LOGIN_URL": f"{exchange.url}/connect/login",
        }
        for name, value in variables.items():
            environment.setenv(name, value)
        PostgresInstruments(postgres_module_store.system).replace_all([make_instrument()])
        opened = _watch_databases(environment)
        parts.forget()
        handlers = {name: load_handler(name) for name in FUNCTIONS}
        environment.setenv("DATABASE_SECRET_ARN", _role_secret("system_role"))
        handlers |= {name: load_handler(name) for name in OF_THE_SYSTEM}
        yield Deployment(handlers, clients["sqs"], clients["scheduler"], queue_urls)
        parts.forget()
        for database in opened:
            database.close()


def _watch_databases(environment: pytest.MonkeyPatch) -> list[Database]:
    """Every database that the functions open from now on: they themselves keep it until their process ends."""
    opened: list[Database] = []
    open_database = parts.database

    def open_and_note(settings: DatabaseSettings) -> Database:
        opened.append(open_database(settings))
        return opened[-1]

    environment.setattr(parts, "database", open_and_note)
    return opened


def _make_queues(sqs: Any) -> dict[str, str]:
    lanes = {
        name: sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
        for name in ("orders", "orders-priority")
    }
    return {**lanes, **{name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("mails", "notices")}}


def _stores(store: PostgresStore, valkey: ServerAddress) -> dict[str, str]:
    return {
        "DATABASE_HOST": store.server.host,
        "DATABASE_PORT": str(store.server.port),
        "DATABASE_NAME": store.name,
        "DATABASE_TLS": "false",
        "DATABASE_SECRET_ARN": _role_secret("app_role"),
        "REDIS_HOST": valkey.host,
        "REDIS_PORT": str(valkey.port),
        "REDIS_TLS": "false",
    }


def _aws(queue_urls: dict[str, str]) -> dict[str, str]:
    key = cast(Any, boto3.client)("kms", region_name=REGION).create_key()["KeyMetadata"]["KeyId"]
    signing_key = json.dumps({"key": "a signing key for tests, longer than thirty-two bytes"})
    return {
        "JWT_SECRET_ARN": _make_secret("jwt", signing_key),
        "KMS_KEY_ID": key,
        "MAIL_QUEUE_URL": queue_urls["mails"],
        "NOTICE_QUEUE_URL": queue_urls["notices"],
        "WATCHED_QUEUE_URLS": ",".join(queue_urls.values()),
        "TELEGRAM_SECRET_ARN": _make_secret("telegram", json.dumps({"token": "bot"})),
        "ORDERS_QUEUE_URL": queue_urls["orders"],
        "PRIORITY_QUEUE_URL": queue_urls["orders-priority"],
        "SCHEDULE_GROUP": "strategies",
        "SCHEDULE_TARGET_ARN": f"arn:aws:lambda:{REGION}:123456789012:function:trigger",
        "SCHEDULE_ROLE_ARN": "arn:aws:iam::123456789012:role/scheduler",
        "SCHEDULE_DLQ_ARN": f"arn:aws:sqs:{REGION}:123456789012:schedules-dlq",
    }


def _role_secret(role: str) -> str:
    return _make_secret(role, json.dumps({"username": role, "password": ROLE_PASSWORDS[role]}))


def _make_secret(name: str, value: str) -> str:
    secrets = cast(Any, boto3.client)("secretsmanager", region_name=REGION)
    return str(secrets.create_secret(Name=name, SecretString=value)["ARN"])
