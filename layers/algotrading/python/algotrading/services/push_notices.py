"""Pushes a notice to every phone of its user, and learns which phones are gone."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from algotrading.contracts.errands import PushReceiptsErrand, PushTicket
from algotrading.domain.notifications import InboxNotice
from algotrading.domain.push import MOST_LOOKS, RECEIPTS_AFTER, PushDevice, Receipt, push_of
from algotrading.ports import Clock, DeliveryRefused, Errands, Meter, PushDevices, Pushes, Vault

logger = logging.getLogger(__name__)

PUSH_TOKEN = "push_token"  # noqa: S105 - the name of a field


class PushFailed(Exception):
    """No phone's push was taken. The message is fit to be shown."""


@dataclass(frozen=True, slots=True)
class PushDelivery:
    """A push counts as delivered once the push service has taken it for one phone: to send it again for the sake of
    another would show it twice on the first. What Apple and Google made of it is asked for later."""

    devices: PushDevices
    vault: Vault
    pushes: Pushes
    errands: Errands
    clock: Clock
    meter: Meter

    def is_on(self, user_id: UUID) -> bool:
        """Whether the user has a phone that takes pushes."""
        return bool(self.devices.of_user(user_id, self.clock.now()))

    def send(self, user_id: UUID, notice: InboxNotice) -> None:
        """To all of the user's phones at once.

        Raises:
            DeliveryRefused: there is no phone, or none any more.
            PushFailed: no phone's push was taken; it may be next time. Anything else may pass, too.
        """
        devices = self.devices.of_user(user_id, self.clock.now())
        if not devices:
            raise DeliveryRefused("no device takes pushes any more")
        tickets = self.pushes.send([self._token(each) for each in devices], push_of(notice))
        errors = []
        taken = []
        for device, ticket in zip(devices, tickets, strict=True):
            if ticket.receipt_id is not None:
                taken.append(PushTicket(id=ticket.receipt_id, token_hash=device.token_hash.hex()))
            elif ticket.is_dead:
                self._forget(user_id, device.token_hash)
            else:
                errors.append(self._failed(user_id, ticket.error))
        if taken:
            self._look_later(PushReceiptsErrand(user_id=user_id, tickets=taken))
        elif errors:
            raise PushFailed(f"the push service answered {', '.join(sorted(set(errors)))}")
        else:
            raise DeliveryRefused("the push service knows no device any more: switch pushes on again in the app")

    def look(self, errand: PushReceiptsErrand) -> int:
        """Ask what became of pushes, and forget the phones that are gone; how many those were. What is not known yet is
        asked for again, a few times."""
        try:
            receipts = self.pushes.receipts([each.id for each in errand.tickets])
        except Exception:
            # Whatever the service's client raises.
            logger.warning("the push service tells no receipts", exc_info=True)
            receipts = {}
        gone = 0
        for ticket in errand.tickets:
            receipt = receipts.get(ticket.id, Receipt())
            if receipt.is_dead:
                gone += self._forget(errand.user_id, bytes.fromhex(ticket.token_hash))
            elif receipt.error is not None:
                self._failed(errand.user_id, receipt.error)
        waiting = [each for each in errand.tickets if each.id not in receipts]
        if waiting and errand.looks < MOST_LOOKS:
            again = errand.model_copy(update={"tickets": waiting, "looks": errand.looks + 1})
            self.errands.ask(again, delay=RECEIPTS_AFTER)
        return gone

    def _token(self, device: PushDevice) -> str:
        return self.vault.unseal(device.user_id, {PUSH_TOKEN: device.sealed_token})[PUSH_TOKEN]

    def _look_later(self, errand: PushReceiptsErrand) -> None:
        try:
            self.errands.ask(errand, delay=RECEIPTS_AFTER)
        except Exception:
            # The pushes are out: raising would send them again. A phone that is gone is found at its next push.
            logger.warning("receipts cannot be asked for", exc_info=True)

    def _forget(self, user_id: UUID, token_hash: bytes) -> bool:
        logger.info("a device takes no pushes any more", extra={"user_id": str(user_id)})
        return self.devices.forget(user_id, token_hash, self.clock.now())

    def _failed(self, user_id: UUID, error: str | None) -> str:
        self.meter.count("PushesFailed")
        logger.warning("a push failed: %s", error, extra={"user_id": str(user_id)})
        return str(error)
