"""Where things stand and who may reach whom."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, CfnOutput
from aws_cdk import Environment as Target

from algotrading.adapters.postgres.egress_routes import read_routes
from cdk.assure import read_report
from cdk.cost.lines import HOURS
from cdk.cost.prices import load_prices
from cdk.cost.standing import standing_lines, unpriced
from cdk.environments import AVAILABILITY_ZONES, ENVIRONMENTS, MOST_PAIRS, REGION, Environment, KeptAddress
from cdk.prerequisites import pairs_that_stand
from cdk.stacks.network import NetworkStack
from cdk.synth import synthesize
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
    # Kept from a stack that goes or would replace it; not from a deployment that fails before anybody knew it.
    assert {(each.body["DeletionPolicy"], each.body["UpdateReplacePolicy"]) for each in addresses} == {
        ("RetainExceptOnCreate", "Retain")
    }


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

    assert outside - {"Docs"} == {"Authorizer", "Canary", "Rotate", "Trigger"}


# --- pairs of addresses beside the NAT's --------------------------------------------------------------


IMAGES = ("ami-0123456789abcdef0", "ami-0123456789abcdef1")


def _network(
    pairs: int, images: tuple[str, ...] = IMAGES, *, kept_addresses: tuple[KeptAddress, ...] = ()
) -> dict[str, Any]:
    """The network of a prod with addresses for `pairs` more accounts."""
    environment = replace(ENVIRONMENTS["prod"], egress_pairs=pairs, egress_images=images, kept_addresses=kept_addresses)
    app = App()
    stack = NetworkStack(app, "network", environment=environment, env=Target(region=REGION))
    routes = stack.to_json_string(stack.routes)
    CfnOutput(stack, "Routes", value=routes)
    template: dict[str, Any] = app.synth().get_stack_by_name("network").template
    return template


@pytest.fixture(scope="module")
def paired() -> dict[str, Any]:
    """With 13, which two machines to a zone carry."""
    return _network(13)


def _script(machine: dict[str, Any]) -> str:
    """What a machine runs, with the address that it tells when it serves as `<logical id>`."""
    _, parts = machine["Properties"]["UserData"]["Fn::Base64"]["Fn::Join"]
    return "".join(part if isinstance(part, str) else f"<{part['Ref']}>" for part in parts)


def _of(template: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: each for name, each in template["Resources"].items() if each["Type"] == kind}


def test_each_pair_has_an_address_in_either_zone_that_outlives_the_stack(paired: dict[str, Any]) -> None:
    kept = {
        name
        for name, each in _of(paired, "AWS::EC2::EIP").items()
        if each.get("DeletionPolicy") == "RetainExceptOnCreate"
    }
    machines = _of(paired, "AWS::EC2::Instance").values()

    assert len(kept) == 2 + 2 * 13
    assert sorted(each["Properties"]["InstanceType"] for each in machines) == ["t4g.large"] * 2 + ["t4g.small"] * 2


def test_every_address_is_bound_to_a_private_one_of_its_own(paired: dict[str, Any]) -> None:
    bound = [
        (json.dumps(each["Properties"]["NetworkInterfaceId"]), each["Properties"]["PrivateIpAddress"])
        for each in _of(paired, "AWS::EC2::EIPAssociation").values()
    ]
    carried = [
        (json.dumps({"Ref": name}), address["PrivateIpAddress"])
        for name, each in _of(paired, "AWS::EC2::NetworkInterface").items()
        for address in each["Properties"]["PrivateIpAddresses"]
    ]

    assert sorted(bound) == sorted(carried)
    assert len({private for _, private in bound}) == len(bound)


@pytest.mark.parametrize("pairs", [1, MOST_PAIRS])
def test_no_nat_gateway_takes_an_address_that_is_set_aside_for_proxies(pairs: int) -> None:
    template = _network(pairs)
    gateways = {each["Properties"]["PrivateIpAddress"] for each in _of(template, "AWS::EC2::NatGateway").values()}
    proxies = {
        private["PrivateIpAddress"]
        for each in _of(template, "AWS::EC2::NetworkInterface").values()
        for private in each["Properties"]["PrivateIpAddresses"]
    }
    public = [
        IPv4Network(each["Properties"]["CidrBlock"])
        for each in _of(template, "AWS::EC2::Subnet").values()
        if each["Properties"].get("MapPublicIpOnLaunch")
    ]

    assert len(gateways) == len(public) == len(AVAILABILITY_ZONES)
    # The first four and the last of a subnet are AWS's own (Amazon VPC documentation, subnet CIDR blocks).
    usable = {str(address) for subnet in public for address in list(subnet)[4:-1]}
    assert gateways | proxies <= usable
    assert gateways.isdisjoint(proxies)


def test_more_pairs_than_an_environment_can_hold_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match=f"egress_pairs of prod must be {MOST_PAIRS} at most"):
        _network(MOST_PAIRS + 1)


def test_each_port_of_a_proxy_leaves_by_its_own_address_and_only_to_the_broker(paired: dict[str, Any]) -> None:
    for machine in _of(paired, "AWS::EC2::Instance").values():
        script = _script(machine)
        ports = dict(re.findall(r"http_port ([0-9.]+):3128 name=(pair\d+)", script))
        leaving = dict(re.findall(r"tcp_outgoing_address ([0-9.]+) by(\d+)", script))

        assert {address: f"pair{number}" for address, number in leaving.items()} == ports
        assert "acl known dstdomain api.kite.trade checkip.amazonaws.com" in script
        assert script.index("http_access allow tunnel known https") < script.index("http_access deny all")


def test_proxies_are_reached_by_functions_alone_and_know_no_password(paired: dict[str, Any]) -> None:
    inbound = [
        each["Properties"]
        for each in _of(paired, "AWS::EC2::SecurityGroupIngress").values()
        if each["Properties"]["FromPort"] == 3128
    ]
    machines = _of(paired, "AWS::EC2::Instance").values()
    launches = _of(paired, "AWS::EC2::LaunchTemplate").values()

    assert [json.dumps(each["SourceSecurityGroupId"]).count("FunctionsGroup") for each in inbound] == [1]
    assert all(
        "KeyName" not in each["Properties"] and "IamInstanceProfile" not in each["Properties"] for each in machines
    )
    assert all(
        each["Properties"]["LaunchTemplateData"]["MetadataOptions"] == {"HttpTokens": "required"} for each in launches
    )


def test_the_database_is_told_every_pair_with_its_proxies(estate: Estate, paired: dict[str, Any]) -> None:
    parts = paired["Outputs"]["Routes"]["Value"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "13.200.0.1" for part in parts)
    routes = read_routes(text)

    assert [route.name for route in routes] == ["nat", *(f"pair-{number}" for number in range(1, 14))]
    assert {len(route.addresses) for route in routes} == {2}
    assert all(len(route.proxies) == 2 for route in routes[1:])
    (migration,) = estate.resources("Custom::DatabaseMigration")
    assert '"name":"nat"' in json.dumps(migration.properties["EgressRoutes"]).replace("\\", "")


def test_a_deployment_finds_the_pairs_that_stand_by_what_the_template_calls_them(paired: dict[str, Any]) -> None:
    """Else none would ever be missed, and CloudFormation alone would be between a pair and its end."""
    assert pairs_that_stand(paired["Outputs"]) == 13
    assert pairs_that_stand(_network(0)["Outputs"]) == 0


def test_pairs_and_their_proxies_have_a_price(paired: dict[str, Any]) -> None:
    plain, prices = ENVIRONMENTS["prod"], load_prices()
    environment = replace(plain, egress_pairs=13, egress_images=IMAGES)
    templates = {"network": paired}

    lines = {line.what: line.amount for line in standing_lines(environment, templates, prices)}
    before = {line.what: line.amount for line in standing_lines(plain, templates, prices)}

    assert unpriced(templates) == {}
    assert lines["public addresses"] - before["public addresses"] == HOURS * (2 * 13 + 4)
    assert (lines["t4g.large as forward proxies"], lines["t4g.small as forward proxies"]) == (2 * HOURS, 2 * HOURS)
    assert lines["their disks"] == 4 * 8


@pytest.mark.parametrize("images", [(), IMAGES[:1], (*IMAGES, "ami-0")])
def test_pairs_without_an_image_for_each_zone_are_refused(images: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="need egress_images, one for each of ap-south-1a, ap-south-1b"):
        replace(ENVIRONMENTS["prod"], egress_pairs=1, egress_images=images)


# --- changing them ------------------------------------------------------------------------------------


def _waits_for(template: dict[str, Any], name: str) -> set[str]:
    """Everything that has to be there before `name` is made or changed."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        each = template["Resources"][waiting.pop()]
        before = each.get("DependsOn", [])
        new = {before} if isinstance(before, str) else set(before)
        new |= set(re.findall(r'"(?:Ref|Fn::GetAtt)": \[?"(\w+)"', json.dumps(each.get("Properties", {}))))
        waiting += [other for other in new - seen if other in template["Resources"]]
        seen |= new
    return seen


