"""A session with a broker that goes on with the newest login of its owner."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from algotrading.domain.accounts import SealedBrokerAccount
from algotrading.ports import Broker
from algotrading.services.token_watch import TokenWatch

logger = logging.getLogger(__name__)

Reopen = Callable[[SealedBrokerAccount], tuple[Broker, SealedBrokerAccount] | None]
"""A session by the login that is stored now, with the connection as it was read; None where that is the login which the
given connection has, or none at all."""


@dataclass(slots=True)
class BrokerLine:
    """What everybody who works with one opened session speaks through. A worker may hold its session for seconds, and
    its owner logs in to the broker in between: then the broker refuses the token of before, and the new one is
    stored already, or a moment later."""

    session: Broker
    token: TokenWatch
    """What is known of the access token that it speaks with."""
    reopen: Reopen
    _is_cut_off: bool = field(default=False, init=False)

    @property
    def token_at(self) -> datetime | None:
        """When the access token that it speaks with was made."""
        return self.token.account.token_at

    def hear_refusal(self, token_at: datetime | None) -> bool:
        """The broker has refused the token of `token_at`. Whether its owner has logged in again since: then the session
        speaks with that login from now on, and what was refused can be asked once more. Else the refusal is written
        down."""
        if token_at != self.token_at or self._renew():
            return True
        self.token.hear(is_refused=True)
        return False

    def _renew(self) -> bool:
        if self._is_cut_off:
            return False
        try:
            reopened = self.reopen(self.token.account)
        except Exception:
            # Whatever the store or the vault raises: what the broker has answered counts. Asked for once, since each
            # try could hold an exit up by its time-outs.
            self._is_cut_off = True
            logger.exception("the stored login cannot be read", extra={"user_id": str(self.token.account.user_id)})
            return False
        if reopened is None:
            return False
        self.session, self.token.account = reopened
        return True
