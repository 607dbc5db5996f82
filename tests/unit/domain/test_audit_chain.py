"""Whatever is done to a stored chain, its verification says to whose and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrading.domain.audit import GENESIS, AuditEntry, AuditHead, AuditKind, AuditRecord, chain_hash
from algotrading.domain.audit_chain import ChainBreak, ChainCheck, ChainRow, Flaw
from tests.fakes.audit import chained
from tests.fakes.examples import MOMENT, TRADING_DAY

OWNER, OTHER = UUID(int=1), UUID(int=2)
STRATEGY = UUID(int=77)


def make_chain(user_id: UUID, count: int = 5) -> list[AuditRecord]:
    return chained(
        [
            AuditEntry(user_id, AuditKind.DECISION, MOMENT + timedelta(seconds=n), {"number": n}, STRATEGY, TRADING_DAY)
            for n in range(count)
        ]
    )


def rows_of(chain: list[AuditRecord], head: AuditHead | None) -> list[ChainRow]:
    return [(record, head) for record in chain]


def head_of(chain: list[AuditRecord]) -> AuditHead:
    return AuditHead(chain[-1].user_id, chain[-1].seq, chain[-1].hash)


def breaks_in(chain: list[AuditRecord], head: AuditHead | None, known: AuditHead | None = None) -> list[ChainBreak]:
    check = ChainCheck({} if known is None else {known.user_id: known})
    return list(check.follow(rows_of(chain, head)))


def found(breaks: list[ChainBreak]) -> list[tuple[int, Flaw]]:
    return [(each.seq, each.flaw) for each in breaks]


def rehashed(honest: AuditRecord, /, **changes: object) -> AuditRecord:
    """A forgery that fits its own hash."""
    forged = replace(honest, **changes)  # type: ignore[arg-type]
    return replace(forged, hash=chain_hash(forged.prev_hash, forged.record))


def test_untouched_chains_hold_and_their_heads_are_told() -> None:
    first, second = make_chain(OWNER), make_chain(OTHER, 1)
    check = ChainCheck()

    rows = [*rows_of(first, head_of(first)), *rows_of(second, head_of(second))]

    assert list(check.follow(rows)) == []
    assert (check.records, check.heads) == (6, {OWNER: head_of(first), OTHER: head_of(second)})


def test_no_chains_hold_too() -> None:
    assert list(ChainCheck().follow([])) == []


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_an_altered_text_is_found_where_it_is(seq: int) -> None:
    chain = make_chain(OWNER)
    chain[seq - 1] = replace(chain[seq - 1], record=chain[seq - 1].record.replace("number", "nubmer"))

    assert found(breaks_in(chain, head_of(chain))) == [(seq, Flaw.ALTERED)]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", MOMENT + timedelta(days=1)),
        ("kind", "strategy_created"),
        ("strategy_id", None),
        ("strategy_id", UUID(int=78)),
        ("trading_day", None),
        ("trading_day", TRADING_DAY + timedelta(days=1)),
    ],
)
def test_an_altered_column_is_found(column: str, value: object) -> None:
    chain = make_chain(OWNER)
    chain[2] = replace(chain[2], **{column: value})  # type: ignore[arg-type]

    (broken,) = breaks_in(chain, head_of(chain))

    assert (broken.seq, broken.flaw) == (3, Flaw.ALTERED)
    assert column in broken.text


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"at": 5}', "not json"])
def test_a_forged_text_that_is_no_record_is_found(text: str) -> None:
    chain = make_chain(OWNER, 1)
    chain[0] = rehashed(chain[0], record=text)

    assert found(breaks_in(chain, head_of(chain))) == [(1, Flaw.ALTERED)]


def test_a_replaced_record_is_found_at_the_one_that_followed_it() -> None:
    chain = make_chain(OWNER)
    chain[2] = rehashed(chain[2], record=chain[2].record.replace("number", "nubmer"))

    assert found(breaks_in(chain, head_of(chain))) == [(4, Flaw.MISPLACED)]


def test_a_replaced_last_record_is_found_by_the_head() -> None:
    chain = make_chain(OWNER)
    head = head_of(chain)
    chain[4] = rehashed(chain[4], record=chain[4].record.replace("number", "nubmer"))

    assert found(breaks_in(chain, head)) == [(5, Flaw.HEAD_DIFFERS)]


@pytest.mark.parametrize(("gone", "text"), [((2,), "record 2 is missing"), ((2, 3), "records 2 to 3 are missing")])
def test_missing_records_are_found_and_named(gone: tuple[int, ...], text: str) -> None:
    chain = make_chain(OWNER)
    (broken,) = breaks_in([record for record in chain if record.seq not in gone], head_of(chain))

    assert (broken.seq, broken.flaw) == (gone[-1] + 1, Flaw.MISSING)
    assert text in broken.text


def test_a_missing_first_record_is_found() -> None:
    chain = make_chain(OWNER)

    assert found(breaks_in(chain[1:], head_of(chain))) == [(2, Flaw.MISSING)]


def test_records_that_changed_places_are_found() -> None:
    """Their numbers exchanged, as a forger would store them."""
    chain = make_chain(OWNER)
    chain[1], chain[2] = replace(chain[2], seq=2), replace(chain[1], seq=3)

    assert found(breaks_in(chain, head_of(chain))) == [
        (2, Flaw.MISPLACED),
        (3, Flaw.MISPLACED),
        (4, Flaw.MISPLACED),
    ]


def test_an_inserted_record_is_found_also_with_everything_after_it_renumbered() -> None:
    chain = make_chain(OWNER)
    inserted = rehashed(chain[1], seq=3, prev_hash=chain[1].hash)
    forged = [*chain[:2], inserted, *(replace(record, seq=record.seq + 1) for record in chain[2:])]

    assert (4, Flaw.MISPLACED) in found(breaks_in(forged, head_of(forged)))


def test_a_record_stored_twice_is_found() -> None:
    chain = make_chain(OWNER)

    assert (2, Flaw.MISPLACED) in found(breaks_in([*chain[:2], chain[1], *chain[2:]], head_of(chain)))


@pytest.mark.parametrize("left", [1, 4])
def test_a_missing_tail_is_found_by_the_head(left: int) -> None:
    chain = make_chain(OWNER)

    (broken,) = breaks_in(chain[:left], head_of(chain))

    assert (broken.seq, broken.flaw) == (left, Flaw.TAIL_MISSING)
    assert "record 5" in broken.text


def test_records_beyond_the_head_are_found() -> None:
    chain = make_chain(OWNER)

    assert found(breaks_in(chain, head_of(chain[:3]))) == [(5, Flaw.BEYOND_HEAD)]


def test_a_chain_without_a_head_and_a_head_without_a_chain_are_found() -> None:
    chain = make_chain(OWNER)
    lonely = AuditHead(OTHER, 9, GENESIS)

    breaks = list(ChainCheck().follow(rows_of(chain, None), [lonely]))

    assert [(b.user_id, b.seq, b.flaw) for b in breaks] == [
        (OWNER, 5, Flaw.HEAD_MISSING),
        (OTHER, 9, Flaw.TAIL_MISSING),
    ]


def test_a_record_moved_to_another_user_breaks_both() -> None:
    mine, others = make_chain(OWNER), make_chain(OTHER)
    stolen = replace(others[4], user_id=OWNER, seq=6)

    breaks = list(
        ChainCheck().follow([*rows_of([*mine, stolen], head_of(mine)), *rows_of(others[:4], head_of(others))])
    )

    assert {(b.user_id, b.seq, b.flaw) for b in breaks} == {
        (OWNER, 6, Flaw.MISPLACED),
        (OWNER, 6, Flaw.ALTERED),
        (OWNER, 6, Flaw.BEYOND_HEAD),
        (OTHER, 4, Flaw.TAIL_MISSING),
    }


def test_a_chain_made_anew_to_its_end_fits_and_is_found_by_a_head_that_was_kept() -> None:
    honest, forged = make_chain(OWNER, 6), make_chain(OWNER, 2)
    for number in range(2, 6):
        record = rehashed(honest[number], record=honest[number].record.replace("number", "nubmer"))
        forged.append(rehashed(record, prev_hash=forged[-1].hash))

    assert breaks_in(forged, head_of(forged)) == []
    assert found(breaks_in(forged, head_of(forged), known=head_of(honest[:4]))) == [(4, Flaw.REWRITTEN)]
    assert breaks_in(honest, head_of(honest), known=head_of(honest[:4])) == []


def test_a_chain_cut_short_with_its_head_is_found_by_a_head_that_was_kept() -> None:
    chain = make_chain(OWNER)

    assert found(breaks_in(chain[:3], head_of(chain[:3]), known=head_of(chain))) == [(3, Flaw.TAIL_MISSING)]
    assert found(list(ChainCheck({OWNER: head_of(chain)}).follow([]))) == [(5, Flaw.TAIL_MISSING)]


Damage = Callable[[list[AuditRecord], int], list[AuditRecord]]


def _flip(chain: list[AuditRecord], at: int) -> list[AuditRecord]:
    text = chain[at].record
    return [*chain[:at], replace(chain[at], record=text[:-1] + " }"), *chain[at + 1 :]]


def _drop(chain: list[AuditRecord], at: int) -> list[AuditRecord]:
    return [*chain[:at], *chain[at + 1 :]]


def _swap(chain: list[AuditRecord], at: int) -> list[AuditRecord]:
    other = (at + 1) % len(chain)
    changed = list(chain)
    changed[at], changed[other] = replace(chain[other], seq=chain[at].seq), replace(chain[at], seq=chain[other].seq)
    return changed


@given(count=st.integers(2, 12), at=st.integers(0, 11), damage=st.sampled_from([_flip, _drop, _swap]))
def test_no_single_damage_goes_unseen(count: int, at: int, damage: Damage) -> None:
    chain = make_chain(OWNER, count)

    damaged = damage(chain, at % count)

    assert breaks_in(damaged, head_of(chain)) != []
