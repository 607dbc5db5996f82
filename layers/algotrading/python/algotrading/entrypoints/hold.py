"""Keeps a message hidden while its worker lives, and hardly longer.

A queue has to hide a message for as long as its function may run: Lambda refuses a mapping to one that hides it for
less. Where that is minutes, a worker that dies would block its strategy for minutes. So the worker makes the message
visible again in seconds as soon as it begins, and puts that off again and again while it works. When it dies nobody
does, and the next worker has the message. When a renewal fails though the worker lives, two of them have it: the
fence and the ledger make that as harmless as any second delivery.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from algotrading.entrypoints.queue import Redelivery

logger = logging.getLogger(__name__)

HOLD_SECONDS: Final = 24
"""How long after its last renewal a message is hidden: so long its strategy waits for a worker that has died."""
RENEWAL_SECONDS: Final = 8
"""Between two renewals: two in a row may be lost."""


@dataclass(frozen=True, slots=True)
class RenewedHold:
    """entrypoints.queue.Hold with a thread that renews. The thread uses `redelivery` alone, and what that calls must
    give up soon: the handler does not end before the renewal that is under way."""

    redelivery: Redelivery
    hold_seconds: int = HOLD_SECONDS
    renewal_seconds: float = RENEWAL_SECONDS

    @contextmanager
    def __call__(self, source_arn: str, receipt_handle: str) -> Iterator[None]:
        """Shorten the message's time-out now, and renew it until the block ends; no renewal comes after that."""
        is_over = threading.Event()
        thread = threading.Thread(
            target=self._renew, args=(source_arn, receipt_handle, is_over), name="hold", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            # Lambda freezes what still runs when the handler answers: thawed with the next message, it would put off
            # one that is no longer ours.
            is_over.set()
            thread.join()

    def _renew(self, source_arn: str, receipt_handle: str, is_over: threading.Event) -> None:
        while True:
            try:
                self.redelivery.delay(source_arn, receipt_handle, self.hold_seconds)
            except Exception as fault:  # whatever it is, the work goes on without it
                logger.warning("the message could not be held: %s: %s", type(fault).__name__, fault)
            if is_over.wait(self.renewal_seconds):
                return
