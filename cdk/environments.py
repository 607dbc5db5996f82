"""The environments, side by side: everything in which dev, staging and prod differ, and nothing else.

This module knows nothing of CDK, so that any program may read the table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from ipaddress import IPv4Address
from typing import Final, get_args

from algotrading.settings import Stage

REGION: Final = "ap-south-1"
AVAILABILITY_ZONES: Final = ("ap-south-1a", "ap-south-1b")
"""Named, not looked up: see docs/decisions/named-availability-zones.md."""

READY_FROM: Final = time(8, 55)
READY_UNTIL: Final = time(15, 45)
"""Asia/Kolkata, Monday to Friday: five minutes before the pre-open session until the closing auction has settled. On a
holiday functions are kept ready for nothing; on a Saturday's special session they start as they are called."""

_DOMAIN: Final = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_PROXY_ROOM: Final = ((3, "t4g.small"), (5, "t4g.medium"), (11, "t4g.large"))
"""Pairs of addresses that a proxy machine carries beside an address of its own (Amazon EC2 documentation, IP addresses
per network interface)."""
MOST_PAIRS: Final = 44
"""Of one environment: four full machines to a zone, for which there is room in the public subnets; and each pair adds
four outputs to the network stack, which may have 200 (AWS CloudFormation documentation, quotas)."""


@dataclass(frozen=True, slots=True)
class FeedAccount:
    """An account whose broker connection carries prices."""

    email: str
    user_id: str | None = None
    """Its id, from GET /api/v1/account once it has registered: whose broker secrets the watchers may open.
    None: they may not open these yet. See docs/decisions/the-watcher-opens-one-accounts-secrets.md."""


@dataclass(frozen=True, slots=True)
class KeptAddress:
    """An Elastic IP that outlived its network, for the next one: brokers know it. `make deploy` says what to write."""

    name: str
    """What it is there for: `EgressAddress1` of the first NAT gateway, `PairAddress3a` of the third pair in zone a."""
    allocation_id: str
    address: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"EgressAddress[1-9]\d*|PairAddress[1-9]\d*[a-z]", self.name):
            raise ValueError(f"a kept address is called EgressAddress1 or PairAddress1a, not {self.name}")
        if not re.fullmatch(r"eipalloc-[0-9a-f]{8,17}", self.allocation_id):
            raise ValueError(f"allocation_id of {self.name} must be as eipalloc-0123456789abcdef0")
        if not IPv4Address(self.address).is_global:
            raise ValueError(f"{self.address} of {self.name} is no address that anybody can be reached from")


