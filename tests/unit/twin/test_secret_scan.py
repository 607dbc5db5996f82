"""The scanner of logs: it finds what it must, and not what it may not."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from algotrading.adapters.passwords import Argon2Passwords
from algotrading.adapters.postgres.database import Credentials
from algotrading.domain.api_keys import write_key
from algotrading.services.link_tokens import new_link_token
from twin.secret_scan import find_secrets, secrets_in

TOKEN = ".".join(("eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "dozjgNryP4J3jVmNHl0w5N"))
"""In parts, as below: whoever scans the repository for secrets is to find none."""
PASSWORD = "horse-battery"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"Bearer {TOKEN}", "JSON web token"),
        (f"asked with {write_key(UUID(int=7), bytes(32))[0]}.", "API key"),
        (f"GET /confirm#{new_link_token(UUID(int=7))[0]}", "refresh or link token"),
        (f'"refresh_token": "{UUID(int=7).hex}.{"x-_" * 14}x"', "refresh or link token"),
        ("signed with whsec" + "_C2FVsBQIhrscChlQIMV+b5sS/w==", "webhook secret"),
        ("shows otpauth" + "://totp/Algotrading:a%40b.in?secret=JBSWY3DP", "second factor"),
        ("stored " + Argon2Passwords(memory_kib=8, passes=1).hash("good-old-horse"), "password hash"),
        ("-----BEGIN EC PRIVATE KEY-----", "private key"),
        ("{'Authorization': 'token abcdefgh:ijklmnopqrst'}", "authorization header"),
        ('{"access_token": "ijklmnopqrst"}', "named secret"),
        ("POST /session/token?request_token=ijklmnopqrst", "named secret"),
        ("password=good-old-horse", "named secret"),
        (f"postgresql://app:{PASSWORD}@db/algotrading", "connection string"),
    ],
    ids=[
        "token",
        "API key",
        "link",
        "refresh",
        "webhook",
        "second factor",
        "hash",
        "key",
        "header",
        "field",
        "query",
        "setting",
        "address",
    ],
)
def test_what_has_the_shape_of_a_secret_is_found(text: str, name: str) -> None:
    assert name in secrets_in(text, {})


@pytest.mark.parametrize(
    "text",
    [
        "the access_token has expired: log in again",
        '{"status": 401, "error": "TOKEN_INVALID", "user_id": "0a0b0c0d-0000-4000-8000-000000000000"}',
        "password: must be at least 8 characters",
        "the secret begins with whsec_ and is shown once",
        f"object {'0' * 32}.{'a' * 64}",
        str(Credentials("app_role", "horse-battery")),
        "postgresql://127.0.0.1:5432/algotrading",
    ],
)
def test_words_about_secrets_are_none(text: str) -> None:
    assert secrets_in(text, {}) == []


def test_a_known_secret_is_found_with_its_place_and_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "auth.log").write_text("fine\nthe value was s3cr3tvalue\n")

    found = find_secrets(tmp_path, {"API secret of AB1234": "s3cr3tvalue", "not handed out": ""})

    assert found == ["API secret of AB1234 in auth.log, line 2"]
