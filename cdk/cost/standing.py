"""What stands day and night: sizes from the environment's row, numbers of small things from its templates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from algotrading.domain.metrics import INFORMATIVE
from cdk.cost.lines import HOURS, Line
from cdk.cost.prices import PriceTable
from cdk.environments import AVAILABILITY_ZONES, READY_FROM, READY_UNTIL, Environment
from cdk.functions import FUNCTIONS

Template = Mapping[str, Any]

COUNTED: Final = {
    "AWS::CloudWatch::Alarm": ("CloudWatch", "alarms", "alarm_month", 1.0),
    "AWS::CloudWatch::CompositeAlarm": ("CloudWatch", "composite alarms", "composite_alarm_month", 1.0),
    "AWS::CloudWatch::Dashboard": ("CloudWatch", "dashboards", "dashboard_month", 1.0),
    "AWS::KMS::Key": ("KMS", "keys", "key_month", 1.0),
    "AWS::SecretsManager::Secret": ("Secrets Manager", "secrets", "secret_month", 1.0),
}
"""Type of a resource: service, words, price, and how many of the price's unit one of it is in a month."""

SIZED: Final = frozenset(
    {
        "AWS::EC2::NatGateway",
        "AWS::EC2::EIP",
        "AWS::EC2::Instance",
        "AWS::RDS::DBInstance",
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::ECS::Service",
    }
)
"""What the environment's row has the sizes of."""

MOVING: Final = frozenset(
    {
        "AWS::ApiGatewayV2::Api",
        "AWS::CloudFront::Distribution",
        "AWS::KinesisFirehose::DeliveryStream",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::Scheduler::Schedule",
    }
)
"""Costs by its use (cdk/cost/moving.py)."""

_ENDPOINT: Final = "AWS::EC2::VPCEndpoint"
_FREE_SERVICES: Final = ("AWS::IAM::", "Custom::", "AWS::CDK::")
FREE: Final = frozenset(
    {
        "AWS::ApiGatewayV2::ApiMapping",
        "AWS::ApiGatewayV2::Authorizer",
        "AWS::ApiGatewayV2::DomainName",
        "AWS::ApiGatewayV2::Integration",
        "AWS::ApiGatewayV2::Route",
        "AWS::ApiGatewayV2::Stage",
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "AWS::CloudFront::CachePolicy",
        "AWS::CloudFront::Function",
        "AWS::CloudFront::OriginAccessControl",
        "AWS::CloudFront::ResponseHeadersPolicy",
        "AWS::CloudFormation::CustomResource",
        "AWS::CloudFormation::WaitCondition",
        "AWS::CloudFormation::WaitConditionHandle",
        "AWS::EC2::EIPAssociation",
        "AWS::EC2::FlowLog",
        "AWS::EC2::InternetGateway",
        "AWS::EC2::LaunchTemplate",
        "AWS::EC2::NetworkInterface",
        "AWS::EC2::Route",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::Subnet",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPC",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::ECS::Cluster",
        "AWS::ECS::TaskDefinition",
        "AWS::ElastiCache::ParameterGroup",
        "AWS::ElastiCache::SubnetGroup",
        "AWS::KMS::Alias",
        "AWS::Lambda::Alias",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Permission",
        "AWS::Lambda::Version",
        "AWS::Logs::LogStream",
        "AWS::Logs::MetricFilter",
        "AWS::Logs::ResourcePolicy",
        "AWS::Logs::QueryDefinition",
        "AWS::Logs::SubscriptionFilter",
        "AWS::RDS::DBParameterGroup",
        "AWS::RDS::DBSubnetGroup",
        "AWS::S3::BucketPolicy",
        "AWS::SES::EmailIdentity",
        "AWS::SNS::Subscription",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
        "AWS::Scheduler::ScheduleGroup",
        "AWS::SecretsManager::ResourcePolicy",
        "AWS::SecretsManager::RotationSchedule",
        "AWS::SecretsManager::SecretTargetAttachment",
    }
)

_WEEKDAYS = 21.75
"""In a month, holidays among them."""
_POLLERS = 5
"""That Lambda keeps on a queue when nothing comes (aws-facts section 2)."""
_POLLS = _POLLERS * 3 * 60 * HOURS
"""Of one queue in a month: each poll waits 20 s."""


def standing_lines(environment: Environment, templates: Mapping[str, Template], prices: PriceTable) -> list[Line]:
    """Raises PriceMissing for a size that the price table does not know."""
    return [
        *_network(environment, prices),
        *_stores(environment, prices),
        *_watchers(environment, prices),
        *_ready(environment, prices),
        *_counted(_types(templates), prices),
        *_queues(templates, prices),
        *_endpoints(templates, prices),
        *_metrics(prices),
    ]


