"""The deploy-time function, on an empty database with secrets from an emulated Secrets Manager."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, cast
from uuid import uuid4

import boto3
import pytest
from moto import mock_aws

from algotrading.adapters.postgres.migrate import read_migrations
from algotrading.bootstrap import parts
from tests.stores import OWNER_PASSWORD, ROLE_PASSWORDS, connect_as_owner, open_database
from twin.servers import SUPERUSER, ServerAddress

HANDLER = Path(__file__).parents[3] / "lambdas" / "migrate" / "handler.py"


@pytest.fixture
def database_name(postgres_server: ServerAddress) -> Iterator[str]:
    name = f"handler_{uuid4().hex}"
    with connect_as_owner(postgres_server, SUPERUSER) as owner:
        owner.execute(f"create database {name}")
    yield name
    with connect_as_owner(postgres_server, SUPERUSER) as owner:
        owner.execute(f"drop database {name} with (force)")


@pytest.fixture
def handler(
    postgres_server: ServerAddress, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModuleType]:
    """The handler's module, loaded as Lambda would with the environment of a deployment."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    with mock_aws():
        client = cast(Any, boto3.client)("secretsmanager")
        for variable, user, password in (
            ("DATABASE_SECRET_ARN", SUPERUSER, OWNER_PASSWORD),
            ("APP_SECRET_ARN", "app_role", ROLE_PASSWORDS["app_role"]),
            ("SYSTEM_SECRET_ARN", "system_role", ROLE_PASSWORDS["system_role"]),
        ):
            secret = json.dumps({"username": user, "password": password})
            monkeypatch.setenv(variable, client.create_secret(Name=variable, SecretString=secret)["ARN"])
        monkeypatch.setenv("STAGE", "dev")
        monkeypatch.setenv("DATABASE_HOST", postgres_server.host)
        monkeypatch.setenv("DATABASE_PORT", str(postgres_server.port))
        monkeypatch.setenv("DATABASE_NAME", database_name)
        monkeypatch.setenv("DATABASE_TLS", "false")
        _forget_clients()
        yield _load()
    _forget_clients()


def _forget_clients() -> None:
    parts.client.cache_clear()
    parts._secret_reader.cache_clear()


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("migrate_handler", HANDLER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_deployment_migrates_and_an_update_finds_nothing_left_to_do(
    handler: ModuleType, postgres_server: ServerAddress, database_name: str
) -> None:
    created = handler.lambda_handler({"RequestType": "Create"}, None)
    updated = handler.lambda_handler({"RequestType": "Update"}, None)

    # The newest ten: CloudFormation takes four kilobytes at most.
    names = ",".join([migration.name for migration in read_migrations()][-10:])
    assert created == {"PhysicalResourceId": "database-schema", "Data": {"Applied": names}}
    assert updated == {"PhysicalResourceId": "database-schema", "Data": {"Applied": ""}}
    app = open_database(postgres_server, database_name, "app_role")
    with app.system() as session:
        assert session.execute("select * from strategies").fetchall() == []
    app.close()


def test_deleting_the_stack_leaves_the_data(handler: ModuleType) -> None:
    handler.lambda_handler({}, None)

    answer = handler.lambda_handler({"RequestType": "Delete", "PhysicalResourceId": "database-schema"}, None)

    assert answer["PhysicalResourceId"] == "database-schema"
    assert handler.lambda_handler({}, None)["Data"] == {"Applied": ""}


def test_a_failure_is_raised_so_that_the_deployment_fails(
    handler: ModuleType, postgres_server: ServerAddress, database_name: str
) -> None:
    # given a database of another history
    handler.lambda_handler({}, None)
    with connect_as_owner(postgres_server, database_name) as owner:
        owner.execute("insert into schema_migrations (name, checksum) values ('0001_other.sql', '')")

    with pytest.raises(Exception, match="another history"):
        handler.lambda_handler({"RequestType": "Update"}, None)


def test_the_version_before_is_called_while_a_deployment_goes_back(
    handler: ModuleType, postgres_server: ServerAddress, database_name: str
) -> None:
    # given a database that the version which failed has migrated further
    handler.lambda_handler({}, None)
    with connect_as_owner(postgres_server, database_name) as owner:
        owner.execute("insert into schema_migrations (name, checksum) values ('9999_later.sql', '')")

    assert handler.lambda_handler({"RequestType": "Update"}, None)["Data"] == {"Applied": ""}
