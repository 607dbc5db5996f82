"""What several entry points are built of. Nothing connects before it is used."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from algotrading.settings import DatabaseSettings, DoorSettings, ScheduleSettings, TokenSettings

if TYPE_CHECKING:
    from algotrading.adapters.emf_meter import EmfMeter
    from algotrading.adapters.eventbridge_schedules import EventBridgeSchedules
    from algotrading.adapters.postgres.database import Database
    from algotrading.adapters.rds_tokens import RdsTokens
    from algotrading.adapters.tokens import JwtTokens
    from algotrading.services.admission import Admission
    from algotrading.services.keyed_requests import KeyedRequests

logger = logging.getLogger(__name__)
_KEYS_OVERLAP = timedelta(hours=13)
"""How long after a rotation tokens of the key before are taken: longer than the longest of them lives (12 hours, in
dev), the five minutes for which a function may go on signing with it, and the time between a rotation's steps."""


def database(settings: DatabaseSettings) -> Database:
    """The database under the login role of the settings: one for an entry point, whatever it is built of, so
    that `Database.reading_only` holds for all of it."""
    return _database_of(settings)


@cache
def _database_of(settings: DatabaseSettings) -> Database:
    from algotrading.adapters.postgres.database import Credentials, Database

    def credentials() -> Credentials:
        if user := settings.database_user:
            host, port = settings.database_host, settings.database_port
            return Credentials(user, _rds_tokens().make(host=host, port=port, user=user))
        secret = read_secret(settings.database_secret_arn)
        return Credentials(secret["username"], secret["password"])

    return Database(
        host=settings.database_host,
        port=settings.database_port,
        name=settings.database_name,
        credentials=credentials,
        tls=settings.database_tls,
    )


def meter() -> EmfMeter:
    """Where metrics go."""
    from algotrading.adapters.emf_meter import EmfMeter

    return EmfMeter()


def admission(settings: DoorSettings) -> Admission:
    """Who comes in to an HTTP function."""
    from algotrading.adapters.allowances import LocalAllowances, RedisAllowances
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.postgres.standings import PostgresStandings
    from algotrading.adapters.redis_runtime import make_redis_client
    from algotrading.adapters.throttles import LocalThrottle, RedisThrottle
    from algotrading.domain.allowances import Allowance
    from algotrading.services.admission import Admission

    redis = make_redis_client(settings.redis_host, settings.redis_port, tls=settings.redis_tls)
    return Admission(
        standings=PostgresStandings(database(settings)),
        throttle=RedisThrottle(redis, LocalThrottle()),
        allowances=RedisAllowances(redis, LocalAllowances()),
        clock=SystemClock(),
        of_person=Allowance("person", settings.requests_per_minute),
        of_program=Allowance("key", settings.key_requests_per_minute),
    )


def keyed_requests(settings: DatabaseSettings) -> KeyedRequests:
    """What does an HTTP function's commands once under their Idempotency-Keys."""
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.postgres.kept_answers import PostgresKeptAnswers
    from algotrading.services.keyed_requests import KeyedRequests

    def derive(secret: str, salt: bytes) -> bytes:
        # Loaded where it is needed: commands that hold no secret do not wait for it.
        from algotrading.adapters.passwords import Argon2Passwords

        return Argon2Passwords().derive(secret, salt)

    return KeyedRequests(PostgresKeptAnswers(database(settings)), SystemClock(), derive)


def tokens(settings: TokenSettings) -> JwtTokens:
    """The signer of bearer tokens. Its secret holds {"key"}."""
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.tokens import JwtTokens

    def keys(is_doubted: bool) -> list[str]:
        found = _secret_reader().generations(settings.jwt_secret_arn, overlap=_KEYS_OVERLAP, is_doubted=is_doubted)
        return [str(each["key"]) for each in found]

    return JwtTokens(keys, SystemClock())


def schedules(settings: ScheduleSettings) -> EventBridgeSchedules:
    """The environment's schedule group."""
    from algotrading.adapters.eventbridge_schedules import EVERY_DAY, WEEKDAYS, EventBridgeSchedules

    return EventBridgeSchedules(
        client("scheduler"),
        settings.schedule_group,
        settings.schedule_target_arn,
        settings.schedule_role_arn,
        settings.schedule_dlq_arn,
        days=WEEKDAYS if settings.session_table == "nse" else EVERY_DAY,
    )


def is_provisioned() -> bool:
    """Whether this environment is loaded ahead of need (AWS Lambda documentation, defined runtime
    variables): only then may a builder connect to anything."""
    return os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "provisioned-concurrency"


def get_ready(*modules: str, reaches: Sequence[Callable[[], object]]) -> None:
    """Load what the first call needs, and reach the stores. What is away now is reached when it is needed."""
    for module in modules:
        import_module(module)
    for reach in reaches:
        try:
            reach()
        except Exception as fault:
            logger.warning("could not be reached ahead of need: %s", fault)


def read_secret(arn: str) -> dict[str, Any]:
    """A secret of Secrets Manager, cached for minutes."""
    secret: dict[str, Any] = _secret_reader().json(arn)
    return secret


@cache
def _rds_tokens() -> RdsTokens:
    from algotrading.adapters.rds_tokens import own_rds_tokens

    return own_rds_tokens()


@cache
def _secret_reader() -> Any:
    from algotrading.adapters.secrets import SecretReader

    return SecretReader(client("secretsmanager"))


@cache
def client(service: str, *, read_seconds: float = 5, attempts: int = 3, url: str | None = None) -> Any:
    """An AWS client that gives up in seconds: the functions' own time-outs are short. Its address can be
    changed through botocore's own AWS_ENDPOINT_URL, or for one use of a service by `url`."""
    import boto3
    from botocore.config import Config

    make_client: Callable[..., Any] = boto3.client
    patience = Config(
        connect_timeout=2,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    return make_client(service, config=patience, endpoint_url=url)


def forget() -> None:
    """Let go of every client, so that the next ones see another environment."""
    client.cache_clear()
    _database_of.cache_clear()
    _secret_reader.cache_clear()
    _rds_tokens.cache_clear()
