"""ports.Allowances: so many requests a minute, counted together, and by each process while Redis is away."""

from __future__ import annotations

from uuid import uuid4

import pytest

from algotrading.adapters.allowances import LocalAllowances, RedisAllowances
from algotrading.adapters.redis_runtime import make_redis_client
from algotrading.domain.allowances import WINDOW_SECONDS, Allowance, Spent
from algotrading.ports import Allowances
from twin.servers import ServerAddress

THREE = Allowance("person", 3)


class Ticker:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _fail() -> float:
    raise AssertionError("Redis is there, and this process counts all the same")


@pytest.fixture(params=["in this process", "in Redis", "while Redis is away"])
def allowances(request: pytest.FixtureRequest) -> Allowances:
    if request.param == "in this process":
        return LocalAllowances()
    if request.param == "while Redis is away":
        return RedisAllowances(make_redis_client("127.0.0.1", 1, tls=False), LocalAllowances())
    server: ServerAddress = request.getfixturevalue("valkey_server")
    return RedisAllowances(make_redis_client(server.host, server.port, tls=False), LocalAllowances(_fail))


def test_an_allowance_is_spent_request_by_request(allowances: Allowances) -> None:
    who = uuid4().hex

    spent = [allowances.spend(who, THREE) for _ in range(5)]

    assert [(one.left, one.is_over) for one in spent] == [(2, False), (1, False), (0, False), (0, True), (0, True)]
    assert all(0 < one.resets_in <= WINDOW_SECONDS for one in spent)
    assert all(1 <= one.seconds <= WINDOW_SECONDS for one in spent)


def test_each_caller_has_an_allowance_of_their_own(allowances: Allowances) -> None:
    noisy, quiet = uuid4().hex, uuid4().hex
    for _ in range(10):
        allowances.spend(noisy, THREE)

    assert not allowances.spend(quiet, THREE).is_over


def test_a_window_begins_with_its_first_request_and_then_anew() -> None:
    clock = Ticker()
    allowances = LocalAllowances(clock)
    for _ in range(4):
        allowances.spend("who", THREE)
    clock.now += WINDOW_SECONDS - 1
    before = allowances.spend("who", THREE)
    clock.now += 1
    after = allowances.spend("who", THREE)

    assert (before.is_over, before.seconds) == (True, 1)
    assert after == Spent(THREE, 1, WINDOW_SECONDS)


def test_callers_of_one_process_are_forgotten_from_the_oldest_on() -> None:
    allowances = LocalAllowances()
    for _ in range(4):
        allowances.spend("first", THREE)
    for number in range(10_000):
        allowances.spend(f"caller {number}", THREE)

    assert not allowances.spend("first", THREE).is_over


# --- on Redis ---------------------------------------------------------------------------------------


def test_what_is_counted_in_redis_is_forgotten_after_its_window(valkey_server: ServerAddress) -> None:
    client = make_redis_client(valkey_server.host, valkey_server.port, tls=False)
    who = uuid4().hex

    used = [RedisAllowances(client, LocalAllowances(_fail)).spend(who, THREE).used for _ in range(3)]

    assert used == [1, 2, 3], "counted for all processes together"
    left = client.pttl(f"allowance:{who}")
    assert isinstance(left, int)
    assert 0 < left <= WINDOW_SECONDS * 1000


def test_a_store_that_is_away_is_left_alone_for_a_while() -> None:
    asked: list[float] = []
    clock = Ticker()

    class Away:
        def eval(self, *_: object) -> object:
            from redis import RedisError

            asked.append(clock.now)
            raise RedisError("away")

    allowances = RedisAllowances(Away(), LocalAllowances(clock), clock)  # type: ignore[arg-type]
    for _ in range(100):
        allowances.spend("who", THREE)
    clock.now += 5
    allowances.spend("who", THREE)

    assert asked == [1000.0, 1005.0]
