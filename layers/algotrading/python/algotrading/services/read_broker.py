"""Looking at the broker: its book, its positions, and what is known beside them."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from algotrading.domain.cycle import Cycle, ExitReason
from algotrading.domain.effects import (
    RetryExit,
)
from algotrading.domain.errors import BrokerBusy, BrokerFault, RedisDown
from algotrading.domain.events import (
    BookRead,
    Event,
    ExitDue,
)
from algotrading.domain.orders import BookReading
from algotrading.domain.sight import Sight
from algotrading.domain.strategy import Plan
from algotrading.ports import Runtime
from algotrading.services.errand import Errand
from algotrading.services.paced_broker import PacedBroker

logger = logging.getLogger(__name__)

_LOOKS = (0.03, 0.07, 0.15, 0.3, 0.6, 1.0, 1.5, 2.0)
"""Pauses between looks at the book, seconds: most fills show at the first, and the account's limit of
ten requests a second is shared by all its strategies."""
_POSITION_TRIES = (0.0, 0.1, 0.4)
"""Pauses before each reading of the position that an exit is sized by."""
_POSITION_PATIENCE = timedelta(seconds=1)
"""A reading that failed later than this after the first began was the last of its errand: three answers that do not
come would take longer than a worker of the priority lane lives, and the exit would never leave."""
_SOON = timedelta(seconds=3)
"""Longer than a timed order is decided before its instant. A time that is further off belongs to a changed plan."""
_NEVER_SEEN = Sight(datetime(1970, 1, 1, tzinfo=UTC), timedelta(0))
"""No watcher has ever reported to this store."""


def look(errand: Errand) -> Event | None:
    """Read the book after a pause, longer with every look; None when there is no time left for it."""
    while True:
        pause = _LOOKS[min(errand.looks, len(_LOOKS) - 1)]
        errand.looks += 1
        if not _has_time_for(errand, pause):
            return None
        errand.desk.clock.sleep(pause)
        try:
            reading = errand.broker.read_book(errand.tags, errand.cycle.others_since)
        except BrokerFault as fault:
            errand.desk.meter.count("RateLimited" if isinstance(fault, BrokerBusy) else "BookReadFailed")
            logger.warning("the order book could not be read: %s", fault.message)
            continue
        return as_event(errand, reading)


def look_at_position(errand: Errand, pause: float) -> Event | None:
    """Read what is held, and the book after it, after a pause; None when there is no time for it or no answer."""
    if not _has_time_for(errand, pause):
        return None
    errand.desk.clock.sleep(pause)
    held = ask_held(errand)
    try:
        # The book after the position: what was sold in between shows as sold, not as missing.
        reading = errand.broker.read_book(errand.tags, errand.cycle.others_since)
    except BrokerFault as fault:
        errand.desk.meter.count("RateLimited" if isinstance(fault, BrokerBusy) else "BookReadFailed")
        logger.warning("the order book could not be read: %s", fault.message)
        return None
    return as_event(errand, reading, held)


def as_event(errand: Errand, reading: BookReading, held: int | None = None) -> BookRead:
    """A reading of the book as an event, with what is known beside it where that matters."""
    now = errand.desk.clock.now()
    obstacle = None
    if errand.cycle.plan.broker_stop:
        obstacle = errand.broker.stop_obstacle or errand.market.stop_obstacle(errand.cycle.plan, now)
    is_held = errand.cycle.open_quantity > 0 or bool(reading.fills)
    sight = None
    if is_held and errand.store_answers:
        sight = see(errand.desk.runtime, errand.cycle)
        # A store that is away would hold every look up by its time-outs.
        errand.store_answers = sight is not None
    return BookRead(now, reading, held, sight, obstacle)


def has_book(errand: Errand) -> bool:
    """Whether the book can be read now. Asked only before an entry is left whose order it has not shown."""
    try:
        errand.broker.read_book(errand.tags)
    except BrokerFault as fault:
        errand.desk.meter.count("BookReadFailed")
        logger.warning("the order book could not be read: %s", fault.message)
        return False
    return True


def retry_exit(errand: Errand, effect: RetryExit) -> Event | None:
    """Read what is held after a pause, and want the exit again; None when there is no time left for it."""
    if not _has_time_for(errand, effect.pause):
        return None
    errand.desk.clock.sleep(effect.pause)
    errand.looks = 0
    due = _sell_due(errand) if effect.reason is ExitReason.SELL_TIME else None
    held, now = ask_held(errand), errand.desk.clock.now()
    is_near = due is not None and now < due <= now + _SOON
    return ExitDue(now=now, due=due if due is not None and is_near else now, reason=effect.reason, held=held)


def _sell_due(errand: Errand) -> datetime | None:
    """A timed exit is wanted a moment before it is due, by its own worker or by whoever takes over from it."""
    if errand.cause is not None and errand.cause.due is not None:
        return errand.cause.due
    return errand.market.sell_due(errand.cycle.plan, errand.cycle.trading_day)


def ask_held(errand: Errand) -> int | None:
    """What the broker says is held of this instrument and product; None when it cannot be asked, soon enough."""
    clock = errand.desk.clock
    begun = clock.now()
    try:
        return _ask_held(errand, begun)
    finally:
        errand.held_took = clock.now() - begun


def _ask_held(errand: Errand, begun: datetime) -> int | None:
    clock = errand.desk.clock
    for pause in _POSITION_TRIES if errand.positions_answer else ():
        clock.sleep(pause)
        try:
            return held_by(errand.cycle.plan, errand.broker)
        except BrokerFault as fault:
            errand.desk.meter.count("PositionReadFailed")
            logger.warning("positions could not be read: %s", fault.message)
            if isinstance(fault, BrokerBusy):
                break  # it has waited as long as an exit may
            if clock.now() - begun > _POSITION_PATIENCE:
                errand.positions_answer = False
                break
    return None


def _has_time_for(errand: Errand, pause: float) -> bool:
    return errand.desk.clock.now() + timedelta(seconds=pause) < errand.deadline


def held_by(plan: Plan, broker: PacedBroker) -> int:
    """The broker's net quantity of the plan's instrument and product. Raises BrokerFault."""
    key = (plan.exchange, plan.symbol, plan.product)
    return sum(p.quantity for p in broker.positions() if (p.exchange, p.symbol, p.product) == key)


def see(runtime: Runtime, cycle: Cycle) -> Sight | None:
    """How the watchers see; None when the store that would say so is away, or began anew since it said so last."""
    try:
        sight = runtime.sight()
    except RedisDown:
        return None
    return _NEVER_SEEN if sight is None and cycle.sampled_blind is None else sight
