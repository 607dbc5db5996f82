"""The kill switch: nothing more is bought once it has answered, all is sold, and the broker's book shows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest

from algotrading.adapters.postgres.database import TransactionFailed
from algotrading.contracts.messages import OrderEvent
from algotrading.domain.accounts import first_account_of
from algotrading.domain.cycle import Cycle, CycleState, ExitReason
from algotrading.domain.errors import Conflict
from algotrading.domain.flatness import FlatProof, ForeignPosition, NothingPlaced
from algotrading.domain.limits import LAST_LOOK
from algotrading.domain.orders import Holding, OrderTicket, Side
from algotrading.domain.sessions import trading_day_of
from algotrading.ports import Broker, Lane, RiskStanding
from algotrading.services.flatten import Flattener
from algotrading.services.kill_switch import SETTLING, KillSwitch
from algotrading.services.paced_broker import PacedBroker
from algotrading.services.verify_flat import FlatVerifier
from tests.fakes.examples import make_instrument
from tests.fakes.exchange import MemoryAccount, loses, trades
from tests.fakes.ledger import MemoryLedger
from tests.fakes.trading_world import TradingWorld


@pytest.fixture
def world() -> TradingWorld:
    return TradingWorld()


def switch(world: TradingWorld, ledger: MemoryLedger | None = None) -> KillSwitch:
    flattener = Flattener(world.risks, world.ledger, world.queue)
    return KillSwitch(world.risks, ledger or world.ledger, flattener, world.clock, world.meter)


def work(world: TradingWorld) -> None:
    """Let a worker handle everything in the priority lane."""
    while (message := world.queue.receive(Lane.PRIORITY)) is not None:
        world.executor.handle(message.command)
        world.queue.delete(Lane.PRIORITY, message)


def asked(world: TradingWorld) -> list[OrderEvent]:
    return [command.event for lane, command in world.queue.sent if lane is Lane.PRIORITY]


def standing(world: TradingWorld) -> RiskStanding:
    now = world.clock.now()
    return world.risks.standing(world.user_id, trading_day_of(now), now)


def account(world: TradingWorld) -> MemoryAccount:
    (one,) = world.exchange._accounts.values()
    return one


def test_a_kill_sells_what_is_held_and_proves_it_from_the_brokers_book(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.buy(strategy)
    since = world.clock.now()

    killed = switch(world).kill(world.user_id, "enough")
    work(world)

    cycle, proof = world.cycle(strategy), standing(world).flat
    assert (killed.flattening, killed.lock.reason) == (1, "enough")
    assert (cycle.state, cycle.claim, cycle.open_quantity) == (CycleState.FLAT, ExitReason.KILL, 0)
    assert isinstance(proof, FlatProof)
    assert proof.foreign == ()
    assert proof.milliseconds == round((proof.at - since).total_seconds() * 1000) > 0
    assert [kind for kind in world.told() if kind in {"killed", "sold", "verified_flat"}] == [
        "killed",
        "sold",
        "verified_flat",
    ]
    assert len(world.meter.durations["KillToFlat"]) == 1


def test_the_switch_answers_only_after_the_last_entry_may_have_left(world: TradingWorld) -> None:
    before = world.clock.now()

    switch(world).kill(world.user_id, None)

    assert world.clock.now() - before >= SETTLING


def test_the_times_are_those_that_are_documented() -> None:
    document = Path(__file__).parents[3].joinpath("docs", "risk.md").read_text(encoding="utf-8")

    assert timedelta(seconds=1) == LAST_LOOK
    assert timedelta(seconds=1.25) == SETTLING
    assert "at most `LAST_LOOK` = 1 s after" in document
    assert "the switch waits 1.25 s after its lock is stored" in document


def test_a_position_that_came_in_between_is_sold_too(world: TradingWorld) -> None:
    # given an entry that left just before the switch looked, and is seen by its second look only
    strategy = world.add_running()
    late = _SeesLate(world)

    killed = switch(world, late).kill(world.user_id, None)
    work(world)

    assert killed.flattening == 1
    assert world.cycle(strategy).state is CycleState.FLAT
    assert isinstance(standing(world).flat, FlatProof)


def test_a_look_that_fails_is_no_error_of_the_kill_and_the_next_look_sells(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.buy(strategy)

    killed = switch(world, _FailsAt(world, 1)).kill(world.user_id, None)
    work(world)

    assert killed.flattening == 1
    assert world.cycle(strategy).claim is ExitReason.KILL
    assert world.meter.counts["PublishFailed"] == 1


def test_what_was_asked_for_is_counted_and_nothing_else(world: TradingWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.buy(world.add_running())
    assert switch(world, _FailsAt(world, 2)).kill(world.user_id, None).flattening == 1

    monkeypatch.setattr(world.queue, "send", _fail)
    assert switch(world).kill(world.user_id, None).flattening == 0


def test_pressing_twice_is_pressing_once(world: TradingWorld) -> None:
    world.buy(world.add_running())
    first = switch(world).kill(world.user_id, "enough")

    second = switch(world).kill(world.user_id, "again")
    work(world)

    assert second.lock == first.lock
    assert len(world.sent(Side.SELL)) == 1
    assert world.told().count("killed") == 1


def test_where_nothing_was_placed_the_broker_is_not_asked_and_nothing_is_claimed_of_it(world: TradingWorld) -> None:
    world.add_running()

    killed = switch(world).kill(world.user_id, None)

    assert killed.flattening == 0
    assert asked(world) == []
    assert standing(world).flat == NothingPlaced(world.clock.now())
    assert world.told() == ["killed", "nothing_placed"]
    text = world.database.notices[-1].text
    assert "The broker was not asked" in text
    assert "book" not in text
    assert world.database.audit[-1].kind == "nothing_placed"
    assert "KillToFlat" not in world.meter.durations

    # and it is said once, and alarms nobody
    world.clock.sleep(300)
    world.converge.run()
    assert world.told() == ["killed", "nothing_placed"]
    assert "KillNotFlat" not in world.meter.counts


def test_a_user_who_is_flat_already_has_it_proven_by_the_broker(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.buy(strategy)
    world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))

    switch(world).kill(world.user_id, None)
    epoch = world.cycle(strategy).epoch
    assert standing(world).flat is None
    work(world)

    assert isinstance(standing(world).flat, FlatProof)
    assert world.cycle(strategy).epoch == epoch, "a proof takes no cycle away from anybody"


def test_an_idle_cycle_buys_nothing_that_day(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.ledger.take(strategy, trading_day_of(world.clock.now()))

    world.executor.handle(world.command(strategy, OrderEvent.KILL))

    assert world.cycle(strategy).state is CycleState.FLAT
    assert world.told() == ["entry_blocked"]


def test_an_entry_that_waits_is_left_to_withdraw_itself(world: TradingWorld) -> None:
    # given an entry written down, two seconds before its instant, by a worker that holds the strategy's lock
    strategy = world.add_running()
    world.clock.sleep_until(world.at(time(9, 29, 58)))
    cycle = world.ledger.take(strategy, trading_day_of(world.clock.now()))
    _write_entry(world, cycle, world.at(time(9, 30)))
    world.risks.lock(world.user_id, by="its owner", reason=None, now=world.clock.now())

    # when the kill arrives, then it lets the instant pass before it takes the cycle
    epoch = world.cycle(strategy).epoch
    executor = world.make_executor(_NotesTakes(world))
    executor.handle(world.command(strategy, OrderEvent.KILL))

    (taken_at,) = executor.desk.ledger.takes  # type: ignore[attr-defined]
    assert taken_at >= world.at(time(9, 30))
    assert world.cycle(strategy).epoch == epoch + 1


def test_a_position_of_the_traders_own_is_reported_and_left_alone(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.buy(strategy)
    own = OrderTicket("NSE", "TCS", Side.BUY, 7, strategy.plan.product, "by-hand")
    world.exchange.place(account(world), own, trades())

    switch(world).kill(world.user_id, None)
    work(world)

    proof = standing(world).flat
    assert isinstance(proof, FlatProof)
    assert proof.foreign == (ForeignPosition("NSE", "TCS", "MIS", 7),)
    assert [ticket.quantity for ticket in world.sent(Side.SELL)] == [10]


def test_without_a_login_nothing_is_claimed_and_converge_goes_on_asking(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.buy(strategy)
    world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))
    world.log_out_of_broker()
    switch(world).kill(world.user_id, None)
    work(world)
    assert standing(world).flat is None

    world.clock.sleep(120)
    world.converge.run()
    assert "KillNotFlat" not in world.meter.counts  # it may still come
    world.clock.sleep(120)
    before = len(asked(world))
    world.converge.run()

    assert OrderEvent.KILL in asked(world)[before:]
    assert world.meter.counts["KillNotFlat"] == 1


def test_converge_asks_again_each_minute_for_what_is_still_held(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.buy(strategy)
    world.risks.lock(world.user_id, by="its owner", reason=None, now=world.clock.now())

    for _ in range(2):
        world.clock.sleep(60)
        world.converge.run()

    assert asked(world).count(OrderEvent.KILL) == 2
    work(world)
    assert world.cycle(strategy).state is CycleState.FLAT
    assert isinstance(standing(world).flat, FlatProof)


def test_release_is_refused_while_something_is_held_and_then_lets_the_next_entry_go(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.buy(strategy)
    kill = switch(world)
    kill.kill(world.user_id, None)

    with pytest.raises(Conflict, match="not settled"):
        kill.release(world.user_id)

    work(world)
    kill.release(world.user_id)
    kill.release(world.user_id)
    world.instruments.replace_all([make_instrument("TCS"), make_instrument("INFY")])
    later = world.add_running(symbol="INFY", buy_time=time(11), stop_loss=Decimal(50))
    assert world.buy(later).state is CycleState.LONG


def test_the_operators_switch_brings_every_user_flat(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.buy(strategy)
    world.risks.lock_deployment(by="ops", reason="exchange trouble", now=world.clock.now())

    world.converge.run()
    work(world)

    assert world.cycle(strategy).claim is ExitReason.KILL
    assert isinstance(standing(world).flat, FlatProof)
    assert "deployment_killed" in world.told()


def test_outside_the_session_nothing_is_asked_for(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.buy(strategy)
    world.clock.sleep_until(world.at(time(16, 0)))
    world.risks.lock(world.user_id, by="its owner", reason=None, now=world.clock.now())

    world.converge.run()

    assert OrderEvent.KILL not in asked(world)
    assert standing(world).flat is None


def test_what_was_not_proven_on_its_day_is_never_claimed_later(world: TradingWorld) -> None:
    # given a kill after a day's trading, which nobody could prove for want of a login
    strategy = world.add_running()
    world.buy(strategy)
    world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))
    world.log_out_of_broker()
    switch(world).kill(world.user_id, None)
    work(world)

    # when another day has come, and with it a broker's book that knows nothing of that one
    world.log_in_again(world.at(time(9, 20)) + timedelta(days=3))
    world.converge.run()
    work(world)

    assert standing(world).flat is None
    assert "KillNotFlat" not in world.meter.counts


class _SeesLate(MemoryLedger):
    """An entry leaves between the switch's two looks."""

    def __init__(self, world: TradingWorld) -> None:
        super().__init__(world.database)
        self._world, self._looks = world, 0

    def unsettled_of(self, user_id: object) -> Sequence[Cycle]:
        self._looks += 1
        if self._looks == 2:
            world = self._world
            (strategy,) = world.database.strategies.values()
            lock = world.database.kill_locks.pop(world.user_id)
            world.clock.sleep_until(world.at(time(9, 30)))
            world.executor.handle(world.command(strategy, OrderEvent.BUY, time(9, 30)))
            world.database.kill_locks[world.user_id] = lock
        return super().unsettled_of(user_id)  # type: ignore[arg-type]


