"""Verifies the audit trail of every user."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from algotrading.domain.audit import AuditHead
from algotrading.domain.audit_chain import ChainBreak, ChainCheck
from algotrading.ports import AuditRoots, AuditTrail, Clock, Meter

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification went through. `heads` are the ends of all chains: kept outside the database,
    they are what a later run is held against."""

    chains: int
    records: int
    breaks: int
    heads: Mapping[UUID, AuditHead]

    @property
    def is_sound(self) -> bool:
        """Whether nothing was altered, removed, added or moved."""
        return self.breaks == 0


@dataclass(frozen=True, slots=True)
class AuditVerifier:
    """Goes through every chain from its first record to its head."""

    trail: AuditTrail
    meter: Meter
    clock: Clock
    roots: AuditRoots | None = None
    """Where heads are kept between runs; None: whoever asks keeps them."""

    def run(
        self, tell: Callable[[ChainBreak], None] | None = None, *, known: Mapping[UUID, AuditHead] | None = None
    ) -> Verified:
        """Verify everything. Each break is counted, logged and given to `tell`. `known` are the heads of an earlier
        run; without them those that were kept last are held against, and where every chain holds today's are kept. A
        verification that fails is counted too, and so are heads that could not be read or kept.

        Raises:
            DatabaseUnavailable: the trail cannot be read, or not all of it.
        """
        try:
            verified = self._run(tell, known or self._kept())
        except Exception:
            self.meter.count("AuditUnverified")
            raise
        if verified.is_sound:
            self._keep(verified.heads)
        return verified

    def _kept(self) -> Mapping[UUID, AuditHead]:
        if self.roots is None:
            return {}
        try:
            return self.roots.newest(self.clock.now())
        except Exception:
            # Whatever a client raises: chains that hold by themselves are still worth knowing.
            self.meter.count("AuditUnverified")
            logger.exception("the heads of earlier verifications could not be read")
            return {}

    def _keep(self, heads: Mapping[UUID, AuditHead]) -> None:
        if self.roots is None:
            return
        try:
            self.roots.keep(heads, self.clock.now())
        except Exception:
            self.meter.count("AuditUnverified")
            logger.exception("today's heads could not be kept")

    def _run(self, tell: Callable[[ChainBreak], None] | None, known: Mapping[UUID, AuditHead]) -> Verified:
        check, breaks = ChainCheck(known), 0
        for found in check.follow(self.trail.chains(), self.trail.empty_heads(), self.trail.unchained()):
            breaks += 1
            self.meter.count("AuditBroken")
            fields = {"user_id": str(found.user_id), "seq": found.seq, "flaw": found.flaw.value}
            logger.error("the audit trail is broken: %s", found.text, extra=fields)
            if tell is not None:
                tell(found)
        return Verified(len(check.heads), check.records, breaks, check.heads)
