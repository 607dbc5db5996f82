"""A login at the broker wakes what waits for one."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.accounts import SealedBrokerAccount
from algotrading.domain.sessions import trading_day_of
from algotrading.ports import Clock, Lane, Ledger, Meter, OrderQueue
from algotrading.services.flatten import leave_command

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoginWake:
    """Has executors look after what an account has open, as soon as there is a token that they can speak with. An exit
    that the broker refused for its login would wait for converge's next round otherwise."""

    ledger: Ledger
    queue: OrderQueue
    clock: Clock
    meter: Meter

    def wake(self, account: SealedBrokerAccount) -> None:
        """Ask for every cycle of today that is not settled; what is wanted out is sold by that. The login is stored and
        holds, so nothing that fails here is an error of the login: converge asks within a minute."""
        now = self.clock.now()
        # Within one login the queue drops what is repeated, and never what an earlier login has asked for.
        login = f"login:{round((account.token_at or now).timestamp() * 1000)}"
        try:
            for cycle in self.ledger.unsettled_of(account.user_id):
                # What another day has left open, no login can sell.
                if cycle.account_id == account.account_id and cycle.trading_day == trading_day_of(now):
                    command = leave_command(cycle, OrderEvent.RECONCILE, now=now, cause="login", asked=login)
                    self.queue.send(command, Lane.PRIORITY)
        except Exception:
            # Whatever the store or the queue's client raises.
            logger.exception(
                "not every cycle was woken by a login: converge will ask", extra={"user_id": str(account.user_id)}
            )
            self.meter.count("PublishFailed")