class _FailsAt(MemoryLedger):
    """The database fails one of the switch's looks."""

    def __init__(self, world: TradingWorld, look: int) -> None:
        super().__init__(world.database)
        self._fails_at, self._looks = look, 0

    def unsettled_of(self, user_id: UUID) -> Sequence[Cycle]:
        self._looks += 1
        if self._looks == self._fails_at:
            _fail()
        return super().unsettled_of(user_id)


def _fail(*_: object) -> None:
    raise TransactionFailed("the database gave up a transaction")


class _NotesTakes(MemoryLedger):
    def __init__(self, world: TradingWorld) -> None:
        super().__init__(world.database)
        self._world = world
        self.takes: list[datetime] = []

    def take(self, strategy: object, trading_day: object) -> Cycle:
        self.takes.append(self._world.clock.now())
        return super().take(strategy, trading_day)  # type: ignore[arg-type]


def _write_entry(world: TradingWorld, cycle: Cycle, due: datetime) -> None:
    from algotrading.domain.effects import Decision, SendOrder
    from algotrading.domain.events import EntryDue
    from tests.fakes.examples import make_intent

    intent = replace(make_intent(cycle), created_at=due - timedelta(seconds=2), due_at=due)
    decision = Decision(replace(cycle, state=CycleState.ENTERING, intents=(intent,)), (SendOrder(intent.tag, due),))
    world.ledger.save(decision, event=EntryDue(world.clock.now(), due, Decimal(3600)), now=world.clock.now())


