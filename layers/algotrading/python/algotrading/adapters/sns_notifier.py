"""ports.Notifier on an SNS topic."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from algotrading.ports import Notice

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef


class SnsNotifier:
    """Publishes the text for people; attributes let subscriptions filter by user and kind, and drop
    a notice that comes twice by its `notice_id`."""

    def __init__(self, make_client: Callable[[], SNSClient], topic_arn: str) -> None:
        self._make_client = make_client
        self._topic_arn = topic_arn

    def publish(self, notice: Notice) -> None:
        """See ports.Notifier."""
        attributes = {"notice_id": str(notice.notice_id), "user_id": str(notice.user_id), "kind": notice.kind}
        if notice.strategy_id is not None:
            attributes["strategy_id"] = str(notice.strategy_id)
        if notice.account_id is not None:
            attributes["account_id"] = str(notice.account_id)
        self._make_client().publish(TopicArn=self._topic_arn, Message=notice.text, MessageAttributes=_text(attributes))


def _text(attributes: dict[str, str]) -> dict[str, MessageAttributeValueTypeDef]:
    return {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
