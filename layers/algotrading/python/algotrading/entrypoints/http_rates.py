"""What is left of a caller's requests, as headers of each answer (draft-ietf-httpapi-ratelimit-headers-10).

The draft's fields, and not `X-RateLimit-*`: of those each provider has its own idea whether the reset is an instant or
seconds. The draft is of the same group of the IETF as that of Idempotency-Key, which this API heeds, too.
"""

from __future__ import annotations

from typing import Final

from algotrading.domain.allowances import WINDOW_SECONDS, Spent

POLICY: Final = "RateLimit-Policy"
"""Header: how many requests are answered in how many seconds."""
LEFT: Final = "RateLimit"
"""Header: how many are left (`r`), and in how many seconds there are all of them again (`t`)."""


def rate_headers(spent: Spent | None) -> dict[str, str]:
    """The two headers; none where requests are not counted."""
    if spent is None:
        return {}
    name = f'"{spent.allowance.name}"'
    return {
        POLICY: f"{name};q={spent.allowance.requests};w={WINDOW_SECONDS}",
        LEFT: f"{name};r={spent.left};t={spent.seconds}",
    }
