"""The only place that names concrete adapters: builds each entry point from its settings.

Nothing connects and no heavy library is loaded here: every builder imports what it needs itself, and
what a request needs (database, Redis, AWS clients) is made when the first request asks for it.
"""

from algotrading.bootstrap.api import (
    build_auth,
    build_authorizer,
    build_broker,
    build_docs,
    build_postback,
    build_strategy,
)
from algotrading.bootstrap.messages import (
    build_mailer,
    build_morning,
    build_notifications,
    build_notifier,
    build_summary,
)
from algotrading.bootstrap.operations import (
    build_admin,
    build_audit_verifier,
    build_canary,
    build_instruments,
    build_migrate,
    build_operator,
    build_rotate,
)
from algotrading.bootstrap.trading import build_converge, build_executor, build_hold, build_trigger

__all__ = [
    "build_admin",
    "build_audit_verifier",
    "build_auth",
    "build_authorizer",
    "build_broker",
    "build_canary",
    "build_converge",
    "build_docs",
    "build_executor",
    "build_hold",
    "build_instruments",
    "build_mailer",
    "build_migrate",
    "build_morning",
    "build_notifications",
    "build_notifier",
    "build_operator",
    "build_postback",
    "build_rotate",
    "build_strategy",
    "build_summary",
    "build_trigger",
]
