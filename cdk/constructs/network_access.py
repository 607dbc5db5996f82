"""Where a function or container stands in the network."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_ec2 as ec2


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkAccess:
    """A place in the private subnets, with one security group."""

    vpc: ec2.IVpc
    security_group: ec2.ISecurityGroup
