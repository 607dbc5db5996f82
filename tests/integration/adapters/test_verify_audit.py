"""The command that verifies the audit trail, on a PostgreSQL that somebody has altered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import boto3
import pytest
from moto import mock_aws

from algotrading.adapters.postgres import audit
from algotrading.adapters.postgres.migrate import migrate, read_migrations
from algotrading.adapters.postgres.strategies import PostgresStrategies
from algotrading.adapters.postgres.users import PostgresUsers
from algotrading.bootstrap import parts, verify_audit
from algotrading.domain.audit import AuditEntry, AuditKind
from tests.fakes.examples import MOMENT, make_strategy, make_user
from tests.stores import ROLE_PASSWORDS, PostgresStore, audit_trail_opened, connect_as_owner

RECORDS = 5


@pytest.fixture
def environment(postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A file of variables that lead to the store, as a running product leaves one."""
    for name in ("AWS_ENDPOINT_URL", "DATABASE_HOST", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "ap-south-1"}
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    for name, value in credentials.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        parts.forget()
        secret = {"username": "system_role", "password": ROLE_PASSWORDS["system_role"]}
        arn = boto3.client("secretsmanager").create_secret(Name="system", SecretString=json.dumps(secret))["ARN"]
        variables = {
            "STAGE": "dev",
            "DATABASE_HOST": postgres_store.server.host,
            "DATABASE_PORT": str(postgres_store.server.port),
            "DATABASE_NAME": postgres_store.name,
            "DATABASE_SECRET_ARN": arn,
            "DATABASE_TLS": "false",
        }
        # Set and undone by pytest, so that what the command puts into the environment goes again.
        for name in variables:
            monkeypatch.setenv(name, "")
        path = tmp_path / "system.env"
        path.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        yield path
    parts.forget()


@pytest.fixture
def traders(postgres_store: PostgresStore) -> list[UUID]:
    """Three users with some records each."""
    user_ids = []
    for _ in range(3):
        user = make_user()
        PostgresUsers(postgres_store.app).add(user, "hash")
        for number in range(RECORDS):
            entry = AuditEntry(user.user_id, AuditKind.STRATEGY_CREATED, MOMENT, {"number": number})
            with postgres_store.app.tenant(user.user_id) as session:
                audit.append(session, entry)
        user_ids.append(user.user_id)
    return user_ids


def alter(store: PostgresStore, command: str, user_id: UUID) -> None:
    """What only somebody who may change the schema can do."""
    with store.owner() as owner, owner.transaction(), audit_trail_opened(owner):
        assert owner.execute(command, {"user": user_id}).rowcount > 0


