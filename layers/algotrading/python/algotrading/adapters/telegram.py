"""ports.Chats on Telegram's bot API."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import urlsplit

from algotrading.adapters.https_post import PostFailed, post, post_in_the_clear
from algotrading.ports import DeliveryRefused

_LONGEST_TEXT = 4096
"""Telegram Bot API, sendMessage."""
_FOR_GOOD = {400, 403}
"""There is no such chat, or it has blocked the bot."""


class TelegramChats:
    """Sends as the deployment's bot."""

    def __init__(self, token: Callable[[], str], api_url: str) -> None:
        """`token` is asked at each use, may cache; empty where there is no bot. It is part of the path, which is
        therefore never shown."""
        self._token = token
        self._api = urlsplit(api_url)

    def is_available(self) -> bool:
        """See ports.Chats."""
        return bool(self._token())

    def send(self, chat_id: str, text: str) -> None:
        """See ports.Chats."""
        token = self._token()
        if not token:
            raise DeliveryRefused("Telegram is not set up here")
        body = json.dumps({"chat_id": chat_id, "text": text[:_LONGEST_TEXT]}).encode()
        path = f"{self._api.path.rstrip('/')}/bot{token}/sendMessage"
        status = self._status(path, body)
        if status in _FOR_GOOD:
            raise DeliveryRefused(
                f"Telegram answered {status}: start a chat with the bot, and see that it is not blocked"
            )
        if status != 200:
            raise PostFailed(f"Telegram answered {status}")

    def _status(self, path: str, body: bytes) -> int:
        headers = {"Content-Type": "application/json"}
        host = str(self._api.hostname)
        if self._api.scheme == "https":
            return post(host, path, body, headers)[0]
        return post_in_the_clear(host, self._api.port or 80, path, body, headers)[0]
