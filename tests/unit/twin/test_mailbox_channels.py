"""The mailbox takes what the adapters of webhooks, Telegram and pushes send, as the real services do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from algotrading.adapters.expo_push import ExpoPushes
from algotrading.adapters.telegram import TelegramChats
from algotrading.adapters.webhooks import HttpWebhooks
from algotrading.domain.push import Push, Receipt
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


async def test_a_push_arrives_and_its_receipt_says_so(mailbox: Mailbox) -> None:
    pushes = ExpoPushes(mailbox.settings()["PUSH_API_URL"])
    push = Push("TCS: bought", "bought 10", 7, "bought", UUID(int=5))

    tickets = await asyncio.to_thread(pushes.send, ["ExponentPushToken[one]", "ExponentPushToken[two]"], push)
    ids = [str(each.receipt_id) for each in tickets]
    receipts = await asyncio.to_thread(pushes.receipts, [*ids, "unheard-of"])

    [message] = mailbox.of("ExponentPushToken[two]", "TCS: bought")
    assert (message.channel, len(mailbox.messages)) == ("push", 2)
    assert message.text.startswith("bought 10\n")
    assert str(UUID(int=5)) in message.text, "what opens the screen"
    assert receipts == {each: Receipt() for each in ids}


def test_without_a_bot_there_is_no_telegram() -> None:
    chats = TelegramChats(lambda: "", "https://api.telegram.org")

    assert not chats.is_available()
    with pytest.raises(DeliveryRefused):
        chats.send("42", "text")
