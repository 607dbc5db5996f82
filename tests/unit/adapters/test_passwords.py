"""Password hashes and what they give away."""

from __future__ import annotations

import base64

import pytest
from argon2 import PasswordHasher
from argon2.low_level import Type, hash_secret

from algotrading.adapters.passwords import Argon2Passwords


@pytest.fixture(scope="module")
def passwords() -> Argon2Passwords:
    """As deployed."""
    return Argon2Passwords()


def test_a_hash_matches_its_password_alone(passwords: Argon2Passwords) -> None:
    stored = passwords.hash("good-old-horse")

    assert passwords.matches("good-old-horse", stored)
    assert not passwords.matches("good-old-house", stored)
    assert not passwords.matches("", stored)


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [("caf\u00e9 with milk", "cafe\u0301 with milk"), ("cafe\u0301 with milk", "caf\u00e9 with milk"), ("\u210c", "H")],
)
def test_what_looks_the_same_is_the_same_on_every_keyboard(passwords: Argon2Passwords, chosen: str, typed: str) -> None:
    assert passwords.matches(typed, passwords.hash(chosen))
    assert not passwords.matches(typed + "x", passwords.hash(chosen))


def test_a_password_that_was_hashed_as_it_was_typed_goes_on(passwords: Argon2Passwords) -> None:
    typed = "cafe\u0301 with milk"
    of_before = passwords._hasher.hash(typed)

    assert passwords.matches(typed, of_before)


def test_the_deployed_parameters_are_those_of_owasp(passwords: Argon2Passwords) -> None:
    assert passwords.hash("good-old-horse").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_the_same_password_is_never_hashed_alike(passwords: Argon2Passwords) -> None:
    assert passwords.hash("good-old-horse") != passwords.hash("good-old-horse")


@pytest.mark.parametrize("password", ["", "good-old-horse"])
def test_nobodys_password_matches_nothing_and_costs_as_much(
    passwords: Argon2Passwords, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given that every verification is noted
    verified: list[str] = []
    monkeypatch.setattr(passwords, "_hasher", _Noting(passwords._hasher, verified))

    # When an unknown e-mail logs in
    assert not passwords.matches(password, None)

    # Then one hash of the deployed cost was verified all the same
    assert [stored.split("$")[3] for stored in verified] == ["m=19456,t=2,p=1"]


def test_a_stored_hash_that_is_damaged_matches_nothing(passwords: Argon2Passwords) -> None:
    assert not passwords.matches("good-old-horse", "not a hash")


def test_what_is_derived_depends_on_secret_and_salt_and_is_the_standards_own(passwords: Argon2Passwords) -> None:
    found = passwords.derive("0123456789", b"s" * 16)

    assert found == passwords.derive("0123456789", b"s" * 16)
    assert len({found, passwords.derive("0123456780", b"s" * 16), passwords.derive("0123456789", b"t" * 16)}) == 3
    # What a password's hash holds, with the deployed parameters, of the same secret and salt.
    encoded = hash_secret(
        b"0123456789", b"s" * 16, time_cost=2, memory_cost=19456, parallelism=1, hash_len=32, type=Type.ID
    ).decode()
    assert encoded.rpartition("$")[2] == base64.b64encode(found).decode().rstrip("=")


class _Noting:
    def __init__(self, hasher: PasswordHasher, verified: list[str]) -> None:
        self.hash, self._hasher, self._verified = hasher.hash, hasher, verified

    def verify(self, stored: str, password: str) -> bool:
        self._verified.append(stored)
        return self._hasher.verify(stored, password)
