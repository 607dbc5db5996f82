"""The last look before a buy, a minute ahead of it: what keeps the strategy from buying, told while there is time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from algotrading.domain.errors import BrokerAuthFailed, BrokerFault
from algotrading.domain.notices import NoticeKind
from algotrading.domain.orders import OrderTicket, Side
from algotrading.domain.preflight import Check, CheckName, check_funds, login_refused
from algotrading.domain.readiness import last_call_of, naming, trouble_of
from algotrading.domain.sessions import trading_day_of
from algotrading.domain.strategy import Plan, Strategy
from algotrading.ports import Clock, Meter, Summaries
from algotrading.services.courier import Courier
from algotrading.services.paced_broker import PacedBroker
from algotrading.services.preflight import PreflightReader

logger = logging.getLogger(__name__)

_TIME_TO_LOOK = timedelta(seconds=45)
"""Nothing is begun when the buy is nearer: longer than any of the steps takes that waits for an answer (a statement of
the database is given up after 5 s, a place among the account's requests after 5 s, the broker's answer after 7 s)."""
_TIME_TO_DELIVER = timedelta(seconds=20)
"""No further notice is delivered when the buy is nearer: one takes two statements and a second."""


@dataclass(frozen=True, slots=True)
class LastCall:
    """Looks as `GET /strategy/{id}/preflight` does, asks the broker for what only the broker knows, and tells the owner
    what is red. It holds no lock, changes nothing that trades, and whatever goes wrong in it ends in it: the buy goes
    its way as if nobody had looked."""

    preflight: PreflightReader
    summaries: Summaries
    courier: Courier
    clock: Clock
    meter: Meter

    def make(self, strategy: Strategy, broker: PacedBroker | None, due: datetime) -> None:
        """Look, and tell what is to be done before `due`, once for the same trouble of a strategy's day. `broker` None:
        there is no login. Raises nothing."""
        if not self._has_time(due):
            return
        try:
            self._make(strategy, broker, due)
        except Exception:
            self.meter.count("LastCallFailed")
            logger.warning(
                "not looked at before its buy", exc_info=True, extra={"strategy_id": str(strategy.strategy_id)}
            )

    def _make(self, strategy: Strategy, broker: PacedBroker | None, due: datetime) -> None:
        # The broker first: what it says of the login is what our own stores then say, too.
        asked = None if broker is None else self._ask(strategy.plan, broker)
        if not self._has_time(due):
            return
        looked = self.preflight.look_at(strategy)
        if asked is not None and asked.name is CheckName.BROKER_LOGIN:
            # Now that the account is known, which the remedy names where there are several.
            asked = login_refused(None if looked.account is None else looked.account.account_id)
        checks = _with(looked.checks, asked)
        symbol = naming(strategy.plan.symbol, looked.account)
        text = last_call_of(symbol, strategy.plan.buy_time, checks)
        if text is None or not self._has_time(due):
            return
        is_new = self.summaries.tell(
            strategy.user_id,
            trading_day_of(due),
            NoticeKind.NOT_READY,
            text,
            self.clock.now(),
            strategy_id=strategy.strategy_id,
            trouble=trouble_of(checks),
        )
        if is_new:
            self.courier.deliver_promptly(strategy.user_id, until=due - _TIME_TO_DELIVER)

    def _ask(self, plan: Plan, broker: PacedBroker) -> Check | None:
        """What the broker says of login and funds; None where it does not say."""
        try:
            available = broker.available_margin()
        except BrokerAuthFailed:
            return login_refused()
        except BrokerFault as fault:
            logger.info("the funds are not known: %s", fault.message)
            return None
        try:
            ticket = OrderTicket(plan.exchange, plan.symbol, Side.BUY, plan.quantity, plan.product, tag="")
            return check_funds(broker.required_margin(ticket), available)
        except BrokerFault as fault:
            # Whoever may see the funds is logged in, whatever this one answers.
            logger.info("the margin of the buy is not known: %s", fault.message)
            return None

    def _has_time(self, due: datetime) -> bool:
        return due - self.clock.now() > _TIME_TO_LOOK


def _with(checks: Sequence[Check], asked: Check | None) -> Sequence[Check]:
    """The broker's own word replaces ours about the same."""
    if asked is None:
        return checks
    return [*(check for check in checks if check.name is not asked.name), asked]