def unpriced(templates: Mapping[str, Template]) -> dict[str, int]:
    """Types of resources that this estimate knows nothing of, with their numbers: they may cost something."""
    known = SIZED | MOVING | FREE | {_ENDPOINT, *COUNTED}
    return {
        kind: number
        for kind, number in sorted(_types(templates).items())
        if kind not in known and not kind.startswith(_FREE_SERVICES)
    }


def _types(templates: Mapping[str, Template]) -> Counter[str]:
    return Counter(each["Type"] for template in templates.values() for each in template["Resources"].values())


def _line(service: str, what: str, amount: float, name: str, prices: PriceTable) -> Line:
    return Line(service, what, amount, prices[name], is_standing=True)


def _network(environment: Environment, prices: PriceTable) -> Iterator[Line]:
    gateways, zones = environment.nat_gateways, len(AVAILABILITY_ZONES)
    machines = [kind for kind, _ in environment.proxy_machines for _ in range(zones)]
    addresses = gateways + zones * environment.egress_pairs + len(machines)
    yield _line("VPC", "NAT gateways", gateways * HOURS, "nat_gateway_hour", prices)
    yield _line("VPC", "public addresses", addresses * HOURS, "public_address_hour", prices)
    for kind, number in Counter(machines).items():
        yield _line("EC2", f"{kind} as forward proxies", number * HOURS, f"machine_hour.{kind}", prices)
    if machines:
        yield _line("EC2", "their disks", 8.0 * len(machines), "disk_gib_month", prices)


def _stores(environment: Environment, prices: PriceTable) -> Iterator[Line]:
    zones = 2 if environment.database_multi_az else 1
    hour = f"database_hour.{environment.database_class}"
    yield _line("RDS", f"{environment.database_class} in {zones} zone(s)", zones * HOURS, hour, prices)
    yield _line("RDS", "storage", zones * environment.database_storage_gib, "database_gib_month", prices)
    # Backups up to the size of the database are free; a tenth of it is taken to change in a day.
    backups = max(0.0, 0.1 * environment.backup_days * environment.database_storage_gib)
    yield _line("RDS", f"backups of {environment.backup_days} days", backups, "backup_gib_month", prices)
    hour = f"cache_hour.{environment.cache_node}"
    yield _line("ElastiCache", f"{environment.cache_node} nodes", environment.cache_nodes * HOURS, hour, prices)


def _watchers(environment: Environment, prices: PriceTable) -> Iterator[Line]:
    hours = environment.listener_tasks * HOURS
    yield _line("Fargate", "vCPUs of watchers", hours * environment.listener_cpu / 1024, "fargate_cpu_hour", prices)
    memory = environment.listener_memory_mib / 1024
    yield _line("Fargate", "GiB of watchers", hours * memory, "fargate_gib_hour", prices)


def _ready(environment: Environment, prices: PriceTable) -> Iterator[Line]:
    """What is kept ready is paid by the hour, called or not. That a call then costs half as much is left out."""
    seconds = _WEEKDAYS * (READY_UNTIL.hour * 60 + READY_UNTIL.minute - READY_FROM.hour * 60 - READY_FROM.minute) * 60
    for name, spec in FUNCTIONS.items():
        if number := spec.kept_ready(environment) if spec.kept_ready else 0:
            amount = number * seconds * spec.memory_mib / 1024
            yield _line("Lambda", f"{name}, kept ready", amount, "provisioned_gib_second", prices)


def _counted(types: Counter[str], prices: PriceTable) -> Iterator[Line]:
    for kind, (service, what, name, amount) in COUNTED.items():
        if types[kind]:
            yield _line(service, what, types[kind] * amount, name, prices)


def _queues(templates: Mapping[str, Template], prices: PriceTable) -> Iterator[Line]:
    mappings = _types(templates)["AWS::Lambda::EventSourceMapping"]
    yield _line("SQS", "polls of idle queues", mappings * _POLLS / 1e6, "fifo_million", prices)


def _endpoints(templates: Mapping[str, Template], prices: PriceTable) -> Iterator[Line]:
    """Those of an interface, one for each subnet; a gateway's are free."""
    subnets = sum(
        len(each["Properties"].get("SubnetIds", ()))
        for template in templates.values()
        for each in template["Resources"].values()
        if each["Type"] == _ENDPOINT and each["Properties"].get("VpcEndpointType") == "Interface"
    )
    if subnets:
        yield _line("VPC", "interface endpoints", subnets * HOURS, "endpoint_hour", prices)


def _metrics(prices: PriceTable) -> Iterator[Line]:
    """Each is written without a dimension and under its service's name. One that means trouble costs only while there
    is trouble."""
    yield _line("CloudWatch", "metrics of our own", 2 * len(INFORMATIVE), "metric_month", prices)
