"""ports.Runtime: keys as the specification names them, the lock, and a store that is away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from algotrading.adapters.redis_runtime import RedisRuntime, make_redis_client
from algotrading.contracts.messages import StopChange
from algotrading.domain.cycle import Cycle, IntentState
from algotrading.domain.errors import LockBusy, RedisDown
from algotrading.domain.orders import Leg
from algotrading.domain.rates import DAY, MINUTE, SECOND, Window
from algotrading.domain.sight import Sight
from algotrading.domain.strategy import Strategy, StrategyStatus
from algotrading.ports import LastPrice
from tests.fakes.clock import VirtualClock
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent, make_strategy
from tests.fakes.runtime import MemoryRuntime
from twin.servers import ServerAddress, free_port


@dataclass(frozen=True, slots=True)
class Case:
    """A runtime store, and how time passes for it."""

    runtime: RedisRuntime | MemoryRuntime
    wait: Callable[[float], None]


@pytest.fixture
def valkey(valkey_server: ServerAddress) -> Iterator[Redis]:
    """An empty store; each command may take its time on a busy machine."""
    client = make_redis_client(valkey_server.host, valkey_server.port, tls=False)
    client.connection_pool.connection_kwargs.update(socket_timeout=5, socket_connect_timeout=5)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def in_memory() -> Case:
    clock = VirtualClock()
    return Case(MemoryRuntime(clock), clock.sleep)


@pytest.fixture
def in_valkey(valkey: Redis) -> Case:
    return Case(RedisRuntime(valkey), time.sleep)


@pytest.fixture(params=["in_memory", "in_valkey"])
def case(request: pytest.FixtureRequest) -> Case:
    return cast(Case, request.getfixturevalue(request.param))


def running_strategy(**plan: object) -> Strategy:
    return make_strategy(uuid4(), status=StrategyStatus.RUNNING, **plan)


def cycle_of(strategy: Strategy) -> Cycle:
    return Cycle(strategy.strategy_id, strategy.user_id, strategy.account_id, TRADING_DAY, strategy.plan)


# --- keys -----------------------------------------------------------------------------------------


def test_a_strategy_is_written_with_the_specified_fields(case: Case) -> None:
    strategy = running_strategy(stop_loss=Decimal("3500.0000"))
    case.runtime.put_strategy(strategy)

    assert case.runtime.read_strategies([strategy.strategy_id])[0] == {
        "user_id": str(strategy.user_id),
        "exchange": "NSE",
        "symbol": "TCS",
        "product": "MIS",
        "buy_time": "09:30:00",
        "sell_time": "15:00:00",
        "stop_loss": "3500",
        "quantity": "10",
        "status": "running",
        "version": "1",
    }


def test_a_fresh_cycle_is_written_with_every_specified_field(case: Case) -> None:
    strategy = running_strategy()
    case.runtime.put_cycle(cycle_of(strategy))

    assert case.runtime.read_cycles([strategy.strategy_id])[0] == {
        "position": "none",
        "last_buy_order": "",
        "last_sell_order": "",
        "last_price": "",
        "last_action": "",
        "lock_state": "false",
    }


def test_a_cycle_shows_position_orders_and_the_last_price(case: Case) -> None:
    # given a price and a cycle that has bought and is selling
    strategy = running_strategy()
    case.runtime.put_price("TCS", Decimal("3520.75"), MOMENT)
    cycle = cycle_of(strategy)
    bought = make_intent(cycle, state=IntentState.DONE, broker_order_id="b1", filled=10)
    cycle = replace(cycle, intents=(bought,))
    cycle = replace(cycle, intents=(bought, make_intent(cycle, Leg.EXIT, broker_order_id="b2")))

    case.runtime.put_cycle(cycle)

    assert case.runtime.read_cycles([strategy.strategy_id])[0] == {
        "position": "bought",
        "last_buy_order": "b1",
        "last_sell_order": "b2",
        "last_price": "3520.75",
        "last_action": "SELL",
        "lock_state": "false",
    }


def test_a_new_price_reaches_the_strategies_of_its_symbol(case: Case) -> None:
    ours, other = running_strategy(), running_strategy(symbol="INFY")
    for strategy in (ours, other):
        case.runtime.put_strategy(strategy)
        case.runtime.put_cycle(cycle_of(strategy))

    case.runtime.put_price("TCS", Decimal("3521.50"), MOMENT)

    assert case.runtime.last_price("TCS") == LastPrice(Decimal("3521.5"), MOMENT)
    assert case.runtime.last_price("INFY") is None
    assert case.runtime.read_cycles([ours.strategy_id])[0]["last_price"] == "3521.5"
    assert case.runtime.read_cycles([other.strategy_id])[0]["last_price"] == ""


def test_a_price_that_was_held_up_does_not_replace_a_newer_one(case: Case) -> None:
    strategy = running_strategy()
    case.runtime.put_strategy(strategy)
    case.runtime.put_cycle(cycle_of(strategy))
    # given one of a whole second, which a text need not write out
    case.runtime.put_price("TCS", Decimal("3521.5"), MOMENT)

    for late in (seconds(0.000_001), seconds(0.1), seconds(10)):
        case.runtime.put_price("TCS", Decimal(3400), MOMENT - late)
    assert case.runtime.last_price("TCS") == LastPrice(Decimal("3521.5"), MOMENT)
    assert case.runtime.read_cycles([strategy.strategy_id])[0]["last_price"] == "3521.5"

    # then the next does, and so does one that is so much older that the other's clock was wrong
    for moment in (MOMENT + seconds(0.000_001), MOMENT - seconds(11)):
        case.runtime.put_price("TCS", Decimal(3520), moment)
        assert case.runtime.last_price("TCS") == LastPrice(Decimal(3520), moment)


def test_many_prices_are_read_at_once_and_unknown_ones_left_out(case: Case) -> None:
    case.runtime.put_price("TCS", Decimal("3521.5"), MOMENT)
    case.runtime.put_price("SBIN", Decimal(905), MOMENT)

    assert case.runtime.last_prices(["SBIN", "INFY", "TCS"]) == {
        "SBIN": LastPrice(Decimal(905), MOMENT),
        "TCS": LastPrice(Decimal("3521.5"), MOMENT),
    }
    assert case.runtime.last_prices([]) == {}


def test_a_price_makes_no_runtime_key_for_a_strategy_without_one(case: Case) -> None:
    strategy = running_strategy()
    case.runtime.put_strategy(strategy)

    case.runtime.put_price("TCS", Decimal(3521), MOMENT)

    assert case.runtime.read_cycles([strategy.strategy_id])[0] == {}


def test_a_strategy_that_changes_its_symbol_leaves_the_old_ones_set(case: Case) -> None:
    # given a strategy that moved from one symbol to another
    strategy = running_strategy()
    case.runtime.put_strategy(strategy)
    case.runtime.put_cycle(cycle_of(strategy))
    moved = replace(strategy, plan=replace(strategy.plan, symbol="INFY"))
    case.runtime.put_strategy(moved)

    # then prices of the new symbol reach it, and of the old one do not
    case.runtime.put_price("INFY", Decimal(1500), MOMENT)
    case.runtime.put_price("TCS", Decimal(3521), MOMENT)
    assert case.runtime.read_cycles([strategy.strategy_id])[0]["last_price"] == "1500"


def test_a_stopped_strategy_leaves_its_symbols_set(case: Case) -> None:
    strategy = running_strategy()
    case.runtime.put_strategy(strategy)
    case.runtime.put_cycle(cycle_of(strategy))

    case.runtime.put_strategy(replace(strategy, status=StrategyStatus.STOPPED))

    case.runtime.put_price("TCS", Decimal(3521), MOMENT)
    assert case.runtime.read_cycles([strategy.strategy_id])[0]["last_price"] == ""
    assert case.runtime.read_strategies([strategy.strategy_id])[0]["status"] == "stopped"


def test_a_forgotten_strategy_leaves_no_key(case: Case) -> None:
    strategy = running_strategy()
    case.runtime.put_strategy(strategy)
    case.runtime.put_cycle(cycle_of(strategy))

    case.runtime.forget(strategy)
    case.runtime.forget(strategy)

    assert case.runtime.read_strategies([strategy.strategy_id])[0] == {}
    assert case.runtime.read_cycles([strategy.strategy_id])[0] == {}


def test_the_store_holds_the_specified_keys_and_no_others(valkey: Redis) -> None:
    runtime, strategy = RedisRuntime(valkey), running_strategy()
    runtime.put_strategy(strategy)
    runtime.put_cycle(cycle_of(strategy))
    runtime.put_price("TCS", Decimal(3521), MOMENT)
    runtime.lock(strategy.strategy_id, seconds=30)
    change = a_change(strategy)
    runtime.announce(change)

    identity = str(strategy.strategy_id)
    assert {key: valkey.type(key) for key in cast("list[str]", valkey.keys())} == {
        f"strategy:{identity}": "hash",
        f"runtime:{identity}": "hash",
        f"runtime:{identity}:lock": "string",
        "symbol:TCS:strategies": "set",
        "price:TCS": "hash",
        "stops:changes": "stream",
    }
    assert valkey.smembers("symbol:TCS:strategies") == {identity}
    ((_, entry),) = cast("list[tuple[str, dict[str, str]]]", valkey.xrange("stops:changes"))
    assert StopChange.model_validate_json(entry["change"]) == change


def a_change(strategy: Strategy) -> StopChange:
    return StopChange(
        strategy_id=strategy.strategy_id,
        user_id=strategy.user_id,
        exchange="NSE",
        symbol="TCS",
        instrument_token=2953217,
        watched=True,
        armed=True,
        stop_loss=Decimal("3500.05"),
        trading_day=TRADING_DAY,
    )


# --- the lock -------------------------------------------------------------------------------------


def test_a_lock_is_held_by_one_and_free_again_after_its_release(case: Case) -> None:
    strategy_id = uuid4()
    token = case.runtime.lock(strategy_id, seconds=30)

    with pytest.raises(LockBusy):
        case.runtime.lock(strategy_id, seconds=30)
    case.runtime.unlock(strategy_id, token)

    assert case.runtime.lock(strategy_id, seconds=30) != token


def test_locks_of_different_strategies_do_not_meet(case: Case) -> None:
    assert case.runtime.lock(uuid4(), seconds=30) != case.runtime.lock(uuid4(), seconds=30)


def test_a_lock_expires_and_its_late_owner_cannot_release_the_next_ones(case: Case) -> None:
    # given a lock that expired and was taken by somebody else
    strategy_id = uuid4()
    late = case.runtime.lock(strategy_id, seconds=0.05)
    case.wait(0.1)
    case.runtime.lock(strategy_id, seconds=30)

    # when the late owner releases it
    case.runtime.unlock(strategy_id, late)

    # then it is still held
    with pytest.raises(LockBusy):
        case.runtime.lock(strategy_id, seconds=30)


def test_the_runtime_hash_mirrors_the_lock(case: Case) -> None:
    strategy = running_strategy()
    case.runtime.put_cycle(cycle_of(strategy))

    token = case.runtime.lock(strategy.strategy_id, seconds=30)
    held = case.runtime.read_cycles([strategy.strategy_id])[0]["lock_state"]
    case.runtime.put_cycle(cycle_of(strategy))
    still_held = case.runtime.read_cycles([strategy.strategy_id])[0]["lock_state"]
    case.runtime.unlock(strategy.strategy_id, token)

    assert (held, still_held) == ("true", "true")
    assert case.runtime.read_cycles([strategy.strategy_id])[0]["lock_state"] == "false"


def test_a_lock_makes_no_runtime_key_that_would_hide_a_loss(case: Case) -> None:
    strategy_id = uuid4()
    token = case.runtime.lock(strategy_id, seconds=30)
    case.runtime.unlock(strategy_id, token)

    assert case.runtime.read_cycles([strategy_id])[0] == {}


# --- sight ----------------------------------------------------------------------------------------


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def test_nobody_ever_saw(case: Case) -> None:
    assert case.runtime.sight() is None


def test_steady_sight_is_not_blindness(case: Case) -> None:
    # given reports every second, one of which was lost, and one a little late
    for at in (0, 1, 3, 4, 7):
        case.runtime.report_sight(MOMENT + seconds(at))

    assert case.runtime.sight() == Sight(MOMENT + seconds(7), seconds(0))


def test_times_in_which_nobody_saw_add_up(case: Case) -> None:
    for at in (0, 1, 4.001, 5, 65.5, 66):
        case.runtime.report_sight(MOMENT + seconds(at))

    assert case.runtime.sight() == Sight(MOMENT + seconds(66), seconds(3.001 + 60.5))


def test_while_one_watcher_sees_the_blindness_of_another_does_not_count(case: Case) -> None:
    # given a second watcher that is blind from its third second to its twentieth
    first = [0.0 + number for number in range(25)]
    second = [0.4, 1.4, 2.4, 20.4, 21.4]
    for at in sorted(first + second):
        case.runtime.report_sight(MOMENT + seconds(at))

    assert case.runtime.sight() == Sight(MOMENT + seconds(24), seconds(0))


def test_what_a_watcher_saw_while_the_store_was_away_is_no_blindness(case: Case) -> None:
    # given an absence of forty-five seconds, through which one of two watchers saw all but the first five
    case.runtime.report_sight(MOMENT)
    case.runtime.report_sight(MOMENT + seconds(45), MOMENT + seconds(5))
    case.runtime.report_sight(MOMENT + seconds(45.5), MOMENT + seconds(30))
    assert case.runtime.sight() == Sight(MOMENT + seconds(45.5), seconds(5))

    # and another one, through which one saw all the time
    case.runtime.report_sight(MOMENT + seconds(90), MOMENT + seconds(5))
    assert case.runtime.sight() == Sight(MOMENT + seconds(90), seconds(5))


def test_a_late_or_repeated_report_changes_nothing(case: Case) -> None:
    for at in (0, 10, 10, 2, 9):
        case.runtime.report_sight(MOMENT + seconds(at))

    assert case.runtime.sight() == Sight(MOMENT + seconds(10), seconds(10))


def test_blindness_that_lasts_is_told_with_the_rest(case: Case) -> None:
    for at in (0, 10):
        case.runtime.report_sight(MOMENT + seconds(at))
    sight = case.runtime.sight()

    assert sight is not None
    assert sight.blind_at(MOMENT + seconds(13)) == seconds(10)
    assert sight.blind_at(MOMENT + seconds(15)) == seconds(15)
    assert sight.blind_at(MOMENT + seconds(5)) == seconds(10)


# --- places among an account's requests -----------------------------------------------------------

ENTRIES = (Window("order", SECOND, 2), Window("order", MINUTE, 5))
EXITS = (Window("order", SECOND, 3), Window("order", MINUTE, 7))
MARGIN = timedelta(milliseconds=50)


def reserve(
    case: Case, wanted: float, windows: tuple[Window, ...] = ENTRIES, *, until: float = 120, account: str = "kite:A1"
) -> float | None:
    """Seconds after `MOMENT`, which is the first second of a minute."""
    granted = case.runtime.reserve(
        account, MOMENT + seconds(wanted), windows, until=MOMENT + seconds(until), margin=MARGIN
    )
    return None if granted is None else (granted - MOMENT).total_seconds()


def test_a_request_leaves_when_it_wants_to_while_its_second_has_a_place(case: Case) -> None:
    assert [reserve(case, 0.25), reserve(case, 0.75), reserve(case, 1.999)] == [0.25, 0.75, 1.999]


def test_a_full_second_leaves_later_ones_to_whoever_comes(case: Case) -> None:
    assert [reserve(case, 0.5) for _ in range(5)] == [0.5, 0.5, 1.05, 1.05, 2.05]


def test_the_reserve_is_for_exits(case: Case) -> None:
    # given a second that entries have filled
    for _ in range(2):
        reserve(case, 0)

    assert reserve(case, 0.5, EXITS) == 0.5
    assert reserve(case, 0.5, EXITS) == 1.05
    assert reserve(case, 0, ENTRIES) == 1.05


def test_a_full_minute_leaves_the_next(case: Case) -> None:
    for second in range(5):
        assert reserve(case, second) == second

    assert reserve(case, 5) == 60.05
    assert reserve(case, 5, EXITS) == 5
    assert reserve(case, 6, EXITS) == 6
    assert reserve(case, 7, EXITS) == 60.05


def test_where_there_is_no_place_in_time_none_is_taken(case: Case) -> None:
    for _ in range(2):
        reserve(case, 0)

    assert reserve(case, 0, until=0.9) is None
    assert reserve(case, 0, EXITS, until=0.9) == 0
    assert [reserve(case, 1), reserve(case, 1), reserve(case, 2)] == [1, 1, 60.05]


def test_accounts_do_not_share_places(case: Case) -> None:
    for _ in range(2):
        reserve(case, 0)

    assert reserve(case, 0, account="kite:B2") == 0


def test_a_request_may_take_more_than_one_place(case: Case) -> None:
    book = (Window("read", SECOND, 5, cost=2),)

    assert [reserve(case, 0, book) for _ in range(3)] == [0, 0, 1.05]
    assert reserve(case, 0, (Window("read", SECOND, 5),)) == 0


def test_days_begin_at_midnight_in_india(case: Case) -> None:
    """MOMENT is 09:30 there."""
    day = (Window("order", DAY, 1),)
    midnight = 14.5 * 3600

    assert reserve(case, 0, day) == 0
    assert reserve(case, 0, day, until=midnight - 1) is None
    assert reserve(case, 0, day, until=midnight) == midnight + 0.05


@given(
    calls=st.lists(
        st.tuples(st.floats(0, 4), st.sampled_from([ENTRIES, EXITS]), st.floats(0, 70)), min_size=1, max_size=20
    )
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_both_stores_give_the_same_places(valkey: Redis, calls: list[tuple[float, Any, float]]) -> None:
    valkey.flushall()
    memory, real = Case(MemoryRuntime(), lambda _: None), Case(RedisRuntime(valkey), lambda _: None)

    for wanted, windows, patience in calls:
        call = (wanted, windows)
        assert reserve(memory, *call, until=wanted + patience) == reserve(real, *call, until=wanted + patience)


def test_counts_of_places_are_forgotten_in_time(valkey: Redis) -> None:
    reserve(Case(RedisRuntime(valkey), time.sleep), 0, (Window("order", SECOND, 2), Window("order", DAY, 2)))

    lives = sorted(valkey.ttl(key) for key in valkey.keys("rate:kite:A1:*"))
    assert len(lives) == 2
    assert 0 < lives[0] <= 601 < lives[1] <= DAY + 600


# --- hints ----------------------------------------------------------------------------------------


def book(case: Case, strategy_id: UUID, *moments: float) -> list[float | None]:
    """The waits for hints that are asked for at these seconds."""
    waits = [case.runtime.book_hint(strategy_id, MOMENT + seconds(moment), seconds(1)) for moment in moments]
    return [None if wait is None else wait.total_seconds() for wait in waits]


def test_hints_are_never_closer_than_their_interval(case: Case) -> None:
    assert book(case, uuid4(), 0, 0.25, 1.5, 4) == [0, 0.75, 0.5, 0]


def test_a_hint_still_to_be_given_covers_what_comes_before_it(case: Case) -> None:
    assert book(case, uuid4(), 0, 0.25, 0.3, 0.999, 1.0) == [0, 0.75, None, None, 1]


def test_hints_of_different_strategies_do_not_meet(case: Case) -> None:
    assert book(case, uuid4(), 0) == book(case, uuid4(), 0) == [0]


# --- away -----------------------------------------------------------------------------------------


@pytest.fixture
def memory_away() -> RedisRuntime | MemoryRuntime:
    runtime = MemoryRuntime()
    runtime.is_down = True
    return runtime


@pytest.fixture
def valkey_away() -> Iterator[RedisRuntime | MemoryRuntime]:
    client = make_redis_client("127.0.0.1", free_port(), tls=False)
    yield RedisRuntime(client)
    client.close()


CALLS: dict[str, Callable[[RedisRuntime | MemoryRuntime, Strategy], object]] = {
    "lock": lambda runtime, strategy: runtime.lock(strategy.strategy_id, seconds=1),
    "unlock": lambda runtime, strategy: runtime.unlock(strategy.strategy_id, "token"),
    "put_strategy": lambda runtime, strategy: runtime.put_strategy(strategy),
    "put_cycle": lambda runtime, strategy: runtime.put_cycle(cycle_of(strategy)),
    "put_price": lambda runtime, _: runtime.put_price("TCS", Decimal(1), MOMENT),
    "forget": lambda runtime, strategy: runtime.forget(strategy),
    "read_strategies": lambda runtime, strategy: runtime.read_strategies([strategy.strategy_id])[0],
    "read_cycles": lambda runtime, strategy: runtime.read_cycles([strategy.strategy_id])[0],
    "last_price": lambda runtime, _: runtime.last_price("TCS"),
    "book_hint": lambda runtime, strategy: runtime.book_hint(strategy.strategy_id, MOMENT, timedelta(seconds=1)),
    "sight": lambda runtime, _: runtime.sight(),
    "report_sight": lambda runtime, _: runtime.report_sight(MOMENT),
    "announce": lambda runtime, strategy: runtime.announce(a_change(strategy)),
    "reserve": lambda runtime, _: runtime.reserve("kite:A1", MOMENT, ENTRIES, until=MOMENT, margin=MARGIN),
}


@pytest.mark.parametrize("store", ["memory_away", "valkey_away"])
@pytest.mark.parametrize("call", CALLS)
def test_every_call_says_that_the_store_is_away(request: pytest.FixtureRequest, store: str, call: str) -> None:
    runtime: RedisRuntime | MemoryRuntime = request.getfixturevalue(store)

    with pytest.raises(RedisDown):
        CALLS[call](runtime, running_strategy())


def test_an_answer_that_was_lost_does_not_lock_its_own_caller_out(valkey: Redis) -> None:
    # given a script that ran, whose answer never came, and that the client therefore sends again
    from algotrading.adapters.redis_scripts import LOCK

    script, keys = valkey.register_script(LOCK), ["runtime:x:lock", "runtime:x"]

    assert script(keys=keys, args=["token", "30000"]) == 1
    assert script(keys=keys, args=["token", "30000"]) == 1
    assert script(keys=keys, args=["another", "30000"]) == 0


def test_the_lock_in_the_store_has_its_expiry(valkey: Redis) -> None:
    strategy_id = uuid4()
    RedisRuntime(valkey).lock(strategy_id, seconds=30)

    left = timedelta(milliseconds=valkey.pttl(f"runtime:{strategy_id}:lock"))
    assert timedelta(0) < left <= timedelta(seconds=30)