class _ReleasesMeanwhile:
    """A broker session during whose look the owner releases, a strategy buys, and the switch goes on again."""

    def __init__(self, session: PacedBroker, meanwhile: Callable[[], object]) -> None:
        self._session, self._meanwhile = session, meanwhile
        self.read_book = session.read_book

    def positions(self) -> Sequence[Holding]:
        """Read, and then it happens."""
        held = self._session.positions()
        self._meanwhile()
        return held


@pytest.mark.parametrize("is_locked_again", [True, False])
def test_a_proof_does_not_speak_of_the_time_after_a_release(world: TradingWorld, is_locked_again: bool) -> None:
    world.instruments.replace_all([make_instrument("TCS"), make_instrument("INFY")])
    world.exchange.prices["NSE:INFY"] = Decimal(3600)
    first, second = world.add_running(), world.add_running(symbol="INFY", buy_time=time(9, 40))
    world.buy(first)
    switch(world).kill(world.user_id, None)
    world.executor.handle(world.command(first, OrderEvent.STOPLOSS))
    session = world.executor.sessions.open(world.user_id, first_account_of(world.user_id))

    def release_and_buy() -> None:
        switch(world).release(world.user_id)
        world.buy(second)
        if is_locked_again:
            switch(world).kill(world.user_id, None)

    looking = cast("Broker", _ReleasesMeanwhile(session, release_and_buy))
    proof = FlatVerifier(world.risks, world.ledger, world.clock).verify(
        world.user_id, first_account_of(world.user_id), lambda _: looking
    )

    assert world.cycle(second).open_quantity == 10
    assert proof is None
    assert standing(world).flat is None
    assert "verified_flat" not in world.told()


