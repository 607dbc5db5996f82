"""`python -m tests.unit.api.answer_examples` writes what the document's answers of success are shown by: a told day.

What differs from one telling to the next is replaced by what does not: identifiers by others, each by the same one
everywhere; and secrets by what nobody takes for one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from algotrading.contracts.api_auth import RefreshRequest
from algotrading.domain.api_keys import PREFIX
from algotrading.domain.audit import GENESIS, chain_hash
from algotrading.entrypoints.api.answer_examples import FILE
from tests.unit.api.told_day import JSON, ToldDay

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LINK: Final = str((RefreshRequest.model_fields["refresh_token"].examples or [])[0])
_LOGIN: Final = "https://kite.zerodha.com/connect/login?api_key=YOUR_API_KEY&v=3&redirect_params=state%3DOUR_STATE"
_SECRETS: Final = {
    "token": "header.payload.signature",
    "refresh_token": _LINK,
    "invitation": _LINK,
    "key": PREFIX + "0" * 104,
    "login_url": _LOGIN,
}
"""By the field that is shown once, and what stands in its place."""
_BROKER_USER: Final = ("MEM001", "AB1234")


@cache
def answer_examples() -> dict[str, dict[str, Any]]:
    """By route and content type."""
    told = ToldDay().tell()
    text = json.dumps(told)
    for found, shown in (*_secrets(told), *_tags(told), _BROKER_USER):
        text = text.replace(found, shown)
    # In the order in which they are first met; a link's or a key's owner is in it without dashes, and is gone by now.
    for number, found in enumerate(dict.fromkeys(_UUID.findall(text)), start=1):
        text = text.replace(found, str(UUID(bytes=_bytes(f"identifier {number}")[:16], version=4)))
    examples: dict[str, dict[str, Any]] = json.loads(text)
    before = GENESIS
    for record in examples["GET /api/v1/account/export"][JSON]["sections"]["audit_trail"]:
        before = chain_hash(before, record["record"])
        record["hash"] = before.hex()
    return examples


def written(examples: dict[str, dict[str, Any]]) -> str:
    """As the file has it: so that a change of an answer is a small change of the file."""
    return json.dumps(dict(sorted(examples.items())), indent=1, ensure_ascii=False) + "\n"


def _secrets(told: Any) -> Iterator[tuple[str, str]]:
    """Each secret that was shown, and what stands in its place."""
    for name, value in _fields(told):
        if name in _SECRETS:
            yield value, _SECRETS[name]
        elif name == "secret":
            # Of an authenticator app, in its URI as well; or of a webhook, with a prefix.
            prefix = "whsec_" if value.startswith("whsec_") else ""
            yield value, prefix + "NOTASECRET" * 3
        elif name == "recovery_codes":
            yield from ((code, f"00000-{number:05d}") for number, code in enumerate(value, start=1))


def _tags(told: Any) -> Iterator[tuple[str, str]]:
    """Each order's tag, which is made of its strategy's identifier."""
    found = dict.fromkeys(value for name, value in _fields(told) if name == "tag" and value)
    return ((tag, f"Example{number:011d}") for number, tag in enumerate(found, start=1))


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield name, each
            yield from _fields(each)
    elif isinstance(value, list):
        for each in value:
            yield from _fields(each)


def _bytes(text: str) -> bytes:
    return sha256(text.encode()).digest()


if __name__ == "__main__":
    FILE.write_text(written(answer_examples()), encoding="utf-8")
