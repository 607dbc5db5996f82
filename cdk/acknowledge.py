"""What checkers of templates find and we mean: one sentence beside the resource, in the words that each checker reads.

`make assure` fails on every finding that is not acknowledged so.
"""

from __future__ import annotations

from typing import Any, cast

from aws_cdk import Acknowledgment, CfnElement, CfnResource, Stack, Validations
from aws_cdk import aws_lambda as lambda_
from constructs import Construct, IConstruct

ENCRYPTED_BY_AWS = "Encrypted with Secrets Manager's own key of this account: who may read the secret is said by IAM."
TOPIC_AT_REST = "Nothing rests in it: mails leave at once, over TLS, and hold no secret."
SQS_AT_REST = "Encrypted with SQS's own keys; a message names a strategy or a person and holds no secret."
_BASIC_POLICIES = (
    "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]",
    "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole]",
)
"""AWS's own policies for writing logs and standing in a network."""


def acknowledge(
    scope: IConstruct,
    reason: str,
    *,
    nag: tuple[str, ...] = (),
    checkov: tuple[str, ...] = (),
    validate: tuple[str, ...] = (),
) -> None:
    """Say why findings about `scope`, and all that is made in it so far or later, are meant. `nag` are ids of cdk-nag's
    AWS Solutions pack without their prefix; `checkov` ids are written to the resources that exist by now; `validate`
    are ids of CloudFormation's own rules, which CDK checks at each synthesis."""
    ids = [
        *(f"AwsSolutions::AwsSolutions-{rule}" for rule in nag),
        *(f"CloudFormation-Validate::{rule}" for rule in validate),
    ]
    if ids:
        Validations.of(scope).acknowledge(*(Acknowledgment(id=each, reason=reason) for each in ids))
    if checkov:
        for resource in scope.node.find_all():
            if isinstance(resource, CfnResource):
                _skip(resource, reason, checkov)


def acknowledge_function(function: Construct) -> None:
    """What is meant of every function of the product."""
    acknowledge(
        function,
        "AWS's own policies for logs and network interfaces allow exactly that and are kept current by AWS.",
        nag=_BASIC_POLICIES,
    )
    acknowledge(
        function,
        "Traces and network interfaces have no resource that a policy could name; powers.py names every other.",
        nag=("IAM5[Resource::*]",),
    )
    acknowledge(
        function,
        "The runtime is the one that the locked wheels are built for; both change together.",
        nag=("L1",),
    )
    acknowledge(
        function,
        "What calls it (queue, schedule, API) keeps what failed, in a dead-letter queue of its own where it is kept.",
        checkov=("CKV_AWS_116",),
    )
    acknowledge(
        function,
        "Concurrency is reserved for the executors alone: a limit for the others would turn traders away.",
        checkov=("CKV_AWS_115",),
    )
    acknowledge(
        function,
        "Only functions that need a store or a broker stand in the network; the others hold no way to either.",
        checkov=("CKV_AWS_117",),
    )
    acknowledge(
        function,
        "Its variables are names and addresses; every secret is read from Secrets Manager or opened by KMS.",
        checkov=("CKV_AWS_173",),
    )


def acknowledge_helpers(app: Construct) -> None:
    """The functions that CDK itself puts into a stack for what CloudFormation cannot do."""
    for each in app.node.find_all():
        if each.node.id.startswith("Custom::"):
            acknowledge(
                each,
                "CDK's own: CloudFormation calls it once in a deployment and hears of its failure itself.",
                checkov=("CKV_AWS_115", "CKV_AWS_116", "CKV_AWS_117"),
            )


def acknowledge_calls(caller: Construct, *functions: lambda_.Function) -> None:
    """`caller` may call the functions in all their versions, as CDK writes it."""
    ids = [Stack.of(each).get_logical_id(cast(CfnElement, each.node.default_child)) for each in functions]
    acknowledge(
        caller,
        "A schedule calls the function that it is made for, in whatever version is deployed.",
        nag=tuple(f"IAM5[Resource::<{logical_id}.Arn>:*]" for logical_id in ids),
    )


def _skip(resource: CfnResource, reason: str, rules: tuple[str, ...]) -> None:
    """checkov documentation, suppressing and skipping policies: metadata of the resource."""
    known: Any = resource.get_metadata("checkov")
    skipped = [] if known is None else list(known["skip"])
    resource.add_metadata("checkov", {"skip": [*skipped, *({"id": rule, "comment": reason} for rule in rules)]})
