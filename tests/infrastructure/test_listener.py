"""The watcher's service: it runs without a gap, sees itself fail, and can harm nothing."""

from __future__ import annotations

from typing import Any

from cdk.environments import Environment
from tests.infrastructure.templates import Estate


def _container(estate: Estate) -> dict[str, Any]:
    (container,) = estate.one("AWS::ECS::TaskDefinition").properties["ContainerDefinitions"]
    return dict(container)


def test_as_many_watchers_as_the_table_says(estate: Estate, environment: Environment) -> None:
    assert estate.one("AWS::ECS::Service").properties["DesiredCount"] == environment.listener_tasks


def test_a_new_version_watches_before_the_old_one_leaves_or_rolls_back(estate: Estate) -> None:
    deployment = estate.one("AWS::ECS::Service").properties["DeploymentConfiguration"]

    assert deployment["MinimumHealthyPercent"] == 100
    assert deployment["MaximumPercent"] == 200
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_no_rebalancing_moves_a_watcher_in_trading_hours(estate: Estate) -> None:
    assert estate.one("AWS::ECS::Service").properties["AvailabilityZoneRebalancing"] == "DISABLED"


def test_health_means_that_the_watcher_says_so_itself(estate: Estate) -> None:
    check = _container(estate)["HealthCheck"]

    assert check["Command"] == ["CMD", "python", "-m", "fargate_listener", "--health"]
    assert check["Interval"] * check["Retries"] <= 60


def test_the_watcher_has_the_longest_time_to_leave(estate: Estate) -> None:
    assert _container(estate)["StopTimeout"] == 120


def test_the_container_cannot_change_itself_and_is_nobody(estate: Estate) -> None:
    container = _container(estate)

    assert container["ReadonlyRootFilesystem"] is True
    assert container["User"] == "65534:65534"
    assert container["Command"] == ["python", "-m", "fargate_listener"]


def test_the_watcher_runs_on_arm_in_private_subnets(estate: Estate) -> None:
    task = estate.one("AWS::ECS::TaskDefinition").properties
    network = estate.one("AWS::ECS::Service").properties["NetworkConfiguration"]["AwsvpcConfiguration"]

    assert task["RuntimePlatform"] == {"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"}
    assert network["AssignPublicIp"] == "DISABLED"
    assert {estate.text("listener", each) for each in network["SecurityGroups"]} == {"network/ListenerGroup"}
