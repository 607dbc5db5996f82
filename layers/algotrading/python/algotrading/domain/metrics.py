"""The names of all metrics: those that mean trouble, each of which has an alarm, and those that only inform."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_POSITIONS: Final = {
    "PositionLeftOpen": "A position or a buy is open after its session. Look into the broker's app; sell by hand.",
    "OpenAtClose": "A position or an order was still open when its day's book was kept. Compare the broker's app.",
    "SnapshotMissing": "A day's order book could not be kept: a login is over. Its owner was asked to log in by 06:00.",
    "OldCycleOpen": "An old cycle was not settled: it is closed now, or keeps an entry back. See the broker's app.",
    "ClosedOutside": "Shares of a strategy were sold outside of it. Ask the owner; nothing is sold twice.",
    "ExitRefused": "An exit was refused or lost, and is tried again. Read the log: margin, freeze, circuit, a ban.",
    "ExitBlocked": "A sale waits, or would: no login at the broker, or an order of ours that its book does not show.",
    "ExitUnfilled": "Exits ended and something is still held; it goes on. The price may be at its circuit limit.",
    "UnconfirmedExit": "An exit was sent without a reading of the position. Check that no more was sold than was held.",
    "OrderUnknown": "An order has no answer, or was taken and is in no book. The book decides; see whether it did.",
    "CancelRepeated": "A cancelled order stayed in the book, and was cancelled again. Look into the broker's app.",
    "KillNotFlat": "A kill switch is on and not proven flat after 3 minutes. Read the log; look into the broker's app.",
    "LateOrder": "An order that was proven absent surfaced and has bought. See that what it bought is sold.",
    "Oversold": "An order that was proven absent surfaced and has sold what was sold already. The owner must buy back.",
    "DuplicateOrder": "The broker shows two orders under one mark. The strategy is stopped; compare with the broker.",
    "StopNotResting": "The broker keeps no stop order of a position; why is in the log. The watcher guards alone.",
    "EgressWrong": "Orders would leave from an address that their broker does not know: nothing is bought. See NAT.",
    "EgressUnseen": "A way that orders take could not be looked at: a proxy is away. The other one carries them.",
    "Unguarded": "Shares are held, no watcher sees and no stop order rests at the broker. Look at the watcher now.",
}
_STORES: Final = {
    "RedisDown": "Redis does not answer. Entries are not made, exits go on; look at ElastiCache.",
    "BookReadFailed": "The broker's book could not be read. Orders without an answer stay unproven until it can.",
    "PositionReadFailed": "The broker's positions could not be read. Exits go by the ledger until they can.",
    "AuditBroken": "The audit trail is not as it was written: the database was altered. The log says whose and where.",
    "AuditUnverified": "The audit trail could not be verified, or not all of it. Read the log; verify again by hand.",
    "NoticeStuck": "A notice has not reached its user for five minutes. Read last_error in the outbox; look at SNS.",
    "PublishFailed": "A change was stored and not passed on. Converge makes it good within a minute; see that it did.",
}
_CLOCKWORK: Final = {
    "TriggerMissed": "A buy or a sell was due and nobody had begun it. Converge has asked for it; see what had failed.",
    "TriggerTooLate": "An alarm came after its grace, and the entry was not made. Look at EventBridge Scheduler.",
    "TriggerLate": "An alarm came in the last second or later. Look at EventBridge Scheduler and at cold starts.",
    "CalendarMissing": "The session calendar does not know this day: nothing trades. Add the year's holidays.",
    "InstrumentMissing": "A strategy's instrument is not in the broker's dump. It may have been renamed or delisted.",
    "InstrumentsNotLoaded": "The morning's instrument dump was not loaded; yesterday's is in use. Run it again.",
    "ConvergeFailure": "A comparison or a repair of converge failed. Read its log: what it repairs stays broken.",
}
_WATCHER: Final = {
    "Blind": "The watcher would not see a stop. The last reasons in its log say why: most often a login is missing.",
    "StopLossDeliveryFailed": "A stop was hit and its message did not reach the queue at once. Look whether it did.",
    "FeedMute": "The price feed was connected and silent. The watcher dialled again; see that it is not Blind.",
    "FeedFrozen": "A price feed's frames stood still in the session. It was dialled again; quotes are read meanwhile.",
    "FeedSkewed": "A price feed's time stamps are not ours: it is late, or our clock is wrong. Compare clocks.",
    "PricesCrossed": "The feed and the broker's quotes disagree about a price. It was dialled again; compare both.",
    "FeedWithoutRoom": "More instruments than the feed accounts carry: some are read by quotes. Add a feed account.",
    "FeedRefused": "The broker refuses the price feed: its account's login is over or has too many sockets. See to it.",
    "FeedCredentialsMissing": "The feed account has no login at the broker. Log it in.",
    "FeedErrors": "The price feed sent an error message. Its text is in the watcher's log.",
    "MalformedPackets": "The price feed sent what cannot be read. Its format may have changed.",
    "StopChangesInvalid": "A change of a stop cannot be understood. Versions that do not match were deployed.",
    "StopCheckFailed": "The stops could not be compared with PostgreSQL. New stops arrive through Redis alone.",
    "ClockWrong": "The watcher's clock differs from Redis' or the exchange's. The log says which; replace the task.",
    "StopsRepaired": "The watcher had missed a change and found it by comparing. Look at Redis' stream.",
}

TROUBLES: Final[Mapping[str, str]] = MappingProxyType({**_POSITIONS, **_STORES, **_CLOCKWORK, **_WATCHER})
"""What each name means and what to do about it: the words of its alarm. One count wakes somebody."""

BLIND: Final = "Blind"
"""Told by every watcher in every report: 1 while it would not see a stop. Each watcher has its own alarm."""

HEARTBEAT: Final = "ArmedStops"
"""Told by every watcher in every report, whatever its value: where it is missing, nobody watches."""

UNDELIVERED: Final = "UndeliveredHits"
"""Told by every watcher in every report: hits that the queue has not taken. One that is on its way counts, too: alarmed
where it lasts."""

BROKER_FAULTS: Final = "BrokerFaults"
"""Told of every request to a broker: 1 where no answer came that says anything (silence, an error of the broker's, too
many requests), else 0. So its mean is the share of requests that fail, and its samples are the requests."""

BROKER_QUEUED: Final = "BrokerQueued"
"""Told of every request that did not find a place in its own second: of one account, as many leave as its broker
takes. Not of prices, which are asked for where there is room or not at all (EntriesUnpriced)."""

API_ANSWERS: Final = "ApiAnswers"
"""Told by the canary each minute: 1 where the API answered as the product does, else 0."""

CREDENTIALS_REFUSED: Final = "CredentialsRefused"
"""Told of every wrong password and every wrong code."""

TRIES_HELD_UP: Final = "TriesHeldUp"
"""Told of every try that was not looked at, since wrong ones had come before it."""

CALLERS_HELD_UP: Final = "CallersHeldUp"
"""Told of every request that was one too many of its caller's minute."""

