"""ports.Deliveries: each channel of a user in its own order, one deliverer at a time, with a log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from algotrading.domain.delivery import LEASE, PATIENCE
from algotrading.domain.notifications import Channel, Delivery, DeliveryState
from tests.contract.ports.conftest import Stores
from tests.contract.ports.test_notifications import tell
from tests.fakes.examples import MOMENT

EMAIL, WEBHOOK = Channel.EMAIL, Channel.WEBHOOK
SECOND = timedelta(seconds=1)


def told(stores: Stores, times: int = 2, channels: Sequence[Channel] = (EMAIL, WEBHOOK)) -> tuple[UUID, list[int]]:
    """A user whose notices wait for channels, and their numbers, oldest first."""
    user = stores.add_user()
    tell(stores, user.user_id, times)
    numbers = sorted(each.notice_id for each in stores.notifications.inbox(user.user_id, limit=99, before=None))
    for number in numbers:
        stores.deliveries.add(user.user_id, number, channels, MOMENT)
    return user.user_id, numbers


def claim(stores: Stores, user_id: UUID, channel: Channel = EMAIL, seconds: float = 0) -> Delivery | None:
    return stores.deliveries.claim(user_id, channel, MOMENT + seconds * SECOND, lease=LEASE)


def test_notices_are_claimed_in_order_channel_by_channel(stores: Stores) -> None:
    user_id, numbers = told(stores)

    first = claim(stores, user_id)
    assert first is not None
    assert (first.notice.notice_id, first.notice.text, first.attempts) == (numbers[0], "day 0", 1)
    assert claim(stores, user_id) is None, "somebody delivers it"
    other = claim(stores, user_id, WEBHOOK)
    assert other is not None
    assert other.notice.notice_id == numbers[0], "channels do not wait for each other"

    stores.deliveries.mark_delivered(first, MOMENT)
    second = claim(stores, user_id)
    assert second is not None
    assert second.notice.notice_id == numbers[1]


def test_a_channel_that_was_not_asked_for_has_nothing(stores: Stores) -> None:
    user_id, _ = told(stores, channels=[EMAIL])

    assert claim(stores, user_id, WEBHOOK) is None


def test_a_failed_one_holds_the_later_ones_up_for_a_while(stores: Stores) -> None:
    user_id, numbers = told(stores)
    first = claim(stores, user_id)
    assert first is not None
    stores.deliveries.mark_failed(first, "no answer", now=MOMENT, retry_at=MOMENT + 10 * SECOND)

    assert claim(stores, user_id, seconds=9) is None
    again = claim(stores, user_id, seconds=10)
    assert again is not None
    assert (again.notice.notice_id, again.attempts) == (numbers[0], 2)


def test_one_that_failed_often_holds_nobody_up(stores: Stores) -> None:
    user_id, numbers = told(stores)
    for _ in range(PATIENCE):
        delivery = claim(stores, user_id)
        assert delivery is not None
        stores.deliveries.mark_failed(delivery, "no", now=MOMENT, retry_at=MOMENT)
    last = claim(stores, user_id)
    assert last is not None
    stores.deliveries.mark_failed(last, "no", now=MOMENT, retry_at=MOMENT + SECOND)

    following = claim(stores, user_id)

    assert following is not None
    assert following.notice.notice_id == numbers[1]


def test_a_deliverer_that_died_leaves_its_delivery_to_the_next(stores: Stores) -> None:
    user_id, numbers = told(stores)
    dead = claim(stores, user_id)
    assert dead is not None
    after = LEASE.total_seconds()

    assert claim(stores, user_id, seconds=after - 1) is None
    alive = claim(stores, user_id, seconds=after)
    assert alive is not None
    assert alive.notice.notice_id == numbers[0]

    # Who is late changes nothing of the next one's.
    stores.deliveries.mark_failed(dead, "late", now=MOMENT, retry_at=None)
    stores.deliveries.mark_delivered(dead, MOMENT)
    assert {each.state for each in stores.deliveries.log(user_id, limit=99, before=None)} == {DeliveryState.WAITING}


def test_what_is_given_up_is_over(stores: Stores) -> None:
    user_id, _ = told(stores, times=1)
    delivery = claim(stores, user_id)
    assert delivery is not None

    stores.deliveries.mark_failed(delivery, "gone\x00for good", now=MOMENT, retry_at=None)

    assert claim(stores, user_id, seconds=10**6) is None
    email = next(each for each in stores.deliveries.log(user_id, limit=9, before=None) if each.channel is EMAIL)
    assert (email.state, email.attempts, email.ended_at) == (DeliveryState.GIVEN_UP, 1, MOMENT)
    assert email.last_error is not None
    assert email.last_error.startswith("gone")


def test_adding_again_changes_nothing(stores: Stores) -> None:
    user_id, numbers = told(stores, times=1)
    delivery = claim(stores, user_id)
    assert delivery is not None
    stores.deliveries.mark_delivered(delivery, MOMENT)

    stores.deliveries.add(user_id, numbers[0], [EMAIL, WEBHOOK], MOMENT + SECOND)

    assert claim(stores, user_id, seconds=1) is None
    assert len(stores.deliveries.log(user_id, limit=9, before=None)) == 2


def test_another_users_notice_is_not_delivered_to_me(stores: Stores) -> None:
    _, numbers = told(stores, times=1)
    thief = stores.add_user()

    stores.deliveries.add(thief.user_id, numbers[0], [EMAIL], MOMENT)

    assert claim(stores, thief.user_id) is None
    assert list(stores.deliveries.log(thief.user_id, limit=9, before=None)) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 99])
def test_the_log_is_read_page_by_page_without_a_gap(stores: Stores, limit: int) -> None:
    user_id, numbers = told(stores, times=4)
    seen: list[tuple[int, Channel]] = []
    before = None
    for _ in range(9):
        page = stores.deliveries.log(user_id, limit=limit, before=before)
        if not page:
            break
        seen += [(each.notice_id, each.channel) for each in page]
        before = page[-1].notice_id

    assert seen == [(number, channel) for number in reversed(numbers) for channel in (EMAIL, WEBHOOK)]
