"""The noisy neighbour of the benchmark: what it sends, what is counted, and what is left when."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from unittest.mock import create_autospec
from uuid import UUID

import pytest

from benchmarks.neighbour import divide
from benchmarks.noise import RATIO, Pair, shares
from benchmarks.stage import Holding, Trader
from twin.api_client import ApiClient


def holdings(count: int) -> list[Holding]:
    trader = Trader(create_autospec(ApiClient), "AB1234")
    return [Holding(trader, UUID(int=n), f"S{n:02}", Decimal(99), datetime.now(UTC)) for n in range(count)]


def make_pair(statuses: list[int] | None = None) -> tuple[Pair, list[int]]:
    looks: list[int] = []
    answers = statuses or [200]

    async def look() -> None:
        looks.append(pair.sent)

    async def send(number: int) -> int:
        return answers[number % len(answers)]

    pair = Pair(look, send, pause=0)
    return pair, looks


async def test_the_neighbour_sends_a_hundred_times_as_much_as_the_quiet_one() -> None:
    pair, looks = make_pair()

    async def until() -> None:
        while len(looks) < 3:  # noqa: ASYNC110 - the pair plays meanwhile
            await asyncio.sleep(0)

    await pair.play(until)

    assert pair.quiet == len(looks) >= 3
    assert pair.sent == RATIO * pair.quiet
    assert looks[:3] == [1, RATIO + 1, 2 * RATIO + 1]


async def test_what_the_quiet_one_asks_besides_is_owed_as_well() -> None:
    pair, looks = make_pair()

    async def until() -> None:
        for _ in range(4):
            pair.note_quiet()
            await asyncio.sleep(0)

    await pair.play(until)

    assert (pair.quiet, pair.sent) == (4 + len(looks), RATIO * (4 + len(looks)))


async def test_what_is_refused_counts_as_sent_and_is_told_apart_from_what_failed() -> None:
    pair, _ = make_pair([200, 429, 429, 409, 503])

    await pair.play(lambda: asyncio.sleep(0))

    assert pair.sent == sum(pair.statuses.values()) == RATIO
    assert (pair.refused, pair.failed) == (40, 20)
    assert shares([pair, pair]) == {"refused": 40.0, "failed": 20.0}


async def test_a_measurement_that_fails_ends_the_noise() -> None:
    pair, _ = make_pair()

    async def until() -> None:
        raise RuntimeError("an exit did not come")

    with pytest.raises(ExceptionGroup, match="TaskGroup"):
        await asyncio.wait_for(pair.play(until), 10)


def test_nothing_sent_has_no_share() -> None:
    with pytest.raises(ValueError, match="nothing was sent"):
        shares([])


def test_a_round_is_divided_evenly_and_the_neighbours_stops_are_all_reached_beside_the_quiet_ones() -> None:
    quiet, noisy = holdings(10), holdings(8)

    alone, beside = divide(quiet, noisy)

    assert [len(alone.stops), len(alone.square_offs)] == [len(beside.stops), len(beside.square_offs)] == [3, 2]
    assert [others for _, others in alone.stops] == [()] * 3
    assert [len(others) for _, others in beside.stops] == [3, 3, 2]
    left = [each.symbol for exits in (alone, beside) for each, _ in exits.stops]
    left += [each.symbol for exits in (alone, beside) for each in exits.square_offs]
    assert sorted(left) == [each.symbol for each in quiet]
    assert sorted(each.symbol for _, others in beside.stops for each in others) == [each.symbol for each in noisy]
