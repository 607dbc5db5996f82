"""An order update in Kite's own form: the body of a postback, and of an `order` frame on the socket."""

from __future__ import annotations

import hashlib
import hmac
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from algotrading.contracts.api_common import Name
from algotrading.domain.order_updates import OrderUpdate

_Tag = Annotated[str, StringConstraints(max_length=100)]


class OrderFrame(BaseModel):
    """The fields that a hint needs (Kite Connect documentation, postbacks); Kite sends many more, and may
    send others tomorrow. On a socket nothing else is needed: it is our own, verified connection."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)

    order_id: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,50}$")]
    status: Name
    exchange: Name
    tradingsymbol: Name
    filled_quantity: int = Field(default=0, ge=0, lt=10**12)
    tag: _Tag | None = None
    tags: list[_Tag] | None = Field(default=None, max_length=20)
    user_id: str | None = Field(default=None, max_length=50, description="Whose order it is, at the broker")

    def update(self) -> OrderUpdate:
        """The news in it."""
        return OrderUpdate(
            order_id=self.order_id,
            status=self.status,
            filled_quantity=self.filled_quantity,
            exchange=self.exchange,
            symbol=self.tradingsymbol,
            tags=frozenset([*(self.tags or ()), *([self.tag] if self.tag else ())]),
        )


class Postback(OrderFrame):
    """An update that came over the open internet."""

    order_timestamp: Annotated[str, StringConstraints(pattern=r"^[0-9T:. +-]{1,40}$")]
    checksum: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$")]

    def is_signed_with(self, api_secret: str) -> bool:
        """Whether whoever made the checksum knows the app's secret. It covers order id and time only."""
        signed = f"{self.order_id}{self.order_timestamp}{api_secret}"
        return hmac.compare_digest(hashlib.sha256(signed.encode()).hexdigest(), self.checksum.lower())
