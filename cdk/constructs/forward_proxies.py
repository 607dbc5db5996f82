"""Forward proxies: machines with several fixed addresses, through which orders of unrelated accounts leave apart.

A NAT gateway's address serves one family. Each further account has a pair of addresses, one in each zone. A machine
holds as many addresses as its network interface takes, and Squid lets each port leave by its own address. It opens
tunnels to the broker and to the server that tells an address back, and to nothing else; the TLS inside them ends there.

What changes a machine stops and starts it. So the machines of one number change zone by zone: the second zone's is not
touched before the first one's has said that every address of its own leads out again, and not at all where it does not
say so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final

from aws_cdk import CfnOutput, CfnWaitCondition, CfnWaitConditionHandle, Fn
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk.acknowledge import acknowledge
from cdk.constructs.fixed_address import fixed_address
from cdk.environments import Environment

PORT: Final = 3128
_FIRST_HOST: Final = 200
"""Of a public subnet's addresses those from here on are the proxies'; NAT gateways are given theirs from the rest
(cdk/stacks/network.py)."""
_ROOM: Final = 12
"""Addresses set aside for each machine, its own among them."""
_DESTINATIONS: Final = ("api.kite.trade", "checkip.amazonaws.com")
_SERVES_WITHIN: Final = "900"
"""Seconds that a machine has from its start until it serves: it fetches Squid meanwhile."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two addresses for one account, and the proxies behind them."""

    name: str
    addresses: tuple[str, ...]
    proxies: tuple[str, ...]


