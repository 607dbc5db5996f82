"""The addresses that an account's orders leave from.

Since 2026-04-01 Indian brokers take orders only from addresses registered for the account, two at most, changed at most
once a week, and shared within a family alone (NSE's standards for retail algorithms; Zerodha support, "static IP").
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EgressRoute:
    """A pair of addresses (one, where a deployment has no second zone) and the way to them."""

    name: str
    addresses: tuple[str, ...]
    """As the broker is to know them."""
    proxies: tuple[str, ...] = ()
    """`host:port` of the forward proxy behind each address, the first tried first. Empty: the way out that the
    deployment has by itself."""

    def problem(self, seen: str) -> str | None:
        """Why an order must not leave by this way, when it would come from `seen`; None: it may."""
        if seen in self.addresses:
            return None
        known = " and ".join(self.addresses)
        return f"orders would leave from {seen}, and your broker account is to know {known} alone"
