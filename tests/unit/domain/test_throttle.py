"""What tries are counted by: an account, an address, a device that the account knows."""

from __future__ import annotations

from uuid import uuid4

from algotrading.domain.throttle import suspects_of_account, suspects_of_forgotten_password, suspects_of_login

OWNER, HOME, DEVICE = "owner@example.com", "203.0.113.5", uuid4()


def test_an_account_is_the_same_in_whatever_case_its_email_is_typed() -> None:
    assert suspects_of_account(OWNER, HOME) == suspects_of_account("Owner@EXAMPLE.com", HOME)
    assert suspects_of_account(OWNER, HOME) != suspects_of_account("other@example.com", HOME)


def test_what_a_known_device_is_counted_by_nobody_elsewhere_spends() -> None:
    for suspects_of in (suspects_of_login, suspects_of_forgotten_password):
        of_device = suspects_of(OWNER, HOME, DEVICE)

        for elsewhere in (suspects_of(OWNER, "198.51.100.7"), suspects_of(OWNER, "198.51.100.7", uuid4())):
            assert not set(of_device) & set(elsewhere)
        # And whoever holds the device tries as often as whoever knows the account's e-mail alone.
        assert of_device[0].free == suspects_of(OWNER, HOME)[0].free
        assert of_device[-1] == suspects_of(OWNER, HOME)[-1], "counted by the address, too"
