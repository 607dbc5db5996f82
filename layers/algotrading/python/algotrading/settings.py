"""Typed settings, one class per entry point, read once from the environment; a bad one refuses to start.

Field names in upper case are the names of the environment variables. CDK fills them from these same
classes, so a function cannot miss one (`tests/infrastructure` instantiates every class from the
synthesised templates).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from algotrading.domain.mobile_numbers import Country
from algotrading.domain.sms_templates import SmsTemplate

Stage = Literal["dev", "staging", "prod"]
Seconds = Annotated[float, Field(gt=0)]
Port = Annotated[int, Field(ge=1, le=65_535)]
EmailAddress = Annotated[str, StringConstraints(pattern=r"^[^@\s,]+@[^@\s,]+$")]
EVIDENCE_SECONDS = 180
"""Kite was seen to show an order 83 s after the time-out of its request; twice that, rounded up."""


_LONGEST_ACCESS_SECONDS = 1800

_INDICES = 9
"""The segment of indices, the low byte of their instrument tokens (Kite Connect documentation, WebSocket)."""


def _split(value: object) -> object:
    """A comma-separated list, as environment variables hold it."""
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _pairs(value: object) -> object:
    """The same of names with their values: `one=1,two=2`."""
    if not isinstance(value, str):
        return value
    return tuple(tuple(part.strip().partition("=")[::2]) for part in value.split(",") if part.strip())


class SettingsInvalid(Exception):
    """The environment does not configure this entry point; the message names every field."""

    def __init__(self, entry_point: str, problems: Sequence[str]) -> None:
        super().__init__(f"{entry_point} refuses to start: {'; '.join(problems)}")
        self.problems = tuple(problems)
        """One for each field, with its name."""


class Settings(BaseModel):
    """What every entry point knows."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stage: Stage
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read this class's fields from `environment` (the process's own by default).

        Raises:
            SettingsInvalid: a field is missing or wrong.
        """
        source = os.environ if environment is None else environment
        values = {name: source[name.upper()] for name in cls.model_fields if name.upper() in source}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            problems = [
                f"{'.'.join(str(part) for part in e['loc']).upper() or cls.__name__}: {e['msg']}"
                for e in error.errors()
            ]
            raise SettingsInvalid(cls.__name__, problems) from error

    @classmethod
    def environment_names(cls) -> tuple[str, ...]:
        """Names of the environment variables this class reads."""
        return tuple(name.upper() for name in cls.model_fields)


class DatabaseSettings(Settings):
    """PostgreSQL, and who logs in: the user of a secret, or one whom IAM lets in."""

    database_host: str
    database_port: Port = 5432
    database_name: str
    database_secret_arn: str = ""
    """Holds {"username", "password"}."""
    database_user: str = ""
    """Logs in with tokens of IAM; see docs/decisions/functions-log-in-by-tokens.md."""
    database_tls: bool = True

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        if bool(self.database_secret_arn) == bool(self.database_user):
            raise ValueError("one of DATABASE_SECRET_ARN and DATABASE_USER must be set, and not both")
        if self.database_user and not self.database_tls:
            raise ValueError("DATABASE_USER needs DATABASE_TLS: a token must not travel in the clear")
        return self

    @model_validator(mode="after")
    def _tls_outside_dev(self) -> Self:
        if self.stage != "dev" and not self.database_tls:
            raise ValueError("DATABASE_TLS may be off in dev only")
        return self


class RedisSettings(Settings):
    """The runtime store."""

    redis_host: str
    redis_port: Port = 6379
    redis_tls: bool = True

    @model_validator(mode="after")
    def _redis_tls_outside_dev(self) -> Self:
        if self.stage != "dev" and not self.redis_tls:
            raise ValueError("REDIS_TLS may be off in dev only")
        return self


class SessionSettings(Settings):
    """The session calendar: `nse`, or (dev only) the JSON of a simulated exchange's own table."""

    session_table: str = "nse"

    @field_validator("session_table")
    @classmethod
    def _nse_or_a_document(cls, value: str) -> str:
        if value != "nse":
            # Only a simulated exchange has one: the others do not load it.
            from algotrading.contracts.session_table import load_session_table

            try:
                load_session_table(value)
            except ValueError:
                raise ValueError("must be nse or a session table as JSON") from None
        return value

    @model_validator(mode="after")
    def _own_table_in_dev_only(self) -> Self:
        if self.session_table != "nse" and self.stage != "dev":
            raise ValueError(f"SESSION_TABLE must be nse in {self.stage}: only dev may trade on a simulated session")
        return self


