"""The environments, side by side: everything in which dev, staging and prod differ, and nothing else.

This module knows nothing of CDK, so that any program may read the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, get_args

from algotrading.settings import Stage

REGION: Final = "ap-south-1"
AVAILABILITY_ZONES: Final = ("ap-south-1a", "ap-south-1b")
"""Named, not looked up: see docs/decisions/named-availability-zones.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One deployment of the whole product."""

    stage: Stage
    protected: bool
    """Keep data when a stack goes, refuse to delete databases and stacks that hold data."""
    log_retention_days: int
    tracing: bool
    """X-Ray traces of the functions."""
    log_level: str
    alarm_email: str
    """Receives alarms; the address must confirm its subscription."""

    cidr: str
    nat_gateways: int
    """Each has an Elastic IP of its own: the addresses that orders leave from."""

    database_class: str
    database_connections: int
    """What PostgreSQL accepts at that size: memory / 9531392 bytes (RDS documentation, max_connections)."""
    database_storage_gib: int
    database_multi_az: bool
    backup_days: int

    cache_node: str
    cache_nodes: int
    """Primary and replicas; two or more fail over by themselves."""

    executor_concurrency: int
    """Strategies whose entry may be prepared at the same time: each occupies one function, and a
    database connection, for the minute or two before its due time."""
    priority_concurrency: int
    """The same for exits; never lent to entries."""
    api_rate_per_second: int
    api_burst: int
    web_origins: tuple[str, ...]
    """Browser origins that may call the API (the phone app needs none)."""
    docs: bool
    """Serve the OpenAPI document and its page."""

    listener_tasks: int
    listener_cpu: int
    """CPU units, 1024 to a core."""
    listener_memory_mib: int
    feed_account_email: str
    """The account whose broker connection carries the price feed."""
    feed_user_id: str | None = None
    """Its id, from GET /api/v1/account once it has registered: whose broker secrets the watcher may open.
    None: nobody's, and the watcher has no feed. See docs/decisions/the-watcher-opens-one-accounts-secrets.md."""

    order_update_sockets: bool = False
    """Whether the watcher may open every trader's broker token, for a socket that brings their order updates.
    See docs/decisions/order-sockets-are-a-switch.md."""

    @property
    def metrics_namespace(self) -> str:
        """Where the metrics of this environment go: another one in the same account sets off no alarm here."""
        return f"AlgoTrading/{self.stage}"

    def setting_values(self) -> dict[str, str]:
        """Environment variables that follow from this table alone."""
        return {
            "STAGE": self.stage,
            "LOG_LEVEL": self.log_level,
            "FEED_ACCOUNT_EMAIL": self.feed_account_email,
            "ORDER_UPDATE_SOCKETS": str(self.order_update_sockets).lower(),
        }


_DEV: Final = Environment(
    stage="dev",
    protected=False,
    log_retention_days=7,
    tracing=False,
    log_level="DEBUG",
    alarm_email="algotrading-dev@example.com",
    cidr="10.10.0.0/16",
    nat_gateways=1,
    database_class="t3.micro",
    database_connections=112,
    database_storage_gib=20,
    database_multi_az=False,
    backup_days=7,
    cache_node="cache.t4g.micro",
    cache_nodes=1,
    executor_concurrency=60,
    priority_concurrency=20,
    api_rate_per_second=100,
    api_burst=200,
    web_origins=("http://localhost:8081", "http://localhost:8501"),
    docs=True,
    listener_tasks=1,
    listener_cpu=256,
    listener_memory_mib=512,
    feed_account_email="feed@example.com",
)

_STAGING: Final = Environment(
    stage="staging",
    protected=False,
    log_retention_days=14,
    tracing=True,
    log_level="INFO",
    alarm_email="algotrading-staging@example.com",
    cidr="10.20.0.0/16",
    nat_gateways=1,
    database_class="t3.small",
    database_connections=225,
    database_storage_gib=20,
    database_multi_az=False,
    backup_days=7,
    cache_node="cache.t4g.micro",
    cache_nodes=2,
    executor_concurrency=100,
    priority_concurrency=50,
    api_rate_per_second=100,
    api_burst=200,
    web_origins=(),
    docs=False,
    listener_tasks=1,
    listener_cpu=512,
    listener_memory_mib=1024,
    feed_account_email="feed@example.com",
)

_PROD: Final = Environment(
    stage="prod",
    protected=True,
    log_retention_days=90,
    tracing=True,
    log_level="INFO",
    alarm_email="algotrading-prod@example.com",
    cidr="10.30.0.0/16",
    nat_gateways=2,
    database_class="t3.medium",
    database_connections=450,
    database_storage_gib=50,
    database_multi_az=True,
    backup_days=30,
    cache_node="cache.t4g.small",
    cache_nodes=2,
    executor_concurrency=200,
    priority_concurrency=100,
    api_rate_per_second=500,
    api_burst=1000,
    web_origins=(),
    docs=False,
    listener_tasks=2,
    listener_cpu=1024,
    listener_memory_mib=2048,
    feed_account_email="feed@example.com",
)

ENVIRONMENTS: Final[dict[Stage, Environment]] = {each.stage: each for each in (_DEV, _STAGING, _PROD)}


def environment_named(stage: str) -> Environment:
    """The row of the table called `stage`.

    Raises:
        ValueError: there is none; the message lists those that exist.
    """
    for environment in ENVIRONMENTS.values():
        if environment.stage == stage:
            return environment
    raise ValueError(f"no environment {stage!r}: choose one of {', '.join(get_args(Stage))}")
