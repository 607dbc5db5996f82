"""References in templates come to what CloudFormation would make of them, or say where they cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from twin.cloudformation import Assembly, Resolver, Resource, TemplateFault, load_assembly

WORKERS = {
    "Parameters": {"Size": {"Type": "String", "Default": "small"}, "Secretive": {"Type": "String"}},
    "Resources": {"Worker": {"Type": "AWS::Lambda::Function", "Properties": {"Handler": "handler.lambda_handler"}}},
}
QUEUES = {
    "Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {}}},
    "Outputs": {"QueueArn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}, "Export": {"Name": "queues:QueueArn"}}},
}


class NamedAfterThemselves:
    """Deploys everything under its own path."""

    def reference(self, resource: Resource) -> str:
        return f"ref:{resource.path}"

    def attribute(self, resource: Resource, name: str) -> str:
        return f"{name}:{resource.path}"


def write_assembly(folder: Path, environment: str = "aws://unknown-account/ap-south-1") -> Path:
    stacks = {"workers": WORKERS, "queues": QUEUES}
    artifacts = {
        name: {
            "type": "aws:cloudformation:stack",
            "environment": environment,
            "properties": {"templateFile": f"{name}.json", "stackName": f"dev-{name}"},
        }
        for name in stacks
    }
    for name, template in stacks.items():
        (folder / f"{name}.json").write_text(json.dumps(template))
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {**artifacts, "tree": {"type": "cdk:tree"}}}))
    return folder


@pytest.fixture
def assembly(tmp_path: Path) -> Assembly:
    return load_assembly(write_assembly(tmp_path))


@pytest.fixture
def resolver(assembly: Assembly) -> Resolver:
    return Resolver(assembly, NamedAfterThemselves())


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        pytest.param({"Ref": "Worker"}, "ref:dev-workers/Worker", id="a resource"),
        pytest.param({"Ref": "Size"}, "small", id="a parameter's default"),
        pytest.param({"Ref": "AWS::Region"}, "ap-south-1", id="the region"),
        pytest.param({"Ref": "AWS::AccountId"}, "000000000000", id="the placeholder account"),
        pytest.param({"Ref": "AWS::StackName"}, "dev-workers", id="the stack's own name"),
        pytest.param({"Fn::GetAtt": ["Worker", "Arn"]}, "Arn:dev-workers/Worker", id="an attribute"),
        pytest.param({"Fn::GetAtt": "Worker.Arn"}, "Arn:dev-workers/Worker", id="an attribute in one string"),
        pytest.param({"Fn::ImportValue": "queues:QueueArn"}, "Arn:dev-queues/Queue", id="another stack's export"),
        pytest.param({"Fn::Join": ["/", ["a", {"Ref": "Size"}]]}, "a/small", id="a join"),
        pytest.param({"Fn::Sub": "${Size}-${Worker.Arn}-${!kept}"}, "small-Arn:dev-workers/Worker-${kept}", id="a sub"),
        pytest.param({"Fn::Sub": ["${It}!", {"It": {"Ref": "Size"}}]}, "small!", id="a sub with variables"),
        pytest.param({"Fn::Select": [1, {"Fn::Split": [":", "a:b:c"]}]}, "b", id="a part of a split"),
        pytest.param({"kept": {"Ref": "Size"}, "left": {"Ref": "AWS::NoValue"}}, {"kept": "small"}, id="no value"),
        pytest.param(["plain", 3, True], ["plain", 3, True], id="plain values"),
    ],
)
def test_an_expression_comes_to_its_value(resolver: Resolver, expression: Any, value: Any) -> None:
    assert resolver.resolve(expression, "dev-workers", "here") == value


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        pytest.param({"Ref": "Missing"}, "here/Ref: dev-workers has no resource Missing", id="a missing resource"),
        pytest.param({"Fn::ImportValue": "nobody"}, "no stack exports nobody", id="a missing export"),
        pytest.param({"Ref": "Secretive"}, "the parameter Secretive has no default", id="a parameter without default"),
        pytest.param({"Fn::Transform": {}}, "Fn::Transform is not supported", id="an unknown function"),
    ],
)
def test_what_cannot_be_resolved_says_where(resolver: Resolver, expression: Any, complaint: str) -> None:
    with pytest.raises(TemplateFault, match="here") as fault:
        resolver.resolve(expression, "dev-workers", "here")

    assert complaint in str(fault.value)


def test_a_pointer_is_followed_to_its_resource_in_another_stack(resolver: Resolver) -> None:
    found = resolver.target({"Fn::ImportValue": "queues:QueueArn"}, "dev-workers", "here")

    assert (found.path, found.type) == ("dev-queues/Queue", "AWS::SQS::Queue")


def test_an_account_named_by_the_stacks_is_kept(tmp_path: Path) -> None:
    assembly = load_assembly(write_assembly(tmp_path, "aws://111122223333/ap-south-1"))

    assert assembly.account == "111122223333"


def test_a_missing_assembly_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(TemplateFault, match="make synth"):
        load_assembly(tmp_path)
