"""Tokens, request limits and the plan of faults."""

import hashlib
import random

import pytest

from exchange_simulator.accounts import Accounts, App
from exchange_simulator.errors import KiteError
from exchange_simulator.faults import FaultPlan
from exchange_simulator.rate_limits import STANDARD_LIMITS, RateLimiter
from tests.unit.exchange_simulator.floor import LAKH, ManualTime


@pytest.fixture
def time() -> ManualTime:
    return ManualTime()


@pytest.fixture
def accounts(time: ManualTime) -> Accounts:
    return Accounts(time)


@pytest.fixture
def app(accounts: Accounts) -> App:
    return accounts.create(user_id="AB1234", cash=LAKH)


def checksum(app: App, token: str) -> str:
    return hashlib.sha256(f"{app.api_key}{token}{app.api_secret}".encode()).hexdigest()


def test_request_token_buys_one_session(accounts: Accounts, app: App) -> None:
    token = accounts.issue_request_token(app)
    assert accounts.exchange(app.api_key, token, checksum(app, token)).access_token is not None
    with pytest.raises(KiteError, match="Token is invalid or has expired"):
        accounts.exchange(app.api_key, token, checksum(app, token))


def test_request_token_dies_after_minutes(accounts: Accounts, app: App, time: ManualTime) -> None:
    token = accounts.issue_request_token(app)
    time.advance(181)
    with pytest.raises(KiteError, match="expired"):
        accounts.exchange(app.api_key, token, checksum(app, token))


def test_wrong_checksum_opens_no_session(accounts: Accounts, app: App) -> None:
    token = accounts.issue_request_token(app)
    with pytest.raises(KiteError, match="checksum"):
        accounts.exchange(app.api_key, token, "0" * 64)
    assert app.access_token is None


def test_access_token_dies_at_six_in_the_morning(accounts: Accounts, app: App, time: ManualTime) -> None:
    # given a login at ten in the morning
    token = accounts.log_in(app)
    # when it is one second to six on the next day it works, and at six it does not
    time.advance(20 * 3600 - 1)
    assert accounts.authenticate(app.api_key, token) is app
    time.advance(1)
    with pytest.raises(KiteError, match="Incorrect `api_key` or `access_token`"):
        accounts.authenticate(app.api_key, token)


def test_second_login_of_a_day_gets_the_same_token(accounts: Accounts, app: App) -> None:
    first = accounts.log_in(app)
    assert accounts.log_in(app) == first
    accounts.log_out(app)
    assert accounts.log_in(app) != first


@pytest.mark.parametrize(("bucket", "allowed"), [("quote", 1), ("historical", 3), ("order", 10), ("other", 10)])
def test_each_bucket_has_its_requests_a_second(bucket: str, allowed: int) -> None:
    limiter = RateLimiter(STANDARD_LIMITS)
    for _ in range(allowed):
        limiter.count(bucket, 0)
    with pytest.raises(KiteError, match="Too many requests"):
        limiter.count(bucket, 999_999_999)
    limiter.count(bucket, 1_000_000_000)


def test_orders_are_limited_by_the_minute_too() -> None:
    limiter = RateLimiter(STANDARD_LIMITS)
    for number in range(400):
        limiter.count("order", number * 100_000_000)
    with pytest.raises(KiteError):
        limiter.count("order", 41_000_000_000)


def test_fault_strikes_its_user_as_often_as_armed() -> None:
    plan = FaultPlan(random.Random(1))
    plan.arm("burst_429", user_id="AB1234", count=2)
    assert plan.strike("XY9999", "burst_429") is None
    assert [plan.strike("AB1234", "burst_429") is not None for _ in range(3)] == [True, True, False]


def test_fault_of_one_route_spares_the_others() -> None:
    plan = FaultPlan(random.Random(1))
    plan.arm("data_null", route="place")
    assert plan.strike("AB1234", "data_null", route="orders") is None
    assert plan.strike("AB1234", "data_null", route="place") is not None


def test_fault_with_a_chance_strikes_sometimes() -> None:
    plan = FaultPlan(random.Random(1))
    plan.arm("burst_429", count=None, probability=0.5)
    struck = sum(plan.strike(None, "burst_429") is not None for _ in range(200))
    assert 60 < struck < 140


def test_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown fault"):
        FaultPlan(random.Random(1)).arm("gremlins")
