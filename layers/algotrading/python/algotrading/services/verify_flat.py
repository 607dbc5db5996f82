"""Proves, after the kill switch, that the broker shows nothing of ours."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from algotrading.domain.cycle import Cycle
from algotrading.domain.errors import BrokerFault
from algotrading.domain.flatness import FlatProof, Verdict, judge_flat
from algotrading.domain.sessions import trading_day_of
from algotrading.ports import Broker, Clock, Ledger, Risks
from algotrading.services.flatten import milliseconds_between

logger = logging.getLogger(__name__)

OpenSession = Callable[[UUID], Broker | None]
"""Opens the session of a broker account; None without a login."""

_LOOKS = (0.0, 1.0, 2.0)
"""Pauses before each comparison: positions can lag behind fills, so what seems to be left is looked at again."""


@dataclass(frozen=True, slots=True)
class FlatVerifier:
    """Compares our record with the book and positions of every broker account that the user traded in, and records
    the proof. A position of the trader's own is reported and never touched."""

    risks: Risks
    ledger: Ledger
    clock: Clock

    def verify(self, user_id: UUID, account_id: UUID, open_session: OpenSession) -> FlatProof | None:
        """The proof, if it can be had now; None when no switch went on today, it was proven already, something of the
        user is still open, one of the accounts cannot be asked, or shows something else than we know. Converge asks
        again. `account_id` is asked where nothing was traded at all."""
        now = self.clock.now()
        today = trading_day_of(now)
        standing = self.risks.standing(user_id, today, now)
        since = standing.locks.since
        if since is None or trading_day_of(since) != today or standing.flat is not None or standing.usage.open_cycles:
            return None
        books = self._open(self.ledger.traded_on(user_id, today), account_id, open_session)
        if books is None:
            return None
        try:
            verdict = self._compare(books)
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

    def _open(
        self, cycles: Sequence[Cycle], account_id: UUID, open_session: OpenSession
    ) -> Sequence[tuple[Broker, Sequence[Cycle]]] | None:
        """Every account's session, with what was traded in it; None where one of them has none."""
        traded: defaultdict[UUID, list[Cycle]] = defaultdict(list)
        for cycle in cycles:
            traded[cycle.account_id].append(cycle)
        opened = [(open_session(each), its_cycles) for each, its_cycles in (traded or {account_id: []}).items()]
        books = [(broker, its_cycles) for broker, its_cycles in opened if broker is not None]
        return books if len(books) == len(opened) else None

    def _compare(self, books: Sequence[tuple[Broker, Sequence[Cycle]]]) -> Verdict:
        """All of them are looked at after the same pauses: a worker has not the time to wait for each."""
        verdict = Verdict("nothing was compared")
        for pause in _LOOKS:
            self.clock.sleep(pause)
            verdict = _together([_look(broker, cycles) for broker, cycles in books])
            if verdict.why_not is None and not verdict.foreign:
                break
        return verdict


def _look(broker: Broker, cycles: Sequence[Cycle]) -> Verdict:
    tags = frozenset(intent.tag for cycle in cycles for intent in cycle.intents)
    positions = broker.positions()
    return judge_flat(cycles, broker.read_book(tags), positions)


def _together(verdicts: Sequence[Verdict]) -> Verdict:
    """The user is flat when every account is."""
    why_not = next((verdict.why_not for verdict in verdicts if verdict.why_not is not None), None)
    return Verdict(why_not, tuple(position for verdict in verdicts for position in verdict.foreign))
