"""The twin's AWS account: the emulator process, and the templates' resources created in it.

Queues, keys, secrets, topics and schedule groups exist in the emulator with the properties of their
templates. Databases and caches are the embedded servers. Everything else a template refers to (roles,
functions, log groups) only has a name.
"""

from __future__ import annotations

import json
import secrets
import socket
import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from twin.cloudformation import Assembly, Resolver, Resource, TemplateFault
from twin.processes import Child, StateFolder, start_module

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

LOOPBACK = "127.0.0.1"

_DATABASES = ("AWS::RDS::DBInstance", "AWS::RDS::DBCluster", "AWS::RDS::DBProxy")
_CACHES = ("AWS::ElastiCache::ReplicationGroup", "AWS::ElastiCache::ServerlessCache")
_QUEUE_ATTRIBUTES = (
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "VisibilityTimeout",
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server of this machine listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class AwsAccess:
    """How to reach the emulator. Its account is the access key id."""

    url: str
    account: str
    region: str

    def environment(self) -> dict[str, str]:
        """What AWS's own libraries read."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "twin",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return Endpoint(parts.hostname, parts.port)

    def through(self, endpoint: Endpoint) -> AwsAccess:
        """The same account, reached at another endpoint."""
        return replace(self, url=f"http://{endpoint.host}:{endpoint.port}")

    def client_options(self) -> dict[str, Any]:
        """Arguments of `boto3.client`."""
        return {
            "endpoint_url": self.url,
            "region_name": self.region,
            "aws_access_key_id": self.account,
            "aws_secret_access_key": "twin",
        }


async def start_emulator(state: StateFolder, account: str, region: str) -> tuple[Child, AwsAccess]:
    """Start the emulator on a free loopback port. Its state lives and ends with its process."""
    listener = socket.create_server((LOOPBACK, 0), backlog=512)
    port = listener.getsockname()[1]
    environment = {
        "BIND_HOST": LOOPBACK,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": LOOPBACK,
        "MINISTACK_REGION": region,
        "MINISTACK_ACCOUNT_ID": account,
        "LOG_LEVEL": "WARNING",
        "TMPDIR": str(state.path),
        "STATE_DIR": str(state.path),
        "S3_DATA_DIR": str(state.path / "s3"),
    }
    with listener:
        child = await start_module(
            state,
            "emulator",
            "twin.emulator",
            str(listener.fileno()),
            environment=environment,
            descriptors=(listener.fileno(),),
        )
    return child, AwsAccess(f"http://{LOOPBACK}:{port}", account, region)


@dataclass(frozen=True, slots=True)
class _Made:
    reference: str
    attributes: Mapping[str, str] = field(default_factory=dict)


class DeployedResources:
    """Creates what the templates refer to at the first reference, and remembers what it is called."""

    def __init__(self, assembly: Assembly, access: AwsAccess, *, database: Endpoint, cache: Endpoint) -> None:
        import boto3

        self._assembly = assembly
        self._access = access
        self._endpoints = {**dict.fromkeys(_DATABASES, database), **dict.fromkeys(_CACHES, cache)}
        self._made: dict[str, _Made] = {}
        self.resolver = Resolver(assembly, self)
        options = access.client_options()
        self._sqs: SQSClient = boto3.client("sqs", **options)
        self._kms: KMSClient = boto3.client("kms", **options)
        self._secrets: SecretsManagerClient = boto3.client("secretsmanager", **options)
        self._sns: SNSClient = boto3.client("sns", **options)
        self._s3: S3Client = boto3.client("s3", **options)
        self._scheduler: EventBridgeSchedulerClient = boto3.client("scheduler", **options)
        self._makers = {
            "AWS::SQS::Queue": self._make_queue,
            "AWS::KMS::Key": self._make_key,
            "AWS::KMS::Alias": self._make_alias,
            "AWS::SecretsManager::Secret": self._make_secret,
            "AWS::SecretsManager::SecretTargetAttachment": self._attach_secret,
            "AWS::SNS::Topic": self._make_topic,
            "AWS::S3::Bucket": self._make_bucket,
            "AWS::SNS::Subscription": self._make_subscription,
            "AWS::Scheduler::ScheduleGroup": self._make_group,
            "AWS::Lambda::Function": self._name_function,
            "AWS::IAM::Role": self._name_role,
            "AWS::ApiGatewayV2::Api": self._name_api,
            "AWS::CloudFront::Distribution": self._name_pages,
            **dict.fromkeys(self._endpoints, self._name_server),
        }

    def create_all(self) -> None:
        """Create every resource of the templates that lives in the emulator."""
        for resource in self._assembly.of_type(*self._makers):
            self._get(resource)

    def reference(self, resource: Resource) -> str:
        """The value of `Ref`."""
        return self._get(resource).reference

    def attribute(self, resource: Resource, name: str) -> str:
        """The value of `Fn::GetAtt`."""
        attributes = self._get(resource).attributes
        if name not in attributes:
            raise TemplateFault(f"{resource.path}: a {resource.type} has no attribute {name} here")
        return attributes[name]

    def secret(self, arn: str) -> dict[str, str]:
        """The content of a JSON secret."""
        content: dict[str, str] = json.loads(self._secrets.get_secret_value(SecretId=arn)["SecretString"])
        return content

    def _get(self, resource: Resource) -> _Made:
        if resource.path not in self._made:
            if resource.type not in self._makers:
                raise TemplateFault(f"{resource.path}: references to {resource.type} are not supported")
            self._made[resource.path] = self._makers[resource.type](resource)
        return self._made[resource.path]

    # --- one maker per type ------------------------------------------------------------------------

    def _make_queue(self, resource: Resource) -> _Made:
        read = self.resolver.properties(resource, "QueueName", *_QUEUE_ATTRIBUTES)
        is_fifo = bool(read.get("FifoQueue"))
        name = read.pop("QueueName", self._physical_name(resource) + (".fifo" if is_fifo else ""))
        attributes = {key: _attribute_text(value) for key, value in read.items()}
        url = self._sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type]
        return _Made(url, {"Arn": self._arn("sqs", name), "QueueName": name, "QueueUrl": url})

    def _make_key(self, resource: Resource) -> _Made:
        made = self._kms.create_key(Description=resource.path)["KeyMetadata"]
        return _Made(made["KeyId"], {"Arn": made["Arn"], "KeyId": made["KeyId"]})

    def _make_alias(self, resource: Resource) -> _Made:
        read = self.resolver.properties(resource, "AliasName", "TargetKeyId")
        self._kms.create_alias(AliasName=read["AliasName"], TargetKeyId=read["TargetKeyId"].split("/")[-1])
        return _Made(read["AliasName"])

    def _make_secret(self, resource: Resource) -> _Made:
        read = self.resolver.properties(resource, "Name", "SecretString", "GenerateSecretString")
        text = read["SecretString"] if "SecretString" in read else _generate(read.get("GenerateSecretString", {}))
        name = read.get("Name", self._physical_name(resource))
        arn = self._secrets.create_secret(Name=name, SecretString=text)["ARN"]
        return _Made(arn, {"Id": arn})

    def _attach_secret(self, resource: Resource) -> _Made:
        arn = self.resolver.properties(resource, "SecretId")["SecretId"]
        return _Made(arn, {"Id": arn})

    def _make_topic(self, resource: Resource) -> _Made:
        name = self.resolver.properties(resource, "TopicName").get("TopicName", self._physical_name(resource))
        arn = self._sns.create_topic(Name=name)["TopicArn"]
        return _Made(arn, {"TopicArn": arn, "TopicName": name})

    def _make_bucket(self, resource: Resource) -> _Made:
        read = self.resolver.properties(resource, "BucketName")
        name = read.get("BucketName", self._physical_name(resource).lower())
        self._s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": self._access.region})  # type: ignore[typeddict-item]
        return _Made(name, {"Arn": f"arn:aws:s3:::{name}"})

    def _make_subscription(self, resource: Resource) -> _Made:
        """Of queues; nobody confirms a mail's here."""
        read = self.resolver.properties(resource, "Protocol", "TopicArn", "Endpoint")
        if read["Protocol"] != "sqs":
            return _Made(f"{resource.path} is not made")
        made = self._sns.subscribe(TopicArn=read["TopicArn"], Protocol="sqs", Endpoint=read["Endpoint"])
        return _Made(made["SubscriptionArn"])

    def put_secret(self, arn: str, content: Mapping[str, str]) -> None:
        """Replace the content of a JSON secret."""
        self._secrets.put_secret_value(SecretId=arn, SecretString=json.dumps(content))

    def _make_group(self, resource: Resource) -> _Made:
        name = self.resolver.properties(resource, "Name").get("Name", self._physical_name(resource))
        arn = self._scheduler.create_schedule_group(Name=name)["ScheduleGroupArn"]
        return _Made(name, {"Arn": arn})

    def _name_function(self, resource: Resource) -> _Made:
        name = self.resolver.properties(resource, "FunctionName").get("FunctionName", self._physical_name(resource))
        return _Made(name, {"Arn": self._arn("lambda", f"function:{name}")})

    def _name_role(self, resource: Resource) -> _Made:
        name = self.resolver.properties(resource, "RoleName").get("RoleName", self._physical_name(resource))
        return _Made(name, {"Arn": f"arn:aws:iam::{self._access.account}:role/{name}", "RoleId": name})

    def _name_api(self, resource: Resource) -> _Made:
        """Where nobody answers: the twin tells those who ask where its gateway is."""
        name = self._physical_name(resource)
        return _Made(name, {"ApiId": name, "ApiEndpoint": f"https://{name.lower()}.invalid"})

    def _name_pages(self, resource: Resource) -> _Made:
        """Where nobody answers either: the twin serves the app at a URL of its own."""
        name = self._physical_name(resource)
        return _Made(name, {"DomainName": f"{name.lower()}.invalid"})

    def _name_server(self, resource: Resource) -> _Made:
        endpoint = self._endpoints[resource.type]
        host, port = endpoint.host, str(endpoint.port)
        names = ("Endpoint", "PrimaryEndPoint", "ConfigurationEndPoint", "ReaderEndPoint", "ReadEndpoint")
        attributes = {f"{name}.{key}": value for name in names for key, value in (("Address", host), ("Port", port))}
        return _Made(self._physical_name(resource), {**attributes, "Endpoint": host})

    def _arn(self, service: str, name: str) -> str:
        return f"arn:aws:{service}:{self._access.region}:{self._access.account}:{name}"

    def _physical_name(self, resource: Resource) -> str:
        """A name as CloudFormation makes one, from stack and logical id; 64 characters fit every service."""
        return f"{resource.stack}-{resource.logical_id}"[-64:]


def _attribute_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _generate(options: Mapping[str, Any]) -> str:
    alphabet = string.ascii_letters + string.digits
    password = "".join(secrets.choice(alphabet) for _ in range(int(options.get("PasswordLength", 32))))
    if "GenerateStringKey" not in options:
        return password
    return json.dumps({**json.loads(options.get("SecretStringTemplate", "{}")), options["GenerateStringKey"]: password})
