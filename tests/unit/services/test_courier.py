"""Notices reach their users at least once and in order, wherever deliverers die and whatever the channel does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrading.domain.delivery import LEASE, PATIENCE, STUCK_AFTER, pause_after
from algotrading.domain.notices import NoticeKind
from algotrading.ports import Notice
from algotrading.services.courier import Courier
from tests.fakes.clock import VirtualClock
from tests.fakes.cloud import MemoryMeter, MemoryNotifier
from tests.fakes.database import MemoryDatabase
from tests.fakes.ledger import MemoryOutbox
from tests.fakes.trading_world import TradingWorld


class Killed(BaseException):
    """The deliverer's process is gone."""


class MortalPort:
    """A port whose caller dies at one of the calls that go through any port of the same `life`."""

    def __init__(self, port: object, life: list[tuple[str, bool]], dies_at: int, *, after: bool) -> None:
        self._port = port
        self._life = life
        self._dies_at = dies_at
        self._after = after

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **more: Any) -> Any:
            self._life.append((name, self._after))
            dies = len(self._life) == self._dies_at
            if dies and not self._after:
                raise Killed
            answer = getattr(self._port, name)(*arguments, **more)
            if dies:
                raise Killed
            return answer

        return call


class Post:
    """Two users' notices, and everything that delivers them."""

    def __init__(self, texts: Sequence[str] = ("one", "two", "three")) -> None:
        self.clock = VirtualClock()
        self.database = MemoryDatabase()
        self.outbox = MemoryOutbox(self.database)
        self.notifier = MemoryNotifier()
        self.meter = MemoryMeter()
        self.users = (uuid4(), uuid4())
        for text in texts:
            for user_id in self.users:
                self.write(user_id, text)

    def write(self, user_id: UUID, text: str) -> None:
        number = len(self.database.notices) + 1
        self.database.notices.append(Notice(number, user_id, None, NoticeKind.SOLD, text, self.clock.now()))

    def courier(self, outbox: Any = None, notifier: Any = None) -> Courier:
        return Courier(self.clock, outbox or self.outbox, notifier or self.notifier, self.meter)

    def told(self, user_id: UUID) -> list[str]:
        """What reached the user's channel."""
        return [notice.text for notice in self.notifier.published if notice.user_id == user_id]


@pytest.fixture
def post() -> Post:
    return Post()


class Choosy:
    """A channel that does not take some texts, or takes nothing."""

    def __init__(self, notifier: MemoryNotifier, *refused: str) -> None:
        self.notifier = notifier
        self.refused = refused
        self.is_away = False
        self.tried = 0

    def publish(self, notice: Notice) -> None:
        self.tried += 1
        if self.is_away or notice.text in self.refused:
            raise RuntimeError("InvalidParameter")
        self.notifier.publish(notice)


@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("dies_at", range(1, 12))
def test_wherever_a_deliverer_dies_every_notice_arrives_in_order(post: Post, dies_at: int, after: bool) -> None:
    # Given three notices, which take a claim, a delivery and a note each, and one last look: ten calls
    user_id, life = post.users[0], list[tuple[str, bool]]()
    mortal = post.courier(
        MortalPort(post.outbox, life, dies_at, after=after), MortalPort(post.notifier, life, dies_at, after=after)
    )

    # When the deliverer dies at one of them, and another one comes at once and then when the lease is over
    try:
        mortal.deliver(user_id)
    except Killed:
        assert dies_at <= 10
    else:
        assert dies_at > 10
    post.courier().deliver(user_id)
    post.clock.sleep(LEASE.total_seconds())
    post.courier().deliver(user_id)

    # Then all have arrived, in their order; one of them perhaps twice, under the same number
    told = post.told(user_id)
    assert list(dict.fromkeys(told)) == ["one", "two", "three"]
    assert len(told) <= 4
    assert post.outbox.stuck(post.clock.now() + timedelta(seconds=1)) == 3  # the other user's


def test_somebody_who_comes_while_a_notice_is_being_delivered_delivers_none_of_that_user(post: Post) -> None:
    user_id, other = post.users

    class Slow:
        def publish(self, notice: Notice) -> None:
            if notice.text == "one":
                assert post.courier().deliver(user_id) == 0
                assert post.courier().deliver(other) == 3
            post.notifier.publish(notice)

    assert post.courier(notifier=Slow()).deliver(user_id) == 3
    assert post.told(user_id) == ["one", "two", "three"]


