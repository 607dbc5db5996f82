"""Builds what keeps the system fed and in order: instruments, migrations, the audit trail's verifier, the operator's
function, the canary, the rotation of the signing key."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import TYPE_CHECKING

from algotrading.bootstrap import parts
from algotrading.settings import (
    AdminSettings,
    CanarySettings,
    InstrumentsSettings,
    MigrateSettings,
    OperatorSettings,
    RotateSettings,
)

if TYPE_CHECKING:
    from algotrading.adapters.postgres.migrate import Migrator
    from algotrading.adapters.postgres.over import Forgotten
    from algotrading.adapters.signing_key_rotation import SigningKeyRotation
    from algotrading.entrypoints.api.admin import AdminServices
    from algotrading.entrypoints.http import HttpDoor
    from algotrading.entrypoints.operator import OperatorDoor
    from algotrading.services.address_pairs import AddressPairs
    from algotrading.services.audit_verify import AuditVerifier
    from algotrading.services.canary import Canary
    from algotrading.services.load_instruments import InstrumentLoader
    from algotrading.services.operate import Operator


def build_instruments(settings: InstrumentsSettings) -> InstrumentLoader:
    """lambdas/instruments"""
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.emf_meter import EmfMeter
    from algotrading.adapters.postgres.instruments import PostgresInstruments
    from algotrading.brokers.kite.brokers import KiteBrokers
    from algotrading.services.load_instruments import SMALLEST_HONEST_DUMP, InstrumentLoader

    clock = SystemClock()
    return InstrumentLoader(
        brokers=KiteBrokers(api_url=settings.kite_api_url, login_url=settings.kite_login_url, clock=clock),
        instruments=PostgresInstruments(parts.database(settings)),
        meter=EmfMeter(clock=clock),
        # A simulated exchange lists a handful.
        smallest=1 if settings.stage == "dev" else SMALLEST_HONEST_DUMP,
    )


def build_migrate(settings: MigrateSettings) -> Migrator:
    """lambdas/migrate"""
    from algotrading.adapters.postgres.migrate import Migrator

    secrets = {"app_role": settings.app_secret_arn, "system_role": settings.system_secret_arn}
    return Migrator(
        parts.database(settings),
        lambda: {role: str(parts.read_secret(arn)["password"]) for role, arn in secrets.items()},
        by_token=settings.database_iam,
    )


def build_audit_verifier(settings: OperatorSettings) -> AuditVerifier:
    """The verifier of the audit trail; the settings' secret must be the system role's."""
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.emf_meter import EmfMeter
    from algotrading.adapters.postgres.audit_trail import PostgresAuditTrail
    from algotrading.adapters.s3_audit_roots import S3AuditRoots
    from algotrading.services.audit_verify import AuditVerifier

    roots = S3AuditRoots(partial(parts.client, "s3"), settings.audit_bucket)
    return AuditVerifier(PostgresAuditTrail(parts.database(settings)), EmfMeter(), SystemClock(), roots)


def build_canary(settings: CanarySettings) -> Canary:
    """lambdas/canary"""
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.emf_meter import EmfMeter
    from algotrading.adapters.web import ask, showing_certificate
    from algotrading.services.canary import Canary

    def ask_with_certificate(
        method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, bytes]:
        shown = parts.read_secret(settings.client_certificate_arn)
        context = showing_certificate(str(shown["certificate"]), str(shown["key"]))
        return ask(method, url, headers, body, context=context)

    clock = SystemClock()
    asking = ask_with_certificate if settings.client_certificate_arn else ask
    return Canary(settings.api_url, asking, clock, EmfMeter(clock=clock))


def build_rotate(settings: RotateSettings) -> SigningKeyRotation:
    """lambdas/rotate"""
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.signing_key_rotation import SigningKeyRotation

    return SigningKeyRotation(parts.client("secretsmanager"), settings.jwt_secret_arn, SystemClock())


def build_operator(settings: OperatorSettings) -> OperatorDoor:
    """lambdas/operator"""
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.postgres.administration import PostgresAdministration
    from algotrading.entrypoints.operator import OperatorDoor
    from algotrading.services.operate import RoleKeeper, SecondFactorClearer

    def roles() -> RoleKeeper:
        return RoleKeeper(PostgresAdministration(parts.database(settings)), SystemClock())

    def clearer() -> SecondFactorClearer:
        return SecondFactorClearer(PostgresAdministration(parts.database(settings)), SystemClock())

    return OperatorDoor(
        cache(lambda: _operator(settings)),
        cache(lambda: build_audit_verifier(settings)),
        cache(roles),
        cache(clearer),
        cache(lambda: _address_pairs(settings)),
        lambda: _forget_over(settings),
    )


def _forget_over(settings: OperatorSettings) -> Forgotten:
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.postgres.over import PostgresOver

    return PostgresOver(parts.database(settings)).forget(SystemClock().now())


def _address_pairs(settings: OperatorSettings) -> AddressPairs:
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.postgres.broker_accounts import PostgresBrokerAccounts
    from algotrading.services.address_pairs import AddressPairs

    return AddressPairs(PostgresBrokerAccounts(parts.database(settings)), SystemClock())


def build_admin(settings: AdminSettings) -> HttpDoor:
    """lambdas/admin"""
    from algotrading.entrypoints.api.admin import AdminRoutes
    from algotrading.entrypoints.http import HttpDoor

    routes = AdminRoutes(cache(lambda: _admin_services(settings)))
    return HttpDoor(
        routes.router(),
        admission=cache(lambda: parts.admission(settings)),
        keyed=cache(lambda: parts.keyed_requests(settings)),
        meter=parts.meter(),
    )


def _admin_services(settings: AdminSettings) -> AdminServices:
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.kms_vault import SECOND_FACTOR, KmsVault
    from algotrading.adapters.passwords import Argon2Passwords
    from algotrading.adapters.postgres.administration import PostgresAdministration
    from algotrading.adapters.postgres.second_factors import PostgresSecondFactors
    from algotrading.adapters.redis_runtime import RedisRuntime, make_redis_client
    from algotrading.adapters.sqs_queue import SqsGauge
    from algotrading.adapters.throttles import LocalThrottle, RedisThrottle
    from algotrading.entrypoints.api.admin import AdminServices
    from algotrading.services.administration import Administrators
    from algotrading.services.health import HealthReader
    from algotrading.services.second_factor import SecondFactorKeeper

    database, clock = parts.database(settings), SystemClock()
    redis = make_redis_client(settings.redis_host, settings.redis_port, tls=settings.redis_tls)
    store = PostgresAdministration(database)
    vault = KmsVault(parts.client("kms"), settings.kms_key_id, purpose=SECOND_FACTOR)
    second_factors = SecondFactorKeeper(PostgresSecondFactors(database), vault, clock, Argon2Passwords())
    gauge = SqsGauge(partial(parts.client, "sqs"), settings.watched_queue_urls)
    return AdminServices(
        Administrators(store, second_factors, RedisThrottle(redis, LocalThrottle()), clock),
        _operator(settings),
        HealthReader(store, RedisRuntime(redis), gauge, clock),
    )


def _operator(settings: OperatorSettings | AdminSettings) -> Operator:
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.emf_meter import EmfMeter
    from algotrading.adapters.postgres.ledger import PostgresLedger
    from algotrading.adapters.postgres.risks import PostgresRisks
    from algotrading.adapters.sqs_queue import SqsOrderQueue
    from algotrading.services.flatten import Flattener
    from algotrading.services.operate import Operator

    database = parts.database(settings)
    risks, ledger = PostgresRisks(database), PostgresLedger(database)
    queue = SqsOrderQueue(parts.client("sqs"), settings.orders_queue_url, settings.priority_queue_url)
    return Operator(risks, ledger, Flattener(risks, ledger, queue), SystemClock(), EmfMeter())
