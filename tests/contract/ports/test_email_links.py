"""ports.EmailLinks: good once, for one thing, for one user, for a while."""

from __future__ import annotations

import threading
from datetime import timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import pytest

from algotrading.domain.accounts import User
from algotrading.domain.api_keys import ApiKey, Scope
from algotrading.domain.audit import AuditKind
from algotrading.domain.email_links import LASTS, LinkPurpose
from algotrading.domain.errors import LinkInvalid
from algotrading.domain.logins import LOGIN_LASTS, DeviceLogin
from algotrading.domain.notifications import Channel, ChannelSetup
from algotrading.domain.push import PushDevice
from algotrading.domain.roles import INVITATION_LASTS, ViewerGrant
from algotrading.domain.second_factor import SecondFactor
from algotrading.domain.sessions import trading_day_of
from tests.contract.ports.conftest import Stores
from tests.fakes.examples import MOMENT

RESET, VERIFY = LinkPurpose.RESET_PASSWORD, LinkPurpose.VERIFY_EMAIL
NEW = "new hash"


def add_link(stores: Stores, user_id: UUID, purpose: LinkPurpose, name: str = "link") -> bytes:
    token_hash = sha256(name.encode()).digest()
    stores.email_links.add(user_id, purpose, token_hash, now=MOMENT, expires_at=MOMENT + LASTS[purpose])
    return token_hash


def log_in(stores: Stores, user_id: UUID) -> None:
    login = DeviceLogin(uuid4(), user_id, "phone", MOMENT, MOMENT, MOMENT + LOGIN_LASTS)
    stores.logins.begin(login, sha256(login.device_id.bytes).digest(), "hash")


def kinds_of(stores: Stores, user_id: UUID) -> list[str]:
    """What the user's chain holds, oldest first."""
    begins, ends = MOMENT - timedelta(days=1), MOMENT + timedelta(days=1)
    found = stores.audit_trail.of_strategy(user_id, uuid4(), trading_day_of(MOMENT), begins=begins, ends=ends)
    return [record.kind for record in found]


def test_a_link_is_good_for_its_purpose_until_its_time(stores: Stores) -> None:
    user = stores.add_user()
    link = add_link(stores, user.user_id, RESET)
    last = MOMENT + LASTS[RESET] - timedelta(seconds=1)

    assert stores.email_links.is_good(user.user_id, RESET, link, last)
    assert not stores.email_links.is_good(user.user_id, RESET, link, MOMENT + LASTS[RESET])
    assert not stores.email_links.is_good(user.user_id, VERIFY, link, MOMENT)
    assert not stores.email_links.is_good(user.user_id, RESET, bytes(32), MOMENT)
    assert not stores.email_links.is_good(stores.add_user().user_id, RESET, link, MOMENT)