INFORMATIVE: Final = frozenset(
    {
        API_ANSWERS,
        CREDENTIALS_REFUSED,
        TRIES_HELD_UP,
        CALLERS_HELD_UP,
        "ApiAnswerTime",
        HEARTBEAT,
        BROKER_FAULTS,
        BROKER_QUEUED,
        "BrokerAnswer",
        "CandleWritesFailed",
        "CandlesLost",
        "ClockOffset",
        "DecisionLatency",
        "EntriesBlocked",
        "EntriesUnpriced",
        "GcPause",
        "LoopLag",
        "Staleness",
        "TickLag",
        UNDELIVERED,
        "KillToFlat",
        "LastCallFailed",
        "LossLimits",
        "FeedConnections",
        "FeedOrderUpdates",
        "FeedSilence",
        "InstrumentsLoaded",
        "DeliveriesFailed",
        "DeliveriesGivenUp",
        "NoticeDelay",
        "NoticeDelayed",
        "InstrumentsStale",
        "QuotesUsed",
        "QuotesFailed",
        "QuotesMissing",
        "InvalidTicks",
        "StaleTicks",
        "FutureTicks",
        "UnwatchedTicks",
        "OrderHints",
        "OrderHintsFailed",
        "OrderSocketsFailed",
        "OrderSocketsWithoutRoom",
        "OrderUpdatesDropped",
        "OrderUpdatesInvalid",
        "Postbacks",
        "PostbacksRefused",
        "PriceWritesFailed",
        "PushesFailed",
        "RateLimited",
        "ReleaseError",
        "SightReportsFailed",
        "StopLossHits",
        "TickToOrder",
        "TickToQueue",
        "Ticks",
        "UnbookedRequests",
    }
)
"""For graphs, not for alarms. PriceWritesFailed costs the shown prices only; the stops need no Redis.
SightReportsFailed makes the watcher pass for blind, and comes with RedisDown. EntriesUnpriced were not held against
their stop-loss: no watcher had a fresh price, and the broker, who tells an account one a second, had none for them."""
