"""Every function, as one table. Environment variables, permissions and network follow from it.

A function may do what its settings class has fields for: one with `database_secret_arn` reads that
secret and stands in the VPC, one with `kms_key_id` uses the key, one with `schedule_group` manages
schedules. What the class cannot say (which database user, which lanes, seal or only unseal) is a column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from algotrading.ports import Lane
from algotrading.settings import (
    AdminSettings,
    AuthorizerSettings,
    AuthSettings,
    BrokerSettings,
    CanarySettings,
    ConvergeSettings,
    DatabaseSettings,
    DocsSettings,
    ExecutorSettings,
    InstrumentsSettings,
    MailerSettings,
    MailSettings,
    MigrateSettings,
    NotificationsSettings,
    NotifierSettings,
    OperatorSettings,
    PostbackSettings,
    RedisSettings,
    RotateSettings,
    ScheduleSettings,
    Settings,
    StrategySettings,
    SummarySettings,
    TelegramSettings,
    TokenSettings,
    TriggerSettings,
    VaultSettings,
)
from cdk.environments import Environment


class DatabaseUser(StrEnum):
    """Who a function is to PostgreSQL."""

    APP = "app_role"
    """Sees one trader's rows at a time."""
    SYSTEM = "system_role"
    """Sees every trader's rows."""
    OWNER = "algotrading"
    """Owns the schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """One function: `lambdas/<name>/handler.py`."""

    name: str
    settings: type[Settings]
    memory_mib: int
    """CPU comes with it: one core at 1769 MiB."""
    timeout_seconds: int
    database: DatabaseUser | None = None
    sends_to: tuple[Lane, ...] = ()
    seals: bool = False
    """Also stores secrets; without it a holder of `kms_key_id` only opens them."""
    lists_schedules: bool = False
    """Also sees which schedules there are; without it a schedule has to be known by its name."""
    concurrency: Callable[[Environment], int] | None = None
    """Reserved: the most that run at once, and kept free for this function."""
    kept_ready: Callable[[Environment], int] | None = None
    """Provisioned: how many are loaded ahead of need during the session. Then callers call an alias of it, since only a
    published version can be kept ready."""

    @property
    def in_vpc(self) -> bool:
        """Only what talks to a store: the others start faster outside."""
        return issubclass(self.settings, DatabaseSettings | RedisSettings)

    @property
    def reads_jwt_secret(self) -> bool:
        return issubclass(self.settings, TokenSettings)

    @property
    def shows_certificate(self) -> bool:
        return issubclass(self.settings, CanarySettings)

    @property
    def rotates_jwt_secret(self) -> bool:
        return issubclass(self.settings, RotateSettings)

    @property
    def opens_broker_secrets(self) -> bool:
        return issubclass(self.settings, VaultSettings)

    @property
    def keeps_second_factors(self) -> bool:
        return issubclass(self.settings, AuthSettings)

    @property
    def asks_for_second_factors(self) -> bool:
        """Opens them, and makes none."""
        return issubclass(self.settings, AdminSettings)

    @property
    def watches_queues(self) -> bool:
        return "watched_queue_urls" in self.settings.model_fields

    @property
    def manages_schedules(self) -> bool:
        return issubclass(self.settings, ScheduleSettings)

    @property
    def publishes_notices(self) -> bool:
        return "notifications_topic_arn" in self.settings.model_fields

    @property
    def keeps_audit_roots(self) -> bool:
        return issubclass(self.settings, OperatorSettings)

    @property
    def asks_for_deliveries(self) -> bool:
        return "notice_queue_url" in self.settings.model_fields

    @property
    def opens_webhook_secrets(self) -> bool:
        return issubclass(self.settings, NotificationsSettings | NotifierSettings)

    @property
    def speaks_for_the_bot(self) -> bool:
        return issubclass(self.settings, TelegramSettings)

    @property
    def sends_texts(self) -> bool:
        """SMS; NotificationsSettings only tell whether there are any."""
        return issubclass(self.settings, NotifierSettings)

    @property
    def asks_for_mails(self) -> bool:
        return "mail_queue_url" in self.settings.model_fields

    @property
    def sends_mails(self) -> bool:
        return issubclass(self.settings, MailSettings)

    @property
    def sets_database_passwords(self) -> bool:
        return issubclass(self.settings, MigrateSettings)


EXECUTOR_TIMEOUT: Final = 240
"""A due time with seconds can be 178 s ahead of its early alarm; the rest is for sending and reading the book."""
PRIORITY_TIMEOUT: Final = 15
"""Nothing here waits for a due time, so a crash may block its strategy only briefly."""

POSTBACK_CONCURRENCY: Final = 10
"""Each holds a database connection; refusals of 0.3 s then come at 33 a second at most."""

_SPECS: Final = (
    FunctionSpec(
        name="auth",
        settings=AuthSettings,
        memory_mib=1769,  # password hashing is made to be slow: a full core keeps it in tenths of a second
        timeout_seconds=10,
        database=DatabaseUser.APP,
    ),
    FunctionSpec(
        name="broker",
        settings=BrokerSettings,
        memory_mib=1024,
        timeout_seconds=25,  # the broker may take its time; the HTTP API gives up at 30 s
        database=DatabaseUser.APP,
        sends_to=(Lane.PRIORITY,),  # a login wakes the exits that wait for one
        seals=True,
    ),
    FunctionSpec(
        name="postback",
        settings=PostbackSettings,
        memory_mib=1024,
        timeout_seconds=10,
        database=DatabaseUser.APP,
        sends_to=(Lane.PRIORITY,),  # hints to look at the broker's book
        # Anyone may post, and a refusal takes its time: a flood waits for this function's own few, and for nothing
        # that people wait for. What is turned away is found by looking, within the minute.
        concurrency=lambda _: POSTBACK_CONCURRENCY,
    ),
    FunctionSpec(
        name="strategy",
        settings=StrategySettings,
        memory_mib=1024,
        timeout_seconds=15,
        database=DatabaseUser.APP,
        # An entry due at once on start, the exit on stop.
        sends_to=(Lane.NORMAL, Lane.PRIORITY),
        kept_ready=lambda environment: environment.commands_ready,
    ),
    FunctionSpec(
        name="admin",
        settings=AdminSettings,
        memory_mib=1024,
        timeout_seconds=25,
        database=DatabaseUser.SYSTEM,  # its doors are those of the deployment's staff alone
        sends_to=(Lane.PRIORITY,),  # what the kill switch for everybody has sold
    ),
    FunctionSpec(name="docs", settings=DocsSettings, memory_mib=1024, timeout_seconds=10),
    FunctionSpec(
        name="authorizer",
        settings=AuthorizerSettings,
        memory_mib=512,
        timeout_seconds=5,
        kept_ready=lambda environment: environment.commands_ready,
    ),
    FunctionSpec(
        name="trigger",
        settings=TriggerSettings,
        memory_mib=512,
        timeout_seconds=10,
        sends_to=(Lane.NORMAL,),
    ),
    FunctionSpec(
        name="executor",
        settings=ExecutorSettings,
        memory_mib=1024,
        timeout_seconds=EXECUTOR_TIMEOUT,
        database=DatabaseUser.APP,
        concurrency=lambda environment: environment.executor_concurrency,
    ),
    FunctionSpec(
        name="priority_executor",
        settings=ExecutorSettings,
        memory_mib=1769,
        timeout_seconds=PRIORITY_TIMEOUT,
        database=DatabaseUser.APP,
        concurrency=lambda environment: environment.priority_concurrency,
        kept_ready=lambda environment: environment.exits_ready,
    ),
    FunctionSpec(
        name="converge",
        settings=ConvergeSettings,
        memory_mib=1024,
        timeout_seconds=55,
        database=DatabaseUser.SYSTEM,
        sends_to=(Lane.PRIORITY,),
        lists_schedules=True,
        concurrency=lambda _: 1,
    ),
    FunctionSpec(
        name="mailer",
        settings=MailerSettings,
        memory_mib=512,
        timeout_seconds=20,
        database=DatabaseUser.APP,
    ),
    FunctionSpec(
        name="notifications",
        settings=NotificationsSettings,
        memory_mib=1024,
        timeout_seconds=15,
        database=DatabaseUser.APP,
        seals=True,  # secrets of channels alone: webhooks, phones
    ),
    FunctionSpec(
        name="notifier",
        settings=NotifierSettings,
        memory_mib=512,
        timeout_seconds=110,  # twenty messages of one channel, none of which takes longer than five seconds
        database=DatabaseUser.APP,  # whoever calls addresses that users name sees one trader's rows at a time
    ),
    FunctionSpec(
        name="summary",
        settings=SummarySettings,
        memory_mib=512,
        timeout_seconds=300,
        database=DatabaseUser.SYSTEM,
    ),
    FunctionSpec(
        name="operator",
        settings=OperatorSettings,
        memory_mib=1024,
        timeout_seconds=300,  # the audit trail is long
        database=DatabaseUser.SYSTEM,
        sends_to=(Lane.PRIORITY,),
    ),
    FunctionSpec(
        name="instruments",
        settings=InstrumentsSettings,
        memory_mib=1769,
        timeout_seconds=300,
        database=DatabaseUser.SYSTEM,
    ),
    FunctionSpec(
        name="canary",
        settings=CanarySettings,
        memory_mib=512,
        timeout_seconds=25,  # two questions of 8 s at the most
    ),
    FunctionSpec(name="rotate", settings=RotateSettings, memory_mib=512, timeout_seconds=30),
    FunctionSpec(
        name="migrate",
        settings=MigrateSettings,
        memory_mib=512,
        timeout_seconds=300,
        database=DatabaseUser.OWNER,
    ),
)

FUNCTIONS: Final[dict[str, FunctionSpec]] = {spec.name: spec for spec in _SPECS}
