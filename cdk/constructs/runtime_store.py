"""Valkey: the runtime copy. Losing it loses nothing, but evicting a stop quietly would be a lost stop."""

from __future__ import annotations

from typing import Final

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticache as elasticache
from constructs import Construct

from cdk.acknowledge import acknowledge
from cdk.environments import Environment

_ENGINE: Final = "valkey"
_ENGINE_VERSION: Final = "9.0"
_FAMILY: Final = "valkey9"


class RuntimeStore(Construct):
    """A node-based replication group with one shard: sub-millisecond, and every command works."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        vpc: ec2.IVpc,
        security_group: ec2.ISecurityGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        replicated = environment.cache_nodes > 1
        self.group = elasticache.CfnReplicationGroup(
            self,
            "Group",
            replication_group_description="Runtime copy of strategies and cycles",
            engine=_ENGINE,
            engine_version=_ENGINE_VERSION,
            cache_node_type=environment.cache_node,
            num_cache_clusters=environment.cache_nodes,
            automatic_failover_enabled=replicated,
            multi_az_enabled=replicated,
            cache_parameter_group_name=self._never_evict().ref,
            cache_subnet_group_name=self._subnets(vpc).ref,
            security_group_ids=[security_group.security_group_id],
            transit_encryption_enabled=True,
            at_rest_encryption_enabled=True,
            auto_minor_version_upgrade=True,
            # UTC: the night in Asia/Kolkata, not together with PostgreSQL's.
            preferred_maintenance_window="sun:21:30-sun:22:30",
        )
        acknowledge(
            self.group,
            "Its security group lets functions and watchers in, and nobody else, over TLS; it holds copies, no secret.",
            nag=("AEC5", "AEC6"),
            checkov=("CKV_AWS_31",),
        )
        if not replicated:
            acknowledge(
                self.group,
                "No money is at stake in this environment: one node is enough, and it holds copies.",
                nag=("AEC4",),
            )
        self.values = {
            "REDIS_HOST": self.group.attr_primary_end_point_address,
            "REDIS_PORT": self.group.attr_primary_end_point_port,
        }

    def _never_evict(self) -> elasticache.CfnParameterGroup:
        return elasticache.CfnParameterGroup(
            self,
            "Parameters",
            cache_parameter_group_family=_FAMILY,
            description="Refuse writes when full, never evict",
            properties={"maxmemory-policy": "noeviction"},
        )

    def _subnets(self, vpc: ec2.IVpc) -> elasticache.CfnSubnetGroup:
        return elasticache.CfnSubnetGroup(
            self,
            "Subnets",
            description="Private subnets",
            subnet_ids=[subnet.subnet_id for subnet in vpc.private_subnets],
        )