class KiteSettings(Settings):
    """Where Kite is. Other addresses than Zerodha's own are for dev, with a simulated exchange."""

    kite_api_url: str = "https://api.kite.trade"
    kite_login_url: str = "https://kite.zerodha.com/connect/login"
    kite_socket_url: str = "wss://ws.kite.trade"

    @model_validator(mode="after")
    def _encrypted_outside_dev(self) -> Self:
        plain = [u for u in (self.kite_api_url, self.kite_login_url, self.kite_socket_url) if not _is_encrypted(u)]
        if self.stage != "dev" and plain:
            raise ValueError(f"{', '.join(plain)} is not encrypted: allowed in dev only")
        return self


def _is_encrypted(url: str) -> bool:
    return url.startswith(("https://", "wss://"))


def _address(value: str, *schemes: str) -> str:
    """The URL as it is. Raises ValueError where it has another scheme, or leads to no host or port."""
    parts = urlsplit(value)
    if parts.scheme not in schemes or not parts.hostname or parts.port == 0:
        raise ValueError(f"must be a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    return value


class EgressSettings(Settings):
    """Whether orders may leave from the addresses of their account alone."""

    egress_bound: bool = True

    @model_validator(mode="after")
    def _bound_outside_dev(self) -> Self:
        if self.stage != "dev" and not self.egress_bound:
            raise ValueError("EGRESS_BOUND may be off in dev only: brokers take orders from registered addresses alone")
        return self


class VaultSettings(Settings):
    """The KMS key that broker secrets are sealed under."""

    kms_key_id: str


class TokenSettings(Settings):
    """The secret that signs our own bearer tokens."""

    jwt_secret_arn: str


class RotateSettings(TokenSettings):
    """lambdas/rotate"""


class QueueSettings(Settings):
    """The two FIFO queues."""

    orders_queue_url: str
    priority_queue_url: str


class ScheduleSettings(SessionSettings):
    """EventBridge Scheduler. A simulated session table trades on weekends too."""

    schedule_group: str
    schedule_target_arn: str
    schedule_role_arn: str
    schedule_dlq_arn: str


class TimingSettings(Settings):
    """How trading is timed. Change together with the time-outs of the queues and functions."""

    entry_grace_seconds: Seconds = 120
    """How late a BUY may still be sent; later it is recorded as missed."""
    evidence_window_seconds: Seconds = EVIDENCE_SECONDS
    """How long after an order of unknown fate its absence from the broker's book begins to mean something.
    A simulated exchange, whose own delays are known, may be given less, in dev."""

    @model_validator(mode="after")
    def _evidence_outside_dev(self) -> Self:
        if self.stage != "dev" and self.evidence_window_seconds < EVIDENCE_SECONDS:
            raise ValueError(f"EVIDENCE_WINDOW_SECONDS may be below {EVIDENCE_SECONDS} in dev only")
        return self


class DoorSettings(DatabaseSettings, RedisSettings):
    """A function behind the HTTP API that asks who calls: how callers stand is in PostgreSQL, how often they asked in
    Redis."""

    requests_per_minute: int = Field(default=600, ge=60)
    """Of one person, however many devices; the app asks some twenty times a minute for each open page."""
    key_requests_per_minute: int = Field(default=120, ge=10)
    """Of one key of a program."""


class AuthSettings(DoorSettings, TokenSettings):
    """lambdas/auth"""

    mail_queue_url: str
    """Where mails of accounts are asked for."""

    kms_key_id: str
    """The key that second factors are sealed under, for that purpose alone."""
    access_token_seconds: int = Field(default=900, ge=60, le=43_200)
    """How long a bearer token is good for, at most: it ends with its login."""

    @model_validator(mode="after")
    def _short_outside_dev(self) -> Self:
        if self.stage != "dev" and self.access_token_seconds > _LONGEST_ACCESS_SECONDS:
            raise ValueError(f"ACCESS_TOKEN_SECONDS must be at most {_LONGEST_ACCESS_SECONDS} in {self.stage}")
        return self


class AuthorizerSettings(TokenSettings):
    """lambdas/authorizer"""


class BrokerSettings(DoorSettings, TokenSettings, VaultSettings, QueueSettings, KiteSettings, EgressSettings):
    """lambdas/broker"""

    feed_account_email: Annotated[tuple[EmailAddress, ...], BeforeValidator(_split)] = ()
    """Accounts that carry prices and place no orders: no addresses are set aside for them."""

    second_factor_required: bool = True
    """Whether a broker account may be connected only by a login with a second factor."""
    email_verification_required: bool = True
    """Whether only an account with a confirmed e-mail may connect one."""

    @model_validator(mode="after")
    def _second_factor_outside_dev(self) -> Self:
        if self.stage != "dev" and not self.second_factor_required:
            raise ValueError("SECOND_FACTOR_REQUIRED may be off in dev only")
        return self

    @model_validator(mode="after")
    def _email_verification_outside_dev(self) -> Self:
        if self.stage != "dev" and not self.email_verification_required:
            raise ValueError("EMAIL_VERIFICATION_REQUIRED may be off in dev only")
        return self


class PostbackSettings(DatabaseSettings, RedisSettings, VaultSettings, QueueSettings):
    """lambdas/postback"""


class MailSettings(Settings):
    """Mails of ours."""

    mail_sender: EmailAddress
    """Whom they come from; SES must know the address or its domain as ours."""
    app_url: str
    """Where the app's pages are, which links lead to."""

    @model_validator(mode="after")
    def _links_encrypted_outside_dev(self) -> Self:
        if self.stage != "dev" and not _is_encrypted(self.app_url):
            raise ValueError(f"APP_URL {self.app_url} is not encrypted: allowed in dev only")
        return self


class MailerSettings(DatabaseSettings, MailSettings):
    """lambdas/mailer"""


class WebhookSettings(Settings):
    """Where webhooks go."""

    webhook_relay_url: str = ""
    """In dev: everything is posted there instead of to the addresses that users name."""

    @model_validator(mode="after")
    def _relay_in_dev_only(self) -> Self:
        if self.stage != "dev" and self.webhook_relay_url:
            raise ValueError("WEBHOOK_RELAY_URL may be set in dev only")
        return self


class TelegramSettings(Settings):
    """The deployment's bot. The secret holds {"token"}, which is empty where there is none."""

    telegram_secret_arn: str
    telegram_api_url: str = "https://api.telegram.org"

    @model_validator(mode="after")
    def _telegram_encrypted_outside_dev(self) -> Self:
        if self.stage != "dev" and not _is_encrypted(self.telegram_api_url):
            raise ValueError(f"TELEGRAM_API_URL {self.telegram_api_url} is not encrypted: allowed in dev only")
        return self


class PushSettings(Settings):
    """Expo's push service. Another address is for dev."""

    push_api_url: str = "https://exp.host"

    @model_validator(mode="after")
    def _push_encrypted_outside_dev(self) -> Self:
        if self.stage != "dev" and not _is_encrypted(self.push_api_url):
            raise ValueError(f"PUSH_API_URL {self.push_api_url} is not encrypted: allowed in dev only")
        return self


class SmsSettings(Settings):
    """Text messages by SNS; without SMS_SENDER_ID there are none. docs/operations.md says what is registered where."""

    sms_sender_id: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9-]{3,11})?$")] = ""
    """What they come from, in India the registered header (Amazon SNS developer guide: 3 to 11 letters, digits and
    hyphens)."""
    sms_entity_id: Annotated[str, StringConstraints(max_length=50)] = ""
    """What their sender is registered as in India (TRAI's DLT)."""
    sms_template_ids: Annotated[
        tuple[tuple[SmsTemplate, Annotated[str, StringConstraints(min_length=1, max_length=50)]], ...],
        BeforeValidator(_pairs),
    ] = ()
    """What each text is registered as there, separated by commas: `code=1107...,killed=1107...`. Pairs, since settings
    are keys of what is built of them."""
    sms_countries: Annotated[tuple[Country, ...], BeforeValidator(_split), Field(min_length=1)] = (Country.IN,)
    """Whose numbers may be named, separated by commas: whoever can have messages sent anywhere has them sent where he
    is paid for it."""
    sms_per_user: int = Field(default=10, ge=0, le=100)
    """Notices by SMS that one user is sent within a day."""
    sms_codes_per_day: int = Field(default=200, ge=0)
    """Codes to numbers, of everybody together."""
    sms_api_url: str = ""
    """In dev: where SNS is for this alone; the topics are elsewhere."""

    @model_validator(mode="after")
    def _registered_as_a_whole(self) -> Self:
        if not self.sms_sender_id or Country.IN not in self.sms_countries:
            return self
        missing = [] if self.sms_entity_id else ["SMS_ENTITY_ID"]
        missing += [f"SMS_TEMPLATE_IDS of {each}" for each in SmsTemplate if each not in dict(self.sms_template_ids)]
        if missing:
            raise ValueError(f"SMS to India needs {', '.join(missing)}: carriers drop what is not registered")
        return self

    @model_validator(mode="after")
    def _sms_elsewhere_in_dev_only(self) -> Self:
        if self.stage != "dev" and self.sms_api_url:
            raise ValueError("SMS_API_URL may be set in dev only")
        return self


