"""What the services need from the outside world.

Every protocol here has two implementations: the real adapter, and an in-memory one in `tests/fakes`
that passes the same contract suite. Methods take the owning `user_id` wherever rows belong to a user:
there is no way to ask for a row without saying whose it is, except through the few methods marked
"system", which only converge, the watcher and the instrument loader may call.
"""

from __future__ import annotations

from algotrading.ports.access import Allowances, ApiKeys, Standings, ViewerGrants
from algotrading.ports.administration import Administration, QueueGauge
from algotrading.ports.brokers import Broker, Brokers, BrokerSession, PreparedOrder
from algotrading.ports.clock import Clock
from algotrading.ports.ledger import (
    AuditRoots,
    AuditTrail,
    BookSnapshot,
    EntryGate,
    Ledger,
    OrderLog,
    Snapshots,
    Watched,
)
from algotrading.ports.mail import Errands, Mailer, MailRefused
from algotrading.ports.messaging import Alarm, Lane, OrderQueue, Schedules
from algotrading.ports.metrics import Meter
from algotrading.ports.named_accounts import NamedAccounts
from algotrading.ports.notices import Notice, Notifier, Outbox
from algotrading.ports.notifications import (
    Chats,
    Deliveries,
    DeliveryRefused,
    Notifications,
    SmsCodes,
    Summaries,
    TextMessages,
    Webhooks,
)
from algotrading.ports.people import (
    AccountRecords,
    BrokerAccounts,
    EmailLinks,
    Logins,
    Passwords,
    Registrations,
    SecondFactors,
    Throttle,
    Tokens,
    Users,
    Vault,
)
from algotrading.ports.push import PushDevices, Pushes
from algotrading.ports.risk import RiskEvent, Risks, RiskStanding
from algotrading.ports.runtime import LastPrice, Runtime
from algotrading.ports.strategies import Instruments, Strategies

__all__ = [
    "AccountRecords",
    "Administration",
    "Alarm",
    "Allowances",
    "ApiKeys",
    "AuditRoots",
    "AuditTrail",
    "BookSnapshot",
    "Broker",
    "BrokerAccounts",
    "BrokerSession",
    "Brokers",
    "Chats",
    "Clock",
    "Deliveries",
    "DeliveryRefused",
    "EmailLinks",
    "EntryGate",
    "Errands",
    "Instruments",
    "Lane",
    "LastPrice",
    "Ledger",
    "Logins",
    "MailRefused",
    "Mailer",
    "Meter",
    "NamedAccounts",
    "Notice",
    "Notifications",
    "Notifier",
    "OrderLog",
    "OrderQueue",
    "Outbox",
    "Passwords",
    "PreparedOrder",
    "PushDevices",
    "Pushes",
    "QueueGauge",
    "Registrations",
    "RiskEvent",
    "RiskStanding",
    "Risks",
    "Runtime",
    "Schedules",
    "SecondFactors",
    "SmsCodes",
    "Snapshots",
    "Standings",
    "Strategies",
    "Summaries",
    "TextMessages",
    "Throttle",
    "Tokens",
    "Users",
    "Vault",
    "ViewerGrants",
    "Watched",
    "Webhooks",
]
