"""A queue poller that can be told to deliver again what was handled, as SQS may."""

from __future__ import annotations

from twin.event_sources import SqsClient


class ForgetfulPoller(SqsClient):
    """The next `owed` messages that were handled are not deleted but shown again at once."""

    owed: int = 0
    redelivered: int = 0

    async def delete(self, queue_url: str, receipt_handle: str) -> None:
        """Remove a message, or show it again."""
        if self.owed <= 0:
            await super().delete(queue_url, receipt_handle)
            return
        self.owed -= 1
        self.redelivered += 1
        await self.make_visible(queue_url, receipt_handle)