class ForwardProxies(Construct):
    """One machine to a zone for every eleven pairs."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        vpc: ec2.Vpc,
        group: ec2.SecurityGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        self._environment, self._vpc, self._group = environment, vpc, group
        self._bound: dict[ec2.CfnNetworkInterface, list[ec2.CfnEIPAssociation]] = {}
        found: dict[int, list[tuple[str, str]]] = {}
        for host, (kind, carried) in enumerate(environment.proxy_machines):
            serving: CfnWaitCondition | None = None
            for subnet, image in zip(vpc.public_subnets, environment.egress_images, strict=True):
                ways, serving = self._machine(host, kind, subnet, image, carried, after=serving)
                for number, way in zip(carried, ways, strict=True):
                    found.setdefault(number, []).append(way)
        self.pairs = tuple(
            Pair(
                name=f"pair-{number}",
                addresses=tuple(address for address, _ in ways),
                proxies=tuple(f"{private}:{PORT}" for _, private in ways),
            )
            for number, ways in found.items()
        )

    def _machine(
        self, host: int, kind: str, subnet: ec2.ISubnet, image: str, carried: range, *, after: CfnWaitCondition | None
    ) -> tuple[list[tuple[str, str]], CfnWaitCondition]:
        """A machine in this zone, made or changed once `after` has been told; the address outside and the one inside of
        each pair that it carries, and what is told when it serves them."""
        zone = subnet.availability_zone[-1]
        hosts = list(IPv4Network(subnet.ipv4_cidr_block).hosts())
        start = _FIRST_HOST + host * _ROOM
        own, *others = (str(hosts[start + place]) for place in range(len(carried) + 1))
        interface = ec2.CfnNetworkInterface(
            self,
            f"Interface{host}{zone}",
            subnet_id=subnet.subnet_id,
            group_set=[self._group.security_group_id],
            description="Forward proxies of brokers accounts",
            private_ip_addresses=[
                ec2.CfnNetworkInterface.PrivateIpAddressSpecificationProperty(
                    private_ip_address=address, primary=address == own
                )
                for address in (own, *others)
            ],
        )
        launch = ec2.CfnLaunchTemplate(
            self,
            f"Launch{host}{zone}",
            launch_template_data=ec2.CfnLaunchTemplate.LaunchTemplateDataProperty(
                metadata_options=ec2.CfnLaunchTemplate.MetadataOptionsProperty(http_tokens="required")
            ),
        )
        # The machine's own way out, by which it fetches Squid: not registered with anybody.
        out = ec2.CfnEIP(self, f"OwnAddress{host}{zone}", domain="vpc")
        self._bind(f"OwnAddress{host}{zone}", out.attr_allocation_id, interface, own)
        ways = [
            (self._pair_address(f"{number}{zone}", interface, private), private)
            for number, private in zip(carried, others, strict=True)
        ]
        # A condition is told once and then holds for ever: each change of the machine needs one of its own.
        change = hashlib.sha256(
            "\n".join((kind, image, _SERVES_WITHIN, _script(others, told=""))).encode()
        ).hexdigest()[:12]
        told = CfnWaitConditionHandle(self, f"Told{host}{zone}{change}")
        machine = ec2.CfnInstance(
            self,
            f"Machine{host}{zone}",
            image_id=image,
            instance_type=kind,
            launch_template=ec2.CfnInstance.LaunchTemplateSpecificationProperty(
                launch_template_id=launch.ref, version=launch.attr_latest_version_number
            ),
            network_interfaces=[
                ec2.CfnInstance.NetworkInterfaceProperty(device_index="0", network_interface_id=interface.ref)
            ],
            block_device_mappings=[
                ec2.CfnInstance.BlockDeviceMappingProperty(
                    device_name="/dev/xvda",
                    ebs=ec2.CfnInstance.EbsProperty(encrypted=True, volume_size=8, volume_type="gp3"),
                )
            ],
            monitoring=True,
            disable_api_termination=self._environment.protected,
            user_data=Fn.base64(_script(others, told=told.ref)),
        )
        acknowledge(
            machine,
            "The image is said in cdk/environments.py: one that changed by itself could replace machines at noon.",
            validate=("W9010",),
        )
        # Its addresses lead to it, and its subnet leads out, before it starts.
        machine.node.add_dependency(*self._bound[interface], subnet.internet_connectivity_established)
        if after is not None:
            machine.node.add_dependency(after)
        serving = CfnWaitCondition(
            self, f"Serving{host}{zone}{change}", handle=told.ref, timeout=_SERVES_WITHIN, count=1
        )
        serving.node.add_dependency(machine)
        return ways, serving

    def _pair_address(self, number: str, interface: ec2.CfnNetworkInterface, private: str) -> str:
        name = f"PairAddress{number}"
        fixed = fixed_address(self, name, environment=self._environment)
        self._bind(name, fixed.allocation_id, interface, private)
        told = "One account registers this address with its broker"
        CfnOutput(self, f"EgressPair{number}", value=fixed.address, description=told)
        return fixed.address

    def _bind(self, name: str, allocation_id: str, interface: ec2.CfnNetworkInterface, private: str) -> None:
        bound = ec2.CfnEIPAssociation(
            self,
            f"{name}Bound",
            allocation_id=allocation_id,
            network_interface_id=interface.ref,
            private_ip_address=private,
        )
        self._bound.setdefault(interface, []).append(bound)


def _script(addresses: Sequence[str], *, told: str) -> str:
    """Install Squid, let each port leave by its own address (Squid configuration reference, tcp_outgoing_address), and
    tell the address `told` when each of them leads out (AWS CloudFormation documentation, wait conditions). Run at
    every start, since a changed number of pairs stops and starts the machine; nobody listens for later ones."""
    ports = [
        line
        for number, address in enumerate(addresses, 1)
        for line in (
            f"http_port {address}:{PORT} name=pair{number}",
            f"acl by{number} myportname pair{number}",
            f"tcp_outgoing_address {address} by{number}",
        )
    ]
    return "\n".join(
        [
            'Content-Type: multipart/mixed; boundary="//"',
            "MIME-Version: 1.0",
            "",
            "--//",
            'Content-Type: text/cloud-config; charset="us-ascii"',
            "",
            "#cloud-config",
            "cloud_final_modules:",
            "- [scripts-user, always]",
            "",
            "--//",
            'Content-Type: text/x-shellscript; charset="us-ascii"',
            "",
            "#!/bin/bash",
            "set -euo pipefail",
            # There already at later starts, which then need no mirror and are the shorter.
            "rpm --quiet --query squid || until dnf install --assumeyes squid; do sleep 5; done",
            "cat > /etc/squid/squid.conf <<'EOF'",
            *ports,
            f"acl known dstdomain {' '.join(_DESTINATIONS)}",
            "acl https port 443",
            "acl tunnel method CONNECT",
            "http_access allow tunnel known https",
            "http_access deny all",
            "cache deny all",
            "shutdown_lifetime 30 seconds",
            "EOF",
            "systemctl enable squid",
            "systemctl restart squid",
            "leads_out() {",
            f"  for address in {' '.join(addresses)}; do",
            f'    curl --silent --show-error --fail --max-time 10 --proxy "http://$address:{PORT}"'
            f" https://{_DESTINATIONS[1]} || return 1",
            "  done",
            "}",
            "for attempt in $(seq 60); do",
            "  if leads_out; then",
            "    curl --silent --show-error --max-time 20 --request PUT --header 'Content-Type:' --data-binary"
            ' \'{"Status": "SUCCESS", "Reason": "serves", "UniqueId": "squid", "Data": "every address leads out"}\''
            f" '{told}' || true",
            "    break",
            "  fi",
            "  sleep 5",
            "done",
            "--//--",
            "",
        ]
    )
