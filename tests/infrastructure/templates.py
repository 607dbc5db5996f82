"""Synthesised templates of one environment, read as one estate: references across stacks are followed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = Any
ACCOUNT = "111122223333"
API_ENDPOINT = "https://a1.execute-api.ap-south-1.amazonaws.com"
APP_URL = "https://d111.cloudfront.net"
FEED_USER_IDS = ["5f0c8a8e-7d5c-4f4e-9a7b-0d3c2b1a0f9e", "0b9c51c4-2b0e-4c59-8c2f-6c8a1d7f3e21"]


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a template."""

    stack: str
    logical_id: str
    type: str
    properties: Mapping[str, Json]
    body: Mapping[str, Json]

    @property
    def path(self) -> str:
        """Its construct's path, without the resource's own last part: `trading/Functions/Executor`."""
        path: str = self.body["Metadata"]["aws:cdk:path"]
        return path.removesuffix("/Resource")


@dataclass(frozen=True, slots=True)
class Grant:
    """A role may do something to something."""

    role: str
    action: str
    resource: str
    condition: str = ""
    """As JSON; empty when it holds always."""


class Estate:
    """Every stack of one environment."""

    def __init__(self, templates: Sequence[Path]) -> None:
        self.templates = {path.name.split(".")[0]: json.loads(path.read_text(encoding="utf-8")) for path in templates}
        artifacts = json.loads((templates[0].parent / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
        self.manifest: Mapping[str, Json] = {stack: artifacts[stack] for stack in self.templates}
        """What CDK is told of each stack beside its template."""
        self._exports = {
            output["Export"]["Name"]: (stack, output["Value"])
            for stack, template in self.templates.items()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }

    def resources(self, resource_type: str) -> list[Resource]:
        """Every resource of a type, in any stack."""
        return [each for each in self._all() if each.type == resource_type]

    def one(self, resource_type: str, path: str = "") -> Resource:
        """The only resource of a type whose construct path contains `path`."""
        (found,) = (each for each in self.resources(resource_type) if path in each.path)
        return found

    def function(self, name: str) -> Resource:
        """The function `lambdas/<name>`."""
        (found,) = (each for each in self.functions() if each.body["Metadata"]["aws:asset:path"].endswith(f"/{name}"))
        return found

    def called(self, value: Json, stack: str) -> tuple[str, str]:
        """Path of the function that somebody calls, and the name of the alias by which; none where by itself."""
        path = self.text(stack, value).removesuffix(":live")
        for alias in self.resources("AWS::Lambda::Alias"):
            if alias.path == path:
                return self.text(alias.stack, alias.properties["FunctionName"]), str(alias.properties["Name"])
        return path, ""

    def functions(self) -> list[Resource]:
        """Our own functions, without the helpers that CDK brings."""
        return [
            each for each in self.resources("AWS::Lambda::Function") if each.properties["Runtime"].startswith("python")
        ]

    def variables(self, function: Resource) -> dict[str, str]:
        """A function's environment, as its process would see it."""
        variables = function.properties["Environment"]["Variables"]
        return {name: self.text(function.stack, value) for name, value in variables.items()}

    def text(self, stack: str, value: Json) -> str:
        """A value with its references followed: names of things are their construct paths."""
        match value:
            case {"Ref": str(name)} if name.startswith("AWS::"):
                return {"AWS::AccountId": ACCOUNT, "AWS::Region": "ap-south-1", "AWS::Partition": "aws"}[name]
            case {"Ref": str(logical_id)}:
                return self._resource(stack, logical_id).path
            case {"Fn::GetAtt": [_, str(attribute)]} if attribute.endswith("Port"):
                return "5432"
            case {"Fn::GetAtt": [_, "ApiEndpoint"]}:
                return API_ENDPOINT
            case {"Fn::GetAtt": [str(logical_id), "DomainName"]} if self._is_distribution(stack, logical_id):
                return APP_URL.removeprefix("https://")
            case {"Fn::GetAtt": [str(logical_id), _]}:
                return self._resource(stack, logical_id).path
            case {"Fn::ImportValue": str(name)}:
                return self.text(*self._exports[name])
            case {"Fn::Select": [6, {"Fn::Split": [":", dict(pointer)]}]}:
                # The name that CDK cuts out of a function's or an alias's ARN.
                return self.text(stack, pointer)
            case {"Fn::Join": [str(separator), list(parts)]}:
                return separator.join(self.text(stack, part) for part in parts)
            case {"Fn::Sub": str(text)} | str(text):
                return text
        return json.dumps(value)

    def grants(self) -> list[Grant]:
        """What every role is allowed, by inline policies."""
        return [
            Grant(role, action, resource, json.dumps(statement["Condition"]) if "Condition" in statement else "")
            for policy in self.resources("AWS::IAM::Policy")
            for role in (self.text(policy.stack, each) for each in policy.properties["Roles"])
            for statement in policy.properties["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Allow"
            for action in _listed(statement["Action"])
            for resource in (self.text(policy.stack, each) for each in _listed(statement["Resource"]))
        ]

    def roles_allowed(self, action: str, resource: str) -> set[str]:
        """Which roles may do `action` to the thing at the construct path `resource` (`*` counts)."""
        return {
            grant.role.removesuffix("/ServiceRole")
            for grant in self.grants()
            if grant.action in {action, f"{action.split(':', maxsplit=1)[0]}:*", "*"}
            and grant.resource in {resource, "*"}
        }

    def _all(self) -> Iterator[Resource]:
        for stack, template in self.templates.items():
            for logical_id in template["Resources"]:
                yield self._resource(stack, logical_id)

    def _is_distribution(self, stack: str, logical_id: str) -> bool:
        return self._resource(stack, logical_id).type == "AWS::CloudFront::Distribution"

    def _resource(self, stack: str, logical_id: str) -> Resource:
        body = self.templates[stack]["Resources"][logical_id]
        return Resource(stack, logical_id, body["Type"], body.get("Properties", {}), body)


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]
