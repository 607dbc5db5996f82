"""The mailbox takes what the adapters of webhooks and Telegram send, as the real services do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from algotrading.adapters.telegram import TelegramChats
from algotrading.adapters.webhooks import HttpWebhooks
from algotrading.ports import DeliveryRefused
from tests.fakes.clock import VirtualClock
from twin.mailbox import Mailbox


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    made = Mailbox()
    await made.start()
    yield made
    await made.stop()


async def test_a_telegram_message_arrives(mailbox: Mailbox) -> None:
    chats = TelegramChats(lambda: "bot", mailbox.settings()["TELEGRAM_API_URL"])

    await asyncio.to_thread(chats.send, "42", "Bought\nTCS: bought 10")

    [message] = mailbox.of("42")
    assert (message.channel, message.subject, message.text) == ("Telegram", "Bought", "TCS: bought 10")


async def test_a_webhook_arrives_with_its_signature_and_whom_it_was_meant_for(mailbox: Mailbox) -> None:
    webhooks = HttpWebhooks(VirtualClock(), relay_url=mailbox.settings()["WEBHOOK_RELAY_URL"])

    await asyncio.to_thread(webhooks.post, "https://hooks.example.com/x", "whsec_aaaa", "7", b'{"type": "bought"}')

    [message] = mailbox.of("https://hooks.example.com/x", "bought")
    assert "webhook-id: 7" in message.text
    assert "webhook-signature: v1," in message.text


def test_without_a_bot_there_is_no_telegram() -> None:
    chats = TelegramChats(lambda: "", "https://api.telegram.org")

    assert not chats.is_available()
    with pytest.raises(DeliveryRefused):
        chats.send("42", "text")