def _machines(template: dict[str, Any]) -> dict[str, str]:
    """Machines by number and zone: `0a`."""
    return {name[len("ProxiesMachine") :][:2]: name for name in _of(template, "AWS::EC2::Instance")}


def _serving(template: dict[str, Any], machine: str) -> str:
    """The condition that holds once this machine serves."""
    [found] = (
        name
        for name, each in _of(template, "AWS::CloudFormation::WaitCondition").items()
        if machine in str(each["DependsOn"])
    )
    return found


def test_a_machine_is_changed_when_its_twin_in_the_other_zone_serves_again(paired: dict[str, Any]) -> None:
    machines = _machines(paired)

    assert sorted(machines) == ["0a", "0b", "1a", "1b"]
    for number in "01":
        first, second = machines[f"{number}a"], machines[f"{number}b"]
        assert _serving(paired, first) in _waits_for(paired, second)
        assert second not in _waits_for(paired, first)


def test_what_is_waited_for_is_told_by_the_machine_when_every_address_leads_out(paired: dict[str, Any]) -> None:
    for machine in _machines(paired).values():
        condition = paired["Resources"][_serving(paired, machine)]["Properties"]
        script = _script(paired["Resources"][machine])
        addresses = re.findall(r"http_port ([0-9.]+):3128", script)
        tells = script.index(f"<{condition['Handle']['Ref']}>")

        assert (condition["Count"], condition["Timeout"]) == (1, "900")
        assert f"for address in {' '.join(addresses)}; do" in script
        assert script.index("systemctl restart squid") < script.index("if leads_out; then") < tells


