"""Where things stand and who may reach whom."""

from __future__ import annotations

import json

from cdk.environments import AVAILABILITY_ZONES, ENVIRONMENTS, Environment
from tests.infrastructure.templates import Estate


def test_no_zone_is_made_up(estate: Estate) -> None:
    assert "dummy1" not in json.dumps(estate.templates)


def test_both_zones_have_a_public_and_a_private_subnet(estate: Estate) -> None:
    zones = [each.properties["AvailabilityZone"] for each in estate.resources("AWS::EC2::Subnet")]

    assert sorted(zones) == sorted(AVAILABILITY_ZONES * 2)


def test_environments_can_be_peered_since_their_addresses_differ() -> None:
    assert len({each.cidr for each in ENVIRONMENTS.values()}) == len(ENVIRONMENTS)


def test_orders_leave_from_fixed_addresses_that_outlive_the_stack(estate: Estate, environment: Environment) -> None:
    addresses = estate.resources("AWS::EC2::EIP")
    used = {each.properties["AllocationId"]["Fn::GetAtt"][0] for each in estate.resources("AWS::EC2::NatGateway")}

    assert len(addresses) == environment.nat_gateways
    assert {each.logical_id for each in addresses} == used
    assert {each.body["DeletionPolicy"] for each in addresses} == {"Retain"}


def test_stores_are_reached_from_functions_and_listener_only(estate: Estate) -> None:
    reached = {
        (
            estate.text(rule.stack, rule.properties["GroupId"]),
            rule.properties["FromPort"],
            estate.text(rule.stack, rule.properties["SourceSecurityGroupId"]),
        )
        for rule in estate.resources("AWS::EC2::SecurityGroupIngress")
    }

    assert reached == {
        ("network/DatabaseGroup", 5432, "network/FunctionsGroup"),
        ("network/DatabaseGroup", 5432, "network/ListenerGroup"),
        ("network/CacheGroup", 6379, "network/FunctionsGroup"),
        ("network/CacheGroup", 6379, "network/ListenerGroup"),
    }


def test_nothing_is_reached_from_the_internet(estate: Estate) -> None:
    inbound = [
        rule
        for group in estate.resources("AWS::EC2::SecurityGroup")
        for rule in group.properties.get("SecurityGroupIngress", [])
    ]

    assert inbound == []


def test_outwards_only_https_leaves(estate: Estate) -> None:
    outwards = {
        (group.path, rule.get("FromPort"))
        for group in estate.resources("AWS::EC2::SecurityGroup")
        for rule in group.properties.get("SecurityGroupEgress", [])
        if rule["CidrIp"] == "0.0.0.0/0"
    }

    assert outwards == {("network/FunctionsGroup", 443), ("network/ListenerGroup", 443)}


def test_functions_without_a_store_stay_outside_the_network(estate: Estate) -> None:
    outside = {each.path.rsplit("/", 1)[1] for each in estate.functions() if "VpcConfig" not in each.properties}

    assert outside - {"Docs"} == {"Authorizer", "Trigger"}
