"""The network: two zones, public and private subnets, fixed addresses outwards, who may talk to whom."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk.constructs.fixed_address import fixed_address
from cdk.constructs.forward_proxies import PORT, ForwardProxies
from cdk.constructs.network_access import NetworkAccess
from cdk.constructs.retention import log_group
from cdk.environments import AVAILABILITY_ZONES, Environment

_HTTPS = ec2.Port.tcp(443)
_POSTGRES = ec2.Port.tcp(5432)
_REDIS = ec2.Port.tcp(6379)
_NAT_HOST = 10
"""Of its public subnet's addresses each NAT gateway has this one. Left to itself it could take one that is set aside
for a proxy machine, which then could never be made. Another one here would replace the gateway (AWS CloudFormation
documentation, AWS::EC2::NatGateway)."""


class NetworkStack(Stack):
    """VPC, NAT and security groups."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment, **stack: Any) -> None:
        super().__init__(scope, construct_id, **stack)
        self._nat_addresses: list[str] = []
        self.vpc = self._vpc(environment)
        self.database_group = self._group("DatabaseGroup", "PostgreSQL")
        self.cache_group = self._group("CacheGroup", "Valkey")
        functions = self._client_group("FunctionsGroup", "Functions that talk to a store or a broker")
        listener = self._client_group("ListenerGroup", "The watcher of prices")
        self.routes = [self._nat_route(environment), *self._pairs(environment, functions)]
        """Where orders may leave from, as `algotrading.adapters.postgres.egress_routes` reads it."""
        self.functions = NetworkAccess(vpc=self.vpc, security_group=functions)
        self.listener = NetworkAccess(vpc=self.vpc, security_group=listener)

    def _vpc(self, environment: Environment) -> ec2.Vpc:
        vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(environment.cidr),
            availability_zones=list(AVAILABILITY_ZONES),
            nat_gateway_provider=ec2.NatProvider.gateway(eip_allocation_ids=self._addresses(environment)),
            nat_gateways=environment.nat_gateways,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24),
                ec2.SubnetConfiguration(name="private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=20),
            ],
            restrict_default_security_group=True,
        )
        for subnet in vpc.public_subnets[: environment.nat_gateways]:
            gateway = subnet.node.find_child("NATGateway")
            assert isinstance(gateway, ec2.CfnNatGateway)
            gateway.private_ip_address = str(IPv4Network(subnet.ipv4_cidr_block)[_NAT_HOST])
        # What was turned away, by whom: what came through is in the logs of whoever it reached.
        vpc.add_flow_log(
            "Refused",
            traffic_type=ec2.FlowLogTrafficType.REJECT,
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(
                log_group(self, "RefusedLogs", environment=environment, name="refused-traffic")
            ),
        )
        # Free, and takes image layers off the NAT's bill. Of an interface none pays (docs/decisions).
        vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        return vpc

    def _addresses(self, environment: Environment) -> list[str]:
        """Of our own: they are registered with the brokers."""
        allocations = []
        for number in range(1, environment.nat_gateways + 1):
            fixed = fixed_address(self, f"EgressAddress{number}", environment=environment)
            told = "Register this address with the broker"
            CfnOutput(self, f"EgressIp{number}", value=fixed.address, description=told)
            allocations.append(fixed.allocation_id)
            self._nat_addresses.append(fixed.address)
        return allocations

    def _nat_route(self, environment: Environment) -> dict[str, object]:
        return {"name": "nat", "addresses": self._nat_addresses, "proxies": [], "members": list(environment.family)}

    def _pairs(self, environment: Environment, functions: ec2.SecurityGroup) -> list[dict[str, object]]:
        if not environment.egress_pairs:
            return []
        group = self._group("ProxiesGroup", "Forward proxies of brokers accounts")
        group.add_egress_rule(ec2.Peer.any_ipv4(), _HTTPS, "brokers")
        functions.connections.allow_to(group, ec2.Port.tcp(PORT), "forward proxies")
        proxies = ForwardProxies(self, "Proxies", environment=environment, vpc=self.vpc, group=group)
        return [
            {"name": pair.name, "addresses": list(pair.addresses), "proxies": list(pair.proxies), "members": []}
            for pair in proxies.pairs
        ]

    def _group(self, construct_id: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(self, construct_id, vpc=self.vpc, description=description, allow_all_outbound=False)

    def _client_group(self, construct_id: str, description: str) -> ec2.SecurityGroup:
        group = self._group(construct_id, description)
        group.add_egress_rule(ec2.Peer.any_ipv4(), _HTTPS, "brokers and AWS")
        group.connections.allow_to(self.database_group, _POSTGRES, "PostgreSQL")
        group.connections.allow_to(self.cache_group, _REDIS, "Valkey")
        return group