def test_what_a_machine_runs_is_a_script(paired: dict[str, Any]) -> None:
    for machine in _machines(paired).values():
        script = (
            "#!/bin/bash" + _script(paired["Resources"][machine]).partition("#!/bin/bash")[2].partition("--//--")[0]
        )

        checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_addresses_lead_to_a_machine_before_it_starts(paired: dict[str, Any]) -> None:
    bound = set(_of(paired, "AWS::EC2::EIPAssociation"))

    ways_out = {
        name
        for name, each in _of(paired, "AWS::EC2::Route").items()
        if "GatewayId" in each["Properties"] and "public" in name.lower()
    }

    assert {each for machine in _machines(paired).values() for each in _waits_for(paired, machine) & bound} == bound
    assert len(ways_out) == 2
    assert {
        each for machine in _machines(paired).values() for each in _waits_for(paired, machine) & ways_out
    } == ways_out


def test_each_change_of_a_machine_is_waited_for_anew_and_no_change_is_not() -> None:
    two, three, newer = _network(2), _network(3), _network(2, ("ami-2", IMAGES[1]))

    def conditions(template: dict[str, Any]) -> dict[str, str]:
        return {zone: _serving(template, machine) for zone, machine in _machines(template).items()}

    assert conditions(two) == conditions(_network(2))
    assert not set(conditions(two).values()) & set(conditions(three).values())
    # Another image in one zone leaves the other zone's machine alone.
    assert conditions(newer)["0a"] != conditions(two)["0a"]
    assert conditions(newer)["0b"] == conditions(two)["0b"]
    assert {name: each["Properties"]["ImageId"] for name, each in _of(newer, "AWS::EC2::Instance").items()} == {
        _machines(newer)["0a"]: "ami-2",
        _machines(newer)["0b"]: IMAGES[1],
    }