class NotificationsSettings(DoorSettings, WebhookSettings, TelegramSettings, SmsSettings):
    """lambdas/notifications"""

    kms_key_id: str
    """The key that secrets of channels are sealed under, for that purpose alone: a webhook's, a phone's token, a mobile
    number."""
    notice_queue_url: str
    """Where codes for chats and numbers are asked for."""


class NotifierSettings(DatabaseSettings, MailSettings, WebhookSettings, TelegramSettings, PushSettings, SmsSettings):
    """lambdas/notifier"""

    kms_key_id: str
    """The key that secrets of channels were sealed under."""
    notice_queue_url: str
    """Where it asks for what has to be tried again."""


class SummarySettings(DatabaseSettings, RedisSettings, SessionSettings, EgressSettings):
    """lambdas/summary"""


class StrategySettings(DoorSettings, QueueSettings, ScheduleSettings, TimingSettings, EgressSettings):
    """lambdas/strategy"""


class TriggerSettings(SessionSettings, QueueSettings, TimingSettings):
    """lambdas/trigger"""


class ExecutorSettings(
    DatabaseSettings,
    RedisSettings,
    SessionSettings,
    VaultSettings,
    KiteSettings,
    QueueSettings,
    TimingSettings,
    EgressSettings,
):
    """lambdas/executor and lambdas/priority_executor"""

    notifications_topic_arn: str


