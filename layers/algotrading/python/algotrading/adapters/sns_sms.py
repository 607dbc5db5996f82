"""ports.TextMessages on Amazon SNS.

Amazon SNS developer guide, "Publishing to a mobile phone": the attributes of a message, among them the two that
messages to India need (`AWS.MM.SMS.EntityId`, `AWS.MM.SMS.TemplateId`: what their sender and their text are registered
as) and the sender's name, which has to belong to that text's registration. `Transactional` is for what is critical to
the recipient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from algotrading.domain.mobile_numbers import is_indian
from algotrading.domain.sms import Sms
from algotrading.domain.sms_templates import SmsTemplate
from algotrading.ports import DeliveryRefused

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

_FOR_GOOD = {"InvalidParameter", "ParameterValueInvalid", "OptedOut"}
"""What SNS says of the number or the message itself (Amazon SNS API reference, Publish and common errors); everything
else is about the moment, or about us."""


class SmsFailed(Exception):
    """SNS has not taken a message; it may next time. The error is fit to be shown."""


class SnsTextMessages:
    """Hands messages over to SNS. That it has taken one does not say that a phone has it: carriers drop what does not
    match its registration, and SNS what is beyond the month's spending limit, both without a word to the caller."""

    def __init__(
        self,
        make_client: Callable[[], SNSClient],
        *,
        sender_id: str,
        entity_id: str,
        template_ids: Mapping[SmsTemplate, str],
    ) -> None:
        """`sender_id`: what messages come from; empty where the deployment sends none. The others are for India."""
        self._make_client = make_client
        self._sender_id = sender_id
        self._entity_id = entity_id
        self._template_ids = template_ids

    def is_available(self) -> bool:
        """See ports.TextMessages."""
        return bool(self._sender_id)

    def send(self, number: str, sms: Sms) -> None:
        """See ports.TextMessages."""
        from botocore.exceptions import ClientError

        if not self.is_available():
            raise DeliveryRefused("SMS is not set up here")
        try:
            self._make_client().publish(
                PhoneNumber=number, Message=sms.text, MessageAttributes=self._attributes(number, sms.template)
            )
        except ClientError as error:
            # SNS quotes the number in what it says: the code alone goes on, and no cause that is logged with it.
            code = str(error.response["Error"]["Code"])
            if code in _FOR_GOOD:
                raise DeliveryRefused(f"the SMS service answered {code}: look whether the number is right") from None
            raise SmsFailed(f"the SMS service answered {code}") from None

    def _attributes(self, number: str, template: SmsTemplate) -> dict[str, MessageAttributeValueTypeDef]:
        said = {"AWS.SNS.SMS.SMSType": "Transactional", "AWS.SNS.SMS.SenderID": self._sender_id}
        if is_indian(number):
            said |= {
                "AWS.MM.SMS.EntityId": self._entity_id,
                "AWS.MM.SMS.TemplateId": self._template_ids[template],
            }
        return {name: {"DataType": "String", "StringValue": value} for name, value in said.items()}