def test_a_machine_keeps_its_id_and_its_addresses_when_pairs_are_added() -> None:
    two, three = _network(2), _network(3)

    for kind in ("AWS::EC2::Instance", "AWS::EC2::NetworkInterface"):
        assert _of(two, kind).keys() == _of(three, kind).keys()
    assert _of(two, "AWS::EC2::EIP").keys() < _of(three, "AWS::EC2::EIP").keys()


def test_cloudformation_takes_an_estate_with_pairs(tmp_path: Path) -> None:
    """Its own rules are checked with a synthesis by the product's own way, which this is."""
    environment = replace(ENVIRONMENTS["prod"], egress_pairs=3, egress_images=IMAGES)

    synthesize(environment, tmp_path, in_place=True)

    report = json.loads((tmp_path / "validation-report.json").read_text(encoding="utf-8"))
    assert list(read_report(report)) == []


# --- addresses that outlived an earlier network -----------------------------------------------------------


def _adopting(*names: str) -> tuple[KeptAddress, ...]:
    return tuple(
        KeptAddress(name, f"eipalloc-0123456{number}", f"13.234.0.{number}") for number, name in enumerate(names)
    )


def test_a_network_takes_up_the_addresses_that_an_earlier_one_left() -> None:
    adopted = _network(2, kept_addresses=_adopting("EgressAddress2", "PairAddress1b"))
    anew = _network(2)
    nat = [each["Properties"]["AllocationId"] for each in _of(adopted, "AWS::EC2::NatGateway").values()]
    bound = _of(adopted, "AWS::EC2::EIPAssociation")
    gone = _of(anew, "AWS::EC2::EIP").keys() - _of(adopted, "AWS::EC2::EIP").keys()

    assert sorted(map(str, nat)) == ["eipalloc-01234560", "{'Fn::GetAtt': ['EgressAddress1', 'AllocationId']}"]
    assert [each["Properties"]["AllocationId"] for name, each in bound.items() if "PairAddress1b" in name] == [
        "eipalloc-01234561"
    ]
    assert adopted["Outputs"]["EgressIp2"]["Value"] == "13.234.0.0"
    assert "13.234.0.1" in {each["Value"] for each in adopted["Outputs"].values() if isinstance(each["Value"], str)}
    assert '"13.234.0.1"' in json.dumps(adopted["Outputs"]["Routes"]["Value"]).replace("\\", "")
    assert {re.sub("[0-9A-F]{8}$", "", name) for name in gone} == {"EgressAddress2", "ProxiesPairAddress1b"}


def test_each_address_that_brokers_know_is_called_by_what_it_is_there_for(paired: dict[str, Any]) -> None:
    """`make deploy` finds them by it when their stack is gone."""
    named = {
        tag["Value"]
        for each in _of(paired, "AWS::EC2::EIP").values()
        for tag in each["Properties"].get("Tags", ())
        if tag["Key"] == "Name"
    }

    pairs = {f"algotrading-prod-PairAddress{number}{zone}" for number in range(1, 14) for zone in "ab"}
    assert named == {"algotrading-prod-EgressAddress1", "algotrading-prod-EgressAddress2", *pairs}


@pytest.mark.parametrize(
    ("name", "allocation_id", "address", "reason"),
    [
        ("OwnAddress0a", "eipalloc-01234567", "13.234.0.1", "is called"),
        ("EgressAddress1", "eip-1", "13.234.0.1", "must be as eipalloc"),
        ("EgressAddress1", "eipalloc-01234567", "10.0.0.1", "no address that anybody"),
        ("EgressAddress1", "eipalloc-01234567", "13.234.0", "4 octets"),
    ],
)
def test_what_is_no_kept_address_is_refused(name: str, allocation_id: str, address: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        KeptAddress(name, allocation_id, address)


def test_an_address_is_not_taken_up_twice() -> None:
    [kept] = _adopting("EgressAddress1")

    with pytest.raises(ValueError, match="name one of them twice"):
        replace(ENVIRONMENTS["prod"], kept_addresses=(kept, kept))