class ConvergeSettings(DatabaseSettings, RedisSettings, QueueSettings, ScheduleSettings, TimingSettings):
    """lambdas/converge"""

    notifications_topic_arn: str


class OperatorSettings(DatabaseSettings, QueueSettings):
    """lambdas/operator"""

    audit_bucket: str
    """Where the heads of the audit chains are kept out of the database's reach."""


class AdminSettings(DoorSettings, QueueSettings):
    """lambdas/admin"""

    kms_key_id: str
    """The key that second factors were sealed under."""
    watched_queue_urls: Annotated[tuple[str, ...], BeforeValidator(_split)]
    """Queues whose depth is part of the deployment's health, those of dead letters too."""


class InstrumentsSettings(DatabaseSettings, KiteSettings):
    """lambdas/instruments"""


class MigrateSettings(DatabaseSettings):
    """lambdas/migrate: `database_secret_arn` is the owner's; the two roles get their own passwords."""

    app_secret_arn: str
    system_secret_arn: str
    database_iam: bool = False
    """Whether both roles are let in by IAM, and then by nothing else. Only RDS can do that."""

    @model_validator(mode="after")
    def _owner_has_a_password(self) -> Self:
        if self.database_user:
            raise ValueError("DATABASE_USER: the owner logs in with its password, since it lets IAM in first")
        return self