@dataclass(frozen=True, slots=True)
class WatcherTask:
    """One of the watchers, each in a zone of its own. See docs/decisions/one-watcher-to-a-zone.md."""

    name: str
    """Its name in logs and metrics. It outlives every task, so that an alarm can be about one watcher."""
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificates:
    """Whoever calls the API shows a certificate (mTLS), or is turned away before anything of ours runs.

    For programs alone. Browsers ask first whether they may call, and show none with that question (Fetch standard,
    CORS-preflight fetch); the phone app has none; brokers' order updates bring none, so orders are found by looking.
    """

    truststore: str
    """`s3://bucket/key`: the certificates of authorities that are believed, as PEM."""
    truststore_version: str
    """Of that object: API Gateway reads it when the version changes here, and never by itself."""
    canary_secret_arn: str
    """{"certificate", "key"} as PEM, of Secrets Manager: what our own canary and smoke test show."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"s3://[a-z0-9.-]{3,63}/[^/].*", self.truststore):
            raise ValueError(f"truststore {self.truststore} must be s3://bucket/key")
        if not self.truststore_version:
            raise ValueError("truststore_version must be said: without it no change of the truststore is ever read")
        if not self.canary_secret_arn.startswith(f"arn:aws:secretsmanager:{REGION}:"):
            raise ValueError(f"canary_secret_arn must be of Secrets Manager in {REGION}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiDomain:
    """A name of one's own for the API, which then answers to no other."""

    name: str
    certificate_arn: str
    """For that name, of AWS Certificate Manager in this region."""
    clients: ClientCertificates | None = None

    def __post_init__(self) -> None:
        if not _DOMAIN.fullmatch(self.name):
            raise ValueError(f"{self.name} is no name of a domain, in lower case and without https://")
        if not self.certificate_arn.startswith(f"arn:aws:acm:{REGION}:"):
            raise ValueError(f"the certificate of {self.name} must be of AWS Certificate Manager in {REGION}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppDomain:
    """A name of one's own for the app's pages, beside the one that CloudFront makes up."""

    name: str
    certificate_arn: str
    """For that name, of AWS Certificate Manager in us-east-1: CloudFront takes no other (CloudFront documentation,
    requirements for using SSL/TLS certificates)."""

    def __post_init__(self) -> None:
        if not _DOMAIN.fullmatch(self.name):
            raise ValueError(f"{self.name} is no name of a domain, in lower case and without https://")
        if not self.certificate_arn.startswith("arn:aws:acm:us-east-1:"):
            raise ValueError(f"the certificate of {self.name} must be of AWS Certificate Manager in us-east-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMessages:
    """What a deployment may send SMS as: see docs/operations.md for where each is registered."""

    sender_id: str
    """The registered header."""
    entity_id: str
    """The sender's, in TRAI's ledger (DLT)."""
    template_ids: Mapping[str, str]
    """Of every text in domain/sms_templates.py, by its name."""
    spend_usd: float
    """In a month, of this account: from here on somebody is woken. Keep it below the account's own spending limit,
    beyond which SNS sends nothing more."""
    countries: tuple[str, ...] = ("IN",)
    per_user: int = 10
    """Notices by SMS to one person within a day."""
    codes_per_day: int = 200
    """To numbers that somebody names, of everybody together."""

    def __post_init__(self) -> None:
        if self.spend_usd <= 0:
            raise ValueError("spend_usd must be above zero")

    def setting_values(self) -> dict[str, str]:
        """Environment variables of the functions; what they may be is said in algotrading.settings."""
        return {
            "SMS_SENDER_ID": self.sender_id,
            "SMS_ENTITY_ID": self.entity_id,
            "SMS_TEMPLATE_IDS": ",".join(f"{name}={each}" for name, each in sorted(self.template_ids.items())),
            "SMS_COUNTRIES": ",".join(self.countries),
            "SMS_PER_USER": str(self.per_user),
            "SMS_CODES_PER_DAY": str(self.codes_per_day),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One deployment of the whole product."""

    stage: Stage
    protected: bool
    """Keep data when a stack goes, refuse to delete databases and stacks that hold data."""
    log_retention_days: int
    """In CloudWatch, where they are searched."""
    log_archive_days: int
    """In a bucket, where they are kept; 0: they are not."""
    tracing: bool
    """X-Ray traces of the functions."""
    log_level: str
    alarm_email: str
    """Receives alarms; the address must confirm its subscription."""
    mail_sender: str
    """Whom traders' mails come from; the address must confirm that SES may use it."""

    cidr: str
    nat_gateways: int
    """Each has an Elastic IP of its own: the addresses that orders leave from."""
    family: tuple[str, ...] = ()
    """E-mail addresses of the one family whose orders may all leave from the NAT's addresses (self, spouse, dependent
    children and parents). Empty: those serve the first account that connects, and no other."""
    egress_pairs: int = 0
    """Pairs of addresses beside the NAT's, each for one more account. Behind each address stands a forward proxy."""
    egress_images: tuple[str, ...] = ()
    """The image of the proxies' machines, Amazon Linux 2023 for arm64, by its id: one for each zone, so that machines
    can be replaced zone by zone. docs/operations.md says how it is found, and how another one is brought in."""

    kept_addresses: tuple[KeptAddress, ...] = ()
    """Those of a network that is gone, in place of new ones; leave them here for good."""

    database_class: str
    database_connections: int
    """What PostgreSQL accepts at that size: memory / 9531392 bytes (RDS documentation, max_connections)."""
    database_storage_gib: int
    database_multi_az: bool
    database_iam: bool
    """Whether functions and watchers log in with tokens of IAM. It takes 300 to 1000 MiB of the database's memory
    (Amazon RDS documentation, IAM database authentication), which the smallest class cannot spare."""
    backup_days: int

    cache_node: str
    cache_nodes: int
    """Primary and replicas; two or more fail over by themselves."""

    executor_concurrency: int
    """Strategies whose entry may be prepared at the same time: each occupies one function, and a
    database connection, for the minute or two before its due time."""
    priority_concurrency: int
    """The same for exits; never lent to entries."""
    exits_ready: int
    """Of those, how many are loaded ahead of need during the session. See
    docs/decisions/exits-and-commands-are-kept-ready.md."""
    commands_ready: int
    """The same of each function behind stop, square-off and kill switch."""
    api_rate_per_second: int
    api_burst: int
    requests_per_minute: int
    """Of one person; in dev so many that whoever measures or breaks things meets no limit."""
    web_origins: tuple[str, ...]
    """Browser origins that may call the API beside the app's own, which always may (the phone app needs none)."""
    access_token_seconds: int
    """How long a bearer token is good for, unless its login ends before. Clients renew it by themselves; in dev it is
    good for a day's work with curl."""
    docs: bool
    """Serve the OpenAPI document and its page."""

    listener_tasks: int
    """Watchers that see everything, one to a zone. One is enough where no money is at stake."""
    listener_cpu: int
    """CPU units, 1024 to a core."""
    listener_memory_mib: int
    feed_accounts: tuple[FeedAccount, ...]
    """Each carries 3,000 instruments for every watcher."""

    api_domain: ApiDomain | None = None
    """None: the name that API Gateway makes up."""
    app_domain: AppDomain | None = None
    """None: the name that CloudFront makes up."""

    texts: TextMessages | None = None
    """None: nothing is sent by SMS, as long as nobody has registered for it."""

    order_update_sockets: bool = False
    """Whether the watcher may open every trader's broker token, for a socket that brings their order updates.
    See docs/decisions/order-sockets-are-a-switch.md."""

    @property
    def turns_browsers_away(self) -> bool:
        """Whether callers of the API have to show certificates, which browsers do not where they ask whether they may
        call."""
        return self.api_domain is not None and self.api_domain.clients is not None

    @property
    def metrics_namespace(self) -> str:
        """Where the metrics of this environment go: another one in the same account sets off no alarm here."""
        return f"AlgoTrading/{self.stage}"

    @property
    def watchers(self) -> tuple[WatcherTask, ...]:
        """By name and zone, in the order in which they are deployed."""
        return tuple(WatcherTask(f"listener-{zone[-1]}", zone) for zone in AVAILABILITY_ZONES[: self.listener_tasks])

    def function_name(self, name: str) -> str:
        """What the function `lambdas/<name>` is called in AWS."""
        return f"algotrading-{self.stage}-{name.replace('_', '-')}"

    def address_tag(self, name: str) -> str:
        """The tag `Name` of the address that brokers know, by what it is there for."""
        return f"algotrading-{self.stage}-{name}"

    @property
    def proxy_machines(self) -> tuple[tuple[str, range], ...]:
        """Of each proxy machine that stands in either zone: its type, and the numbers of the pairs that it carries."""
        largest = _PROXY_ROOM[-1][0]
        carried = [
            range(first, min(first + largest, self.egress_pairs + 1))
            for first in range(1, self.egress_pairs + 1, largest)
        ]
        return tuple((next(name for room, name in _PROXY_ROOM if len(pairs) <= room), pairs) for pairs in carried)

    @property
    def feed_user_ids(self) -> tuple[str, ...]:
        """Whose broker secrets the watchers may open."""
        return tuple(account.user_id for account in self.feed_accounts if account.user_id is not None)

    def __post_init__(self) -> None:
        if self.egress_pairs and len(self.egress_images) != len(AVAILABILITY_ZONES):
            raise ValueError(
                f"egress_pairs of {self.stage} need egress_images, one for each of {', '.join(AVAILABILITY_ZONES)}: "
                "docs/operations.md says how they are found"
            )
        if self.egress_pairs > MOST_PAIRS:
            raise ValueError(
                f"egress_pairs of {self.stage} must be {MOST_PAIRS} at most: more accounts need another environment "
                "(docs/scale.md)"
            )
        if self.turns_browsers_away and self.web_origins:
            raise ValueError(
                f"api_domain of {self.stage} asks callers for certificates, which browsers cannot show: "
                "leave web_origins empty"
            )
        if len({each.name for each in self.kept_addresses}) < len(self.kept_addresses):
            raise ValueError(f"kept_addresses of {self.stage} name one of them twice")
        if not 0 <= self.exits_ready <= self.priority_concurrency:
            raise ValueError(f"exits_ready of {self.stage} must be 0 to its priority_concurrency")
        if not 1 <= self.listener_tasks <= len(AVAILABILITY_ZONES):
            raise ValueError(f"listener_tasks of {self.stage} must be 1 to {len(AVAILABILITY_ZONES)}: one to a zone")

    def setting_values(self) -> dict[str, str]:
        """Environment variables that follow from this table alone."""
        return {
            "STAGE": self.stage,
            "DATABASE_IAM": str(self.database_iam).lower(),
            "LOG_LEVEL": self.log_level,
            "FEED_ACCOUNT_EMAIL": ",".join(account.email for account in self.feed_accounts),
            "SECOND_FACTOR_REQUIRED": str(self.stage != "dev").lower(),
            "EGRESS_BOUND": str(self.stage != "dev").lower(),
            "EMAIL_VERIFICATION_REQUIRED": str(self.stage != "dev").lower(),
            "MAIL_SENDER": self.mail_sender,
            "ACCESS_TOKEN_SECONDS": str(self.access_token_seconds),
            "REQUESTS_PER_MINUTE": str(self.requests_per_minute),
            "ORDER_UPDATE_SOCKETS": str(self.order_update_sockets).lower(),
            **({} if self.texts is None else self.texts.setting_values()),
        }


_DEV: Final = Environment(
    stage="dev",
    protected=False,
    log_retention_days=7,
    log_archive_days=0,
    tracing=False,
    log_level="DEBUG",
    alarm_email="algotrading-dev@example.com",
    mail_sender="algotrading-dev@example.com",
    cidr="10.10.0.0/16",
    nat_gateways=1,
    database_class="t3.micro",
    database_connections=112,
    database_storage_gib=20,
    database_multi_az=False,
    database_iam=False,
    backup_days=7,
    cache_node="cache.t4g.micro",
    cache_nodes=1,
    executor_concurrency=60,
    priority_concurrency=20,
    exits_ready=0,
    commands_ready=0,
    api_rate_per_second=100,
    api_burst=200,
    requests_per_minute=60_000,
    web_origins=("http://localhost:8081", "http://localhost:8501"),
    access_token_seconds=43_200,
    docs=True,
    listener_tasks=1,
    listener_cpu=256,
    listener_memory_mib=512,
    feed_accounts=(FeedAccount("feed@example.com"),),
)

_STAGING: Final = Environment(
    stage="staging",
    protected=False,
    log_retention_days=14,
    log_archive_days=30,
    tracing=True,
    log_level="INFO",
    alarm_email="algotrading-staging@example.com",
    mail_sender="algotrading-staging@example.com",
    cidr="10.20.0.0/16",
    nat_gateways=1,
    database_class="t3.small",
    database_connections=225,
    database_storage_gib=20,
    database_multi_az=False,
    database_iam=True,
    backup_days=7,
    cache_node="cache.t4g.micro",
    cache_nodes=2,
    executor_concurrency=100,
    priority_concurrency=50,
    exits_ready=2,
    commands_ready=1,
    api_rate_per_second=100,
    api_burst=200,
    requests_per_minute=600,
    web_origins=(),
    access_token_seconds=900,
    docs=False,
    listener_tasks=2,
    listener_cpu=512,
    listener_memory_mib=1024,
    feed_accounts=(FeedAccount("feed@example.com"),),
)

_PROD: Final = Environment(
    stage="prod",
    protected=True,
    log_retention_days=90,
    log_archive_days=1826,  # five years, as brokers keep their records of orders
    tracing=True,
    log_level="INFO",
    alarm_email="algotrading-prod@example.com",
    mail_sender="algotrading-prod@example.com",
    cidr="10.30.0.0/16",
    nat_gateways=2,
    database_class="t3.medium",
    database_connections=450,
    database_storage_gib=50,
    database_multi_az=True,
    database_iam=True,
    backup_days=30,
    cache_node="cache.t4g.small",
    cache_nodes=2,
    executor_concurrency=200,
    priority_concurrency=100,
    exits_ready=10,
    commands_ready=2,
    api_rate_per_second=500,
    api_burst=1000,
    requests_per_minute=600,
    web_origins=(),
    access_token_seconds=900,
    docs=False,
    listener_tasks=2,
    listener_cpu=1024,
    listener_memory_mib=2048,
    feed_accounts=(FeedAccount("feed@example.com"),),
)


def table_of(*environments: Environment) -> dict[Stage, Environment]:
    """The table of what can be deployed, by stage.

    Raises:
        ValueError: two have one sender of mails. In one AWS account an address is one resource (an identity of SES):
            the second deployment would fail, and whichever environment had it would take it along when it goes.
    """
    senders: dict[str, Stage] = {}
    for each in environments:
        other = senders.setdefault(each.mail_sender.lower(), each.stage)
        if other != each.stage:
            raise ValueError(
                f"mail_sender of {each.stage} is that of {other}: give each environment an address of its own, as "
                "mail+staging@yours.in"
            )
    return {each.stage: each for each in environments}


ENVIRONMENTS: Final[dict[Stage, Environment]] = table_of(_DEV, _STAGING, _PROD)


def environment_named(stage: str) -> Environment:
    """The row of the table called `stage`.

    Raises:
        ValueError: there is none; the message lists those that exist.
    """
    for environment in ENVIRONMENTS.values():
        if environment.stage == stage:
            return environment
    raise ValueError(f"no environment {stage!r}: choose one of {', '.join(get_args(Stage))}")
