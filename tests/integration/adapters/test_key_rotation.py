"""The signing key is rotated under running functions: nobody is logged out, and the old key ends.

The secret lives in an emulated Secrets Manager, which prepares a version and leaves the four steps to whoever rotates.
"""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, cast
from uuid import UUID, uuid4

import boto3
import pytest
from moto import mock_aws
from moto.backends import get_backend

from algotrading.adapters.clock import SystemClock
from algotrading.adapters.secrets import SecretReader
from algotrading.adapters.signing_key_rotation import RotationFailed, SigningKeyRotation
from algotrading.adapters.tokens import JwtTokens
from algotrading.bootstrap import parts
from algotrading.domain.errors import TokenInvalid
from tests.fakes.clock import VirtualClock

HANDLER = Path(__file__).parents[3] / "lambdas" / "rotate" / "handler.py"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
FIRST = "a signing key for tests, longer than thirty-two bytes"
TRADER = uuid4()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    with mock_aws():
        parts.forget()
        yield cast(Any, boto3.client)("secretsmanager")
        parts.forget()


@pytest.fixture
def secret(client: Any) -> str:
    document = json.dumps({"key": FIRST, "note": "kept"})
    return str(client.create_secret(Name="signing-key", SecretString=document)["ARN"])


@pytest.fixture
def rotation(client: Any, secret: str) -> SigningKeyRotation:
    return SigningKeyRotation(client, secret, SystemClock())


def prepare(client: Any, secret: str) -> str:
    """A version that waits, as Secrets Manager leaves it when it begins a rotation: without a value."""
    version = str(uuid4())
    # Into the emulator itself: its own rotation calls a function in a container, or makes the version current at once.
    backend = get_backend("secretsmanager")[secret.split(":")[4]]["ap-south-1"]
    backend.secrets[secret].versions[version] = {
        "createdate": int(time.time()),
        "version_id": version,
        "version_stages": ["AWSPENDING"],
    }
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_secret_value(SecretId=secret, VersionId=version, VersionStage="AWSPENDING")
    return version


def rotate(client: Any, secret: str, *steps: str) -> str:
    version = prepare(client, secret)
    for step in steps or STEPS:
        SigningKeyRotation(client, secret, SystemClock()).run(step, secret=secret, version=version)
    return version


def value(client: Any, secret: str, stage: str = "AWSCURRENT") -> dict[str, str]:
    return dict(json.loads(client.get_secret_value(SecretId=secret, VersionStage=stage)["SecretString"]))


class Function:
    """A function that signs and checks, with its own cache of the secret."""

    def __init__(self, client: Any, secret: str) -> None:
        self.seconds = 0.0
        self.at = datetime.now(UTC)
        reader = SecretReader(client, monotonic=lambda: self.seconds, now=lambda: self.at)

        def keys(is_doubted: bool) -> list[str]:
            found = reader.generations(secret, overlap=parts._KEYS_OVERLAP, is_doubted=is_doubted)
            return [str(each["key"]) for each in found]

        self._tokens = JwtTokens(keys, SystemClock())

    def later(self, passed: timedelta) -> Function:
        self.seconds += passed.total_seconds()
        self.at += passed
        return self

    def sign(self) -> str:
        return self._tokens.issue(TRADER, audience="api", lifetime=timedelta(days=3))

    def check(self, token: str) -> UUID:
        return self._tokens.verify(token, audience="api")


# --- what a rotation does -----------------------------------------------------------------------------


def test_a_rotation_puts_a_new_key_in_the_old_ones_place_and_keeps_the_rest(client: Any, secret: str) -> None:
    version = rotate(client, secret)

    current, before = value(client, secret), value(client, secret, "AWSPREVIOUS")
    assert before == {"key": FIRST, "note": "kept"}
    assert current["note"] == "kept"
    assert current["key"] != FIRST
    assert len(bytes.fromhex(current["key"])) == 32
    assert client.get_secret_value(SecretId=secret, VersionStage="AWSCURRENT")["VersionId"] == version


def test_no_two_rotations_make_the_same_key(client: Any, secret: str) -> None:
    made = []
    for _ in range(3):
        rotate(client, secret)
        made.append(value(client, secret)["key"])

    assert len({FIRST, *made}) == 4


