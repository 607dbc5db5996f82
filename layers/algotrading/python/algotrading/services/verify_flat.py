"""Proves, after the kill switch, that the broker shows nothing of ours."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from algotrading.domain.cycle import Cycle
from algotrading.domain.errors import BrokerFault
from algotrading.domain.flatness import FlatProof, Verdict, judge_flat
from algotrading.domain.sessions import trading_day_of
from algotrading.ports import Broker, Clock, Ledger, Risks
from algotrading.services.flatten import milliseconds_between

logger = logging.getLogger(__name__)

_LOOKS = (0.0, 1.0, 2.0)
"""Pauses before each comparison: positions can lag behind fills, so what seems to be left is looked at again."""


@dataclass(frozen=True, slots=True)
class FlatVerifier:
    """Compares our record with the broker's book and positions, and records the proof. A position of the trader's own
    is reported and never touched."""

    risks: Risks
    ledger: Ledger
    clock: Clock

    def verify(self, user_id: UUID, broker: Broker) -> FlatProof | None:
        """The proof, if it can be had now; None when no switch went on today, it was proven already, something of the
        user is still open, or the broker shows something else than we know. Converge asks again."""
        now = self.clock.now()
        today = trading_day_of(now)
        standing = self.risks.standing(user_id, today, now)
        since = standing.locks.since
        if since is None or trading_day_of(since) != today or standing.flat is not None or standing.usage.open_cycles:
            return None
        try:
            verdict = self._compare(self.ledger.traded_on(user_id, today), broker)
        except BrokerFault as fault:
            logger.warning("not proven flat: %s", fault.message, extra={"user_id": str(user_id)})
            return None
        if verdict.why_not is not None:
            logger.error("not proven flat: %s", verdict.why_not, extra={"user_id": str(user_id)})
            return None
        # Released meanwhile, switched on again or not: what was compared speaks of the time before that.
        at = self.clock.now()
        after = self.risks.standing(user_id, today, at)
        if after.locks.since != since or after.usage.open_cycles:
            return None
        proof = FlatProof(at, milliseconds_between(since, at), verdict.foreign)
        self.risks.record_flat(user_id, proof)
        return proof

    def _compare(self, cycles: Sequence[Cycle], broker: Broker) -> Verdict:
        tags = frozenset(intent.tag for cycle in cycles for intent in cycle.intents)
        verdict = Verdict("nothing was compared")
        for pause in _LOOKS:
            self.clock.sleep(pause)
            positions = broker.positions()
            verdict = judge_flat(cycles, broker.read_book(tags), positions)
            if verdict.why_not is None and not verdict.foreign:
                break
        return verdict
