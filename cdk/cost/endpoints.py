"""Whether an interface endpoint pays: docs/decisions/no-interface-endpoints.md rests on these figures."""

from __future__ import annotations

from cdk.cost.lines import HOURS, Estimate
from cdk.cost.prices import PriceTable
from cdk.environments import AVAILABILITY_ZONES

THROUGH_NAT = "through NAT"
"""What the line of the estimate is called that counts it."""


def endpoint_usd(prices: PriceTable) -> float:
    """A month of the endpoint of one service, in both zones: from one alone, a failing zone takes the other along."""
    return len(AVAILABILITY_ZONES) * HOURS * prices["endpoint_hour"].usd


def pays_from_gib(prices: PriceTable) -> float:
    """GiB a month, of one service, above which its endpoint costs less than the NAT gateways take for them. These stand
    all the same: orders leave through them."""
    return endpoint_usd(prices) / (prices["nat_gib"].usd - prices["endpoint_gib"].usd)


def through_nat_gib(whole: Estimate) -> float:
    """GiB a month to brokers and to all services of AWS together."""
    return sum(line.amount for line in whole.lines if line.what == THROUGH_NAT)
