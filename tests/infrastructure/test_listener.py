"""The watchers' services: they run without a gap, see themselves fail, and can harm nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdk.environments import AVAILABILITY_ZONES, Environment
from tests.infrastructure.templates import Estate, Resource

_SOCKETS_OF_AN_APP = 3
"""Kite Connect documentation, WebSocket streaming: up to 3 connections for one API key."""


def _services(estate: Estate) -> list[Resource]:
    return estate.resources("AWS::ECS::Service")


def _tasks(estate: Estate) -> list[Mapping[str, Any]]:
    return [each.properties for each in estate.resources("AWS::ECS::TaskDefinition")]


def _containers(estate: Estate) -> list[dict[str, Any]]:
    return [container for task in _tasks(estate) for container in task["ContainerDefinitions"]]


def _zones(estate: Estate, service: Resource) -> list[str]:
    """Where a service may put its task."""
    subnets = {each.path.removesuffix("/Subnet"): each for each in estate.resources("AWS::EC2::Subnet")}
    names = service.properties["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"]
    return [
        subnets[estate.text(service.stack, name).removesuffix("/Subnet")].properties["AvailabilityZone"]
        for name in names
    ]


def test_there_are_as_many_watchers_as_the_table_says_each_in_a_zone_of_its_own(
    estate: Estate, environment: Environment
) -> None:
    zones = [_zones(estate, service) for service in _services(estate)]

    assert sorted(zones) == [[zone] for zone in AVAILABILITY_ZONES[: environment.listener_tasks]]
    assert [each.properties["DesiredCount"] for each in _services(estate)] == [1] * environment.listener_tasks


def test_a_new_version_watches_before_the_old_one_leaves_or_rolls_back(estate: Estate) -> None:
    for deployment in (service.properties["DeploymentConfiguration"] for service in _services(estate)):
        assert deployment["MinimumHealthyPercent"] == 100
        assert deployment["MaximumPercent"] == 200
        assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_a_version_that_fails_in_one_zone_does_not_reach_the_next(estate: Estate) -> None:
    services = {service.logical_id: service for service in _services(estate)}
    waits_for = {name: services.keys() & set(each.body.get("DependsOn", ())) for name, each in services.items()}

    assert sorted(map(len, waits_for.values())) == [0, 1][: len(services)]


def test_no_task_starts_before_it_may_fetch_its_image_and_write_its_log(estate: Estate) -> None:
    (policy,) = [
        each
        for each in estate.resources("AWS::IAM::Policy")
        if each.stack == "listener" and "ecr:BatchGetImage" in str(each.properties["PolicyDocument"])
    ]

    assert _services(estate)
    assert [each for each in _services(estate) if policy.logical_id not in each.body.get("DependsOn", ())] == []


def test_while_a_version_is_deployed_no_feed_account_has_more_sockets_than_the_broker_allows(
    estate: Estate, environment: Environment
) -> None:
    # One service at a time has its old task and its new one.
    most = max(each.properties["DeploymentConfiguration"]["MaximumPercent"] // 100 for each in _services(estate))

    assert environment.listener_tasks - 1 + most <= _SOCKETS_OF_AN_APP


def test_no_rebalancing_moves_a_watcher_in_trading_hours(estate: Estate) -> None:
    assert {each.properties["AvailabilityZoneRebalancing"] for each in _services(estate)} == {"DISABLED"}


def test_health_means_that_the_watcher_says_so_itself(estate: Estate) -> None:
    for check in (container["HealthCheck"] for container in _containers(estate)):
        assert check["Command"] == ["CMD", "python", "-m", "fargate_listener", "--health"]
        assert check["Interval"] * check["Retries"] <= 60
        # Loading a hundred thousand stops takes seconds; a task that is given up before it has them starts for ever.
        assert check["StartPeriod"] >= 60


def test_a_watcher_has_the_longest_time_to_leave(estate: Estate) -> None:
    assert {container["StopTimeout"] for container in _containers(estate)} == {120}


def test_watchers_differ_in_their_names_and_in_nothing_else(estate: Estate, environment: Environment) -> None:
    variables = [{each["Name"]: each["Value"] for each in c["Environment"]} for c in _containers(estate)]
    names = [each.pop("POWERTOOLS_SERVICE_NAME") for each in variables]

    assert sorted(names) == [watcher.name for watcher in environment.watchers]
    assert all(each == variables[0] for each in variables)


def test_every_feed_account_is_told_to_every_watcher(feeding_estate: Estate) -> None:
    for container in _containers(feeding_estate):
        variables = {each["Name"]: each["Value"] for each in container["Environment"]}
        assert variables["FEED_ACCOUNT_EMAIL"] == "feed-0@example.com,feed-1@example.com,not-yet@example.com"


def test_the_container_cannot_change_itself_and_is_nobody(estate: Estate) -> None:
    for container in _containers(estate):
        assert container["ReadonlyRootFilesystem"] is True
        assert container["User"] == "65534:65534"
        assert container["Command"] == ["python", "-m", "fargate_listener"]


def test_the_watcher_runs_on_arm_in_private_subnets(estate: Estate) -> None:
    for task in _tasks(estate):
        assert task["RuntimePlatform"] == {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"}
    for network in (each.properties["NetworkConfiguration"]["AwsvpcConfiguration"] for each in _services(estate)):
        assert network["AssignPublicIp"] == "DISABLED"
        assert {estate.text("listener", each) for each in network["SecurityGroups"]} == {"network/ListenerGroup"}