def flat_by_its_stop(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.buy(strategy)
    world.clock.sleep(60)  # positions that lag by seconds still show what was bought
    world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))
    world.risks.lock(world.user_id, by="its owner", reason=None, now=world.clock.now())


def test_after_an_order_that_surfaced_late_it_is_proven_anew(world: TradingWorld) -> None:
    # given a buy that nobody could find for so long that it counted as never placed
    strategy = world.add_running()
    world.exchange.plan(loses(placed=True, appears_after=400))
    world.buy(strategy)
    while not world.cycle(strategy).is_settled:
        a_minute(world)
    switch(world).kill(world.user_id, None)
    work(world)
    before = standing(world).flat
    assert before is not None

    while world.cycle(strategy).bought == 0:
        a_minute(world)
    for _ in range(3):
        a_minute(world)

    after = standing(world).flat
    assert (world.cycle(strategy).state, world.cycle(strategy).sold) == (CycleState.FLAT, 10)
    assert isinstance(after, FlatProof)
    assert after.at > before.at
    assert world.told().count("verified_flat") == (2 if isinstance(before, FlatProof) else 1)


def a_minute(world: TradingWorld) -> None:
    world.clock.sleep(60)
    world.converge.run()
    work(world)


def test_positions_that_lag_are_not_taken_for_the_traders_own(world: TradingWorld) -> None:
    flat_by_its_stop(world)
    world.exchange.position_lag = 1.5

    proof = FlatVerifier(world.risks, world.ledger, world.clock).verify(
        world.user_id, first_account_of(world.user_id), partial(world.executor.sessions.open, world.user_id)
    )

    assert proof is not None
    assert proof.foreign == ()


def test_on_a_later_day_nothing_is_proven_and_nobody_is_asked_to(world: TradingWorld) -> None:
    flat_by_its_stop(world)
    world.log_in_again(world.at(time(10)) + timedelta(days=1))
    session = world.executor.sessions.open(world.user_id, first_account_of(world.user_id))
    before = len(asked(world))

    proof = FlatVerifier(world.risks, world.ledger, world.clock).verify(
        world.user_id, first_account_of(world.user_id), lambda _: session
    )
    world.converge.run()

    assert proof is None
    assert standing(world).flat is None
    assert OrderEvent.KILL not in asked(world)[before:]
