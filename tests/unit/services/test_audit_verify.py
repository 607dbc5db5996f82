"""The verification of the audit trail, as operators run it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import pytest

from algotrading.domain.audit import AuditHead, AuditRecord
from algotrading.domain.audit_chain import ChainBreak, Flaw
from algotrading.domain.errors import DatabaseUnavailable
from algotrading.services.audit_verify import AuditVerifier
from tests.fakes.audit import MemoryAuditTrail
from tests.fakes.clock import VirtualClock
from tests.fakes.cloud import MemoryAuditRoots, MemoryMeter
from tests.fakes.trading_world import OPENING, TradingWorld

CLOCK = VirtualClock(OPENING)


class AlteredTrail(MemoryAuditTrail):
    """A trail in which somebody has changed the second record."""

    def chains(self) -> Iterator[tuple[AuditRecord, AuditHead | None]]:
        for record, head in super().chains():
            altered = replace(record, record=record.record.replace("TCS", "INFY")) if record.seq == 2 else record
            yield altered, head

    def empty_heads(self) -> Sequence[AuditHead]:
        return []


def test_a_days_trading_leaves_chains_that_hold() -> None:
    world = TradingWorld()
    world.buy(world.add_running())
    meter = MemoryMeter()

    verified = AuditVerifier(MemoryAuditTrail(world.database), meter, CLOCK).run()

    assert verified.is_sound
    assert (verified.chains, verified.records) == (1, len(world.database.audit))
    assert verified.records > 4
    assert meter.counts == {}


def test_a_break_is_told_and_counted_for_its_alarm() -> None:
    world = TradingWorld()
    world.buy(world.add_running())
    meter = MemoryMeter()
    told: list[ChainBreak] = []

    verified = AuditVerifier(AlteredTrail(world.database), meter, CLOCK).run(told.append)

    assert not verified.is_sound
    assert [(each.user_id, each.seq, each.flaw) for each in told] == [(world.user_id, 2, Flaw.ALTERED)]
    assert meter.counts == {"AuditBroken": 1}


def test_heads_of_an_earlier_run_are_held_against_the_chains() -> None:
    world = TradingWorld()
    strategy = world.add_running()
    earlier = AuditVerifier(MemoryAuditTrail(world.database), MemoryMeter(), CLOCK).run()
    world.buy(strategy)

    assert AuditVerifier(MemoryAuditTrail(world.database), MemoryMeter(), CLOCK).run(known=earlier.heads).is_sound

    forged = {user: replace(head, hash=bytes(32)) for user, head in earlier.heads.items()}
    assert not AuditVerifier(MemoryAuditTrail(world.database), MemoryMeter(), CLOCK).run(known=forged).is_sound


class _Away(MemoryAuditRoots):
    def newest(self, now: datetime) -> Mapping[UUID, AuditHead]:
        raise ConnectionError("S3 does not answer")

    def keep(self, heads: Mapping[UUID, AuditHead], now: datetime) -> None:
        raise ConnectionError("S3 does not answer")


def test_todays_heads_are_kept_and_tomorrows_run_is_held_against_them() -> None:
    world, roots, meter = TradingWorld(), MemoryAuditRoots(), MemoryMeter()
    world.buy(world.add_running())
    trail = MemoryAuditTrail(world.database)
    verified = AuditVerifier(trail, meter, CLOCK, roots).run()
    # Whoever can write to the database takes the last record away, so that what is left holds by itself.
    world.database.audit.pop()

    after = AuditVerifier(trail, meter, CLOCK, roots).run()

    assert roots.kept == [(CLOCK.now(), verified.heads)]
    assert AuditVerifier(trail, MemoryMeter(), CLOCK).run().is_sound
    assert not after.is_sound
    assert meter.counts["AuditBroken"] > 0


def test_chains_are_verified_by_themselves_while_the_kept_heads_are_away_which_is_counted() -> None:
    world, meter = TradingWorld(), MemoryMeter()
    world.buy(world.add_running())

    verified = AuditVerifier(MemoryAuditTrail(world.database), meter, CLOCK, _Away()).run()

    assert verified.is_sound
    assert meter.counts == {"AuditUnverified": 2}


def test_a_verification_that_fails_is_counted_for_its_alarm() -> None:
    class Unreadable(MemoryAuditTrail):
        def empty_heads(self) -> Sequence[AuditHead]:
            raise DatabaseUnavailable("not today")

    meter = MemoryMeter()

    with pytest.raises(DatabaseUnavailable):
        AuditVerifier(Unreadable(TradingWorld().database), meter, CLOCK).run()

    assert meter.counts == {"AuditUnverified": 1}