def test_a_notice_that_fails_is_tried_later_and_before_the_next(post: Post) -> None:
    user_id = post.users[0]
    channel = Choosy(post.notifier)
    channel.is_away = True

    assert post.courier(notifier=channel).deliver(user_id) == 0
    assert post.courier(notifier=channel).deliver(user_id) == 0
    assert channel.tried == 1  # backing off
    channel.is_away = False
    post.clock.sleep(pause_after(1).total_seconds())

    assert post.courier(notifier=channel).deliver(user_id) == 3
    assert post.told(user_id) == ["one", "two", "three"]


def test_a_notice_that_the_channel_never_takes_does_not_keep_the_rest_for_ever(post: Post) -> None:
    user_id = post.users[0]
    channel = Choosy(post.notifier, "one")

    for attempt in range(1, PATIENCE + 1):
        assert post.told(user_id) == []
        post.courier(notifier=channel).deliver(user_id)
        post.clock.sleep(pause_after(attempt).total_seconds())

    assert post.told(user_id) == ["two", "three"]
    channel.refused = ()
    post.clock.sleep(pause_after(PATIENCE + 1).total_seconds())
    post.courier(notifier=channel).deliver(user_id)
    assert post.told(user_id) == ["two", "three", "one"]


def test_whoever_has_other_work_does_not_fail_over_a_notice(post: Post) -> None:
    class Broken:
        def claim(self, *_: Any, **__: Any) -> Notice | None:
            raise RuntimeError("the database is away")

    post.courier(outbox=Broken()).deliver_promptly(post.users[0])

    assert post.meter.counts["NoticeDelayed"] == 1


@given(attempts=st.integers(0, 10_000))
def test_pauses_grow_and_stay_within_a_quarter_of_an_hour(attempts: int) -> None:
    assert timedelta(seconds=10) <= pause_after(attempts) <= pause_after(attempts + 1) <= timedelta(minutes=15)


# --- who delivers -----------------------------------------------------------------------------------


def test_an_executor_delivers_what_it_wrote_as_soon_as_it_is_done() -> None:
    world = TradingWorld()
    strategy = world.add_running()

    world.buy(strategy)

    assert [notice.kind for notice in world.notifier.published] == ["buy_accepted", "bought"]
    assert world.database.delivered == {1, 2}


def test_an_executor_that_cannot_deliver_has_traded_all_the_same_and_converge_delivers() -> None:
    world = TradingWorld()
    real, channel = world.notifier, Choosy(world.notifier)
    channel.is_away = True
    world.notifier = channel  # type: ignore[assignment]

    cycle = world.buy(world.add_running())

    assert cycle.bought == 10
    assert real.published == []
    channel.is_away = False
    world.clock.sleep(60)
    assert world.converge.run().notices_delivered == 2
    assert [notice.kind for notice in real.published] == ["buy_accepted", "bought"]


def test_one_users_notice_that_fails_keeps_no_other_user_waiting() -> None:
    world = TradingWorld()
    post = Post()
    world.database.notices.extend(post.database.notices)
    world.database.notices[0] = Notice(1, post.users[0], None, NoticeKind.SOLD, "poison", world.clock.now())
    channel = Choosy(world.notifier, "poison")
    real, world.notifier = world.notifier, channel  # type: ignore[assignment]

    repairs = world.converge.run()

    assert repairs.failures == 0
    assert [notice.text for notice in real.published] == ["one", "two", "three"]
    assert {notice.user_id for notice in real.published} == {post.users[1]}


def test_once_the_channel_is_away_converge_does_not_wait_for_it_again_and_again() -> None:
    world = TradingWorld()
    for number in range(1, 21):
        world.database.notices.append(Notice(number, uuid4(), None, NoticeKind.SOLD, "text", world.clock.now()))
    channel = Choosy(world.notifier)
    channel.is_away = True
    world.notifier = channel  # type: ignore[assignment]

    world.converge.run()

    assert channel.tried == 3


def test_a_notice_that_has_not_arrived_for_long_wakes_somebody() -> None:
    world = TradingWorld()
    world.database.notices.append(Notice(1, world.user_id, None, NoticeKind.SOLD, "poison", world.clock.now()))
    world.notifier = Choosy(world.notifier, "poison")  # type: ignore[assignment]

    world.converge.run()
    assert "NoticeStuck" not in world.meter.counts
    world.clock.sleep(STUCK_AFTER.total_seconds() + 1)
    world.converge.run()

    assert world.meter.counts["NoticeStuck"] == 1
