"""Logging in with a token: that it is AWS's own, made anew for each connection, and that PostgreSQL lets it in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import boto3
import botocore.auth
import psycopg
import pytest
from botocore.credentials import Credentials as AwsCredentials

from algotrading.adapters.postgres.database import Credentials, Database
from algotrading.adapters.postgres.migrate import Migration, MigrationFailed, migrate
from algotrading.adapters.rds_tokens import RdsTokens
from algotrading.bootstrap import parts
from algotrading.domain.errors import DatabaseUnavailable
from algotrading.settings import DatabaseSettings
from tests.fakes.examples import MOMENT
from tests.stores import ROLE_PASSWORDS, connect_as_owner
from twin.servers import SUPERUSER, ServerAddress

HOST, PORT, USER, REGION = "database.abc.ap-south-1.rds.amazonaws.com", 5432, "app_role", "ap-south-1"
FIRST = Migration("0001_first.sql", "create table one (id integer);")


@pytest.fixture
def signed_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Sets the moment of a signature."""
    return lambda moment: monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: moment)


def tokens(session: str | None = "session") -> RdsTokens:
    return RdsTokens(lambda: AwsCredentials("AKIA", "secret", session), REGION)


# --- the token ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("session", ["a/session+token=", None])
def test_a_token_is_the_one_that_aws_own_client_makes(
    session: str | None, signed_at: Callable[[datetime], None]
) -> None:
    signed_at(MOMENT)
    client = cast(Any, boto3.client)(
        "rds",
        region_name=REGION,
        aws_access_key_id="AKIA",
        aws_secret_access_key="secret",
        aws_session_token=session,
    )

    ours = tokens(session).make(host=HOST, port=PORT, user=USER)
    theirs = client.generate_db_auth_token(DBHostname=HOST, Port=PORT, DBUsername=USER)

    assert ours == theirs


def test_a_token_says_who_logs_in_where_and_for_how_long() -> None:
    made = urlsplit(f"https://{tokens().make(host=HOST, port=PORT, user=USER)}")
    said = {name: value for name, [value] in parse_qs(made.query).items()}

    assert (made.hostname, made.port) == (HOST, PORT)
    assert (said["Action"], said["DBUser"], said["X-Amz-Expires"]) == ("connect", USER, "900")
    assert said["X-Amz-Credential"].endswith(f"/{REGION}/rds-db/aws4_request")


def test_credentials_that_changed_sign_the_next_token() -> None:
    current = iter([AwsCredentials("FIRST", "secret", None), AwsCredentials("SECOND", "secret", None)])
    made = RdsTokens(lambda: next(current), REGION)

    assert "FIRST" in made.make(host=HOST, port=PORT, user=USER)
    assert "SECOND" in made.make(host=HOST, port=PORT, user=USER)


def test_without_credentials_the_database_cannot_be_had() -> None:
    with pytest.raises(DatabaseUnavailable, match="no AWS credentials"):
        RdsTokens(lambda: None, REGION).make(host=HOST, port=PORT, user=USER)


def test_an_entry_point_with_a_user_makes_a_token_and_reads_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(parts, "read_secret", lambda _: pytest.fail("a secret was read"))
    parts.forget()
    settings = DatabaseSettings.load(
        {"STAGE": "prod", "DATABASE_HOST": HOST, "DATABASE_NAME": "algotrading", "DATABASE_USER": USER}
    )

    credentials = parts.database(settings)._credentials()
    parts.forget()

    assert credentials.user == USER
    assert credentials.password.startswith(f"{HOST}:{PORT}/?Action=connect&DBUser={USER}&")


# --- PostgreSQL: as RDS does, but that here it takes the token as a password ---------------------------


@pytest.fixture
def database_name(postgres_server: ServerAddress) -> Iterator[str]:
    """A database on a server that has RDS's own role."""
    name = f"tokens_{uuid4().hex}"
    with connect_as_owner(postgres_server, SUPERUSER) as owner:
        owner.execute(f"create database {name}")
    yield name
    with connect_as_owner(postgres_server, SUPERUSER) as owner:
        owner.execute(f"drop database {name} with (force)")


