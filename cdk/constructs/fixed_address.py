"""Addresses that brokers know: made once, kept whatever becomes of their stack, and taken up again by a later one."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Tags
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk.constructs.retention import KEPT
from cdk.environments import Environment


@dataclass(frozen=True, slots=True)
class FixedAddress:
    """An Elastic IP."""

    address: str
    allocation_id: str


def fixed_address(scope: Construct, name: str, *, environment: Environment) -> FixedAddress:
    """The address `name`: the one that the table says is kept, or a new one. A new one stays when its stack goes, since
    changing a broker's registration takes days; but not where the very deployment that makes it goes back: nobody was
    told of it, and each attempt would leave one behind."""
    for kept in environment.kept_addresses:
        if kept.name == name:
            return FixedAddress(kept.address, kept.allocation_id)
    made = ec2.CfnEIP(scope, name, domain="vpc")
    made.apply_removal_policy(KEPT)
    # What `make deploy` finds it by once its stack is gone.
    Tags.of(made).add("Name", environment.address_tag(name))
    return FixedAddress(made.ref, made.attr_allocation_id)