def test_an_untouched_trail_holds(environment: Path, traders: list[UUID], capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_audit.main(["--environment", str(environment)]) == 0
    assert capsys.readouterr().out.startswith(f"every chain holds: {len(traders)} chains, {3 * RECORDS} records")


@pytest.mark.parametrize(
    ("command", "seq", "flaw"),
    [
        ("update audit_log set record = replace(record, '3', '4') where user_id = %(user)s and seq = 4", 4, "altered"),
        ("update audit_log set at = at + interval '1 ms' where user_id = %(user)s and seq = 1", 1, "altered"),
        ("update audit_log set kind = 'decision' where user_id = %(user)s and seq = 2", 2, "altered"),
        ("delete from audit_log where user_id = %(user)s and seq = 2", 3, "missing"),
        ("delete from audit_log where user_id = %(user)s and seq >= 4", 3, "tail missing"),
        ("delete from audit_log where user_id = %(user)s", 5, "tail missing"),
        ("delete from audit_heads where user_id = %(user)s", 5, "head missing"),
        ("update audit_heads set hash = sha256('') where user_id = %(user)s", 5, "head differs"),
        ("update audit_heads set seq = 4 where user_id = %(user)s", 5, "beyond the head"),
        (
            "update audit_log a set record = b.record, hash = b.hash from audit_log b where a.user_id = %(user)s"
            " and b.user_id = a.user_id and a.seq in (2, 3) and b.seq = 5 - a.seq",
            2,
            "altered",
        ),
        (
            "update audit_log set record = '{}', hash = sha256(prev_hash || convert_to('{}', 'UTF8'))"
            " where user_id = %(user)s and seq = 3",
            4,
            "misplaced",
        ),
    ],
)
def test_whatever_was_altered_is_named_and_the_command_fails(
    postgres_store: PostgresStore,
    environment: Path,
    traders: list[UUID],
    capsys: pytest.CaptureFixture[str],
    command: str,
    seq: int,
    flaw: str,
) -> None:
    alter(postgres_store, command, traders[1])

    code = verify_audit.main(["--environment", str(environment)])

    out, err = capsys.readouterr()
    assert code == verify_audit.BROKEN
    assert f"user {traders[1]} record {seq}: {flaw}: " in out
    assert "BROKEN" in out
    assert '"AuditBroken": 1' in err
    assert not any(str(trader) in out for trader in (traders[0], traders[2]))


def test_a_chain_made_anew_is_found_by_heads_kept_outside(
    postgres_store: PostgresStore,
    environment: Path,
    traders: list[UUID],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    # given heads that an auditor has kept
    arguments = ["--environment", str(environment), "--heads", str(tmp_path / "heads.json")]
    assert verify_audit.main(arguments) == 0

    # when the owner of the database makes the last record anew, and the head to fit
    forge = """
        with forged as (update audit_log set record = replace(record, '4}', '5}'),
                            hash = sha256(prev_hash || convert_to(replace(record, '4}', '5}'), 'UTF8'))
                        where user_id = %(user)s and seq = 5 returning hash)
        update audit_heads set hash = forged.hash from forged where user_id = %(user)s
    """
    alter(postgres_store, forge, traders[1])

    # then nothing shows in the database alone, and the kept heads tell, also the second time
    assert verify_audit.main(arguments[:2]) == 0
    for _ in range(2):
        assert verify_audit.main(arguments) == verify_audit.BROKEN
        assert f"user {traders[1]} record 5: rewritten" in capsys.readouterr().out


def test_kept_heads_move_on_with_chains_that_hold(
    postgres_store: PostgresStore, environment: Path, traders: list[UUID], tmp_path: Path
) -> None:
    arguments = ["--environment", str(environment), "--heads", str(tmp_path / "heads.json")]
    assert verify_audit.main(arguments) == 0
    with postgres_store.app.tenant(traders[0]) as session:
        audit.append(session, AuditEntry(traders[0], AuditKind.STRATEGY_CREATED, MOMENT, {}))

    assert verify_audit.main(arguments) == 0

    kept = json.loads((tmp_path / "heads.json").read_text())
    assert {head["seq"] for head in kept.values()} == {RECORDS, RECORDS + 1}


def test_heads_that_cannot_be_kept_do_not_make_a_sound_trail_a_broken_one(
    environment: Path, traders: list[UUID], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    heads = tmp_path / "no such folder" / "heads.json"

    assert verify_audit.main(["--environment", str(environment), "--heads", str(heads)]) == verify_audit.UNREADABLE

    out, err = capsys.readouterr()
    assert out.startswith(f"every chain holds: {len(traders)} chains")
    assert err.startswith("the heads could not be kept: ")
    assert str(heads.parent) in err


def test_a_database_that_cannot_be_read_is_not_called_sound(
    environment: Path, traders: list[UUID], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = environment.read_text().replace("DATABASE_NAME=", "DATABASE_NAME=no_")
    environment.write_text(lines)

    assert verify_audit.main(["--environment", str(environment)]) == verify_audit.UNREADABLE
    assert verify_audit.main(["--environment", "/does/not/exist"]) == verify_audit.UNREADABLE
    environment.write_text(lines.replace("DATABASE_SECRET_ARN=arn", "DATABASE_SECRET_ARN=other"))
    assert verify_audit.main(["--environment", str(environment)]) == verify_audit.UNREADABLE
    out, err = capsys.readouterr()
    assert out == ""
    assert "could not be verified" in err
    assert traders


def test_a_user_whose_whole_chain_is_gone_is_named(
    postgres_store: PostgresStore, environment: Path, traders: list[UUID], capsys: pytest.CaptureFixture[str]
) -> None:
    strategy = make_strategy(traders[1])
    PostgresStrategies(postgres_store.app).add(strategy)
    assert verify_audit.main(["--environment", str(environment)]) == 0

    alter(postgres_store, "delete from audit_log where user_id = %(user)s", traders[1])
    alter(postgres_store, "delete from audit_heads where user_id = %(user)s", traders[1])

    assert verify_audit.main(["--environment", str(environment)]) == verify_audit.BROKEN
    assert f"user {traders[1]} record 0: chain missing: " in capsys.readouterr().out


def test_who_does_not_see_every_chain_verifies_none(
    environment: Path, traders: list[UUID], capsys: pytest.CaptureFixture[str]
) -> None:
    secret = {"username": "app_role", "password": ROLE_PASSWORDS["app_role"]}
    boto3.client("secretsmanager").put_secret_value(SecretId="system", SecretString=json.dumps(secret))

    assert verify_audit.main(["--environment", str(environment)]) == verify_audit.UNREADABLE

    out, err = capsys.readouterr()
    assert out == ""
    assert "app_role does not see every chain" in err
    assert '"AuditUnverified": 1' in err
    assert traders


@pytest.mark.parametrize("migrations", [0, 1])
def test_a_database_without_chains_is_not_called_sound(
    postgres_store: PostgresStore, environment: Path, capsys: pytest.CaptureFixture[str], migrations: int
) -> None:
    name = f"bare_{uuid4().hex}"
    with postgres_store.owner() as owner:
        owner.execute(f"create database {name}")
    with connect_as_owner(postgres_store.server, name) as owner:
        if migrations:
            migrate(owner, ROLE_PASSWORDS, read_migrations()[:migrations])
    environment.write_text(
        environment.read_text().replace(f"DATABASE_NAME={postgres_store.name}", f"DATABASE_NAME={name}")
    )

    assert verify_audit.main(["--environment", str(environment)]) == verify_audit.UNREADABLE

    parts.forget()
    with postgres_store.owner() as owner:
        owner.execute(f"drop database {name} with (force)")
    assert "not migrated" in capsys.readouterr().err


def test_kept_heads_are_replaced_whole_or_not_at_all(
    environment: Path, traders: list[UUID], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = tmp_path / "heads.json"
    arguments = ["--environment", str(environment), "--heads", str(heads)]
    assert verify_audit.main(arguments) == 0
    kept = heads.read_text()

    def break_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", break_off)
        with pytest.raises(KeyboardInterrupt):
            verify_audit.main(arguments)
    assert heads.read_text() == kept
    assert len(json.loads(kept)) == len(traders)

    heads.write_text(kept[:-10])
    assert verify_audit.main(arguments) == verify_audit.UNREADABLE
