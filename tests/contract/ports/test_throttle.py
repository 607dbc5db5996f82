"""ports.Throttle: some tries are free, then every further one doubles the wait; a good one is taken back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from algotrading.adapters.redis_runtime import make_redis_client
from algotrading.adapters.throttles import LocalThrottle, RedisThrottle
from algotrading.domain.throttle import LONGEST_WAIT_SECONDS, REMEMBERED_SECONDS, Suspect, wait_after
from algotrading.ports import Throttle
from twin.servers import ServerAddress


def suspect(*, free: int = 3, is_cleared: bool = True) -> Suspect:
    return Suspect(uuid4().hex, free, is_cleared)


@pytest.fixture(params=["in this process", "in Redis", "while Redis is away"])
def throttle(request: pytest.FixtureRequest) -> Throttle:
    if request.param == "in this process":
        return LocalThrottle()
    if request.param == "while Redis is away":
        return RedisThrottle(make_redis_client("127.0.0.1", 1, tls=False), LocalThrottle())
    server: ServerAddress = request.getfixturevalue("valkey_server")
    client: Redis = make_redis_client(server.host, server.port, tls=False)
    return RedisThrottle(client, LocalThrottle(_fail))


def _fail() -> float:
    raise AssertionError("Redis is there, and this process counts all the same")


def spend(throttle: Throttle, suspects: list[Suspect], tries: int) -> None:
    for _ in range(tries):
        assert throttle.try_now(suspects) == 0


def test_after_the_free_tries_one_has_to_wait(throttle: Throttle) -> None:
    whom = [suspect(free=3)]
    spend(throttle, whom, 3)

    assert 0 < throttle.try_now(whom) <= 1


def test_a_try_that_is_refused_does_not_prolong_the_wait(throttle: Throttle) -> None:
    whom = [suspect(free=1)]
    spend(throttle, whom, 1)
    waits = [throttle.try_now(whom) for _ in range(5)]

    assert all(0 < wait <= 1 for wait in waits)


def test_each_further_try_doubles_the_wait(throttle: Throttle) -> None:
    whom = [suspect(free=1)]
    spend(throttle, whom, 1)
    time.sleep(throttle.try_now(whom) + 0.01)
    spend(throttle, whom, 1)

    assert 1 < throttle.try_now(whom) <= 2


def test_any_of_several_makes_wait_and_then_none_is_counted(throttle: Throttle) -> None:
    patient, spent = suspect(free=2), suspect(free=1)
    spend(throttle, [patient, spent], 1)

    assert throttle.try_now([patient, spent]) > 0
    spend(throttle, [patient], 1)


def test_a_good_try_forgets_those_before(throttle: Throttle) -> None:
    whom = [suspect(free=3)]
    spend(throttle, whom, 3)

    throttle.succeeded(whom)

    spend(throttle, whom, 3)


def test_where_a_good_try_clears_nothing_it_takes_back_itself(throttle: Throttle) -> None:
    whom = [suspect(free=3, is_cleared=False)]
    spend(throttle, whom, 2)

    for _ in range(5):
        spend(throttle, whom, 1)
        throttle.succeeded(whom)

    spend(throttle, whom, 1)
    assert throttle.try_now(whom) > 0


@pytest.mark.parametrize("is_cleared", [True, False])
def test_a_good_try_is_taken_back_where_it_was_counted_though_redis_is_back_since(
    valkey_server: ServerAddress, is_cleared: bool
) -> None:
    # given a Redis that is away for a moment, now and then: a client that finds nobody, and one that does
    away = make_redis_client("127.0.0.1", 1, tls=False)
    there = make_redis_client(valkey_server.host, valkey_server.port, tls=False)
    client = Flickering(away)
    whom, throttle = [suspect(free=3, is_cleared=is_cleared)], RedisThrottle(client, LocalThrottle())  # type: ignore[arg-type]
    client.now = there
    spend(throttle, whom, 2)

    # when somebody comes as often as they like, and is right each time
    for _ in range(5):
        client.now = away
        spend(throttle, whom, 1)
        client.now = there
        throttle.succeeded(whom)

    # then nothing of it is held against them, and nothing of what others tried is forgotten by it
    client.now = away
    spend(throttle, whom, 3)
    client.now = there
    spend(throttle, whom, 3 if is_cleared else 1)
    assert throttle.try_now(whom) > 0


class Flickering:
    """A client of a Redis that is there or not."""

    def __init__(self, now: Redis) -> None:
        self.now = now

    def eval(self, *arguments: Any) -> Any:
        return self.now.eval(*arguments)


def test_how_long_one_has_to_wait_is_told_without_a_try(throttle: Throttle) -> None:
    patient, spent = suspect(free=2), suspect(free=1)
    spend(throttle, [patient], 1)
    spend(throttle, [spent], 1)

    waits = [throttle.waits([patient]), throttle.waits([patient, spent]), throttle.waits([suspect()])]

    assert waits[0] == waits[2] == 0
    assert 0 < waits[1] <= 1
    spend(throttle, [patient], 1)


def test_tries_are_forgotten_an_hour_after_the_last(valkey_server: ServerAddress) -> None:
    client = make_redis_client(valkey_server.host, valkey_server.port, tls=False)
    whom = suspect(free=3)
    spend(RedisThrottle(client, LocalThrottle(_fail)), [whom], 2)

    [key] = client.keys(f"*{whom.digest}")

    assert REMEMBERED_SECONDS - 60 < client.ttl(key) <= REMEMBERED_SECONDS


def test_a_process_forgets_them_an_hour_after_the_last() -> None:
    now = 0.0
    throttle, whom = LocalThrottle(lambda: now), [suspect(free=3)]
    spend(throttle, whom, 3)

    now = REMEMBERED_SECONDS
    spend(throttle, whom, 3)


def test_others_are_not_kept_waiting(throttle: Throttle) -> None:
    spend(throttle, [suspect(free=1)], 1)

    assert throttle.try_now([suspect(free=1)]) == 0


@pytest.mark.parametrize(("tries", "seconds"), [(4, 0), (5, 1), (6, 2), (9, 16), (500, LONGEST_WAIT_SECONDS)])
def test_the_wait_grows_to_a_quarter_of_an_hour(tries: int, seconds: float) -> None:
    assert wait_after(tries, free=5) == seconds


def test_a_process_forgets_the_oldest_before_it_runs_out_of_memory() -> None:
    clock: Callable[[], float] = lambda: 0.0  # noqa: E731 - a clock that stands still
    throttle = LocalThrottle(clock)
    first = suspect(free=1)
    spend(throttle, [first], 1)

    for _ in range(10_000):
        spend(throttle, [suspect()], 1)

    assert throttle.try_now([first]) == 0