class DocsSettings(Settings):
    """lambdas/docs"""


class CanarySettings(Settings):
    """lambdas/canary"""

    api_url: str
    """Where the API is, without a path."""
    client_certificate_arn: str = ""
    """A secret that holds {"certificate", "key"} as PEM, to show where the API asks for it."""

    @model_validator(mode="after")
    def _over_http_and_encrypted_outside_dev(self) -> Self:
        allowed = ("https://", "http://") if self.stage == "dev" else ("https://",)
        if not self.api_url.startswith(allowed):
            raise ValueError(f"API_URL must begin with {' or '.join(allowed)} in {self.stage}")
        return self


class ListenerSettings(DatabaseSettings, RedisSettings, VaultSettings, SessionSettings, KiteSettings, QueueSettings):
    """fargate_listener"""

    feed_account_email: Annotated[tuple[EmailAddress, ...], BeforeValidator(_split), Field(min_length=1)]
    """The accounts whose broker connections carry the price feed, separated by commas. Each carries 3,000 instruments
    for every watcher task."""
    feed_sentinels: Annotated[tuple[Annotated[int, Field(gt=0)], ...], BeforeValidator(_split)] = (
        256265,
        260105,
        260617,
        268041,
        270857,
        259849,
        263433,
        262409,
    )
    """Instrument tokens of indices that tick every second of the session, one for each feed account: it is watched
    with its time stamps, which tell a feed that is late or stands still. By default NIFTY 50, BANK, 100, 500, NEXT 50,
    IT, AUTO and PHARMA of NSE."""
    order_update_sockets: bool = False
    """Whether the watcher opens the tokens of traders with something at stake, for their order updates."""
    health_port: Port = 8081
    leave_seconds: Annotated[float, Field(gt=0, le=100)] = 90
    """How long after SIGTERM the watcher goes on for hits that the queue has not taken. Fargate waits 120 s at most."""

    @field_validator("kite_api_url", "orders_queue_url", "priority_queue_url")
    @classmethod
    def _over_http(cls, value: str) -> str:
        return _address(value, "https", "http")

    @field_validator("kite_socket_url")
    @classmethod
    def _over_a_socket(cls, value: str) -> str:
        return _address(value, "wss", "ws")

    @model_validator(mode="after")
    def _a_sentinel_for_each_account(self) -> Self:
        accounts = [email.lower() for email in self.feed_account_email]
        if len(set(accounts)) != len(accounts):
            raise ValueError("FEED_ACCOUNT_EMAIL names an account twice")
        if len(set(self.feed_sentinels)) != len(self.feed_sentinels):
            raise ValueError("FEED_SENTINELS names an instrument twice: each feed needs one that no other carries")
        if len(self.feed_sentinels) < len(accounts):
            raise ValueError("FEED_SENTINELS has fewer instruments than FEED_ACCOUNT_EMAIL has accounts")
        if any(token & 0xFF != _INDICES for token in self.feed_sentinels):
            raise ValueError("FEED_SENTINELS must be indices: their packets carry a time stamp at little cost")
        return self
