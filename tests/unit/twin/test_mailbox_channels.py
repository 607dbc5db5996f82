"""The mailbox takes what the adapters of webhooks, Telegram, SMS and pushes send, as the real services do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import boto3
import pytest

from algotrading.adapters.expo_push import ExpoPushes
from algotrading.adapters.sns_sms import SnsTextMessages
from algotrading.adapters.telegram import TelegramChats
from algotrading.adapters.webhooks import HttpWebhooks
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import InboxNotice
from algotrading.domain.push import Push, Receipt
from algotrading.domain.sms import code_sms, notice_sms
from algotrading.domain.sms_templates import SmsTemplate
from algotrading.ports import DeliveryRefused
from algotrading.settings import SmsSettings
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


def texts_to(mailbox: Mailbox, template: SmsTemplate | None = None) -> SnsTextMessages:
    """As the notifier is built in a twin; `template`: whose id is said, whatever is sent."""
    settings = SmsSettings.load({"STAGE": "dev", **mailbox.settings()})
    ids = dict(settings.sms_template_ids)
    client = cast(Any, boto3.client)(
        "sns",
        region_name="ap-south-1",
        endpoint_url=settings.sms_api_url,
        aws_access_key_id="twin",
        aws_secret_access_key="twin",
    )
    said = ids if template is None else dict.fromkeys(ids, ids[template])
    return SnsTextMessages(
        lambda: client, sender_id=settings.sms_sender_id, entity_id=settings.sms_entity_id, template_ids=said
    )


async def test_a_text_message_arrives(mailbox: Mailbox) -> None:
    texts = texts_to(mailbox)

    await asyncio.to_thread(texts.send, "+919876543210", code_sms("204671"))
    for kind in NoticeKind:
        notice = InboxNotice(7, kind, "text", datetime(2026, 11, 20, 4, tzinfo=UTC), symbol="TCS")
        await asyncio.to_thread(texts.send, "+919876543210", notice_sms(notice))

    message, *others = mailbox.of("+919876543210")
    assert (message.channel, message.text) == ("SMS", code_sms("204671").text)
    assert len(others) == len(NoticeKind), "each is as it is registered"


async def test_a_text_that_is_not_registered_as_it_is_sent_arrives_nowhere(mailbox: Mailbox) -> None:
    texts = texts_to(mailbox, SmsTemplate.KILLED)

    with pytest.raises(DeliveryRefused, match="InvalidParameter"):
        await asyncio.to_thread(texts.send, "+919876543210", code_sms("204671"))

    assert mailbox.of("+919876543210") == []


def test_without_a_bot_there_is_no_telegram() -> None:
    chats = TelegramChats(lambda: "", "https://api.telegram.org")

    assert not chats.is_available()
    with pytest.raises(DeliveryRefused):
        chats.send("42", "text")
