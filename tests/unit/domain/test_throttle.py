"""What tries are counted by: an account, an address, a device that the account knows."""

from __future__ import annotations

from algotrading.domain.throttle import suspects_of_account, suspects_of_forgotten_password, suspects_of_login

OWNER, HOME = "owner@example.com", "203.0.113.5"


def test_an_account_is_the_same_in_whatever_case_its_email_is_typed() -> None:
    assert suspects_of_account(OWNER, HOME) == suspects_of_account("Owner@EXAMPLE.com", HOME)
    assert suspects_of_account(OWNER, HOME) != suspects_of_account("other@example.com", HOME)


def test_what_known_devices_are_counted_by_nobody_elsewhere_spends() -> None:
    for suspects_of in (suspects_of_login, suspects_of_forgotten_password):
        of_device = suspects_of(OWNER, HOME, on_known_device=True)

        elsewhere = suspects_of(OWNER, "198.51.100.7")
        another = suspects_of("other@example.com", "198.51.100.7", on_known_device=True)
        assert not set(of_device) & {*elsewhere, *another}
        # And whoever holds such devices tries as often, with all of them, as whoever knows the e-mail alone.
        assert of_device[0] == suspects_of(OWNER, "198.51.100.7", on_known_device=True)[0]
        assert of_device[0].free == suspects_of(OWNER, HOME)[0].free
        assert of_device[-1] == suspects_of(OWNER, HOME)[-1], "counted by the address, too"
