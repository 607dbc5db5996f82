"""ports.Pushes on Expo's push service, which hands pushes on to Apple's and Google's.

Its HTTP API, as https://docs.expo.dev/push-notifications/sending-notifications/ describes it: a POST to
`/--/api/v2/push/send` takes up to 100 messages and answers a ticket for each, in their order; a POST to
`/--/api/v2/push/getReceipts` takes up to 1,000 tickets and tells, some time later, what Apple and Google answered.
`DeviceNotRegistered` in either means that nothing is to be sent to the token again. An account is not needed; more than
600 messages a second are refused with 429, which passes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from algotrading.adapters.https_post import PostFailed, post, post_in_the_clear
from algotrading.domain.push import Push, Receipt, Ticket
from algotrading.ports import DeliveryRefused

_DEAD = "DeviceNotRegistered"
_FOR_GOOD = {400, 413}
"""The request is at fault; the same one is refused again."""
_KEPT_SECONDS = 86_400
"""How long a phone that is off is waited for. By default Apple would not wait at all, and Google for four weeks."""
_ANDROID_CHANNEL = "default"
"""The app makes it before it asks for a token (mobile/src/api/push-phone.ts): a push to another is not shown."""
_MOST_BYTES = 65_536
"""Of an answer: twenty tickets are a few thousand."""


class ExpoPushes:
    """Sends in the name of the project that a token was made for. Tokens are never part of what is raised."""

    def __init__(self, api_url: str) -> None:
        self._api = urlsplit(api_url)

    def send(self, tokens: Sequence[str], push: Push) -> Sequence[Ticket]:
        """See ports.Pushes."""
        answers = self._ask("send", [_message(token, push) for token in tokens])
        if not isinstance(answers, list) or len(answers) != len(tokens):
            raise PostFailed("the push service did not answer for every device")
        return [_ticket(answer) for answer in answers]

    def receipts(self, receipt_ids: Collection[str]) -> Mapping[str, Receipt]:
        """See ports.Pushes."""
        answers = self._ask("getReceipts", {"ids": list(receipt_ids)})
        if not isinstance(answers, dict):
            raise PostFailed("the push service answered no receipts")
        return {name: _receipt(answer) for name, answer in answers.items() if name in receipt_ids}

    def _ask(self, what: str, asked: object) -> Any:
        path = f"{self._api.path.rstrip('/')}/--/api/v2/push/{what}"
        status, answered = self._post(path, json.dumps(asked).encode())
        document = _read(answered)
        if status in _FOR_GOOD:
            raise DeliveryRefused(f"the push service answered {status}{_code_of(document)}")
        if status != 200:
            raise PostFailed(f"the push service answered {status}{_code_of(document)}")
        return document.get("data")

    def _post(self, path: str, body: bytes) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        host = str(self._api.hostname)
        if self._api.scheme == "https":
            return post(host, path, body, headers, most=_MOST_BYTES)
        return post_in_the_clear(host, self._api.port or 80, path, body, headers, most=_MOST_BYTES)


def _message(token: str, push: Push) -> dict[str, object]:
    strategy_id = None if push.strategy_id is None else str(push.strategy_id)
    return {
        "to": token,
        "title": push.title,
        "body": push.body,
        "data": {"notice_id": push.notice_id, "kind": push.kind, "strategy_id": strategy_id},
        "sound": "default",
        "priority": "high",
        "channelId": _ANDROID_CHANNEL,
        "ttl": _KEPT_SECONDS,
    }


def _ticket(answer: object) -> Ticket:
    error = _error_of(answer)
    if error is not None:
        return Ticket(None, error, is_dead=error == _DEAD)
    receipt_id = answer.get("id") if isinstance(answer, dict) else None
    return Ticket(str(receipt_id)) if receipt_id else Ticket(None, "no ticket")


def _receipt(answer: object) -> Receipt:
    error = _error_of(answer)
    return Receipt(error, is_dead=error == _DEAD)


def _error_of(answer: object) -> str | None:
    """The name of what is wrong. The message beside it is left alone: it repeats the token."""
    if not isinstance(answer, dict) or answer.get("status") == "ok":
        return None
    details = answer.get("details")
    named = details.get("error") if isinstance(details, dict) else None
    return str(named or "unknown error")


def _code_of(document: Mapping[str, Any]) -> str:
    """The name of what is wrong with a whole request, after a space."""
    errors = document.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    return f" {first['code']}" if isinstance(first, dict) and isinstance(first.get("code"), str) else ""


def _read(answered: bytes) -> dict[str, Any]:
    try:
        document = json.loads(answered)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
