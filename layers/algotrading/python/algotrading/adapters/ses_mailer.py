"""ports.Mailer on Amazon SES."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from algotrading.domain.mail import Mail
from algotrading.ports import MailRefused

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

_FOR_GOOD = {"BadRequestException", "MessageRejected"}
"""What SES says of the mail itself (SES API v2 reference, SendEmail); everything else is about the moment."""


class SesMailer:
    """Hands mails over to SES, which tries for hours to deliver them."""

    def __init__(self, make_client: Callable[[], SESV2Client], sender: str) -> None:
        self._make_client = make_client
        self._sender = sender

    def send(self, mail: Mail) -> None:
        """See ports.Mailer."""
        from botocore.exceptions import ClientError

        try:
            self._make_client().send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [mail.to]},
                Content={
                    "Simple": {
                        "Subject": {"Data": mail.subject, "Charset": "UTF-8"},
                        "Body": {"Text": {"Data": mail.text, "Charset": "UTF-8"}},
                    }
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _FOR_GOOD:
                raise MailRefused(error.response["Error"]["Code"]) from error
            raise