@pytest.mark.parametrize("repeated", STEPS)
def test_a_step_that_comes_again_changes_nothing(client: Any, secret: str, repeated: str) -> None:
    rotation = SigningKeyRotation(client, secret, SystemClock())
    version = prepare(client, secret)
    for step in STEPS:
        rotation.run(step, secret=secret, version=version)
        if step == repeated:
            seen = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
            pending = client.get_secret_value(SecretId=secret, VersionId=version)["SecretString"]
            rotation.run(step, secret=secret, version=version)
            assert client.describe_secret(SecretId=secret)["VersionIdsToStages"] == seen
            assert client.get_secret_value(SecretId=secret, VersionId=version)["SecretString"] == pending
    current = value(client, secret)

    # and all of them once more, after the end
    for step in STEPS:
        rotation.run(step, secret=secret, version=version)

    assert value(client, secret) == current
    assert value(client, secret, "AWSPREVIOUS")["key"] == FIRST


def test_of_two_runs_that_make_a_key_at_once_one_key_stays(
    client: Any, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a second run that looked before the first had put its key there
    version = prepare(client, secret)
    slow, quick = (SigningKeyRotation(client, secret, SystemClock()) for _ in range(2))
    monkeypatch.setattr(slow, "_pending", lambda _: None)
    quick.run("createSecret", secret=secret, version=version)
    first = client.get_secret_value(SecretId=secret, VersionId=version)["SecretString"]

    # when it puts its own, which Secrets Manager refuses (its API documentation, PutSecretValue)
    def refuse(**_: object) -> None:
        raise client.exceptions.ResourceExistsException({"Error": {"Code": "ResourceExistsException"}}, "Put")

    monkeypatch.setattr(client, "put_secret_value", refuse)
    slow.run("createSecret", secret=secret, version=version)

    assert client.get_secret_value(SecretId=secret, VersionId=version)["SecretString"] == first


def test_setting_a_schedule_up_tries_the_function_on_a_copy_of_what_is_current(client: Any, secret: str) -> None:
    version = str(uuid4())
    client.put_secret_value(
        SecretId=secret,
        ClientRequestToken=version,
        SecretString=json.dumps({"key": FIRST, "note": "kept"}),
        VersionStages=["AWSPENDING"],
    )

    SigningKeyRotation(client, secret, SystemClock()).run("testSecret", secret=secret, version=version)

    assert value(client, secret)["key"] == FIRST


# --- what it refuses ----------------------------------------------------------------------------------


@pytest.mark.parametrize("waiting", ['{"key": "short"}', '{"key": 7}', '{"other": "x"}', '{"key": null}', ""])
@pytest.mark.parametrize("step", ["testSecret", "finishSecret"])
def test_a_version_without_a_good_key_never_becomes_the_current_one(
    client: Any, secret: str, waiting: str, step: str
) -> None:
    version = prepare(client, secret)
    if waiting:
        client.put_secret_value(
            SecretId=secret, ClientRequestToken=version, SecretString=waiting, VersionStages=["AWSPENDING"]
        )

    with pytest.raises(RotationFailed, match="no key"):
        SigningKeyRotation(client, secret, SystemClock()).run(step, secret=secret, version=version)

    assert value(client, secret)["key"] == FIRST


def test_another_secret_an_unprepared_version_and_an_unknown_step_are_refused(
    client: Any, secret: str, rotation: SigningKeyRotation
) -> None:
    other = client.create_secret(Name="database", SecretString='{"key": "x"}')["ARN"]
    version = prepare(client, secret)

    with pytest.raises(RotationFailed, match="not the secret"):
        rotation.run("createSecret", secret=other, version=version)
    with pytest.raises(RotationFailed, match="not prepared"):
        rotation.run("createSecret", secret=secret, version=str(uuid4()))
    with pytest.raises(RotationFailed, match="no step 'dropSecret'"):
        rotation.run("dropSecret", secret=secret, version=version)
    assert value(client, other) == {"key": "x"}


def test_a_version_of_the_past_is_not_brought_back(client: Any, secret: str, rotation: SigningKeyRotation) -> None:
    before = client.get_secret_value(SecretId=secret, VersionStage="AWSCURRENT")["VersionId"]
    rotate(client, secret)

    with pytest.raises(RotationFailed, match="does not wait"):
        rotation.run("finishSecret", secret=secret, version=before)

    assert value(client, secret)["key"] != FIRST


def test_no_key_is_logged(client: Any, secret: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", logger="algotrading"):
        rotate(client, secret)

    assert value(client, secret)["key"] not in caplog.text
    assert FIRST not in caplog.text


# --- what it means to those who are logged in ---------------------------------------------------------


def test_a_token_of_the_old_key_is_taken_through_the_overlap_and_refused_after(client: Any, secret: str) -> None:
    issued = Function(client, secret).sign()
    rotate(client, secret)
    authorizer = Function(client, secret)

    assert authorizer.check(issued) == TRADER
    assert authorizer.later(timedelta(hours=12)).check(issued) == TRADER
    with pytest.raises(TokenInvalid, match="not in use"):
        authorizer.later(timedelta(hours=1, minutes=1)).check(issued)
    with pytest.raises(TokenInvalid):
        Function(client, secret).later(timedelta(days=2)).check(issued)


def test_a_key_that_waited_for_too_long_is_given_up_since_the_old_one_would_end_with_no_overlap(
    client: Any, secret: str
) -> None:
    # given a rotation that stood still after it had made its key
    version = prepare(client, secret)
    clock = VirtualClock(datetime.now(UTC))
    rotation = SigningKeyRotation(client, secret, clock)
    rotation.run("createSecret", secret=secret, version=version)
    issued = Function(client, secret).later(timedelta(days=2)).sign()

    # when it goes on days later
    clock.sleep(2 * 24 * 3600)
    with pytest.raises(RotationFailed, match="start anew"):
        rotation.run("finishSecret", secret=secret, version=version)

    # then the key in use stays, and the next rotation is a new one
    assert Function(client, secret).later(timedelta(days=2)).check(issued) == TRADER
    stages = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
    assert [each for each in stages.values() if "AWSPENDING" in each] == []
    rotate(client, secret)
    assert Function(client, secret).check(issued) == TRADER


def test_a_key_may_wait_for_an_hour(client: Any, secret: str) -> None:
    version = prepare(client, secret)
    clock = VirtualClock(datetime.now(UTC))
    rotation = SigningKeyRotation(client, secret, clock)
    rotation.run("createSecret", secret=secret, version=version)

    clock.sleep(59 * 60)
    rotation.run("finishSecret", secret=secret, version=version)

    assert value(client, secret)["key"] != FIRST


def test_the_new_key_goes_on_when_the_old_one_has_ended(client: Any, secret: str) -> None:
    rotate(client, secret)
    signer = Function(client, secret).later(timedelta(days=2))

    assert Function(client, secret).later(timedelta(days=2)).check(signer.sign()) == TRADER


def test_a_second_rotation_ends_the_first_key_at_once(client: Any, secret: str) -> None:
    issued = Function(client, secret).sign()
    rotate(client, secret)
    rotate(client, secret)

    with pytest.raises(TokenInvalid):
        Function(client, secret).check(issued)


def test_running_functions_take_the_new_key_up_by_themselves(client: Any, secret: str) -> None:
    # given two functions that run since before the rotation, and keep the secret for five minutes
    signer, authorizer = Function(client, secret), Function(client, secret)
    old = signer.sign()
    assert authorizer.check(old) == TRADER
    rotate(client, secret)

    # when one of them signs with the new key, having read it after its five minutes
    assert signer.later(timedelta(seconds=299)).sign().split(".")[0] == old.split(".")[0]
    new = signer.later(timedelta(seconds=1)).sign()
    assert new.split(".")[0] != old.split(".")[0]

    # then the other takes it, though its own five minutes are not over: an unknown key makes it look again
    authorizer.later(timedelta(seconds=11))
    assert authorizer.check(new) == TRADER
    assert authorizer.check(old) == TRADER


def test_while_a_rotation_is_under_way_everything_is_as_before(client: Any, secret: str) -> None:
    issued = Function(client, secret).sign()
    rotate(client, secret, "createSecret", "setSecret", "testSecret")

    function = Function(client, secret)

    assert function.check(issued) == TRADER
    assert function.sign().split(".")[0] == issued.split(".")[0]


# --- the function -------------------------------------------------------------------------------------


@pytest.fixture
def handler(client: Any, secret: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("STAGE", "prod")
    monkeypatch.setenv("JWT_SECRET_ARN", secret)
    spec = importlib.util.spec_from_file_location("rotate_handler", HANDLER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_function_rotates_by_the_events_of_secrets_manager(handler: Any, client: Any, secret: str) -> None:
    version = prepare(client, secret)
    event: Callable[[str], dict[str, str]] = lambda step: {  # noqa: E731 - as it is sent
        "Step": step,
        "SecretId": secret,
        "ClientRequestToken": version,
    }

    for step in STEPS:
        handler.lambda_handler(event(step), None)

    assert client.get_secret_value(SecretId=secret, VersionStage="AWSCURRENT")["VersionId"] == version
    with pytest.raises(RotationFailed):
        handler.lambda_handler(event("createSecret") | {"SecretId": f"{secret}-other"}, None)