def test_a_reset_changes_the_password_ends_every_login_and_leaves_the_second_factor(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()
    for each in (user, user, other):
        log_in(stores, each.user_id)
    factor = SecondFactor(user.user_id, "sealed", MOMENT)
    stores.second_factors.begin(factor)
    stores.second_factors.confirm(factor, 1, [bytes(32)], MOMENT)
    link = add_link(stores, user.user_id, RESET)

    stores.email_links.reset_password(user.user_id, link, NEW, MOMENT)

    login = stores.users.find_login(user.email)
    left = stores.second_factors.find(user.user_id)
    assert login is not None
    assert login.password_hash == NEW
    assert list(stores.logins.alive(user.user_id, MOMENT)) == []
    assert len(stores.logins.alive(other.user_id, MOMENT)) == 1
    assert left is not None
    assert left.is_on


def test_a_reset_is_told_and_on_record_and_shows_that_mail_arrives(stores: Stores) -> None:
    user = stores.add_user()
    log_in(stores, user.user_id)

    stores.email_links.reset_password(user.user_id, add_link(stores, user.user_id, RESET), NEW, MOMENT)

    notice = stores.outbox.claim(user.user_id, MOMENT, lease=timedelta(seconds=30))
    assert notice is not None
    assert (notice.kind, notice.strategy_id) == ("password_changed", None)
    assert stores.users.get(user.user_id).email_verified_at == MOMENT
    assert kinds_of(stores, user.user_id) == [
        AuditKind.LOGGED_IN,
        AuditKind.PASSWORD_RESET,
        AuditKind.EMAIL_VERIFIED,
        AuditKind.LOGIN_ENDED,
    ]


def _told(stores: Stores, user_id: UUID) -> list[tuple[str, str]]:
    """The user's inbox, oldest first."""
    return [(each.kind, each.text) for each in reversed(stores.notifications.inbox(user_id, limit=20, before=None))]


def with_other_ways(stores: Stores, *, is_verified: bool = True) -> tuple[User, User]:
    """A user with two API keys, of which one is over, a viewer, an invitation and a webhook; and the viewer."""
    user, viewer = stores.add_user(), stores.add_user()
    if is_verified:
        stores.email_links.verify_email(user.user_id, add_link(stores, user.user_id, VERIFY, user.email), MOMENT)
    for name, made_at in (("script", MOMENT), ("over", MOMENT - timedelta(days=1))):
        key = ApiKey(uuid4(), user.user_id, name, frozenset({Scope.READ}), made_at, made_at + timedelta(days=1))
        stores.api_keys.add(key, sha256(key.key_id.bytes).digest())
    for name in ("accountant", "nobody yet"):
        grant = ViewerGrant(uuid4(), user.user_id, name, user.email, MOMENT, MOMENT + INVITATION_LASTS)
        stores.viewers.invite(grant, sha256(name.encode() + user.user_id.bytes).digest())
    stores.viewers.accept(user.user_id, sha256(b"accountant" + user.user_id.bytes).digest(), viewer, MOMENT)
    hook = ChannelSetup(user.user_id, Channel.WEBHOOK, "https://example.com", MOMENT, "sealed", confirmed_at=MOMENT)
    stores.notifications.save_setup(hook)
    return user, viewer


def test_what_opens_the_account_without_the_password_is_named_when_that_is_changed(stores: Stores) -> None:
    user, _ = with_other_ways(stores)

    stores.email_links.reset_password(user.user_id, add_link(stores, user.user_id, RESET), NEW, MOMENT)

    kind, text = _told(stores, user.user_id)[-1]
    assert kind == "password_changed"
    assert "1 API key, 2 viewers, 1 channel outside of the app" in text
    assert (
        "a key can be revoked (DELETE /account/keys/{id}),"
        " a viewer can be removed (DELETE /account/viewers/{id}), channels are" in text
    )
    assert len(stores.api_keys.of_user(user.user_id)) == 2
    assert len(stores.viewers.of_account(user.user_id, MOMENT)) == 2


def test_a_reset_can_end_keys_and_viewers_with_it(stores: Stores) -> None:
    (user, viewer), (other, _) = with_other_ways(stores), with_other_ways(stores)
    link = add_link(stores, user.user_id, RESET)

    stores.email_links.reset_password(user.user_id, link, NEW, MOMENT, revoke_access=True)

    assert stores.api_keys.of_user(user.user_id) == []
    assert stores.viewers.of_account(user.user_id, MOMENT) == []
    assert not stores.standings.enter(user.user_id, viewer.user_id, "GET /api/v1/strategy", MOMENT)
    text = _told(stores, user.user_id)[-1][1]
    assert "goes on without it: 1 channel outside of the app;" in text
    assert "switched off in the app, under Inbox" in text
    assert "/account/" not in text
    kinds = [each.kind for each, _ in stores.system_audit_trail.chains() if each.user_id == user.user_id]
    assert (kinds.count(AuditKind.API_KEY_REVOKED), kinds.count(AuditKind.VIEWER_REMOVED)) == (2, 2)
    assert len(stores.api_keys.of_user(other.user_id)) == 2
    assert len(stores.viewers.of_account(other.user_id, MOMENT)) == 2


def test_the_reset_that_confirms_the_address_first_ends_keys_viewers_and_channels_unasked(stores: Stores) -> None:
    # Whoever opened the account, in the time before addresses were confirmed first, may not be who reads its mail.
    (user, _), (other, _) = (with_other_ways(stores, is_verified=False) for _ in range(2))
    stores.notifications.save_setup(ChannelSetup(user.user_id, Channel.TELEGRAM, "stranger", MOMENT))
    log_in(stores, user.user_id)
    [login] = stores.logins.alive(user.user_id, MOMENT)
    stores.push_devices.register(PushDevice(user.user_id, login.device_id, bytes(32), "sealed", MOMENT))

    stores.email_links.reset_password(user.user_id, add_link(stores, user.user_id, RESET), NEW, MOMENT)

    assert stores.users.get(user.user_id).is_email_verified
    assert stores.api_keys.of_user(user.user_id) == []
    assert stores.viewers.of_account(user.user_id, MOMENT) == []
    assert list(stores.notifications.setups(user.user_id)) == []
    assert not stores.push_devices.remove(user.user_id, login.device_id, MOMENT), "it is gone already"
    kinds = [each.kind for each, _ in stores.system_audit_trail.chains() if each.user_id == user.user_id]
    assert kinds.count(AuditKind.CHANNEL_REMOVED) == 2
    assert "channel" not in _told(stores, user.user_id)[-1][1]
    assert len(stores.notifications.setups(other.user_id)) == 1


def test_whoever_gets_into_an_account_by_another_way_is_told_to_its_owner(stores: Stores) -> None:
    user, viewer = with_other_ways(stores)

    kinds = ["api_key_made", "api_key_made", "viewer_joined", "channel_set"]
    assert [kind for kind, _ in _told(stores, user.user_id)] == kinds
    (_, first), _, (_, joined), (_, channel) = _told(stores, user.user_id)
    assert '"script"' in first
    assert viewer.email not in joined, "it would stay when the viewer is gone"
    assert '"accountant"' in joined
    assert "goes to the" in channel
    assert _told(stores, viewer.user_id) == []


@pytest.mark.parametrize("used", ["first", "second"])
def test_a_used_link_uses_up_the_others_that_were_sent(stores: Stores, used: str) -> None:
    user = stores.add_user()
    links = {name: add_link(stores, user.user_id, RESET, name) for name in ("first", "second")}
    verifying = add_link(stores, user.user_id, VERIFY, "another")

    stores.email_links.reset_password(user.user_id, links[used], NEW, MOMENT)

    for link in links.values():
        with pytest.raises(LinkInvalid):
            stores.email_links.reset_password(user.user_id, link, "newer", MOMENT)
    assert stores.users.find_login(user.email).password_hash == NEW  # type: ignore[union-attr]
    assert stores.email_links.is_good(user.user_id, VERIFY, verifying, MOMENT)


@pytest.mark.parametrize("wrong", ["nobody's", "another user's", "of another purpose", "too old"])
def test_what_is_no_link_changes_nothing(stores: Stores, wrong: str) -> None:
    user, other = stores.add_user(), stores.add_user()
    log_in(stores, user.user_id)
    links = {
        "nobody's": bytes(32),
        "another user's": add_link(stores, other.user_id, RESET, "hers"),
        "of another purpose": add_link(stores, user.user_id, VERIFY, "other purpose"),
        "too old": add_link(stores, user.user_id, RESET, "old"),
    }
    now = MOMENT + LASTS[RESET] if wrong == "too old" else MOMENT

    with pytest.raises(LinkInvalid):
        stores.email_links.reset_password(user.user_id, links[wrong], NEW, now)

    login = stores.users.find_login(user.email)
    assert login is not None
    assert login.password_hash == "hash"
    assert not stores.users.get(user.user_id).is_email_verified
    assert len(stores.logins.alive(user.user_id, now)) == 1


def test_an_email_is_verified_once(stores: Stores) -> None:
    user = stores.add_user()
    link = add_link(stores, user.user_id, VERIFY)
    assert not user.is_email_verified

    stores.email_links.verify_email(user.user_id, link, MOMENT)

    assert stores.users.get(user.user_id).is_email_verified
    assert kinds_of(stores, user.user_id) == [AuditKind.EMAIL_VERIFIED]
    with pytest.raises(LinkInvalid):
        stores.email_links.verify_email(user.user_id, link, MOMENT)


def test_of_many_uses_at_once_one_is_the_first(stores: Stores, request: pytest.FixtureRequest) -> None:
    user = stores.add_user()
    link = add_link(stores, user.user_id, RESET)
    outcomes: list[str] = []

    def use(name: str) -> None:
        try:
            stores.email_links.reset_password(user.user_id, link, name, MOMENT)
            outcomes.append(name)
        except LinkInvalid:
            outcomes.append("refused")

    threads = [threading.Thread(target=use, args=(f"hash {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    [winner] = [each for each in outcomes if each != "refused"]
    assert len(outcomes) == 4
    assert stores.users.find_login(user.email).password_hash == winner  # type: ignore[union-attr]