@pytest.fixture
def rds_iam(postgres_server: ServerAddress) -> Iterator[None]:
    with connect_as_owner(postgres_server, SUPERUSER) as owner:
        owner.execute("create role rds_iam nologin")
    yield
    with connect_as_owner(postgres_server, SUPERUSER) as owner:
        owner.execute("drop role rds_iam")


def members(server: ServerAddress) -> set[str]:
    with connect_as_owner(server, SUPERUSER) as owner:
        rows = owner.execute(
            "select m.rolname from pg_auth_members a join pg_roles r on r.oid = a.roleid"
            " join pg_roles m on m.oid = a.member where r.rolname = 'rds_iam'"
        ).fetchall()
    return {name for (name,) in rows}


@pytest.mark.usefixtures("rds_iam")
def test_both_roles_are_let_in_by_iam_and_again_by_password(postgres_server: ServerAddress, database_name: str) -> None:
    with connect_as_owner(postgres_server, database_name) as owner:
        for _ in range(2):
            migrate(owner, ROLE_PASSWORDS, [FIRST], by_token=True)
            assert members(postgres_server) == {"app_role", "system_role"}

        for _ in range(2):
            migrate(owner, ROLE_PASSWORDS, [FIRST])
            assert members(postgres_server) == set()


def test_a_server_that_is_not_rds_is_not_asked_to_let_iam_in(
    postgres_server: ServerAddress, database_name: str
) -> None:
    with connect_as_owner(postgres_server, database_name) as owner:
        with pytest.raises(MigrationFailed, match="only RDS"):
            migrate(owner, ROLE_PASSWORDS, [FIRST], by_token=True)

        # nothing of it was done
        assert owner.execute("select to_regclass('one') is null").fetchone() == (True,)


def test_each_connection_is_made_with_a_token_of_its_own(
    postgres_server: ServerAddress, database_name: str, signed_at: Callable[[datetime], None]
) -> None:
    """A token is good for 15 minutes and a connection for as long as it lives: an old token must not come again."""
    made: list[str] = []

    def credentials() -> Credentials:
        signed_at(MOMENT + timedelta(hours=len(made)))
        made.append(tokens().make(host=postgres_server.host, port=postgres_server.port, user="app_role"))
        # The server takes the newest one alone, as RDS would after 15 minutes.
        with connect_as_owner(postgres_server, database_name) as owner:
            migrate(owner, {**ROLE_PASSWORDS, "app_role": made[-1]}, [FIRST])
        return Credentials("app_role", made[-1])

    database = Database(
        host=postgres_server.host, port=postgres_server.port, name=database_name, credentials=credentials, tls=False
    )
    try:
        for _ in range(2):
            with database.system() as session:
                assert session.execute("select current_user as me").fetchone() == {"me": "app_role"}
        # the first of them served both
        assert len(made) == 1

        # when the server has gone away and come back, long after that token's time
        with connect_as_owner(postgres_server, database_name) as owner:
            owner.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app_role'")
        with database.system() as session:
            assert session.execute("select 1 as one").fetchone() == {"one": 1}

        assert len(set(made)) == len(made) == 2
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(
                host=postgres_server.host,
                port=postgres_server.port,
                user="app_role",
                password=made[0],
                dbname=database_name,
            )
    finally:
        database.close()
        with connect_as_owner(postgres_server, database_name) as owner:
            migrate(owner, ROLE_PASSWORDS, [FIRST])


def test_tokens_are_for_rds_whose_name_is_proven(postgres_server: ServerAddress, database_name: str) -> None:
    """What a token is sent over: TLS with the server's name checked, or nothing at all."""
    database = Database(
        host=postgres_server.host,
        port=postgres_server.port,
        name=database_name,
        credentials=lambda: Credentials("app_role", "token"),
    )

    assert database._address()["sslmode"] == "verify-full"
    assert Path(database._address()["sslrootcert"]).name == "rds-ap-south-1.pem"
    with pytest.raises(DatabaseUnavailable), database.system():
        pytest.fail("the embedded server has no certificate")
