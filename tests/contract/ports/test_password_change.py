"""ports.Logins.change_password: another password by the old one."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from algotrading.domain.audit import AuditKind
from algotrading.domain.email_links import LinkPurpose
from algotrading.domain.errors import AccountLocked, AuthenticationFailed
from algotrading.domain.logins import LOGIN_LASTS, DeviceLogin
from tests.contract.ports.conftest import Stores
from tests.contract.ports.test_email_links import NEW, add_link, kinds_of, with_other_ways
from tests.fakes.examples import MOMENT


def begin(stores: Stores, user_id: object) -> DeviceLogin:
    login = DeviceLogin(uuid4(), user_id, "phone", MOMENT, MOMENT, MOMENT + LOGIN_LASTS)  # type: ignore[arg-type]
    stores.logins.begin(login, login.device_id.bytes * 2, "hash")
    return login


def test_it_ends_every_login_but_the_one_that_changed_it_and_voids_links(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()
    here, _, _, elsewhere = (begin(stores, each.user_id) for each in (user, user, user, other))
    link = add_link(stores, user.user_id, LinkPurpose.RESET_PASSWORD)
    verifying = add_link(stores, user.user_id, LinkPurpose.VERIFY_EMAIL, "another")

    ended = stores.logins.change_password(user.user_id, here.device_id, "hash", NEW, MOMENT)

    login = stores.users.find_login(user.email)
    assert login is not None
    assert (ended, login.password_hash) == (2, NEW)
    assert [each.device_id for each in stores.logins.alive(user.user_id, MOMENT)] == [here.device_id]
    assert [each.device_id for each in stores.logins.alive(other.user_id, MOMENT)] == [elsewhere.device_id]
    assert not stores.email_links.is_good(user.user_id, LinkPurpose.RESET_PASSWORD, link, MOMENT)
    assert stores.email_links.is_good(user.user_id, LinkPurpose.VERIFY_EMAIL, verifying, MOMENT)
    kinds = kinds_of(stores, user.user_id)
    assert kinds[3:] == [AuditKind.PASSWORD_CHANGED, AuditKind.LOGIN_ENDED, AuditKind.LOGIN_ENDED]


def test_it_is_told_with_what_goes_on_without_it(stores: Stores) -> None:
    user, _ = with_other_ways(stores)

    stores.logins.change_password(user.user_id, None, "hash", NEW, MOMENT)

    notice = stores.notifications.inbox(user.user_id, limit=1, before=None)[0]
    assert notice.kind == "password_changed"
    assert "by the old one" in notice.text
    assert "1 API key, 2 viewers, 1 channel outside of the app" in notice.text


def test_only_instead_of_the_password_that_was_checked(stores: Stores) -> None:
    user, locked = stores.add_user(), stores.add_user()
    stores.administration.lock(locked.user_id, by="support", reason="stolen", now=MOMENT)

    with pytest.raises(AuthenticationFailed):
        stores.logins.change_password(user.user_id, None, "the hash of before", NEW, MOMENT)
    with pytest.raises(AuthenticationFailed):
        stores.logins.change_password(uuid4(), None, "hash", NEW, MOMENT)
    with pytest.raises(AccountLocked):
        stores.logins.change_password(locked.user_id, None, "hash", NEW, MOMENT)

    login = stores.users.find_login(user.email)
    assert login is not None
    assert login.password_hash == "hash"
    notice = stores.outbox.claim(user.user_id, MOMENT, lease=timedelta(seconds=30))
    assert notice is None
